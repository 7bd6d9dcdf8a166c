from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.errors import InputError
from maildns.finding import Severity
from maildns.recognise import KINDS, findings_of, meanings_of, recognise
from maildns.rules import all_rules
from maildns.zonelint import lint_any, lint_zone

PIECES = st.sampled_from(
    [
        "v=spf1", "v=DMARC1", "v=DKIM1", "v=STSv1", "v=TLSRPTv1", "v=BIMI1", "version: STSv1\n",
        " ", ";", "; ", "=", "p=", "p=none", "rua=mailto:", "a@example.com", "-all", "include:",
        "example.com", ".", '"', "\\", "3 1 1 ", "ab" * 32, "10 ", "0 issue ", "IN TXT ", "MX ",
        "(", ")", "\n", "\0", "\udcff", "ü", "%{d}", "ip4:", "192.0.2.1", "/", "99999999999",
        "$ORIGIN ", "@ ", "_dmarc.", "_25._tcp.", "*.", "k=rsa; ", "id=", "mode: ", "2001:db8::",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=14).map("".join))
NAMES = st.sampled_from(["", "_dmarc.example.com", "a._domainkey.b", "..", "_" * 300, "_mta-sts"])
TYPES = st.sampled_from(["", "TXT", "nonsense", *KINDS, "TLSA", "AAAA"])


@settings(max_examples=300, deadline=None)
@given(TEXTS, NAMES, TYPES)
def test_any_text_is_recognised_or_left_alone_and_spans_lie_inside(text, name, rrtype):
    seen = recognise(text, name=name, rrtype=rrtype)
    meanings_of(seen)
    findings = findings_of(seen, "x")
    for finding in findings:
        if finding.span is not None:
            assert 0 <= finding.span[0] <= finding.span[1] <= len(seen.text)
    if seen.error is not None:
        assert any(finding.severity is not Severity.INFO for finding in findings)


@settings(max_examples=200, deadline=None)
@given(TEXTS, NAMES)
def test_any_text_is_linted_or_refused_as_a_zone(text, name):
    try:
        report = lint_any(text)
    except InputError:
        return
    for one in report.linted:
        for finding in one.findings:
            assert finding.span is None or finding.span[1] <= len(one.text)


OWNERS = st.sampled_from(
    ["@", "mail", "_dmarc", "*", "_mta-sts", "_smtp._tls", "a._domainkey", "_25._tcp.mail", "sub",
     "mail.example.com", "_imaps._tcp", "x._report._dmarc", "_dmarc.example.com.example.com."]
)  # fmt: skip
DATA = st.sampled_from(
    ["SOA ns h 1 1 1 1 1", "NS ns.example.net.", "A 192.0.2.1", "A 10.0.0.1", "AAAA 2001:db8::1",
     "MX 10 mail", "MX 0 .", "MX 10 192.0.2.1", "MX 5 mail.example.com", "CNAME mail", "CNAME sub",
     'TXT "v=spf1 mx -all"', 'TXT "v=spf1 a ?all"', "TXT v=spf1 mx -all", 'SPF "v=spf1 -all"',
     "TXT v=DMARC1; p=none", 'TXT "v=DMARC1; p=none"', 'TXT "v=DKIM1; p="', 'TXT "v=STSv1; id=1;"',
     'TXT "v=TLSRPTv1; rua=mailto:a@b.example"', "TXT hello", "TLSA 3 1 1 " + "ab" * 32,
     "TLSA 0 0 0 00", "SRV 0 1 993 mail", "SRV 0 0 0 .", "PTR mail", "TYPE65280 \\# 1 00"]
)  # fmt: skip
LINES = st.lists(st.tuples(OWNERS, st.sampled_from(["", "60 ", "IN "]), DATA), max_size=12)


@settings(max_examples=200, deadline=None)
@given(LINES)
def test_any_zone_is_linted_and_every_finding_names_an_owner_and_a_rule(lines):
    text = "$ORIGIN example.com.\n$TTL 60\n"
    text += "".join(f"{owner} {head}{data}\n" for owner, head, data in lines)
    report = lint_zone(text)
    assert len(report.linted) + report.skipped == len(lines)
    rules = all_rules()
    for one in report.linted:
        assert one.line is not None
        for finding in one.findings:
            assert finding.subject == one.subject
            assert finding.rule in rules
            assert finding.span is None or finding.span[1] <= len(one.text)

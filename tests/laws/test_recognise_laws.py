from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.errors import InputError
from maildns.finding import Severity
from maildns.recognise import KINDS, findings_of, meanings_of, recognise
from maildns.zonelint import lint_any

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

from __future__ import annotations

import pytest

from maildns.errors import InputError
from maildns.zonelint import lint_any, lint_zone

ORIGIN = "$ORIGIN example.com.\n$TTL 1h\n"
SOA = ORIGIN + "@ SOA ns.example.net. hostmaster 1 1d 2h 4w 1h\n@ NS ns.example.net.\n"
SPF = '@ TXT "v=spf1 mx -all"\n'
DMARC = '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"\n'
DIGEST = "ab" * 32


def zone_rules(text):
    return [f.rule for f in lint_zone(text).findings if f.rule.startswith("zone-")]


# zone text, the zone's rules that it breaks, why
ZONES = [
    (SOA + SPF + DMARC + "@ MX 10 mail\nmail A 93.184.216.34\n", [], "a sound zone"),
    (ORIGIN + SPF + '@ TXT "google-site-verification=x"', [], "foreign texts beside"),
    (ORIGIN + SPF + SPF, [], "a record that stands twice is one"),
    (ORIGIN + SPF + '@ TXT "v=spf1 bad: -all"', ["zone-several-spf"], "a faulty one counts"),
    (ORIGIN + DMARC + '_dmarc TXT "hello"', [], "receivers pass over what is not v=DMARC1"),
    (ORIGIN + "@ MX 10 mail", [], "a part of a zone may lack addresses"),
    (SOA + SPF + DMARC + "@ MX 10 mx.sub\nsub NS ns.sub\n", [], "below a delegation"),
    (SOA + SPF + DMARC + "@ MX 10 mx.sub\n*.sub A 93.184.216.34\n", [], "by a wildcard"),
    (
        SOA + SPF + DMARC + "@ MX 10 mx.sub\n*.sub A 93.184.216.34\nmx.sub TXT hello\n",
        ["zone-mx-without-address"],
        "a name that exists has nothing from a wildcard",
    ),
    (SOA + SPF + DMARC + "@ MX 0 .\n", [], "the null MX names no host"),
    (SOA + "@ MX 0 .\n", [], "no mail, nothing to protect by SPF here"),
    (ORIGIN + "@ MX 10 mail\nmail CNAME a\n", ["zone-mx-is-alias"], "known without the SOA too"),
    (ORIGIN + "a CNAME b\na CNAME c\n", ["zone-alias-beside-data"], "two aliases"),
    (ORIGIN + "a CNAME b\na RRSIG CNAME 8 2 1 1 1 1 b aa==\n", [], "a signed alias"),
    (ORIGIN + 'dmarc TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"', ["zone-wrong-place"], "_"),
    (ORIGIN + '_spf TXT "v=spf1 -all"', [], "a record to be included"),
    (ORIGIN + '_dmarc TXT "v=spf1 -all"', ["zone-wrong-place"], "SPF where DMARC belongs"),
    (ORIGIN + 'mta-sts TXT "v=STSv1; id=1;"', ["zone-wrong-place"], "without the underscore"),
    (ORIGIN + '@ TXT "v=DKIM1; p="', ["zone-wrong-place"], "a key without a selector"),
    (ORIGIN + "@ MX 10 mail.example.com\n", ["zone-doubled-name"], "no final dot in the target"),
    (ORIGIN + "mail.example.com CNAME a.example.net.\n", ["zone-doubled-name"], "nor in an owner"),
    (ORIGIN + f"_25._tcp.mail TLSA 3 1 1 {DIGEST}\n", [], "as it should be"),
    (ORIGIN + f"*._tcp.mail TLSA 3 1 1 {DIGEST}\n", [], "for every port"),
    (ORIGIN + f"25._tcp.mail TLSA 3 1 1 {DIGEST}\n", ["zone-tlsa-name"], "port without _"),
    (ORIGIN + f"_tcp._25.mail TLSA 3 1 1 {DIGEST}\n", ["zone-tlsa-name"], "wrong order"),
    (ORIGIN + '* TXT "v=spf1 -all"\n@ MX 0 .\n', [], "no mail from any name"),
    (ORIGIN + "* CNAME web\n@ MX 10 a.example.net.\n", ["zone-wildcard-answers"], "an alias"),
    (ORIGIN + "* CNAME web\n@ MX 10 a.example.net.\n" + DMARC, [], "_dmarc exists"),
    (ORIGIN + '@ TXT "v=spf1 ip4:93.184.216.34" " -all"', [], "the blank is inside a string"),
    (
        ORIGIN + '@ TXT "v=spf1 ip4:93.184.216.34" "include:_spf.example.net -all"',
        ["zone-strings-run-together"],
        "quoted, and no blank",
    ),
    (ORIGIN + "_dmarc TXT v=DMARC1; p=none", ["zone-semicolon-is-comment"], "no quotes"),
    (ORIGIN + "_mta-sts TXT v=STSv1; id=1;", ["zone-semicolon-is-comment"], "no quotes"),
    (ORIGIN + '_dmarc TXT "v=DMARC1; p=none" ; our policy', [], "a comment that is one"),
    (ORIGIN + '@ SPF "v=spf1 -all"\n@ TXT "v=spf1 -all"', ["zone-spf-type"], "also beside TXT"),
    (SOA + SPF + "@ MX 10 a.example.net.\n_dmarc CNAME b.example.net.\n", [], "DMARC by alias"),
]  # fmt: skip


@pytest.mark.parametrize("text, rules, why", ZONES)
def test_what_only_the_zone_shows_is_found(text, rules, why):
    assert zone_rules(text) == rules, why


FIXES = [
    (
        '@ TXT "v=spf1 mx -all"\n@ TXT "v=spf1 include:_spf.example.net ~all"',
        "zone-several-spf",
        "v=spf1 include:_spf.example.net mx -all",
    ),
    ("@ TXT v=spf1 mx -all", "zone-strings-run-together", '"v=spf1 mx -all"'),
    (
        "_dmarc TXT v=DMARC1; p=none; rua=mailto:a@example.com",
        "zone-semicolon-is-comment",
        '"v=DMARC1; p=none; rua=mailto:a@example.com"',
    ),
    ('@ SPF "v=spf1 mx -all"', "zone-spf-type", '"v=spf1 mx -all"'),
    ("@ MX 10 mail\nmail CNAME host\nhost A 93.184.216.34", "zone-mx-is-alias", None),
]


@pytest.mark.parametrize("text, rule, record", FIXES)
def test_the_mend_is_a_ready_record(text, rule, record):
    (finding,) = [one for one in lint_zone(ORIGIN + text).findings if one.rule == rule]
    assert finding.fix is not None
    assert finding.fix.record == (record or "10 host.example.com.")


PLACES = [
    ("@", "v=DMARC1; p=none", "_dmarc.example.com"),
    ("dmarc", "v=DMARC1; p=none", "_dmarc.example.com"),
    ("*", "v=DMARC1; p=none", "_dmarc.example.com"),
    ("_mta-sts", "v=DMARC1; p=none", "_dmarc.example.com"),
    ("s1._domainkey.sub", "v=DMARC1; p=none", "_dmarc.sub.example.com"),
    ("_dmarc", "v=spf1 -all", "example.com"),
    ("s1._domainkey", "v=spf1 -all", "example.com"),
    ("mta-sts", "v=STSv1; id=1;", "_mta-sts.example.com"),
    ("smtp", "v=TLSRPTv1; rua=mailto:a@example.com", "_smtp._tls.example.com"),
    ("@", "v=DKIM1; p=", "SELECTOR._domainkey.example.com"),
]


@pytest.mark.parametrize("owner, text, place", PLACES)
def test_a_record_in_the_wrong_place_is_told_the_right_one(owner, text, place):
    findings = lint_zone(f'{ORIGIN}{owner} TXT "{text}"').findings
    (finding,) = [one for one in findings if one.rule == "zone-wrong-place"]
    assert finding.fix is not None
    assert finding.fix.says == f"move it to {place}"


def test_what_follows_from_a_missing_quote_is_not_told_as_well():
    (one,) = lint_zone(ORIGIN + "@ TXT v=spf1 mx -all").linted
    assert [finding.rule for finding in one.findings] == ["zone-strings-run-together"]


def test_each_record_is_shown_at_its_line():
    report = lint_zone(SOA + SPF + DMARC)
    assert [(one.kind, one.line) for one in report.linted] == [("spf", 5), ("dmarc", 6)]
    assert report.skipped == 2


def test_tlsa_of_web_servers_is_not_judged_as_mail():
    assert lint_zone(f"_443._tcp.example.com. TLSA 1 0 1 {DIGEST}").findings == []
    assert lint_zone(f"_25._tcp.example.com. TLSA 1 0 1 {DIGEST}").findings != []


def test_the_addresses_of_mail_hosts_are_judged_and_no_others():
    zone = ORIGIN + "@ MX 10 mail\nmail A 10.0.0.1\nweb A 10.0.0.2\n"
    found = [(one.subject, f.rule) for one in lint_zone(zone).linted for f in one.findings]
    assert found == [("mail.example.com", "addresses-private")]


SHAPES = [
    ("v=spf1 -all\n\n; comment\n10 mail.example.com.\n", ["spf", "mx"], 0, "a record a line"),
    ('"v=spf1 -all"\n"google-site-verification=x"\n', ["spf"], 1, "output of dig +short"),
    ("version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n", ["mtasts-policy"], 0, "policy file"),
    ('"v=DKIM1; k=rsa; "\n"p="\n', ["dkim"], 0, "one key in two lines"),
    ('"v=DKIM1; p="\n"v=spf1 -all"\n', ["dkim", "spf"], 0, "a key, and another record"),
    ("example.com. 60 IN MX 10 a.example.net.\n", ["mx"], 0, "zone lines, no directive"),
    ("", [], 0, "nothing at all"),
    ("; only a comment\n", [], 0, "nothing said"),
]


@pytest.mark.parametrize("text, kinds, skipped, why", SHAPES)
def test_the_text_says_what_shape_it_has(text, kinds, skipped, why):
    report = lint_any(text)
    assert [one.kind for one in report.linted] == kinds, why
    assert report.skipped == skipped


def test_a_zone_that_cannot_be_read_names_file_and_line():
    with pytest.raises(InputError) as caught:
        lint_any(ORIGIN + "@ MX ten mail\n", path="zone.txt")
    assert (str(caught.value.path), caught.value.line) == ("zone.txt", 3)

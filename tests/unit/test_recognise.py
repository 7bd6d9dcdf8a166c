from __future__ import annotations

import pytest

from maildns.dnsdata import Mx, Txt
from maildns.recognise import KINDS, findings_of, meanings_of, recognise, recognise_rdata, unquoted

DIGEST = "ab" * 32
KEY = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"

# text, kind, why
BY_TEXT = [
    ("v=spf1 -all", "spf", "as it should be"),
    ("V=SPF1 -all", "spf", "upper case"),
    (" v=spf1 -all", "spf", "leading blank"),
    ("v=spf", "spf", "version cut"),
    ("v = spf1 mx -all", "spf", "blanks around ="),
    ("v:spf1 mx -all", "spf", "colon for ="),
    ('"v=spf1 -all', "spf", "half of the quotes"),
    ("“v=spf1 -all”", "spf", "quotes of a word processor"),
    ("spf2.0/mfrom -all", "spf", "Sender ID"),
    ("include:_spf.example.com ~all", "spf", "version forgotten"),
    ("v=DMARC1; p=none", "dmarc", "as it should be"),
    ("v=dmarc1; p=none", "dmarc", "lower case"),
    ("p=reject; rua=mailto:a@example.com", "dmarc", "version forgotten"),
    (f"v=DKIM1; k=rsa; p={KEY}", "dkim", "as it should be"),
    (f"k=rsa; p={KEY}", "dkim", "version is optional"),
    (f"p={KEY}", "dkim", "so is everything but p"),
    (f'"v=DKIM1; k=rsa; p={KEY}" "AAAA"', "dkim", "several strings"),
    ("v=STSv1; id=1;", "mtasts", "as it should be"),
    ("v=stsv1; id=1;", "mtasts", "lower case"),
    ("version: STSv1\nmode: none\nmax_age: 86400\n", "mtasts-policy", "the policy file"),
    ("v=TLSRPTv1; rua=mailto:a@example.com", "tlsrpt", "as it should be"),
    ("v=TLS-RPT; rua=mailto:a@example.com", "tlsrpt", "a hyphen too many"),
    ("v=BIMI1; l=;", "bimi", "as it should be"),
    (f"3 1 1 {DIGEST}", "dane", "as it should be"),
    (f"3 1 1 {'zz' * 32}", "dane", "damaged digits"),
    ("10 mail.example.com.", "mx", "as it should be"),
    ("0 .", "mx", "null MX"),
    ('0 issue "letsencrypt.org"', "caa", "as it should be"),
    ("0 1 993 mail.example.com.", "clients", "SRV"),
    ("0 0 0 .", "clients", "service not offered"),
    ("192.0.2.1", "addresses", "IPv4"),
    ("2001:db8::1", "addresses", "IPv6"),
    ("example.com. 3600 IN MX 10 mail.example.com.", "mx", "a line of a zone file"),
    (f"_25._tcp.mx.example.com. IN TLSA 3 1 1 {DIGEST}", "dane", "another"),
    ('@ TXT "v=spf1 -all"', "spf", "a relative one"),
    ('TXT "v=spf1 -all"', "spf", "one without its owner"),
    (f'a._domainkey IN TXT ( "v=DKIM1; k=rsa; "\n\t"p={KEY}" ) ; key', "dkim", "opendkim-genkey"),
]


@pytest.mark.parametrize("text, kind, why", BY_TEXT)
def test_a_text_is_recognised_by_how_it_begins(text, kind, why):
    found = recognise(text)
    assert found.kind is not None, why
    assert found.kind.id == kind, why


FOREIGN = ["", " ", "hello", "google-site-verification=abc", "MS=ms123", "\0", "=" * 50, "a=b; c=d"]


@pytest.mark.parametrize("text", FOREIGN)
def test_what_is_no_mail_record_is_left_alone(text):
    found = recognise(text)
    assert found.kind is None
    assert findings_of(found) == []
    assert meanings_of(found) == []


BY_NAME = [
    ("_dmarc.example.com", "dmarc"),
    ("_DMARC.Example.com.", "dmarc"),
    ("example.com._report._dmarc.example.net", "dmarc-grant"),
    ("*._report._dmarc.example.net", "dmarc-grant"),
    ("s1._domainkey.example.com", "dkim"),
    ("_mta-sts.example.com", "mtasts"),
    ("_smtp._tls.example.com", "tlsrpt"),
    ("default._bimi.example.com", "bimi"),
]


@pytest.mark.parametrize("name, kind", BY_NAME)
def test_the_name_says_what_belongs_there(name, kind):
    found = recognise("hello", name=name)
    assert found.kind is KINDS[kind]
    assert found.error is not None
    assert any(finding.severity == "error" for finding in findings_of(found))


BY_TYPE = [("TLSA", "dane"), ("tlsa", "dane"), ("MX", "mx"), ("dkim", "dkim"), ("SPF", "spf")]


@pytest.mark.parametrize("rrtype, kind", BY_TYPE)
def test_the_type_decides_before_the_text(rrtype, kind):
    assert recognise("hello", rrtype=rrtype).kind is KINDS[kind]


def test_a_text_in_a_zone_is_what_it_says_wherever_it_stands():
    assert recognise_rdata(Txt.of("v=DMARC1; p=none"), "example.com").kind is KINDS["dmarc"]
    assert recognise_rdata(Txt.of("v=spf1 -all"), "_dmarc.example.com").kind is KINDS["spf"]
    assert recognise_rdata(Txt.of("p=none"), "example.com").kind is None
    assert recognise_rdata(Txt.of("p=none"), "_dmarc.example.com").kind is KINDS["dmarc"]
    assert recognise_rdata(Mx(10, "mx.example.com"), "example.com").kind is KINDS["mx"]


def test_a_grant_is_not_linted_as_a_policy():
    found = recognise("v=DMARC1;", name="example.com._report._dmarc.example.net")
    assert findings_of(found) == []
    assert len(meanings_of(found)) == 1


def test_the_owner_of_a_zone_line_is_kept():
    assert recognise("_dmarc.example.com. IN TXT foo").name == "_dmarc.example.com"


def test_a_syntax_error_is_a_finding_with_its_place():
    (finding,) = findings_of(recognise("v=STSv1; id=2026-06-01;"), "_mta-sts.example.com")
    assert finding.rule == "mtasts-syntax"
    assert finding.span == (12, 22)
    assert finding.subject == "_mta-sts.example.com"


UNQUOTED = [
    ('"a" "b"', "ab", "strings join with nothing between"),
    (r'"a\"b"', 'a"b', "escaped quote"),
    (r'"v=DMARC1\; p=none"', "v=DMARC1; p=none", "escaped semicolon"),
    (r'"\104i"', "hi", "decimal escape"),
    ('"open', '"open', "half a quote is part of the text"),
    ('say "hi"', 'say "hi"', "quotes inside stay"),
    ('""', "", "an empty string"),
]


@pytest.mark.parametrize("text, bare, why", UNQUOTED)
def test_quotes_of_zone_files_come_off(text, bare, why):
    assert unquoted(text) == bare, why

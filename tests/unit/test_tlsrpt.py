"""TLS-RPT records."""

from __future__ import annotations

import pytest

from maildns.ask import Outcome, Question
from maildns.errors import RecordSyntaxError, UsageError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import tlsrpt

MAIL = "mailto:tls@example.com"


def rules_of(findings):
    return {finding.rule for finding in findings}


@pytest.mark.parametrize(
    "text, rua, reason",
    [
        (f"v=TLSRPTv1;rua={MAIL}", (MAIL,), "RFC 8460 section 3.1, with no spaces"),
        (f"v=TLSRPTv1; rua={MAIL};", (MAIL,), "a final semicolon"),
        (
            f"v=TLSRPTv1; rua={MAIL} , https://r.example/a?b=c",
            (MAIL, "https://r.example/a?b=c"),
            "two",
        ),
        ("v=TLSRPTv1; rua=xmpp:a@b", ("xmpp:a@b",), "a scheme nobody knows is kept"),
    ],
)
def test_a_record_is_read(text, rua, reason):
    assert tlsrpt.parse(text).rua == rua, reason


@pytest.mark.parametrize(
    "text, fault",
    [
        ("", ""),
        ("v=TLSRPTv1", "v=TLSRPTv1"),
        ("v=TLSRPTv1;", ""),  # rua is required
        (f"v=tlsrptv1; rua={MAIL}", "v=tlsrptv1;"),
        (f"v=TLSRPTv1 ; rua={MAIL}", "v=TLSRPTv1 "),
        ("v=TLSRPTv1; rua=", ""),
        ("v=TLSRPTv1; rua=tls@example.com", "tls@example.com"),  # a bare address is no URI
        (f"v=TLSRPTv1; rua={MAIL},", ""),
        (f"v=TLSRPTv1; rua={MAIL},,{MAIL}", ","),
        (f"v=TLSRPTv1; rua={MAIL} {MAIL}", f"{MAIL} {MAIL}"),
        (f"v=TLSRPTv1; rua={MAIL}; rua={MAIL}", f"rua={MAIL}"),
        (f"v=TLSRPTv1; rua={MAIL};; x=y", ";"),
        (f"v=TLSRPTv1; rua={MAIL}; x", "x"),
        (f"v=TLSRPTv1; rua={MAIL}; x=", ""),
        (f"v=TLSRPTv1; rua={MAIL}; é=1", "é="),
    ],
)
def test_a_malformed_record_is_pointed_at(text, fault):
    with pytest.raises(RecordSyntaxError) as caught:
        tlsrpt.parse(text)
    start, end = caught.value.span
    assert text[start:end] == fault


@pytest.mark.parametrize(
    "rua, printed",
    [
        ("tls@example.com", f"v=TLSRPTv1; rua={MAIL}"),
        ([MAIL, "tls@example.com"], f"v=TLSRPTv1; rua={MAIL}"),  # doubles are dropped
        (["https://r.example/v1"], "v=TLSRPTv1; rua=https://r.example/v1"),
        (["a!b,c;d@example.com"], "v=TLSRPTv1; rua=mailto:a%21b%2Cc%3Bd@example.com"),
    ],
)
def test_a_record_is_built_from_addresses(rua, printed):
    assert str(tlsrpt.build(rua)) == printed
    assert tlsrpt.lint(tlsrpt.parse(printed)) == []


@pytest.mark.parametrize(
    "rua", [[], "", "example.com", "http://r.example/", "a b@example.com", "mailto:"]
)
def test_an_address_that_cannot_be_reported_to_is_refused(rua):
    with pytest.raises(UsageError):
        tlsrpt.build(rua)


@pytest.mark.parametrize(
    "rua, expected",
    [
        ("MAILTO:tls@example.com", set()),  # schemes have no case
        ("https:r.example", {"tlsrpt-bad-address", "tlsrpt-no-usable-address"}),
        (f"http://r.example/,{MAIL}", {"tlsrpt-unknown-scheme"}),  # one is left
    ],
)
def test_addresses_are_judged(rua, expected):
    assert rules_of(tlsrpt.lint(tlsrpt.parse(f"v=TLSRPTv1; rua={rua}"))) == expected


def test_an_explanation_has_each_field():
    record = tlsrpt.parse(f"v=TLSRPTv1; rua={MAIL},https://r.example/,x:y; z=1")
    parts = tlsrpt.explain(record)
    assert [part for part, _ in parts] == [
        "v=TLSRPTv1",
        f"rua={MAIL},https://r.example/,x:y",
        "z=1",
    ]
    assert "tls@example.com" in parts[1][1]


ZONE = f"""
_smtp._tls.one.example.   TXT "v=TLSRPTv1;" " rua={MAIL}"
_smtp._tls.mixed.example. TXT "hello"
_smtp._tls.mixed.example. TXT "v=TLSRPTv1; rua={MAIL}"
_smtp._tls.two.example.   TXT "v=TLSRPTv1; rua={MAIL}"
_smtp._tls.two.example.   TXT "v=TLSRPTv1; rua=mailto:other@example.com"
_smtp._tls.bad.example.   TXT "v=TLSRPTv1; rua=tls@example.com"
"""


@pytest.mark.parametrize(
    "domain, result",
    [
        ("one.example", "found"),
        ("mixed.example", "found"),
        ("two.example", "permerror"),  # the same as none
        ("bad.example", "permerror"),
        ("nothing.example", "none"),
    ],
)
def test_the_lookup_finds_the_one_record_or_none(domain, result):
    found = run(tlsrpt.record_lookup(domain), World.from_zone(ZONE))
    assert found.result == result
    assert (found.record is not None) is (result == "found")
    assert bool(found.reason) is (result != "found")


def test_what_cannot_be_known_is_not_missing():
    world = World.from_zone(ZONE)
    world.fail("_smtp._tls.one.example", Outcome.BOGUS)
    assert run(tlsrpt.record_lookup("one.example"), world).result is tlsrpt.TlsRptResult.TEMPERROR
    assert world.asked == [Question("_smtp._tls.one.example", "TXT")]

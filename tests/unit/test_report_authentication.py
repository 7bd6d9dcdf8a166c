"""Who sent a report is proven by DMARC; a TLS report needs a signature over all of it."""

import gzip

import pytest
from file_keeper import mail
from signed_mail import NOW, key, sign, zone

from maildns import World, run
from maildns.ask import Outcome
from maildns.protocols import dkim
from maildns.reports.authentication import (
    authenticate_reporter,
    authenticator,
    is_mail,
    is_tls_report,
)
from maildns.reports.keeping import Arrival

AGGREGATE = mail("a").replace(b"\n", b"\r\n")
HEADER, BODY = AGGREGATE.split(b"\r\n\r\n", 1)
TLS = (
    HEADER + b"\r\nTLS-Report-Domain: example.com\r\nTLS-Report-Submitter: signed.example\r\n"
    b"Content-Type: multipart/report; report-type=tlsrpt; boundary=x\r\n\r\n" + BODY
)
TLS_BY_ATTACHMENT = HEADER + b'\r\nContent-Type: x/y; name="a!b!1!2.json.gz"\r\n\r\n' + BODY
FORGED = AGGREGATE.replace(b"ann@signed", b"ann@other")


def our(message, domain="signed.example", **more):
    field = dkim.sign(message, key(), domain=domain, selector="test", **more)
    return field + message


def world(extra=""):
    return World.from_zone(zone() + extra)


SPF = 'signed.example. TXT "v=spf1 ip4:192.0.2.1 -all"\n'
OPEN = zone().replace('"v=spf1 -all"', '"v=spf1 ip4:192.0.2.1 -all"')

RESULTS = [
    (our(AGGREGATE), "", "pass", "its signature proves it, wherever it came from"),
    (our(AGGREGATE), "203.0.113.9", "pass", "a relay changed the address, not the signature"),
    (sign(AGGREGATE), "", "pass", "another program signed it"),
    (AGGREGATE, "192.0.2.1", "pass", "SPF alone is enough for DMARC"),
    (AGGREGATE, "203.0.113.9", "fail", "neither proves it"),
    (AGGREGATE, "", "", "without a client's address SPF is not known, so nothing is"),
    (our(AGGREGATE) + b"more\r\n", "", "", "a signature that fails proves nothing against it"),
    (our(AGGREGATE) + b"more\r\n", "203.0.113.9", "fail", "it was changed, and SPF fails too"),
    (FORGED, "192.0.2.1", "none", "the author's domain has no policy"),
    (b"Subject: no author\r\n\r\n", "192.0.2.1", "permerror", "whose mail would it be?"),
    (b"From: a@signed.example, b@x.example\r\n\r\n", "192.0.2.1", "permerror", "two authors"),
    (b"<?xml version='1.0'?>", "", "", "a bare report is no mail"),
    (gzip.compress(b"<feedback/>"), "", "", "nor is a packed one"),
    (b"", "", "", "nor is nothing"),
]


@pytest.mark.parametrize("octets, ip, result, reason", RESULTS)
def test_the_reporter_is_judged_by_dmarc(octets, ip, result, reason):
    judged = run(
        authenticate_reporter(octets, ip=ip, sender="bounce@signed.example", helo="mx", now=NOW),
        World.from_zone(OPEN),
    )
    assert judged.result == result, f"{reason}: {judged}"
    assert judged.reason


TLS_RESULTS = [
    (our(TLS), "pass", "", "signed by the domain that reports"),
    (our(TLS_BY_ATTACHMENT), "pass", "", "likewise, told by its attachment alone"),
    (TLS, "fail", "must be signed", "RFC 8460 section 3: unsigned reports are ignored"),
    (TLS_BY_ATTACHMENT, "fail", "must be signed", "leaving out the fields is no way around it"),
    (our(TLS, domain="attacker.example"), "fail", "another domain", "anybody can sign as himself"),
    (our(TLS) + b"more\r\n", "fail", "the body was changed", "what was changed proves nothing"),
]


@pytest.mark.parametrize("octets, result, words, reason", TLS_RESULTS)
def test_a_tls_report_needs_a_signature_and_spf_does_not_help(octets, result, words, reason):
    attacker = zone().splitlines()[0].replace("signed.example", "attacker.example")
    judged = run(
        authenticate_reporter(octets, ip="192.0.2.1", sender="bounce@signed.example", now=NOW),
        World.from_zone(OPEN + attacker + "\n"),
    )
    assert judged.result == result, reason
    assert words in judged.reason


def test_a_signature_over_a_part_of_a_tls_report_does_not_count():
    import dkim as dkimpy

    from maildns.protocols.dkim import to_pem

    field = dkimpy.sign(
        TLS, b"test", b"signed.example", to_pem(key()), include_headers=[b"from"], length=True
    )
    judged = run(authenticate_reporter(field + TLS, now=NOW), world())
    assert (judged.result, judged.reason) == ("fail", "its signature covers a part of it only (l=)")


def test_a_key_for_tls_reports_alone_signs_them_and_nothing_else():
    only = World.from_zone(zone().replace("v=DKIM1;", "v=DKIM1; s=tlsrpt;"))
    assert run(authenticate_reporter(our(TLS), now=NOW), only).result == "pass"
    assert run(authenticate_reporter(our(AGGREGATE), now=NOW), only).result == ""
    other = World.from_zone(zone().replace("v=DKIM1;", "v=DKIM1; s=other;"))
    judged = run(authenticate_reporter(our(TLS), now=NOW), other)
    assert judged.reason == "the key is not for email or tlsrpt: s=other"


def test_a_subdomain_of_the_same_organization_may_sign_a_tls_report():
    first, rest = zone().split("\n", 1)
    shared = World.from_zone(f"{first.replace('signed', 'mail.signed')}\n{rest}")
    signed = our(TLS, domain="mail.signed.example")
    assert run(authenticate_reporter(signed, now=NOW), shared).result == "pass"


def test_a_key_that_cannot_be_fetched_is_no_failure():
    silent = world()
    silent.fail("test._domainkey.signed.example", Outcome.UNREACHABLE)
    assert run(authenticate_reporter(our(TLS), now=NOW), silent).result == "temperror"
    assert run(authenticate_reporter(our(AGGREGATE), now=NOW), silent).result == "temperror"


def test_our_own_front_server_says_nothing_of_who_sent_it():
    ask = authenticator(World.from_zone(OPEN))
    arrival = Arrival(AGGREGATE, "x", sender="bounce@signed.example", ip="127.0.0.1")
    assert ask(arrival, "mx") == ""
    assert ask(Arrival(b"<feedback/>", "x"), "") == ""


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_while_the_dns_is_away_no_mail_waits_for_it():
    silent = world()
    for name in ("test._domainkey.signed.example", "_dmarc.signed.example", "signed.example"):
        silent.fail(name, Outcome.UNREACHABLE)
    clock = Clock()
    ask = authenticator(silent, clock)
    mails = [Arrival(our(AGGREGATE), "x", ip="192.0.2.1")] * 40
    assert {ask(one, "mx") for one in mails} == {"temperror"}
    asked = len(silent.asked)
    assert ask(mails[0], "mx") == "temperror"
    assert len(silent.asked) == asked, "it was asked although it is away"
    clock.now += 301
    ask(mails[0], "mx")
    assert len(silent.asked) > asked, "it was not asked again"


def test_one_domain_whose_servers_are_away_is_no_outage():
    silent = world(SPF)
    silent.fail("_dmarc.away.example", Outcome.UNREACHABLE)
    ask = authenticator(silent, Clock())
    away = Arrival(our(AGGREGATE.replace(b"ann@signed", b"ann@away")), "x", ip="192.0.2.1")
    for _ in range(10):
        assert [ask(away, "mx") for _ in range(15)] == ["temperror"] * 15
        assert ask(Arrival(our(AGGREGATE), "x"), "mx") == "pass"


KINDS = [
    (TLS, True, "its fields say so"),
    (TLS_BY_ATTACHMENT, True, "its file's name says so"),
    (AGGREGATE, False, "nothing says so"),
    (HEADER + b"\r\nContent-Type: application/tlsrpt+gzip\r\n\r\n", True, "its type says so"),
]


@pytest.mark.parametrize("octets, tls, reason", KINDS)
def test_a_tls_report_is_recognised(octets, tls, reason):
    assert is_tls_report(octets) is tls, reason
    assert is_mail(octets)

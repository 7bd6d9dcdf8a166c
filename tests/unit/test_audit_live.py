"""One fault of a live server at a time: its own rule finds it, and no other complains."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from live_facts import (
    HOST,
    NOW,
    POLICY,
    V4,
    V6,
    at_v4,
    authorities,
    ended,
    facts,
    faults,
    fetched,
    good_leaf,
    notes,
    results,
    status,
    talk,
    tls,
    world,
)
from pki import make

from maildns.ask import Outcome
from maildns.audit.facts import Earlier
from maildns.audit.result import Status
from maildns.net.https import FetchedPolicy, FetchResult
from maildns.net.talk import NO_ROOTS, Reached, Stage
from maildns.protocols import dane

ROOT, ISSUER = authorities()
TESTING = POLICY.replace("enforce", "testing").replace("1209600", "86400")
SHA512 = "3 1 2 " + "ab" * 64


def leaf(issuer=ISSUER, *, names=(HOST,), **more):
    """A leaf with a fault; its TLSA record is published beside it by `shows`."""
    return make("leaf", issuer, names=names, now=NOW, **more)


def shows(*chain, policy=None, records=None, **more):
    """Facts of a server that shows *chain* at both addresses, matched by a 3 1 1 record."""
    shown = tls(*chain, **more)
    records = [dane.from_certificate(chain[0].certificate)] if records is None else records
    both = (talk(tls=shown), talk(address=V6, tls=shown))
    return facts(at=world(records=records), talks=both, policy=policy)


def service(**more):
    """The sound server, and an IMAP service of it."""
    given = {"port": 993, "service": "_imaps", "starttls": None, "banner_code": 0}
    return facts(talks=(talk(), talk(address=V6), talk(**given | more)))


def test_the_sound_domain_has_no_fault():
    known = facts()
    assert faults(known) == set()
    assert notes(known) == {"dane-no-next-record"}
    assert {one.status for one in results(known)} == {Status.OK}
    assert all(one.evidence for one in results(known) if one.rule.startswith(("smtp", "tls-h")))


REFUSED = {"reached": Reached.REFUSED, "failure": "Connection refused"}
SMTP = [
    # facts, the rule that is broken, why
    (
        facts(talks=(talk(**REFUSED), talk(address=V6, **REFUSED))),
        "smtp-refused",
        "nobody is there",
    ),
    (facts(talks=(talk(), talk(address=V6, **REFUSED))), "smtp-address-refused", "one of two"),
    (
        facts(talks=at_v4(**REFUSED, tls=None, starttls=None, stage=Stage.GREETING)),
        "smtp-address-refused",
        "the other one",
    ),
    (
        facts(talks=(ended(Stage.GREETING, "not SMTP", banner_code=0), talk(address=V6))),
        "smtp-not-smtp",
        "garbage",
    ),
    (
        facts(talks=(ended(Stage.GREETING, "it greets with 554", banner_code=554),)),
        "smtp-greeting-refuses",
        "5xx",
    ),
    (facts(talks=(ended(Stage.HELLO, "EHLO with 502"),)), "smtp-ehlo-refused", "HELO alone"),
    (facts(talks=at_v4(milliseconds=8500.0)), "smtp-slow", "more than 8 seconds"),
    (facts(talks=at_v4(banner="localhost ESMTP")), "smtp-greeting-without-name", "one label"),
    (facts(talks=at_v4(banner="*****")), "smtp-greeting-without-name", "a firewall's stars"),
    (facts(talks=at_v4(banner="")), "smtp-greeting-without-name", "nothing at all"),
    (facts(talks=at_v4(extensions=("AUTH PLAIN",))), "smtp-auth-in-clear", "before TLS"),
    (facts(talks=at_v4(extensions=("AUTH=PLAIN",))), "smtp-auth-in-clear", "the old spelling"),
    (service(reached=Reached.REFUSED, tls=None, failure="no"), "clients-service-fails", "no one"),
    (
        service(tls=None, stage=Stage.GREETING, failure="it greets with SSH"),
        "clients-service-fails",
        "another protocol",
    ),
]


@pytest.mark.parametrize("known, rule, reason", SMTP)
def test_what_a_server_does_wrong_is_found_by_its_rule(known, rule, reason):
    assert faults(known) == {rule}, reason


TLS = [
    (
        facts(talks=at_v4(tls=None, starttls=False, stage=Stage.HELLO, failure="no STARTTLS")),
        "tls-starttls-missing",
        "with records and a policy that want it",
    ),
    (facts(talks=(ended(Stage.STARTTLS, "with 501"),)), "tls-starttls-refused", "5xx"),
    (
        facts(talks=(ended(Stage.STARTTLS, "in the clear", talked_on=True),)),
        "tls-talks-on-in-clear",
        "RFC 3207 section 6",
    ),
    (facts(talks=(ended(Stage.TLS, "no shared cipher"),)), "tls-handshake-fails", "an alert"),
    (service(stage=Stage.TLS, tls=None, failure="alert"), "tls-handshake-fails", "a service's"),
    (facts(talks=at_v4(tls=tls(version="TLSv1.1"))), "tls-version-old", "nothing better"),
    (facts(talks=at_v4(old_versions=("TLSv1.1",))), "tls-old-versions-accepted", "beside 1.3"),
    (facts(talks=at_v4(poor_ciphers=("DES-CBC3-SHA",))), "tls-weak-ciphers-accepted", "3DES"),
    (
        facts(talks=at_v4(poor_ciphers=("ADH-AES256-SHA", "NULL-SHA256"))),
        "tls-weak-ciphers-accepted",
        "no encryption",
    ),
    (
        service(poor_ciphers=("ADH-AES256-SHA",)),
        "tls-weak-ciphers-accepted",
        "mail programs do look",
    ),
    (
        facts(talks=at_v4(tls=tls(version="TLSv1.2", cipher="AES256-GCM-SHA384"))),
        "tls-no-forward-secrecy",
        "plain RSA",
    ),
    (shows(leaf(days=(-90, -1)), ISSUER), "dane-certificate-expired", "yesterday"),
    (shows(leaf(days=(1, 90)), ISSUER), "dane-certificate-not-yet-valid", "tomorrow"),
    (shows(leaf(days=(-83, 5)), ISSUER), "dane-certificate-expires-soon", "in five days"),
    (shows(leaf(names=["other.example"]), ISSUER), "dane-certificate-wrong-name", "enforced"),
    (shows(leaf(rsa_bits=1024), ISSUER), "tls-weak-key", "1024 bits"),
    (shows(leaf(digest=hashes.SHA224()), ISSUER), "tls-weak-signature", "phased out"),
    (
        shows(leaf(None), distrust="self-signed certificate", distrust_code=18),
        "tls-self-signed",
        "with an enforced policy",
    ),
    (
        shows(leaf(), distrust="unable to get local issuer certificate", distrust_code=20),
        "tls-chain-incomplete",
        "the leaf alone",
    ),
    (
        shows(leaf(), ISSUER, ROOT, distrust="self-signed in chain", distrust_code=19),
        "tls-untrusted",
        "a private root",
    ),
    (
        shows(leaf(), ISSUER, distrust="unable to get local issuer", distrust_code=20),
        "tls-untrusted",
        "a private root that is not sent",
    ),
    (
        shows(
            leaf(purpose=ExtendedKeyUsageOID.CLIENT_AUTH),
            ISSUER,
            distrust="unsuitable certificate purpose",
            distrust_code=26,
        ),
        "tls-key-usage",
        "for clients",
    ),
    (
        shows(
            leaf(late := make("Late", ROOT, authority=True, now=NOW, days=(-900, -1))),
            late,
            distrust="certificate has expired",
            distrust_code=10,
        ),
        "tls-issuer-expired",
        "the intermediate, not the leaf",
    ),
    (
        facts(
            talks=(talk(), talk(address=V6, tls=tls(second := leaf(), ISSUER))),
            at=world(records=[dane.from_certificate(one.certificate) for one in (good_leaf(), second)]),
        ),
        "tls-certificates-differ",
        "both match",
    ),
]  # fmt: skip


@pytest.mark.parametrize("known, rule, reason", TLS)
def test_what_is_wrong_with_tls_is_found_by_its_rule(known, rule, reason):
    assert faults(known) == {rule}, reason


UNREADABLE = [
    (b"0\x00", "an empty sequence"),
    (good_leaf().der[:-1], "cut off"),
    # cryptography has errors of its own for these two, and OpenSSL lets a server show them
    (good_leaf().der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x04", 1), "version 5"),
    (good_leaf().der.replace(b"\x0c\x0bTest Issuer", b"\x03\x0bTest Issuer", 1), "a name of bits"),
]


@pytest.mark.parametrize("der, reason", UNREADABLE)
def test_a_certificate_that_cannot_be_read_is_said_to_be(der, reason):
    assert der != good_leaf().der
    broken = replace(tls(), chain_der=(der,), names=(HOST,))
    known = facts(talks=(talk(tls=broken), talk(address=V6, tls=broken)))
    assert faults(known) == {"tls-certificate-unreadable"}, reason
    assert status(facts(), "tls-certificate-unreadable") is None


TRUST = [
    # policy, service, statuses of an untrusted certificate with another name
    (fetched(), Status.BAD, "senders that follow it do not deliver"),
    (fetched(TESTING), Status.WARN, "they report"),
    (FetchedPolicy(FetchResult.UNREACHABLE, "https://x"), Status.OK, "nobody looks: a note"),
]


@pytest.mark.parametrize("policy, wanted, reason", TRUST)
def test_between_mail_servers_trust_counts_as_much_as_the_policy_says(policy, wanted, reason):
    stranger = leaf(None, names=["other.example"])
    known = shows(stranger, policy=policy, distrust="self-signed", distrust_code=18)
    assert status(known, "tls-self-signed") is wanted, reason
    assert status(known, "dane-certificate-wrong-name") is wanted, reason


def test_mail_programs_want_trust_and_the_name_always():
    stranger = tls(leaf(None, names=["other.example"]), distrust="self-signed", distrust_code=18)
    known = service(tls=stranger)
    assert faults(known) == {"tls-self-signed", "dane-certificate-wrong-name"}


def test_with_usage_2_the_name_counts_without_a_policy():
    stranger = leaf(names=["other.example"])
    record = dane.from_certificate(ISSUER.certificate, usage=2, selector=0)
    none = FetchedPolicy(FetchResult.UNREACHABLE, "https://x")
    known = shows(stranger, ISSUER, records=[record], policy=none)
    assert faults(known) == {"dane-certificate-wrong-name"}
    assert status(known, "dane-mismatch") is Status.UNKNOWN


def test_with_usage_2_an_expired_certificate_is_one_fault():
    record = dane.from_certificate(ISSUER.certificate, usage=2, selector=0)
    known = shows(leaf(days=(-90, -1)), ISSUER, records=[record])
    assert faults(known) == {"dane-certificate-expired"}
    assert status(known, "dane-mismatch") is Status.UNKNOWN


NOTES = [
    (facts(talks=at_v4(greeting_name="out.example.net")), "smtp-greeting-other-name", "another"),
    (facts(talks=at_v4(banner=f"{HOST} ESMTP Postfix 3.7.6")), "smtp-greeting-version", "3.7.6"),
    (facts(talks=at_v4(banner=f"{HOST} ESMTP Exim 4.96")), "smtp-greeting-version", "4.96"),
    (facts(talks=at_v4(extensions=("EXPN",))), "smtp-expn", "offered"),
    (facts(talks=at_v4(poor_ciphers=("AES256-SHA",))), "tls-no-forward-secrecy", "only accepted"),
    (facts(talks=at_v4(poor_ciphers=("ADH-AES256-SHA",))), "tls-weak-ciphers-accepted", "anon"),
    (shows(leaf(rsa_bits=2048), ISSUER), "tls-short-key", "2048 bits"),
    (shows(leaf(), ISSUER, make("Old", ROOT, now=NOW, days=(-90, -1))), "tls-issuer-expired", "1"),
    (
        facts(at=world(without=["mx.example.com. AAAA", "5.2"]), talks=(talk(),)),
        "addresses-no-ipv6",
        "IPv4 alone",
    ),
    (
        facts(at=world(without=["25.4"], extra=[
            "25.4.8.8.in-addr.arpa. PTR out.example.net.", f"out.example.net. A {V4}"])),
        "addresses-other-ptr",
        "agrees, but is another",
    ),
    (facts(at=world(records=[])), "dane-missing", "the zone is signed"),
    (
        facts(policy=fetched(POLICY.replace("max", "mx: old.example.com\nmax"))),
        "mtasts-extra-mx",
        "gone, or not here yet",
    ),
]  # fmt: skip


@pytest.mark.parametrize("known, rule, reason", NOTES)
def test_what_is_good_to_know_is_noted_and_counts_for_nothing(known, rule, reason):
    assert faults(known) == set(), reason
    assert notes(known) - {"dane-no-next-record"} == {rule}, reason


def names(*lines, without=()):
    return facts(at=world(without=without, extra=lines))


ADDRESSES = [
    (
        facts(at=world(without=["mx.example.com. A ", "25.4"]), talks=(talk(address=V6),)),
        "addresses-no-ipv4",
        "IPv6 alone",
    ),
    (names(without=["25.4"]), "addresses-no-ptr", "none for IPv4"),
    (names(without=["5.2.0"]), "addresses-no-ptr", "none for IPv6"),
    (
        names("25.4.8.8.in-addr.arpa. PTR out.example.net.", without=["25.4"]),
        "addresses-ptr-not-confirmed",
        "a name that does not exist",
    ),
    (
        names(
            "25.4.8.8.in-addr.arpa. PTR 8-8-4-25.pool.example.net.",
            f"8-8-4-25.pool.example.net. A {V4}",
            without=["25.4"],
        ),
        "addresses-generic-ptr",
        "the name of a line",
    ),
]


@pytest.mark.parametrize("known, rule, reason", ADDRESSES)
def test_what_is_wrong_with_an_address_is_found_by_its_rule(known, rule, reason):
    assert faults(known) == {rule}, reason


def test_of_an_address_that_nobody_reaches_the_name_does_not_matter():
    at = world(without=["mx.example.com. A ", "25.4"], extra=["mx.example.com. A 10.0.0.1"])
    assert faults(facts(at=at, talks=(talk(address=V6),))) == {"addresses-private"}


def records(*texts):
    """The sound server beside these TLSA records."""
    return facts(at=world(records=texts))


GOOD = dane.from_certificate(good_leaf().certificate)
WRONG = "3 1 1 " + "ab" * 32
BY_ISSUER = dane.from_certificate(ISSUER.certificate, usage=2, selector=0)
OTHER_KEY = leaf(rsa_bits=3072)
UNSIGNED = ["example.com. DNSKEY"]
SECOND = ["example.com. MX 20 mx2.example.com.", "mx2.example.com. A 8.8.4.26",
          "mx2.example.com. AAAA 2a01:4f8::26",
          'mx2.example.com. TXT "v=spf1 a -all"',
          "26.4.8.8.in-addr.arpa. PTR mx2.example.com.",
          f"{'6.2.0.0.' + '0.0.0.0.' * 5}8.f.4.0.1.0.a.2.ip6.arpa. PTR mx2.example.com."]  # fmt: skip
BOTH = fetched(POLICY.replace("max", "mx: mx2.example.com\nmax"))
DANE = [
    (records(WRONG), "dane-mismatch", "of another key"),
    (records(WRONG, "3 0 1 " + "cd" * 32), "dane-mismatch", "none of two"),
    (
        facts(talks=(talk(tls=tls(good_leaf())), talk(address=V6, tls=tls(good_leaf()))),
              at=world(records=[BY_ISSUER])),
        "dane-issuer-not-sent",
        "it alone",
    ),
    (
        facts(talks=(talk(tls=tls(good_leaf())), talk(address=V6, tls=tls(good_leaf()))),
              at=world(records=[BY_ISSUER, GOOD])),
        "dane-issuer-not-sent",
        "beside one that matches",
    ),
    (records(GOOD, SHA512), "dane-mismatch", "digest agility: SHA-512 hides the one that matches"),
    (
        records(GOOD, "2 1 1 " + "ab" * 32, BY_ISSUER),
        "dane-issuer-not-sent",
        "a second issuer that is not there",
    ),
    (records(GOOD, "3 0 1 " + "ab" * 32), "dane-parameters-unmatched", "RFC 7671 section 8"),
    (records("1 1 1 " + "ab" * 32), "dane-usage-not-for-mail", "usage 1"),
    (records(GOOD, *(f"3 1 1 {number:064x}" for number in range(12))), "dane-too-many-records", ""),
    (
        facts(at=world(without=UNSIGNED, extra=["example.com. A 8.8.4.80"])),
        "dane-unsigned",
        "nobody may believe them",
    ),
    (
        facts(at=world(extra=SECOND), talks=(talk(), talk(address=V6)), policy=BOTH),
        "dane-host-missing",
        "the second mail host has none",
    ),
    (
        facts(talks=(talk(other_tls=tls(OTHER_KEY, ISSUER)), talk(address=V6))),
        "dane-other-certificate-unmatched",
        "the ECDSA one matches, the RSA one does not",
    ),
]  # fmt: skip


@pytest.mark.parametrize("known, rule, reason", DANE)
def test_what_is_wrong_with_dane_is_found_by_its_rule(known, rule, reason):
    expected = {rule} | ({"dane-none-usable"} if rule == "dane-usage-not-for-mail" else set())
    assert faults(known) - {"dane-changes-at-renewal"} == expected, reason


def test_the_record_to_publish_is_told():
    (found,) = {one.fix for one in results(records(WRONG)) if one.rule == "dane-mismatch"}
    assert str(found) == f"publish: _25._tcp.mx.example.com. TLSA {GOOD}"


def test_both_certificates_of_a_server_can_match():
    both = [GOOD, dane.from_certificate(OTHER_KEY.certificate)]
    known = facts(
        at=world(records=both),
        talks=(talk(other_tls=tls(OTHER_KEY, ISSUER)), talk(address=V6)),
    )
    assert faults(known) == set()
    assert status(known, "dane-other-certificate-unmatched") is Status.OK


def test_a_lookup_that_is_bogus_is_a_fault_where_the_address_is_sound():
    at = world()
    at.fail("_25._tcp.mx.example.com", Outcome.BOGUS)
    assert faults(facts(at=at)) == {"dane-lookup-bogus"}
    at.fail("mx.example.com", Outcome.BOGUS)
    known = facts(at=at)
    assert "dane-lookup-bogus" not in faults(known)


def test_a_lookup_that_times_out_is_not_missing():
    at = world()
    at.fail("_25._tcp.mx.example.com", Outcome.UNREACHABLE)
    known = facts(at=at)
    assert faults(known) == set()
    assert status(known, "dane-missing") is Status.UNKNOWN


def test_where_nothing_is_signed_dane_does_not_apply():
    known = facts(at=world(without=UNSIGNED, records=[], extra=["example.com. A 8.8.4.80"]))
    assert faults(known) == set()
    assert status(known, "dane-missing") is Status.NOT_APPLICABLE


def test_records_of_signed_hosts_of_an_unsigned_domain_are_noted():
    lines = ["example.net. DNSKEY 257 3 8 AwEAAcw=", "example.com. MX 10 mx.example.net.",
             f"mx.example.net. A {V4}", 'mx.example.net. TXT "v=spf1 a -all"',
             f"_25._tcp.mx.example.net. TLSA {GOOD}"]  # fmt: skip
    at = world(without=["example.com. DNSKEY", "example.com. MX"], extra=lines)
    assert "dane-mx-unsigned" in notes(facts(at=at, talks=()))
    assert "dane-mx-unsigned" not in notes(facts())


STS = [
    (
        FetchedPolicy(FetchResult.REFUSED, "u", reason="status 404"),
        "mtasts-policy-not-served",
        "404",
    ),
    (
        FetchedPolicy(FetchResult.REFUSED, "u", reason="old", report_as="sts-webpki-invalid"),
        "mtasts-policy-certificate",
        "an expired certificate",
    ),
    (FetchedPolicy(FetchResult.INVALID, "u", text="x"), "mtasts-policy-invalid", "no policy"),
    (fetched(notes=("the content type is text/html",)), "mtasts-content-type", "HTML"),
    (fetched(POLICY.replace("mx.example", "mx1.example")), "mtasts-host-not-covered", "no line"),
    (fetched(POLICY.replace("1209600", "3600")), "mtasts-short-max-age", "an hour"),
]


@pytest.mark.parametrize("policy, rule, reason", STS)
def test_what_is_wrong_with_the_policy_is_found_by_its_rule(policy, rule, reason):
    assert faults(facts(policy=policy)) == {rule}, reason


def test_a_policy_that_cannot_be_fetched_now_is_unknown():
    late = FetchedPolicy(FetchResult.UNREACHABLE, "u", reason="it did not answer in time")
    known = facts(policy=late)
    assert faults(known) == set()
    assert status(known, "mtasts-policy-not-served") is Status.UNKNOWN


EARLIER = [
    (Earlier("20260601", POLICY.replace("mx.", "old.")), Status.BAD, "another policy, one id"),
    (Earlier("20260101", POLICY.replace("mx.", "old.")), Status.OK, "another id"),
    (Earlier("20260601", POLICY.replace("\n", "\r\n")), Status.OK, "other line ends alone"),
    (Earlier("20260601", "nonsense"), None, "nobody took that for a policy"),
    (Earlier(), None, "nothing is remembered"),
    (None, None, "the first check"),
]


@pytest.mark.parametrize("earlier, wanted, reason", EARLIER)
def test_a_policy_changed_without_a_new_id_is_seen_beside_an_earlier_one(earlier, wanted, reason):
    known = facts(previous=earlier)
    assert status(known, "mtasts-id-unchanged") is wanted, reason
    assert faults(known) == ({"mtasts-id-unchanged"} if wanted is Status.BAD else set())


def test_mtasts_and_dane_can_disagree():
    by_itself = tls(good_leaf(), distrust="self-signed", distrust_code=19)
    assert "mtasts-dane-disagree" in notes(facts(talks=(talk(tls=by_itself),)))
    assert "mtasts-dane-disagree" in notes(records(WRONG))
    assert "mtasts-dane-disagree" not in notes(facts())


SILENT = {"failure": "it did not answer in time", "temporary": True, "starttls": None,
          "stage": Stage.GREETING}  # fmt: skip
CANNOT_KNOW = [
    # talks, the rule that says so, why
    ({"reached": Reached.NO_ANSWER, **SILENT}, "smtp-refused", "no answer"),
    ({"reached": Reached.NO_ROUTE, **SILENT}, "smtp-refused", "no IPv6 here"),
    ({"reached": Reached.BLOCKED, **SILENT}, "smtp-refused", "the port is blocked outward"),
    (SILENT, "smtp-greeting-refuses", "connected, and no word"),
    (
        {**SILENT, "stage": Stage.STARTTLS, "starttls": True},
        "tls-handshake-fails",
        "STARTTLS is put off",
    ),
    ({**SILENT, "stage": Stage.TLS, "starttls": True}, "tls-handshake-fails", "a slow handshake"),
]


@pytest.mark.parametrize("shown, rule, reason", CANNOT_KNOW)
def test_what_cannot_be_known_is_no_fault(shown, rule, reason):
    known = facts(talks=(talk(**shown), talk(address=V6, **shown)))
    assert faults(known) == set(), reason
    assert status(known, rule) is Status.UNKNOWN
    assert status(known, "dane-mismatch") is Status.UNKNOWN


def test_where_nobody_was_asked_nothing_is_said_of_servers():
    known = replace(facts(), talks=None, policy=None)
    assert faults(known) == set()
    for rule in (
        "smtp-refused",
        "tls-starttls-missing",
        "dane-mismatch",
        "mtasts-policy-not-served",
    ):
        assert status(known, rule) is Status.NOT_APPLICABLE


def test_a_refusal_beside_silence_is_only_a_warning():
    silent = talk(address=V6, reached=Reached.NO_ANSWER, **SILENT)
    assert faults(facts(talks=(talk(**REFUSED), silent))) == {"smtp-address-refused"}


def test_where_there_are_no_roots_trust_is_unknown():
    shown = tls(distrust="this machine has no list of trusted roots", distrust_code=NO_ROOTS)
    known = facts(talks=(talk(tls=shown), talk(address=V6, tls=shown)))
    assert faults(known) == set()
    assert status(known, "tls-untrusted") is Status.UNKNOWN


def test_where_no_dns_can_be_reached_nothing_is_called_missing():
    at = world()
    for name in ("example.com", "mx.example.com", "_mta-sts.example.com"):
        at.fail(name, Outcome.UNREACHABLE)
    known = facts(at=at, talks=())
    assert faults(known) == notes(known) == set()


def test_a_host_without_address_is_left_to_its_own_rule():
    at = world(without=["mx.example.com. A", "25.4", "5.2"])
    assert faults(facts(at=at, talks=())) == set()
    assert not [one for one in results(facts(at=at, talks=())) if one.subject.startswith(HOST)]

"""What a sending mail server does with a host, given its TLSA records and what it showed."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from maildns.ask import DnssecStatus, Outcome, Question
from maildns.dnsdata import Tlsa
from maildns.errors import RecordSyntaxError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import dane
from maildns.protocols.dane import Parameters

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HASH = "ab" * 32
HOST = "mx.signed.example"


def certificate(title, signer=None, *, names=(), ca=False, days=60):
    """A certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=90))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(signer[1] if signer else key, hashes.SHA256()), key


ISSUER = certificate("issuer", ca=True)
LEAF = certificate("leaf", ISSUER, names=["signed.example"])
OLD = certificate("old", ISSUER, names=[HOST], days=-1)


def der(one):
    return one[0].public_bytes(Encoding.DER)


def tlsa(one, usage, selector=1, matching_type=1):
    return dane.from_certificate(
        one[0], usage=usage, selector=selector, matching_type=matching_type
    )


CHAIN = [der(LEAF), der(ISSUER)]
WRONG = Tlsa(3, 1, 1, bytes(32))
UNUSABLE = Tlsa(1, 1, 1, bytes(32))

VERDICTS = [
    # records, chain, delivery, as reported
    ([tlsa(LEAF, 3)], CHAIN, "authenticated", "", "the leaf"),
    ([tlsa(OLD, 3)], [der(OLD)], "authenticated", "", "RFC 7671 section 5.1: dates do not count"),
    ([tlsa(ISSUER, 2)], CHAIN, "authenticated", "", "the issuer, and the next hop is named"),
    ([tlsa(ISSUER, 2)], [der(OLD), der(ISSUER)], "defer", "validation-failure", "dates count"),
    ([WRONG], CHAIN, "defer", "validation-failure", "another key"),
    ([WRONG, tlsa(LEAF, 3)], CHAIN, "authenticated", "", "one that matches suffices"),
    ([UNUSABLE], CHAIN, "encrypted", "tlsa-invalid", "RFC 7672 section 2.2: any certificate"),
    ([UNUSABLE], None, "defer", "starttls-not-supported", "but TLS there must be"),
    ([tlsa(LEAF, 3)], None, "defer", "starttls-not-supported", "no TLS at all"),
    ([tlsa(LEAF, 3)], [], "defer", "validation-failure", "TLS without a certificate"),
    ([], CHAIN, "opportunistic", "", "securely none"),
    ([], None, "opportunistic", "", "even in the clear"),
]


@pytest.mark.parametrize("records, chain, delivery, report_as, reason", VERDICTS)
def test_the_sender_reaches_its_verdict(*, records, chain, delivery, report_as, reason):
    world = World.from_zone(f"{HOST}. A 192.0.2.1")
    world.sign("signed.example")
    for record in records:
        world.add(f"_25._tcp.{HOST}", "TLSA", str(record))
    inquiry = dane.sender_verdict(HOST, chain, next_hops=["signed.example"], now=NOW)
    found = run(inquiry, world)
    assert (found.delivery, found.report_as) == (delivery, report_as), reason
    assert found.reason


def test_records_that_are_not_signed_change_nothing():
    world = World.from_zone(f"{HOST}. A 192.0.2.1\n_25._tcp.{HOST}. TLSA {WRONG}")
    assert run(dane.sender_verdict(HOST, None), world).delivery == "opportunistic"


@pytest.mark.parametrize(
    "outcome, report_as", [(Outcome.UNREACHABLE, ""), (Outcome.BOGUS, "dnssec-invalid")]
)
@pytest.mark.parametrize("owner", [HOST, f"_25._tcp.{HOST}"])
def test_no_failure_of_the_dns_leads_to_delivery(owner, outcome, report_as):
    world = World.from_zone(f"{HOST}. A 192.0.2.1\n_25._tcp.{HOST}. TLSA {tlsa(LEAF, 3)}")
    world.sign("signed.example")
    world.fail(owner, outcome)
    found = run(dane.sender_verdict(HOST, CHAIN, now=NOW), world)
    assert (found.delivery, found.report_as) == ("defer", report_as)


def test_for_each_parameter_set_one_record_must_match():
    records = [tlsa(LEAF, 3), WRONG, Tlsa(3, 0, 1, bytes(32)), tlsa(ISSUER, 2), UNUSABLE]
    assert dane.match(records, CHAIN, ["signed.example"], now=NOW).result == "match"
    missing = dane.unmatched_parameters(records, CHAIN, ["signed.example"], now=NOW)
    assert missing == [Parameters(3, 0, 1)]  # RFC 7671 section 8


def test_a_plan_that_only_some_senders_can_follow_is_told():
    world = World.from_zone(f"{HOST}. A 192.0.2.1")
    world.sign("signed.example")
    for record in (tlsa(LEAF, 3), Tlsa(3, 0, 1, bytes(32))):
        world.add(f"_25._tcp.{HOST}", "TLSA", str(record))
    found = run(dane.planned_match(HOST, CHAIN, now=NOW), world)
    assert (found.proven, found.unmatched) == (True, (Parameters(3, 0, 1),))


# --- a domain's hosts -------------------------------------------------------------------

ZONE = f"""
signed.example.      DNSKEY 257 3 13 AAAA
signed.example.      MX 20 second.signed.example.
signed.example.      MX 10 mx.signed.example.
mx.signed.example.   A 192.0.2.1
_25._tcp.mx.signed.example. TLSA 3 1 1 {HASH}
second.signed.example. A 192.0.2.2
_25._tcp.second.signed.example. TLSA 3 1 1 {HASH}
half.signed.example. MX 10 mx.signed.example.
half.signed.example. MX 20 mx.plain.example.
mx.plain.example.    A 192.0.2.9
plain.example.       MX 10 mx.signed.example.
alias.signed.example. CNAME signed.example.
self.signed.example. A 192.0.2.3
_25._tcp.self.signed.example. TLSA 3 1 1 {HASH}
null.signed.example. MX 0 .
bare.signed.example. TXT "nothing here"
"""

DOMAINS = [
    ("signed.example", "found", [HOST, "second.signed.example"], True, "by preference"),
    ("alias.signed.example", "found", [HOST, "second.signed.example"], True, "a secure alias"),
    ("half.signed.example", "found", [HOST, "mx.plain.example"], False, "one way is open"),
    ("plain.example", "found", [HOST], False, "RFC 7672 section 2.2.1: anyone chose the host"),
    ("self.signed.example", "found", ["self.signed.example"], True, "no MX: its own host"),
    ("null.signed.example", "none", [], False, "RFC 7505"),
    ("bare.signed.example", "none", [], False, "no host"),
    ("missing.signed.example", "none", [], False, "no domain"),
]


@pytest.mark.parametrize("domain, result, hosts, protected, reason", DOMAINS)
def test_a_domain_is_protected_when_every_way_to_it_is(*, domain, result, hosts, protected, reason):
    found = run(dane.domain_lookup(domain), World.from_zone(ZONE))
    assert found.result == result, reason
    assert [one.host for one in found.hosts] == hosts
    assert found.protected is protected


def test_the_next_hop_and_its_alias_are_names_that_count():
    found = run(dane.domain_lookup("alias.signed.example"), World.from_zone(ZONE))
    assert found.next_hops == ("alias.signed.example", "signed.example")
    assert found.hosts[0].names(*found.next_hops) == (HOST, *found.next_hops)


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.BOGUS])
def test_mail_waits_while_the_hosts_cannot_be_known(outcome):
    world = World.from_zone(ZONE)
    world.fail("signed.example", outcome, "MX")
    found = run(dane.domain_lookup("signed.example"), world)
    assert (found.result, found.protected, found.hosts) == ("defer", False, ())


def test_all_hosts_are_asked_about_together():
    rounds = []

    class Counting(World):
        def answer(self, questions):
            rounds.append(list(questions))
            return super().answer(questions)

    run(dane.domain_lookup("signed.example"), Counting.from_zone(ZONE))
    assert [len(one) for one in rounds] == [1, 4, 2]
    assert Question(f"_25._tcp.{HOST}", "TLSA") in rounds[2]


def test_a_host_whose_tlsa_name_would_be_too_long_has_none():
    long = ".".join(["x" * 49] * 5)  # 249 octets
    world = World()
    world.add("signed.example", "MX", (10, long))
    world.add(long, "A", "192.0.2.1")
    world.sign(".")
    (host,) = run(dane.domain_lookup("signed.example"), world).hosts
    assert (host.result, host.owner) == ("no-dane", "")
    assert host.dnssec is DnssecStatus.SECURE


def test_what_is_no_name_is_our_misuse():
    with pytest.raises(RecordSyntaxError):
        run(dane.domain_lookup("a..b"), World())

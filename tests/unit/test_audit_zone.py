"""The audit of the zone, its servers, MX, CAA, SRV and wildcards: each fault by its own rule."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address

import pytest
from auditing import BASE, LAME, NOW, TCP_CLOSED, changed, complaints, facts_of, results_of
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from maildns import World, run
from maildns.ask import Answer, Outcome, Question, Seen
from maildns.audit.facts import Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.result import Status
from maildns.dnsdata import A, Ns, RRset
from maildns.net.talk import Reached, Talk, TlsShown

NS1, NS2 = "93.184.216.53", "151.101.2.53"
NS1_6, NS2_6 = "2606:2800:220:1::53", "2a04:4e42::53"
OURS = ("zone-", "mx-", "caa-", "clients-", "view-")
BAD, WARN, UNKNOWN, NOTE = Status.BAD, Status.WARN, Status.UNKNOWN, Status.OK
OLD = World.from_zone(
    changed(
        "example.com. SOA ns1.example.com. hostmaster.example.com. 6 7200 900 1209600 300",
        'example.com. TXT "v=spf1 -all"',
        without=("example.com.          SOA", "example.com.          TXT"),
    )
)
SERIAL = World.from_zone(
    changed(
        "example.com. SOA ns1.example.com. hostmaster.example.com. 6 7200 900 1209600 300",
        without=("example.com.          SOA",),
    )
)
# What stands in the good zone for those who want to see it; no fault of any kind.
ALWAYS = {"mx-single-host", "clients-no-records"}


def found(text=BASE, own=None, **more):
    told = complaints(results_of(facts_of(text, own, **more)))
    return {
        rule: status
        for rule, status in told.items()
        if rule.startswith(OURS) and rule not in ALWAYS
    }


def soa(times):
    return changed(
        f"example.com. SOA ns1.example.com. hostmaster.example.com. 7 {times}",
        without=("example.com.          SOA",),
    )


FAULTS = [
    # what is broken, in which way, what must be found and how bad, why
    (changed(), {}, {}, "the good zone has no fault"),
    (changed(), {NS1: LAME}, {"zone-server-lame": BAD}, "it refuses"),
    (changed(), {NS1: None}, {"zone-server-silent": UNKNOWN}, "silence is no evidence"),
    (changed(), {NS1: OLD}, {"zone-servers-disagree": BAD}, "an old copy, said once"),
    (changed(), {NS1: SERIAL}, {"zone-serials-differ": WARN}, "the same records, another serial"),
    (changed(), {f"tcp:{NS1}": TCP_CLOSED}, {"zone-server-without-tcp": BAD}, "TCP is closed"),
    (changed(), {f"tcp:{NS1}": None}, {"zone-server-without-tcp": UNKNOWN}, "TCP is filtered"),
    (
        changed(without=("example.com.          NS  ns2",)),
        {},
        {"zone-few-servers": WARN, "zone-servers-without-ipv6": NOTE},
        "one server alone",
    ),
    (
        changed(without=("ns2.example.net.",)),
        {},
        {"zone-server-without-address": BAD, "zone-servers-in-one-network": NOTE,
         "zone-servers-without-ipv6": NOTE},
        "a server without address",
    ),
    (
        changed("ns2.example.net. CNAME a.example.net.", "a.example.net. A 151.101.2.53",
                "a.example.net. AAAA 2a04:4e42::53", without=("ns2.example.net.",)),
        {},
        {"zone-server-is-alias": BAD},
        "an alias as server",
    ),
    (changed(without=("ns2.example.net.       AAAA", "ns2.example.net.      AAAA")), {},
     {"zone-servers-without-ipv6": NOTE}, "IPv6 at one server alone"),
    (soa("7200 900 3600 300"), {}, {"zone-soa-expires-soon": WARN}, "given up after an hour"),
    (soa("900 900 1209600 300"), {}, {"zone-soa-retry-too-long": NOTE}, "retry = refresh"),
    (soa("7200 900 1209600 604800"), {}, {"zone-negative-ttl-long": NOTE}, "a week"),
    (
        changed('*.example.com. TXT "hello"', without=("_dmarc",)),
        {},
        {"zone-wildcard-answers": WARN},
        "a wildcard where the policy should be",
    ),
    (changed("*.example.com. MX 10 mx.example.com."), {}, {"mx-wildcard": NOTE}, "mail for all"),
    (
        changed("example.com. MX 20 gone.example.com."),
        {},
        {"mx-host-without-address": BAD},
        "an MX host that is not there",
    ),
    (
        changed("example.com. MX 20 alias.example.com.", "alias.example.com. CNAME mx.example.com."),
        {},
        {"mx-host-is-alias": BAD, "mx-shared-address": NOTE},
        "an alias as MX host",
    ),
    (
        changed("example.com. MX 20 192.0.2.1."),
        {},
        {"mx-is-address": BAD},
        "an address as MX host is said once",
    ),
    (
        changed("example.com. MX 20 mx2.example.com.", "mx2.example.com. A 93.184.216.25"),
        {},
        {"mx-shared-address": NOTE},
        "two names, one host",
    ),
    (changed("example.com. MX 0 ."), {}, {"mx-null-with-others": BAD}, "null MX beside another"),
    (
        changed('mx.example.com. CAA 0 tbs "x"'),
        {},
        {"caa-unknown-tag": WARN},
        "a tag that no authority knows",
    ),
    (changed(without=("example.com.          CAA",)), {}, {"caa-records": NOTE}, "no CAA at all"),
    (
        changed("_imaps._tcp.example.com. SRV 0 1 993 gone.example.com."),
        {},
        {"zone-srv-without-address": BAD},
        "SRV to a host without address",
    ),
    (
        changed("_imaps._tcp.example.com. SRV 0 1 993 imap.example.com.",
                "imap.example.com. CNAME mx.example.com."),
        {},
        {"zone-srv-is-alias": WARN},
        "SRV to an alias",
    ),
    (
        changed("_submission._tcp.example.com. SRV 0 1 587 mx.example.com."),
        {},
        {"clients-plain-only": WARN},
        "STARTTLS alone",
    ),
]  # fmt: skip


@pytest.mark.parametrize("text, own, expected, why", FAULTS, ids=[fault[3] for fault in FAULTS])
def test_each_fault_is_found_by_its_rule_and_by_no_other(text, own, expected, why):
    assert found(text, own) == expected


def test_a_server_that_is_silent_by_udp_is_not_blamed_for_tcp():
    assert found(own={NS1: None, f"tcp:{NS1}": None}) == {"zone-server-silent": UNKNOWN}


def test_a_domain_that_does_not_exist_is_said_once():
    elsewhere = changed(without=[line for line in BASE.splitlines() if "example.com." in line[:30]])
    told = complaints(results_of(facts_of(elsewhere)))
    assert told == {"zone-domain-missing": BAD}


class Nowhere:
    """A world in which nobody answers."""

    def answer(self, questions):
        return [Answer(one, Outcome.UNREACHABLE, detail="no way there") for one in questions]


def test_where_nothing_answers_nothing_is_called_wrong():
    results = results_of(Facts(run(gather("example.com"), Nowhere()), NOW))
    assert {one.status for one in results} <= {Status.UNKNOWN, Status.NOT_APPLICABLE}
    assert any(one.rule == "mx-records" for one in results)


LAN = [
    # what the view lacks or shows otherwise, what is found
    ([], [], {}),
    (["s1._domainkey"], [], {"view-lacks-record": BAD}),
    (["_dmarc"], ['_dmarc.example.com. TXT "v=DMARC1; p=none"'], {"view-differs": WARN}),
    (["mx.example.com.       A"], ["mx.example.com. A 192.168.1.25"], {}),
]


@pytest.mark.parametrize("without, lines, expected", LAN)
def test_a_view_must_show_what_decides_about_mail(without, lines, expected):
    lan = facts_of(changed(*lines, without=without)).dns
    told = found(views={"lan": lan})
    assert {rule: status for rule, status in told.items() if rule.startswith("view-")} == expected


def test_a_view_that_does_not_answer_is_unknown():
    lan = run(gather("example.com", Scope(servers=False)), Nowhere())
    told = found(views={"lan": lan})
    assert told == {"view-lacks-record": UNKNOWN}


def delegated(hosts, glue=()):
    """What a server of the zone above says: NS records, and their addresses."""
    ns = RRset.of("example.com", 3600, [Ns(host) for host in hosts])
    sets = [RRset.of(host, 3600, [A(IPv4Address(one))]) for host, one in glue]
    seen = Seen("198.41.0.4", "NOERROR", authority=(ns,), additional=tuple(sets))
    return Answer(
        Question("example.com", "NS"), Outcome.UNREACHABLE, detail="refers to others", seen=seen
    )


DELEGATIONS = [
    (["ns1.example.com", "ns2.example.net"], [], {}),
    (["ns1.example.com"], [], {"zone-delegation-differs": WARN}),
    (["ns1.example.com", "ns3.example.net"], [], {"zone-delegation-differs": WARN}),
    (
        ["ns1.example.com", "ns2.example.net"],
        [("ns1.example.com", "93.184.216.99")],
        {"zone-glue-differs": BAD},
    ),
]


@pytest.mark.parametrize("hosts, glue, expected", DELEGATIONS)
def test_the_zone_above_names_the_same_servers(hosts, glue, expected):
    assert found(own={"198.41.0.4": delegated(hosts, glue)}) == expected


def test_a_zone_above_that_does_not_answer_is_unknown():
    assert found(own={"198.41.0.4": None}) == {"zone-delegation-differs": UNKNOWN}


def test_an_alias_in_the_place_of_the_domain_is_told():
    text = changed(
        "example.com. CNAME other.example.net.",
        "other.example.net. MX 10 mx.example.com.",
        without=[line for line in BASE.splitlines() if line.startswith("example.com. ")],
    )
    assert found(text)["mx-domain-is-alias"] is WARN


def shown(issuer):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, issuer)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(NOW).not_valid_after(NOW + timedelta(days=90)).sign(key, SHA256())
    )  # fmt: skip
    der = made.public_bytes(Encoding.DER)
    tls = TlsShown("TLSv1.3", "x", (der,), ("mx.example.com",))
    return (Talk("mx.example.com", "93.184.216.25", 25, Reached.YES, starttls=True, tls=tls),)


ISSUERS = [
    ("Let's Encrypt", {}),
    ("Sectigo Limited", {"caa-issuer-forbidden": BAD}),
    ("Nobody", {}),
]


@pytest.mark.parametrize("issuer, expected", ISSUERS)
def test_the_authority_in_use_must_be_permitted(issuer, expected):
    told = found(talks=shown(issuer))
    assert {rule: status for rule, status in told.items() if rule.startswith("caa-")} == expected

"""The rules about DNSSEC: each is broken by its fault alone, and kept where all is well."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import dns.dnssec
import dns.name
import dns.rdata
import pytest

from maildns import World, run
from maildns.ask import Answer, DirectQuestion, DnssecStatus, Outcome, Question, Seen
from maildns.audit.facts import Facts
from maildns.audit.facts.dnssec import (
    delegation_signers,
    ds_of,
    keys,
    signatures,
)
from maildns.audit.facts.zone import NameServer
from maildns.audit.gathering import gather
from maildns.audit.registry import judge
from maildns.audit.result import Status
from maildns.dnsdata import Opaque, RRset
from maildns.rules import all_rules

RULES = all_rules()  # importing them registers the checks
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="
OTHER = KEY.replace("mdss", "mdst")
OLD = KEY.replace("257 3 13", "257 3 5")
RSA_1024 = "256 3 8 AwEAA" + "b" * 167
TAG = keys([Opaque("DNSKEY", KEY)])[0].tag
DS = ds_of("example.org", keys([Opaque("DNSKEY", KEY)])[0]).partition(" DS ")[2]
DS_SHA1 = f"{TAG} 13 1 {'00' * 20}"
DS_OTHER = f"{TAG ^ 1} 13 2 {'00' * 32}"
DS_OLD = ds_of("example.org", keys([Opaque("DNSKEY", OLD)])[0]).partition(" DS ")[2]
ZONE = """
example.org. 300 IN SOA ns.example.org. h.example.org. 1 2 3 4 300
example.org. 300 IN NS ns.example.org.
example.org. 300 MX 10 mail.example.org.
ns.example.org. 300 A 192.0.2.53
mail.example.org. 300 A 192.0.2.1
_dmarc.example.org. 300 TXT "v=DMARC1; p=quarantine; sp=none; np=reject"
"""


def day(offset):
    """A time of a signature, so many days from now."""
    return datetime.fromtimestamp(NOW.timestamp() + offset * 86_400, UTC).strftime("%Y%m%d%H%M%S")


def signature(since=-4, until=10, ttl=300, algorithm=13):
    text = f"SOA {algorithm} 2 {ttl} {day(until)} {day(since)} {TAG} example.org. AAAA"
    return Opaque("RRSIG", text)


def server(name="ns1.example.org", key=KEY, signed=None, authority=()):
    """What one server shows: SOA, DNSKEY, and that a name does not exist."""
    address = f"192.0.2.{len(name)}"

    def answer(owner, rrtype, records, **seen):
        question = DirectQuestion(owner, rrtype, address)
        outcome = Outcome.FOUND if records else Outcome.NO_NAME
        return Answer(question, outcome, tuple(records), 300, seen=Seen(address, "NOERROR", **seen))

    answers = (
        answer("example.org", "SOA", [Opaque("SOA", "ns h 1 2 3 4 5")],
               signatures=(signature(),) if signed is None else signed),
        answer("example.org", "DNSKEY", [Opaque("DNSKEY", key)]),
        answer("_no-such-name.example.org", "TXT", [], authority=tuple(authority)),
    )  # fmt: skip
    return NameServer(name, address, answers, answers[0])


def nsec(rrtype, text):
    return RRset("x.example.org", rrtype, 300, (Opaque(rrtype, text),))


def facts(*records, state="secure", servers=(), changed=(), now=NOW):
    """Facts of example.org with *records*, all its answers in *state*."""
    world = World.from_zone(ZONE + "".join(f"example.org. 300 IN {record}\n" for record in records))
    found = run(gather("example.org"), world)
    status = DnssecStatus(state)
    answers = {
        question: replace(answer, dnssec=status) for question, answer in found.answers.items()
    }
    if status is DnssecStatus.BOGUS:
        answers = {
            question: Answer(question, Outcome.BOGUS, dnssec=status, detail="192.0.2.9: SERVFAIL")
            if question.rrtype != "DS" else answer
            for question, answer in answers.items()
        }  # fmt: skip
    answers |= {answer.question: answer for answer in changed}
    zone = replace(found.zone, servers=tuple(servers))
    return Facts(replace(found, answers=answers, zone=zone), now)


def broken_rules(given):
    return {
        result.rule
        for result in judge(given)["dnssec"]
        if result.status in {Status.BAD, Status.WARN} or result.note
    }


GOOD = (f"DNSKEY {KEY}", f"DS {DS}")
ok_servers = (server("ns1.example.org"), server("ns20.example.org"))

FAULTS = [
    # rule, facts, what a result says
    ("dnssec-unsigned", lambda: facts(state="insecure"), "not signed: no DANE for it"),
    ("dnssec-bogus", lambda: facts(*GOOD, state="bogus"), "192.0.2.9: SERVFAIL"),
    ("dnssec-bogus", lambda: facts(f"DNSKEY {KEY}", f"DS {DS_OTHER}", state="unknown"),
     f"no DNSKEY of example.org ({TAG}) matches the DS of its parent ({TAG ^ 1})"),
    ("dnssec-bogus", lambda: facts(f"DS {DS}", state="unknown"),
     f"the parent has a DS for {TAG}, and example.org has no DNSKEY"),
    ("dnssec-bogus", lambda: facts(f"DS {DS_OTHER}", state="bogus", servers=ok_servers),
     f"no DNSKEY of example.org ({TAG}) matches the DS of its parent ({TAG ^ 1})"),
    ("dnssec-bogus", lambda: facts(
        f"DS {DS}", state="bogus", servers=[server(signed=(signature(-20, -1),))]),
     "its signatures expired on 2026-11-24 12:00 UTC"),
    ("dnssec-ds-uncounted", lambda: facts(f"DNSKEY {KEY}", f"DS {DS_SHA1}", state="insecure"),
     f"none of its DS counts: {TAG} 13 1"),
    ("dnssec-ds-digest", lambda: facts(*GOOD, f"DS {DS_SHA1}"), f"the DS {TAG} is a SHA-1 digest"),
    ("dnssec-ds-stale", lambda: facts(*GOOD, f"DS {DS_OTHER}"),
     f"the DS {TAG ^ 1} matches no DNSKEY; another one holds the chain"),
    ("dnssec-island", lambda: facts(f"DNSKEY {KEY}", state="insecure"),
     "it has keys, and its parent has no DS for them"),
    ("dnssec-algorithm", lambda: facts(*GOOD, f"DNSKEY {OLD}"), "signs with RSA/SHA-1 (algorithm 5)"),
    ("dnssec-algorithm-unusual", lambda: facts(*GOOD, f"DNSKEY {KEY.replace('3 13', '3 14')}"),
     "signs with ECDSA P-384 (algorithm 14)"),
    ("dnssec-algorithm-incomplete", lambda: facts(*GOOD, servers=[server(signed=(signature(algorithm=8),))]),
     "example.org SOA is not signed with algorithm 13"),
    ("dnssec-key-size", lambda: facts(*GOOD, f"DNSKEY {RSA_1024}"), "1000 bits) is short"),
    ("dnssec-key-count", lambda: facts(*GOOD, *(f"DNSKEY {KEY.replace('mdss', f'mdA{at}')}" for at in range(8))),
     "9 keys"),
    ("dnssec-key-tags", lambda: facts(*GOOD, f"DNSKEY {TWIN}"), f"2 keys have the tag {TAG}"),
    ("dnssec-signature-expired", lambda: facts(
        *GOOD, servers=[server(), server("ns20.example.org", signed=(signature(-20, -1),))]),
     "the signature of example.org SOA expired on 2026-11-24 12:00 UTC"),
    ("dnssec-signature-expired", lambda: facts(*GOOD, servers=[server(signed=(signature(1, 20),))]),
     "the signature of example.org SOA is not valid before 2026-11-26 12:00 UTC"),
    ("dnssec-signature-expiring", lambda: facts(*GOOD, servers=[server(signed=(signature(-12, 2),))]),
     "the signature of example.org SOA expires on 2026-11-27 12:00 UTC"),
    ("dnssec-signature-span", lambda: facts(*GOOD, servers=[server(signed=(signature(-1, 365),))]),
     "the signature of example.org SOA holds for 366 days"),
    ("dnssec-signature-span", lambda: facts(*GOOD, servers=[server(signed=(signature(-0.2, 0.5),))]),
     "the signature of example.org SOA holds for 0.7 days"),
    ("dnssec-signature-ttl", lambda: facts(*GOOD, servers=[server(signed=(signature(-4, 4, 500_000),))]),
     "the signature of example.org SOA has a TTL of 500000 s and expires on 2026-11-29 12:00 UTC"),
    ("dnssec-server-unsigned", lambda: facts(*GOOD, servers=[server(), server("ns20.example.org", signed=())]),
     "example.org SOA comes without signature"),
    ("dnssec-keys-differ", lambda: facts(*GOOD, servers=[server(), server("ns20.example.org", key=OTHER)]),
     "servers give the keys"),
    ("dnssec-nsec3-iterations", lambda: facts(*GOOD, "NSEC3PARAM 1 0 10 -"), "10 iterations"),
    ("dnssec-nsec3-excess", lambda: facts(*GOOD, "NSEC3PARAM 1 0 151 -"), "151 iterations"),
    ("dnssec-nsec3-salt", lambda: facts(*GOOD, "NSEC3PARAM 1 0 0 AABB"), "the salt "),
    ("dnssec-opt-out", lambda: facts(
        *GOOD, "NSEC3PARAM 1 0 0 -",
        servers=[server(authority=[nsec("NSEC3", "1 1 0 - 00000000000000000000000000000000 A RRSIG")])]),
     "its NSEC3 records leave unsigned delegations out"),
    ("dnssec-cds", lambda: facts(*GOOD, f"CDS {DS}"), "CDS as the DS of its parent"),
    ("dnssec-cds", lambda: facts(*GOOD, f"CDS {DS_OTHER}"), "CDS other than the DS of its parent"),
    ("dnssec-cds-delete", lambda: facts(*GOOD, "CDS 0 0 0 00"),
     "CDS 0 0 0 00: the parent is asked to remove the DS"),
]  # fmt: skip


def twin():
    """Another key with the same tag: two octets changed that cancel each other out in the sum."""
    octets = bytearray(keys([Opaque("DNSKEY", KEY)])[0].public)
    octets[0], octets[2] = octets[2], octets[0]
    import base64

    return f"257 3 13 {base64.b64encode(octets).decode()}"


TWIN = twin()


@pytest.mark.parametrize(
    "rule, make, says", FAULTS, ids=[f"{row[0]}: {row[2][:40]}" for row in FAULTS]
)
def test_a_fault_is_found_by_its_rule_and_no_other(rule, make, says):
    given = make()
    assert broken_rules(given) == {rule}
    result = next(one for one in judge(given)["dnssec"] if one.rule == rule and says in one.says)
    assert result.evidence


def test_a_sound_zone_breaks_no_rule_and_says_what_holds():
    given = facts(*GOOD, "NSEC3PARAM 1 0 0 -", servers=ok_servers)
    results = judge(given)["dnssec"]
    assert {result.status for result in results} == {Status.OK}
    assert not any(result.note for result in results)
    assert [result.says for result in results] == [
        "signed, and the chain of trust holds",
        f"the parent vouches for {TAG} (ECDSA P-256)",
        f"keys {TAG} (ECDSA P-256)",
        "signed until 2026-12-05 12:00 UTC",
        "all 2 servers give the same keys",
        "NSEC3 without additional iterations",
    ]


def test_every_rule_of_this_topic_has_a_fault_that_breaks_it():
    tested = {row[0] for row in FAULTS} | {"dnssec-compact-denial", "dnssec-compact-np"}
    assert tested == {rule for rule in RULES if rule.startswith("dnssec-")}


def test_compact_denial_makes_np_idle():
    authority = [nsec("NSEC", r"\000.x.example.org. RRSIG NSEC NXNAME")]
    given = facts(*GOOD, servers=[server(authority=authority)])
    assert broken_rules(given) == {"dnssec-compact-denial", "dnssec-compact-np"}
    result = next(one for one in judge(given)["dnssec"] if one.rule == "dnssec-compact-np")
    assert result.says == "np=reject never applies, receivers use none"
    assert result.fix.record == "v=DMARC1; p=quarantine; sp=reject; np=reject"
    assert result.evidence[0].question == Question("_dmarc.example.org", "TXT")


def test_signers_for_each_answer_are_not_told_that_signatures_expire():
    given = facts(*GOOD, servers=[server(signed=(signature(-1, 1),))])
    assert broken_rules(given) == set()


def test_a_time_out_is_no_fault():
    silent = [
        Answer(Question("example.org", rrtype), Outcome.UNREACHABLE, detail="no answer")
        for rrtype in ("SOA", "MX", "TXT", "NS", "A", "AAAA", "DNSKEY", "DS", "CDS", "NSEC3PARAM")
    ]
    results = judge(facts(*GOOD, changed=silent))["dnssec"]
    assert {result.status for result in results} <= {Status.UNKNOWN, Status.OK}
    assert results[0].status is Status.UNKNOWN
    assert results[0].says == "no answer"


def test_what_no_one_vouches_for_is_unknown():
    result = judge(facts(*GOOD, state="unknown"))["dnssec"][0]
    assert result.status is Status.UNKNOWN
    assert result.says == "the resolver validates nothing, or nobody vouches for what it says"


def test_a_mail_host_elsewhere_is_judged_by_its_own_chain():
    bogus = Answer(
        Question("mail.example.org", "A"),
        Outcome.BOGUS,
        dnssec=DnssecStatus.BOGUS,
        detail="expired",
    )
    results = judge(facts(*GOOD, changed=[bogus]))["dnssec"]
    assert [(one.subject, one.says) for one in results if one.status is Status.BAD] == [
        ("mail.example.org", "expired")
    ]


def test_the_ds_to_hand_in_is_told():
    given = facts(f"DNSKEY {KEY}", state="insecure")
    (result,) = [one for one in judge(given)["dnssec"] if one.rule == "dnssec-island"]
    assert str(result.fix) == f"hand to the registrar: example.org. IN DS {DS}"


# --- the values they are read into -----------------------------------------------------------


@pytest.mark.parametrize("text", [KEY, OTHER, OLD, TWIN, RSA_1024])
def test_tag_and_ds_are_those_of_dnspython(text):
    (key,) = keys([Opaque("DNSKEY", text)])
    theirs = dns.rdata.from_text("IN", "DNSKEY", text)
    assert key.tag == dns.dnssec.key_id(theirs)
    zone = dns.name.from_text(r"a\.b.Example.ORG")
    expected = dns.dnssec.make_ds(zone, theirs, "SHA256").digest.hex().upper()
    assert ds_of(r"a\.b.example.org", key).endswith(expected)


@pytest.mark.parametrize(
    "text", ["", "x", "257 3", "257 3 13 ???", "99999999 3 13 AAAA", "-1 3 13 AAAA"]
)
def test_what_is_no_key_is_left_out(text):
    assert keys([Opaque("DNSKEY", text)]) == ()


@pytest.mark.parametrize(
    "text", ["", "SOA 13 2", "SOA 13 2 300 x y 1", "SOA 13 2 300 20269999999999 1 1 z."]
)
def test_what_is_no_signature_is_left_out(text):
    assert signatures([Opaque("RRSIG", text)]) == ()


def test_a_ds_with_an_unknown_digest_says_nothing_of_a_key():
    (ds,) = delegation_signers([Opaque("DS", f"{TAG} 13 9 AABB")])
    assert ds.vouches_for("example.org", keys([Opaque("DNSKEY", KEY)])[0]) is None
    assert not ds.counts

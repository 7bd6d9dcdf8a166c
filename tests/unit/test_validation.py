"""DNSSEC validation over signed zones made in memory: real signatures, no socket."""

from __future__ import annotations

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rrset
import pytest
from dns.rdatatype import RdataType
from signed_tree import DAY, NOW, SERVER, Tree, ask, ds_of, name, spare_key

from maildns.ask import DnssecStatus, Outcome
from maildns.errors import UsageError
from maildns.net.anchors import ROOT_ANCHORS, parse_anchors
from maildns.net.chain import Trust
from maildns.net.lookup import Failure
from maildns.net.resolver import Resolver
from maildns.net.servers import parse_server

MAIL = """
@ 300 MX 10 mail
mail 300 A 192.0.2.1
*.wild 300 TXT "w"
www 300 CNAME mail
a.b 300 A 192.0.2.9
out 300 CNAME x.plain.example.
lost 300 CNAME nothing
old 300 DNAME new
x.new 300 A 192.0.2.7
*.many 300 CNAME mail
"""
SPARE_TAG = dns.dnssec.key_id(spare_key()[1])
NOT_COUNTED = (
    {"algorithm": 5},
    {"algorithm": 7},
    {"algorithm": 12},
    {"algorithm": 253},
    {"digest_type": 6},
)


def make_tree():
    tree = Tree()
    tree.add(".", "")
    tree.add(
        "example.", "plain 300 NS ns.plain\nempty.cut 300 NS ns.plain\n*.lend 300 NS ns.plain\n"
    )
    tree.add("good.example.", MAIL)
    tree.add("rsa.example.", MAIL, algorithm=8)
    tree.add("ed.example.", MAIL, algorithm=15)
    tree.add("hash.example.", MAIL + "sub 300 NS ns.sub\n", nsec3=(0, "", False))
    tree.add("optout.example.", MAIL + "sub 300 NS ns.sub\n", nsec3=(0, "ab", True))
    tree.add("signed.optout.example.", "@ 300 MX 10 mail\n")
    tree.add("many.example.", MAIL, nsec3=(150, "aabb", False))
    tree.add("toomany.example.", MAIL, nsec3=(151, "aabb", False))
    tree.add("compact.example.", MAIL, compact=True)
    tree.add("plain.example.", "x 300 A 192.0.2.8\n", signed=False)
    tree.add("island.plain.example.", MAIL)
    tree.add("expired.example.", MAIL, window=(-60 * DAY, -DAY))
    tree.add("early.example.", MAIL, window=(DAY, 60 * DAY))
    tree.add("mismatch.example.", MAIL, ds=[ds_of("mismatch.example.")])
    tree.add("sha1.example.", MAIL, ds=[ds_of("sha1.example.", "SHA1")])
    for at, changes in enumerate(NOT_COUNTED):
        tree.add(f"odd{at}.example.", MAIL, ds=[ds_of(f"odd{at}.example.", **changes)])
    return tree.sign()


TREE = make_tree()


@pytest.fixture
def trust():
    return Trust([TREE.anchor], lambda: NOW)


SOUND = [
    # question, outcome, status, why
    ("good.example MX", "found", "secure", "records with a chain"),
    ("rsa.example MX", "found", "secure", "RSA with SHA-256"),
    ("ed.example MX", "found", "secure", "Ed25519"),
    (". NS", "found", "secure", "the anchor's own zone"),
    ("good.example DNSKEY", "found", "secure", "the keys themselves"),
    ("good.example DS", "found", "secure", "a DS is its parent's"),
    ("mail.good.example AAAA", "no data", "secure", "NSEC at the name"),
    ("nope.good.example A", "no name", "secure", "NSEC around the name, and around the wildcard"),
    ("b.good.example A", "no data", "secure", "an empty non-terminal"),
    ("x.wild.good.example TXT", "found", "secure", "a wildcard, and the name itself is not there"),
    ("x.y.wild.good.example TXT", "found", "secure", "a wildcard two labels up"),
    ("*.wild.good.example TXT", "found", "secure", "the wildcard itself"),
    ("x.wild.good.example A", "no data", "secure", "a wildcard without the type"),
    ("www.good.example A", "found", "secure", "an alias within the zone"),
    ("x.many.good.example A", "found", "secure", "a wildcard alias"),
    ("x.old.good.example A", "found", "secure", "a DNAME, its CNAME made up on the way"),
    ("lost.good.example A", "no name", "secure", "an alias to nothing"),
    ("x.lend.example DS", "no data", "secure", "below a wildcard, no DS"),
    ("hash.example MX", "found", "secure", "NSEC3"),
    ("mail.hash.example AAAA", "no data", "secure", "NSEC3 at the name"),
    ("nope.hash.example A", "no name", "secure", "NSEC3: encloser, next closer name, wildcard"),
    ("q.nope.hash.example A", "no name", "secure", "the same deeper down"),
    ("b.hash.example A", "no data", "secure", "NSEC3 at an empty non-terminal"),
    ("x.wild.hash.example TXT", "found", "secure", "a wildcard, proven by NSEC3"),
    ("x.wild.hash.example A", "no data", "secure", "NSEC3 at the wildcard"),
    ("sub.hash.example DS", "no data", "secure", "NSEC3 at an unsigned delegation"),
    ("optout.example MX", "found", "secure", "opt-out changes nothing for what is there"),
    ("mail.optout.example AAAA", "no data", "secure", "nor where the name has its own NSEC3"),
    ("signed.optout.example MX", "found", "secure", "a signed delegation among those opted out"),
    ("many.example MX", "found", "secure", "RFC 9276: 150 iterations still count"),
    ("nope.many.example A", "no name", "secure", "with their proofs"),
    ("nope.compact.example A", "no data", "secure", "RFC 9824: the name is said to exist"),
    ("mail.compact.example AAAA", "no data", "secure", "RFC 9824, a name that does"),
    ("plain.example DS", "no data", "secure", "a proof that there is no DS"),
    ("nope.example A", "no name", "secure", "nothing in the zone above"),
    ("plain.example MX", "no data", "insecure", "RFC 4035 section 5.2: no DS"),
    ("x.plain.example A", "found", "insecure", "below it as well"),
    ("q.plain.example A", "no name", "insecure", "and what is not there"),
    ("island.plain.example MX", "found", "insecure", "signed, but nothing leads there"),
    ("nope.island.plain.example MX", "no name", "insecure", "nor to its proofs"),
    ("out.good.example A", "found", "insecure", "an alias that leads out of what is signed"),
    ("nope.optout.example A", "no name", "insecure", "RFC 5155 section 9.2: may be a delegation"),
    ("sub.optout.example DS", "no data", "insecure", "RFC 5155 section 8.6"),
    ("x.wild.optout.example TXT", "found", "insecure", "RFC 5155 section 8.8 with opt-out"),
    ("toomany.example MX", "found", "secure", "records need no NSEC3"),
    ("nope.toomany.example A", "no name", "insecure", "RFC 9276 section 3.2"),
    ("mail.toomany.example AAAA", "no data", "insecure", "likewise"),
    ("sha1.example MX", "found", "insecure", "RFC 9905: a DS of SHA-1 leads nowhere"),
    *[(f"odd{at}.example MX", "found", "insecure", f"RFC 4035 section 5.2: {changes}")
      for at, changes in enumerate(NOT_COUNTED)],
]  # fmt: skip


@pytest.mark.parametrize(
    "question, outcome, status, why", SOUND, ids=[f"{row[0]}: {row[3]}" for row in SOUND]
)
def test_what_the_chain_says_is_told(question, outcome, status, why, trust):
    answer, _ = ask(question, TREE, trust)
    assert (answer.outcome.value, answer.dnssec.value) == (outcome, status), answer.detail


def test_why_an_answer_is_insecure_is_told(trust):
    answer, _ = ask("x.plain.example A", TREE, trust)
    assert answer.detail == "plain.example is delegated without DS"
    answer, _ = ask("sha1.example MX", TREE, trust)
    assert answer.detail == "sha1.example is signed by deprecated or unknown algorithms only"


BROKEN_ZONES = [
    (
        "expired.example MX",
        "the signature of expired.example DNSKEY expired on 2027-01-14 08:00 UTC",
    ),
    (
        "early.example MX",
        "the signature of early.example DNSKEY is not valid before 2027-01-16 08:00 UTC",
    ),
    ("mismatch.example MX", "no DNSKEY of mismatch.example matches the DS of its parent"),
    ("nope.mismatch.example MX", "no DNSKEY of mismatch.example matches the DS of its parent"),
]


@pytest.mark.parametrize("question, says", BROKEN_ZONES)
def test_a_broken_zone_is_bogus_and_named(question, says, trust):
    answer, _ = ask(question, TREE, trust)
    assert (answer.outcome, answer.dnssec) == (Outcome.BOGUS, DnssecStatus.BOGUS)
    assert answer.detail == says


# --- replies that were changed on the way ---------------------------------------------


def on(question, change):
    """Change the reply to *question*."""
    owner, rrtype = question.split()

    def tamper(send, reply):
        asked = send.query.question[0]
        if (asked.name, asked.rdtype) == (name(owner), RdataType[rrtype]):
            change(reply)
        return reply

    return tamper


def without(rdtype, section="answer"):
    def change(reply):
        kept = [rrset for rrset in getattr(reply, section) if rrset.rdtype != rdtype]
        getattr(reply, section)[:] = kept

    return change


def without_authority(reply):
    reply.authority.clear()


def first_proof_only(reply):
    """SOA and one NSEC, each with its signature."""
    del reply.authority[4:]


def says(rcode):
    return lambda reply: reply.set_rcode(rcode)


def other_records(reply):
    rrset = reply.answer[0]
    forged = rrset[0].replace(preference=66)
    reply.answer[0] = dns.rrset.from_rdata(rrset.name, rrset.ttl, forged)


def signed_by_another(zone, **how):
    def change(reply):
        private, dnskey = spare_key()
        made = TREE.zones[name(zone)].sign(reply.answer[0], key=private, dnskey=dnskey, **how)
        reply.answer[1] = made

    return change


def signed_late(zone):
    def change(reply):
        reply.answer[1] = TREE.zones[name(zone)].sign(reply.answer[0], window=(-9 * DAY, -DAY))

    return change


def with_proofs_for(question, rcode=None):
    """In place of the authority section that of the reply to *question*."""

    def change(reply):
        owner, rrtype = question.split()
        other = TREE.reply(dns.message.make_query(owner, rrtype, want_dnssec=True))
        reply.answer.clear()
        reply.authority[:] = other.authority
        reply.set_rcode(dns.rcode.NXDOMAIN if rcode is None else rcode)

    return change


def lent_nsec(reply):
    """The NSEC of *.wild under a name that the wildcard stands in for, its signature as well."""
    other = TREE.reply(dns.message.make_query("*.wild.good.example.", "A", want_dnssec=True))
    reply.answer.clear()
    reply.authority.clear()
    for rrset in other.authority:
        lent = rrset.name == name("*.wild.good.example.")
        owner = name("x.wild.good.example.") if lent else rrset.name
        reply.authority.append(dns.rrset.from_rdata_list(owner, rrset.ttl, list(rrset)))


def the_parents_word(owner, rcode):
    """The NSEC of example, above the cut, in place of what good.example has to say."""

    def change(reply):
        reply.answer.clear()
        reply.authority.clear()
        TREE.zones[name("example.")].cover(reply, name(owner))
        reply.set_rcode(rcode)

    return change


def not_a_zone_key(reply):
    key = reply.answer[0][0]
    reply.answer[0] = dns.rrset.from_rdata(reply.answer[0].name, 300, key.replace(flags=1))


TAMPERED = [
    # question, what is changed, what is said of it
    ("good.example MX", on("good.example. MX", without(RdataType.RRSIG)),
     "good.example MX comes without a signature, and the zone good.example is signed"),
    ("good.example MX", on("good.example. MX", other_records),
     "the signature of good.example MX does not fit the records"),
    ("good.example MX", on("good.example. MX", signed_by_another("good.example.")),
     f"the signature of good.example MX was made with the key {SPARE_TAG}, which good.example has not"),
    ("good.example MX", on("good.example. MX", signed_late("good.example.")),
     "the signature of good.example MX expired on 2027-01-14 08:00 UTC"),
    ("good.example MX", on("good.example. DS", without(RdataType.RRSIG)),
     "good.example DS is not signed by example"),
    ("good.example MX", on("good.example. DS", with_proofs_for("nope.example. DS")),
     "example neither gives the DS of good.example nor proves that there is none"),
    ("good.example MX", on("good.example. DS", with_proofs_for("good.example. TXT", dns.rcode.NOERROR)),
     "example neither gives the DS of good.example nor proves that there is none"),
    ("good.example MX", on("good.example. DNSKEY", lambda reply: reply.answer.clear()),
     "good.example has no DNSKEY, and the DS of its parent says that it is signed"),
    ("good.example MX", on("good.example. DNSKEY", without(RdataType.RRSIG)),
     "good.example DNSKEY is not signed by good.example"),
    ("good.example MX", on("good.example. DNSKEY", not_a_zone_key),
     "no DNSKEY of good.example matches the DS of its parent"),
    ("x.plain.example A", on("plain.example. DS", without_authority),
     "example neither gives the DS of plain.example nor proves that there is none"),
    ("www.good.example A", on("www.good.example. A", without(RdataType.RRSIG)),
     "www.good.example CNAME comes without a signature, and the zone good.example is signed"),
    ("nope.good.example A", on("nope.good.example. A", without_authority),
     "good.example does not prove that there is no nope.good.example"),
    ("nope.good.example A", on("nope.good.example. A", without(RdataType.NSEC, "authority")),
     "good.example does not prove that there is no nope.good.example"),
    ("nope.good.example A", on("nope.good.example. A", with_proofs_for("a.good.example. A")),
     "good.example does not prove that there is no nope.good.example"),
    ("www.good.example TXT", on("www.good.example. TXT", with_proofs_for("mail.good.example. TXT", 0)),
     "good.example does not prove that there is no www.good.example TXT"),
    ("xx.good.example A", on("xx.good.example. A", first_proof_only),
     "good.example does not prove that there is no xx.good.example"),
    ("x.wild.good.example TXT", on("x.wild.good.example. TXT", without_authority),
     "good.example does not prove that a wildcard stands in for x.wild.good.example"),
    ("x.wild.hash.example TXT", on("x.wild.hash.example. TXT", without_authority),
     "hash.example does not prove that a wildcard stands in for x.wild.hash.example"),
    ("nope.hash.example A", on("nope.hash.example. A", first_proof_only),
     "hash.example does not prove that there is no nope.hash.example"),
    ("b.good.example A", on("b.good.example. A", says(dns.rcode.NXDOMAIN)),
     "good.example does not prove that there is no b.good.example"),
    ("nope.good.example A", on("nope.good.example. A", says(dns.rcode.NOERROR)),
     "good.example does not prove that there is no nope.good.example A"),
    # RFC 6840 section 4.1: the parent's side of a cut speaks neither of the child nor of what is below
    ("good.example MX", on("good.example. MX", the_parents_word("good.example.", dns.rcode.NOERROR)),
     "good.example does not prove that there is no good.example MX"),
    ("w.good.example A", on("w.good.example. A", the_parents_word("w.good.example.", dns.rcode.NXDOMAIN)),
     "good.example does not prove that there is no w.good.example"),
    ("x.wild.good.example A", on("x.wild.good.example. A", lent_nsec),
     "good.example does not prove that there is no x.wild.good.example A"),
]  # fmt: skip


@pytest.mark.parametrize(
    "question, tamper, says", TAMPERED, ids=[f"{at}: {row[0]}" for at, row in enumerate(TAMPERED)]
)
def test_what_was_changed_is_bogus_and_the_fault_is_named(question, tamper, says, trust):
    answer, _ = ask(question, TREE, trust, tamper)
    assert (answer.outcome, answer.dnssec) == (Outcome.BOGUS, DnssecStatus.BOGUS)
    assert answer.detail == says
    assert ask(question, TREE, Trust([TREE.anchor], lambda: NOW))[0].outcome is not Outcome.BOGUS


def test_a_bogus_zone_leaves_its_neighbours_secure(trust):
    assert ask("mismatch.example MX", TREE, trust)[0].dnssec is DnssecStatus.BOGUS
    assert ask("good.example MX", TREE, trust)[0].dnssec is DnssecStatus.SECURE


def test_a_usable_ds_that_fails_is_not_excused_by_one_that_does_not_count():
    tree = Tree()
    tree.add(".", "")
    tree.add("a.", MAIL, ds=[ds_of("a.", "SHA1"), ds_of("a.")])
    answer, _ = ask("a MX", tree.sign(), Trust([tree.anchor], lambda: NOW))
    assert answer.detail == "no DNSKEY of a matches the DS of its parent"


def test_signatures_expire_with_the_clock():
    late = Trust([TREE.anchor], lambda: NOW + 31 * DAY)
    answer, _ = ask("good.example MX", TREE, late)
    assert answer.detail == "the signature of . DNSKEY expired on 2027-02-14 08:00 UTC"


# --- work is bounded --------------------------------------------------------------------


def test_many_keys_with_one_tag_cost_no_more_than_the_budget(trust):
    """CVE-2023-50387: every signature would have to be tried with every key."""

    def collide(reply):
        real = reply.answer[1][0]
        forged = [real.replace(signature=bytes([at]) * 64) for at in range(200)]
        reply.answer[1] = dns.rrset.from_rdata_list(reply.answer[1].name, 300, forged)

    answer, _ = ask("good.example MX", TREE, trust, on("good.example. MX", collide))
    assert answer.outcome is Outcome.BOGUS
    assert answer.detail == "the answer takes more signature checks than any honest one"


def deep_and_unsigned(labels, **how):
    """The answer to a deep name, whose records come without signature from a signed root."""
    tree = Tree()
    tree.add(".", "", **how)
    tree.sign()
    deep = ".".join(["x"] * labels)

    def unsigned(send, reply):
        if send.query.question[0].rdtype != RdataType.A:
            return reply
        made = dns.message.make_response(send.query)
        made.answer.append(dns.rrset.from_text(f"{deep}.", 300, "IN", "A", "192.0.2.1"))
        return made

    return ask(f"{deep} A", tree, Trust([tree.anchor], lambda: NOW), unsigned)


def test_nsec3_hashes_cost_no_more_than_the_budget():
    """CVE-2023-50868: a deep name is hashed at each of its labels, again and again on the way down."""
    answer, _ = deep_and_unsigned(40, nsec3=(150, "", False))
    assert answer.detail == "the answer takes more NSEC3 hashes than any honest one"
    assert answer.dnssec is DnssecStatus.BOGUS


def test_a_deep_name_costs_no_more_checks_than_the_budget():
    answer, sent = deep_and_unsigned(100)
    assert answer.detail == "the answer takes more signature checks than any honest one"
    assert len(sent) < 60


def test_questions_are_bounded_whatever_the_tries(trust):
    answer, sent = ask("good.example MX", TREE, trust, no_answer_to("DS"), tries=500)
    assert answer.detail == "the answer takes more questions than any honest one"
    assert answer.dnssec is DnssecStatus.UNKNOWN
    assert len(sent) == 64


# --- what cannot be known ---------------------------------------------------------------


def no_signatures_at_all(send, reply):
    for section in (reply.answer, reply.authority):
        section[:] = [one for one in section if one.rdtype not in {RdataType.RRSIG, RdataType.NSEC}]
    return reply


def no_answer_to(rrtype):
    def tamper(send, reply):
        asked = send.query.question[0].rdtype
        return Failure("no answer") if asked == RdataType[rrtype] else reply

    return tamper


UNKNOWN = [
    (no_signatures_at_all, "found", "comes without signatures: the resolver drops them"),
    (no_answer_to("DS"), "found", "example DS: no answer"),
    (no_answer_to("DNSKEY"), "found", ". DNSKEY: no answer"),
    (no_answer_to("MX"), "unreachable", "good.example MX: no answer"),
]


@pytest.mark.parametrize("tamper, outcome, says", UNKNOWN, ids=[row[-1] for row in UNKNOWN])
def test_silence_makes_an_answer_neither_secure_nor_bogus(tamper, outcome, says, trust):
    answer, _ = ask("good.example MX", TREE, trust, tamper)
    assert (answer.outcome.value, answer.dnssec) == (outcome, DnssecStatus.UNKNOWN)
    assert says in answer.detail


def test_names_outside_of_all_anchors_are_unknown():
    lab = TREE.anchor.replace(". IN", "lab.example. IN")
    answer, _ = ask("good.example MX", TREE, Trust([lab], lambda: NOW))
    assert (answer.outcome, answer.dnssec) == (Outcome.FOUND, DnssecStatus.UNKNOWN)
    assert answer.detail == "there is no trust anchor for good.example"


def test_an_anchor_may_stand_below_the_root():
    key = TREE.zones[name("island.plain.example.")].dnskey
    trust = Trust([TREE.anchor, f"island.plain.example. 3600 IN DNSKEY {key}"], lambda: NOW)
    assert ask("island.plain.example MX", TREE, trust)[0].dnssec is DnssecStatus.SECURE
    assert ask("x.plain.example A", TREE, trust)[0].dnssec is DnssecStatus.INSECURE


def test_a_resolver_too_old_for_signatures_is_asked_the_plain_way(trust):
    def old(send, reply):
        if send.query.edns < 0:
            return reply
        made = dns.message.make_response(send.query)
        made.use_edns(edns=False)
        made.set_rcode(dns.rcode.FORMERR)
        return made

    answer, _ = ask("good.example MX", TREE, trust, old)
    assert (answer.outcome, answer.dnssec) == (Outcome.FOUND, DnssecStatus.UNKNOWN)


def test_an_alias_without_end_is_unreachable(trust):
    def circle(send, reply):
        made = dns.message.make_response(send.query)
        for owner, target in (
            ("a.plain.example.", "b.plain.example."),
            ("b.plain.example.", "a.plain.example."),
        ):
            made.answer.append(dns.rrset.from_text(owner, 300, "IN", "CNAME", target))
        return made if send.query.question[0].rdtype == RdataType.A else reply

    answer, _ = ask("a.plain.example A", TREE, trust, circle)
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "aliases without end")


# --- how it asks --------------------------------------------------------------------------


def test_it_asks_with_do_and_cd(trust):
    queries = []

    def look(send, reply):
        queries.append(send.query)
        return reply

    ask("good.example MX", TREE, trust, look)
    assert all(query.flags & dns.flags.CD and query.ednsflags & dns.flags.DO for query in queries)


def test_what_is_proven_is_not_asked_again_while_it_lives():
    now = [NOW]
    trust = Trust([TREE.anchor], lambda: now[0])
    asked = [ask("good.example MX", TREE, trust)[1] for _ in range(2)]
    assert asked[0] == [
        "good.example. IN MX", ". IN DNSKEY", "example. IN DS", "example. IN DNSKEY",
        "good.example. IN DS", "good.example. IN DNSKEY",
    ]  # fmt: skip
    assert asked[1] == ["good.example. IN MX"]
    now[0] += 301
    assert len(ask("good.example MX", TREE, trust)[1]) == 6
    trust.forget()
    assert len(ask("good.example MX", TREE, trust)[1]) == 6


def test_a_fault_is_remembered_for_a_while_only():
    now = [NOW]
    trust = Trust([TREE.anchor], lambda: now[0])
    ask("mismatch.example MX", TREE, trust)
    assert ask("mismatch.example A", TREE, trust)[1] == ["mismatch.example. IN A"]
    now[0] += 31
    assert len(ask("mismatch.example A", TREE, trust)[1]) == 3


def test_a_cut_answer_is_asked_for_again_by_tcp(trust):
    def cut(send, reply):
        return Failure("cut", truncated=True) if send.transport.value == "udp" else reply

    answer, sent = ask("good.example MX", TREE, trust, cut)
    assert answer.dnssec is DnssecStatus.SECURE
    assert len(sent) == 12


def test_the_next_server_is_asked_when_one_lies(trust):
    other = parse_server("198.51.100.53")

    def one_lies(send, reply):
        return (
            on("good.example. MX", other_records)(send, reply) if send.server == SERVER else reply
        )

    answer, _ = ask("good.example MX", TREE, trust, one_lies, servers=(SERVER, other))
    assert answer.dnssec is DnssecStatus.SECURE
    assert answer.seen.server == "198.51.100.53:53"


def test_an_alias_left_open_is_followed(trust):
    def minimal(send, reply):
        reply.answer[:] = reply.answer[:2]
        return reply

    answer, _ = ask("www.good.example A", TREE, trust, minimal)
    assert (answer.aliases, answer.dnssec) == (("mail.good.example",), DnssecStatus.SECURE)


def test_the_ttl_is_no_longer_than_the_signatures_life(trust):
    def long(reply):
        for rrset in reply.answer:
            rrset.ttl = 90_000

    answer, _ = ask("good.example MX", TREE, trust, on("good.example. MX", long))
    assert answer.ttl_seconds == 300  # RFC 4035 section 5.3.3: the TTL that was signed


# --- anchors, and the resolver's switch ------------------------------------------------------


def test_the_roots_anchors_are_built_in():
    tags = [
        (anchor.key_tag, anchor.algorithm) for anchor in parse_anchors(ROOT_ANCHORS)[dns.name.root]
    ]
    assert tags == [(20326, 8), (38696, 8)]


@pytest.mark.parametrize(
    "line", ["", ".", ". IN DS", ". IN DS 1 8 2 zz", ". IN A 192.0.2.1", "a..b IN DS 1 8 2 00"]
)
def test_what_is_no_anchor_is_refused(line):
    with pytest.raises(UsageError):
        Trust([line])


AUTO = [
    (["127.0.0.1"], {}, False, "what comes over loopback is believed"),
    (["tls://192.0.2.53#dns.example"], {}, False, "so is TLS"),
    (["192.0.2.53"], {}, True, "nobody vouches for it"),
    (["192.0.2.53"], {"trusted": True}, False, "the user does"),
    (["127.0.0.1"], {"trusted": False}, True, "the user does not"),
    (["192.0.2.53"], {"authoritative": True}, False, "a zone's own server has no chain to give"),
]


@pytest.mark.parametrize("servers, how, validates, why", AUTO, ids=[row[-1] for row in AUTO])
def test_auto_validates_where_no_server_is_trusted(servers, how, validates, why):
    assert Resolver(servers=servers, validate="auto", **how).validates is validates


def test_validating_needs_recursion():
    with pytest.raises(UsageError):
        Resolver(servers=["192.0.2.53"], validate=True, recursive=False)

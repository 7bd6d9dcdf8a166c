"""The bulk driver against real sockets: its answers are those of the resolver, and nobody waits for another."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from misbehaving import MISBEHAVIOUR, udp_server

from maildns.ask import DirectQuestion, Outcome, Question
from maildns.lab import LabServer
from maildns.net.bulk import run_bulk
from maildns.net.resolver import Resolver

pytestmark = pytest.mark.server

LONG = " ".join(f'"{letter * 250}"' for letter in "abcdefg")
ZONE = f"""
@ 300 TXT "v=spf1 -all"
@ MX 10 mail
@ MX 20 mail2
@ CAA 0 issue "ca.example"
mail A 192.0.2.1
mail A 192.0.2.2
mail AAAA 2001:db8::1
www CNAME mail
chain CNAME www
dangling CNAME nothing
outside CNAME mail.other.example.
*.wild TXT "w"
a.b.c A 192.0.2.9
long TXT {LONG}
strange\\.name TXT "a label with a dot"
_25._tcp.mail TLSA 3 1 1 {"ab" * 32}
short TLSA 3 1 1 ab
_imaps._tcp SRV 0 1 993 mail
loop CNAME loop2
loop2 CNAME loop
zero 0 TXT "zero"
rp RP admin.example.com. txt.example.com.
child NS ns.child
ns.child A 192.0.2.53
"""
NAMES = (
    "example.com", "mail.example.com", "www.example.com", "chain.example.com", "dangling.example.com",
    "outside.example.com", "x.wild.example.com", "b.c.example.com", "nothing.example.com", "long.example.com",
    "strange\\.name.example.com", "_25._tcp.mail.example.com", "short.example.com", "_imaps._tcp.example.com",
    "loop.example.com", "zero.example.com", "rp.example.com", "child.example.com", "x.child.example.com",
    "other.example", ".", f"{'x' * 64}.example.com", "EXAMPLE.com",
)  # fmt: skip
TYPES = (
    "A", "AAAA", "MX", "TXT", "CNAME", "NS", "SOA", "SRV", "TLSA", "CAA", "PTR", "DNSKEY", "RP", "NSEC", "TYPE65280",
)  # fmt: skip
QUESTIONS = [Question(name, rrtype) for name in NAMES for rrtype in TYPES]


def one(question):
    (answer,) = yield (question,)
    return answer


def bulk(questions, resolver, **how):
    """The answers of the bulk driver, each question in an inquiry of its own."""
    answers = dict(run_bulk((one(question) for question in questions), resolver, **how))
    return [answers[at] for at in range(len(questions))]


def shown(answer):
    """All that must be the same, whoever asked."""
    seen = answer.seen and (
        answer.seen.server, answer.seen.rcode, answer.seen.authoritative, answer.seen.octets,
        answer.seen.signatures, answer.seen.authority, answer.seen.additional,
    )  # fmt: skip
    return answer, seen


def assert_same(questions, make):
    """Both ask anew, with a resolver of their own."""
    ours = bulk(questions, make(), in_flight=50)
    theirs = make().answer(questions)
    for expected, found_ in zip(theirs, ours, strict=True):
        assert shown(found_) == shown(expected)
    return ours


@pytest.fixture(scope="module", params=["signed", "unsigned"])
def lab(request):
    with LabServer({"example.com": ZONE}, signed=request.param == "signed") as running:
        yield running


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"trusted": False},
        {"recursive": False},
        {"authoritative": True},
        {"transport": "tcp"},
    ],
    ids=str,
)
def test_both_drivers_give_the_same_answers(lab, how):
    answers = assert_same(
        QUESTIONS, lambda: Resolver(servers=[lab.server], timeout_seconds=2, tries=1, **how)
    )
    assert {answer.outcome for answer in answers} >= {
        Outcome.FOUND, Outcome.NO_NAME, Outcome.NO_DATA, Outcome.UNREACHABLE,
    }  # fmt: skip


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_both_drivers_give_the_same_answers_of_one_server(lab, transport):
    questions = [DirectQuestion(one.name, one.rrtype, "127.0.0.1", transport) for one in QUESTIONS]
    assert_same(questions, lambda: Resolver(direct_port=lab.port, timeout_seconds=2))


def test_both_drivers_read_bind_alike(bind):
    names = ("example.com", "www.example.com", "outside.example.com", "dangling.example.com",
             "x.wild.example.com", "child.example.com", "example.org")  # fmt: skip
    direct = [
        DirectQuestion(name, rrtype, bind.server) for name in names for rrtype in ("NS", "A", "SOA")
    ]
    plain = [Question(one.name, one.rrtype) for one in direct]
    assert_same([*plain, *direct], lambda: Resolver(servers=[bind.server], authoritative=True))


def test_both_drivers_know_a_server_that_validates():
    def validating(query):
        name = str(query.question[0].name)
        reply = dns.message.make_response(query, recursion_available=True)
        if name.startswith("bogus") and not query.flags & dns.flags.CD:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply.to_wire()
        if name == ".":
            reply.answer.append(dns.rrset.from_text(".", 60, "IN", "SOA", "a. b. 1 2 3 4 5"))
        else:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.1"))
        if name == "." or name.startswith("secure"):
            reply.flags |= dns.flags.AD
        return reply.to_wire()

    questions = [Question(f"{name}.example", "A") for name in ("secure", "insecure", "bogus")]
    with udp_server(validating) as (port, _):
        answers = assert_same(questions, lambda: Resolver(servers=[f"127.0.0.1:{port}"], tries=1))
    assert [answer.dnssec for answer in answers] == ["secure", "insecure", "bogus"]
    assert [answer.outcome for answer in answers] == ["found", "found", "bogus"]


@pytest.mark.parametrize("name, respond", MISBEHAVIOUR, ids=[name for name, _ in MISBEHAVIOUR])
def test_both_drivers_judge_misbehaviour_alike(name, respond):
    with udp_server(respond) as (port, _):
        server = f"127.0.0.1:{port}"
        questions = [
            Question("a.example", "A"), DirectQuestion("a.example", "A", server),
        ]  # fmt: skip
        answers = assert_same(
            questions, lambda: Resolver(servers=[server], timeout_seconds=0.2, tries=1)
        )
    assert {answer.outcome for answer in answers} == {Outcome.UNREACHABLE}, name

"""The bulk driver against real sockets: its answers are those of the resolver, and nobody waits for another."""

from __future__ import annotations

import socket
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from misbehaving import MISBEHAVIOUR, udp_server, with_address, with_authority

from maildns.ask import DirectQuestion, Outcome, Question
from maildns.errors import UsageError
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


# --- many at once ---------------------------------------------------------------------


def test_a_dead_inquiry_ends_at_its_own_deadline_and_stops_no_other(lab, silent):
    asked = [Question(f"n{number}.wild.example.com", "TXT") for number in range(300)]
    dead = DirectQuestion("example.com", "TXT", f"127.0.0.1:{silent}")

    def stubborn():
        answers = []
        for _ in range(20):
            answers += yield (dead, Question("example.com", "TXT"))
        return answers

    started = time.monotonic()
    ended = {}
    inquiries = [stubborn(), *(one(question) for question in asked)]
    resolver = Resolver(servers=[lab.server])
    for number, verdict in run_bulk(inquiries, resolver, in_flight=50, deadline_seconds=1.5):
        ended[number] = (time.monotonic() - started, verdict)
    assert len(ended) == 301
    assert all(verdict.found for number, (_, verdict) in ended.items() if number)
    seconds, answers = ended[0]
    assert max(late for number, (late, _) in ended.items() if number) < seconds < 4
    assert {answer.outcome for answer in answers[::2]} == {Outcome.UNREACHABLE}
    assert answers[0].detail == "no answer before the deadline"
    assert answers[1].found


def test_silence_ends_every_inquiry_at_its_deadline(silent):
    resolver = Resolver(servers=[f"127.0.0.1:{silent}"], timeout_seconds=0.3, tries=50)
    started = time.monotonic()
    answers = bulk(
        [Question(f"{n}.example", "A") for n in range(500)], resolver, deadline_seconds=1
    )
    assert {answer.outcome for answer in answers} == {Outcome.UNREACHABLE}
    assert time.monotonic() - started < 6  # three windows, one after the other


def test_what_is_on_its_way_or_known_is_not_asked_again():
    with udp_server(lambda query: time.sleep(0.05) or with_address(query)) as (port, asked):
        resolver = Resolver(servers=[f"127.0.0.1:{port}"])
        answers = bulk([Question("a.example", "A")] * 50, resolver, window=10)
    assert all(answer.found for answer in answers)
    assert sum(b"\x01a\x07example" in octets for octets in asked) == 1


def test_a_server_is_never_asked_more_at_once_than_was_said():
    most = []

    def slow(query):
        time.sleep(0.01)
        return with_address(query)

    with udp_server(slow) as (port, asked):
        resolver = Resolver(servers=[f"127.0.0.1:{port}"], timeout_seconds=5, trusted=False)
        inquiries = (one(Question(f"{n}.example", "A")) for n in range(40))
        for done, _ in enumerate(run_bulk(inquiries, resolver, in_flight=3), start=1):
            most.append(len(asked) - done)
    assert max(most) <= 3


def test_a_dead_server_in_front_does_not_hide_the_living_one(lab, silent):
    resolver = Resolver(servers=[f"127.0.0.1:{silent}", lab.server], timeout_seconds=0.2)
    assert all(answer.found for answer in bulk([Question("example.com", "TXT")] * 3, resolver))


def test_a_forged_datagram_does_not_drown_the_true_one():
    def forged_first(query):
        wrong = (query.id ^ 1).to_bytes(2, "big") + with_address(query)[2:]
        other = dns.message.make_query("evil.example", "A", id=query.id)
        return [wrong, b"garbage", with_address(other), with_address(query)]

    with udp_server(forged_first) as (port, _):
        server = f"127.0.0.1:{port}"
        questions = [Question("a.example", "A"), DirectQuestion("a.example", "A", server)]
        found, direct = bulk(questions, Resolver(servers=[server], tries=1, timeout_seconds=1))
    assert found.found
    assert "not authoritative" in direct.detail


def test_a_reply_from_another_address_is_not_taken():
    """It comes to the right port, with the right id and question: only the sender is another."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", 0))

        def elsewhere(query):
            reply = with_authority(query)
            other.sendto(reply, ("127.0.0.1", port_of[query.id]))
            return []

        port_of = {}
        with udp_server(elsewhere, clients=port_of) as (port, _):
            question = DirectQuestion("a.example", "A", f"127.0.0.1:{port}")
            (answer,) = bulk([question], Resolver(timeout_seconds=0.3))
    assert answer.outcome is Outcome.UNREACHABLE
    assert "no answer within" in answer.detail
    assert port_of


def test_what_one_inquiry_raises_is_raised_and_ends_all(lab):
    closed = []

    def lasting():
        try:
            yield (Question("example.com", "TXT"),)
            yield (DirectQuestion("example.com", "TXT", "127.0.0.1:1"),)
        finally:
            closed.append(True)

    def broken():
        yield (Question("example.com", "MX"),)
        raise UsageError("this one is broken")

    with pytest.raises(UsageError, match="this one is broken"):
        list(run_bulk([lasting(), broken()], Resolver(servers=[lab.server])))
    assert closed == [True]


@pytest.mark.parametrize(
    "question",
    [Question("a.example", "NOSUCH"), Question("a.example", "ANY"), DirectQuestion("a.example", "A", "x.example"),
     DirectQuestion("a.example", "A", "127.0.0.1", "pigeon")],
    ids=str,
)  # fmt: skip
def test_a_question_that_cannot_be_put_is_misuse(question):
    with pytest.raises(UsageError):
        bulk([question], Resolver(servers=["127.0.0.1"]))


@pytest.mark.parametrize("how", [{"window": 0}, {"in_flight": 0}, {"deadline_seconds": 0}], ids=str)
def test_numbers_that_make_no_sense_are_misuse(how):
    with pytest.raises(UsageError):
        list(run_bulk([], Resolver(servers=["127.0.0.1"]), **how))


def test_without_a_server_nothing_is_known():
    (answer,) = bulk(
        [Question("a.example", "A")],
        Resolver(servers=["127.0.0.1:1"], tries=1, timeout_seconds=0.2),
    )
    assert answer.outcome is Outcome.UNREACHABLE
    assert list(run_bulk([], Resolver(servers=["127.0.0.1:1"]))) == []


def test_an_ipv6_server_is_asked_where_there_is_a_way():
    with LabServer({"example.com": ZONE}, address="::1") as running:
        question = DirectQuestion("mail.example.com", "A", "0:0:0:0:0:0:0:1")
        (answer,) = assert_same([question], lambda: Resolver(direct_port=running.port))
    assert answer.found
    far = DirectQuestion("example.com", "A", "2001:db8::53")
    (answer,) = assert_same([far], Resolver)
    assert answer.outcome is Outcome.UNREACHABLE

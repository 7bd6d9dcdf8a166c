"""Whatever a server sends: what is understood at once is what the steps of every lookup make of it."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.rrset
from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.ask import DirectQuestion, Question
from maildns.net import quick, wire
from maildns.net.direct import direct_lookup
from maildns.net.lookup import Rules, lookup
from maildns.net.servers import parse_server

SERVER = parse_server("127.0.0.1")
NAME = "a.example.com"
LINES = (
    "a.example.com. 300 IN A 192.0.2.1",
    "a.example.com. 200 IN A 192.0.2.2",
    'a.example.com. 300 IN TXT "v=spf1 -all"',
    "a.example.com. 100 IN CNAME b.example.com.",
    "b.example.com. 90 IN A 192.0.2.3",
    "b.example.com. 90 IN CNAME a.example.com.",
    "b.example.com. 90 IN CNAME c.other.",
    "c.other. 80 IN A 192.0.2.4",
    "example.com. 900 IN SOA ns.example.com. h.example.com. 1 2 3 4 60",
    "other. 900 IN SOA ns.example.com. h.example.com. 1 2 3 4 50",
    "example.com. 900 IN NS ns.example.com.",
    "a.example.com. 300 IN RRSIG A 13 3 300 20300101000000 20200101000000 1 example.com. AAAA",
    "a.example.com. 300 CH A ch.example. 1",
)
FLAGS = ("AA", "RA", "AD", "AA RA", "RA AD", "TC RA", "")


# Type, rcode, answer, authority: what servers send, each understood at once as long as it is whole.
SENSIBLE = [
    ("A", 0, (0,), ()),
    ("A", 0, (0, 1), (10,)),
    ("A", 0, (3, 4), ()),
    ("A", 0, (3, 6, 7), ()),
    ("A", 0, (3,), (8,)),
    ("A", 0, (0, 11), ()),
    ("A", 3, (), (8,)),
    ("A", 3, (3,), (8,)),
    ("A", 0, (3, 6), (9,)),
    ("TXT", 0, (2,), (10,)),
    ("TXT", 0, (), (8,)),
    ("CNAME", 0, (3,), ()),
    ("SOA", 0, (), (8,)),
    ("RRSIG", 0, (11,), ()),
]
ANY = st.lists(st.integers(0, len(LINES) - 1), max_size=4, unique=True)
WILD = st.tuples(
    st.sampled_from(("A", "TXT", "CNAME", "SOA", "RRSIG")),
    st.sampled_from((0, 0, 3, 2, 5, 1, 16)),
    ANY,
    ANY,
)


@st.composite
def replies(draw):
    """The type asked for, and a reply: a sensible one or any, some with octets changed or cut off."""
    rdtype, rcode, *parts = draw(st.sampled_from(SENSIBLE) | WILD)
    query = dns.message.make_query(NAME, rdtype, use_edns=draw(st.sampled_from((0, False))))
    response = dns.message.make_response(query)
    response.flags |= dns.flags.from_text(draw(st.sampled_from(FLAGS)))
    response.set_rcode(rcode)
    for part, which in zip((response.answer, response.authority), parts, strict=True):
        for line in (LINES[number] for number in which):
            part.append(dns.rrset.from_text(*line.split(None, 4)[:4], line.split(None, 4)[4]))
    octets = bytearray(response.to_wire())
    if draw(st.booleans()):
        for at in draw(st.lists(st.integers(2, len(octets) - 1), max_size=2)):
            octets[at] = draw(st.integers(0, 255))
        octets = octets[: draw(st.sampled_from((len(octets), len(octets) - 3)))]
    return rdtype, bytes(octets)


def by_steps(steps, octets):
    """What the steps make of the reply at first; None where they want to ask on, or it is no reply."""
    send = next(steps)
    send.query.id = int.from_bytes(octets[:2], "big")
    try:
        reply = dns.message.from_wire(octets)
    except (dns.exception.DNSException, ValueError):
        return None
    if not send.query.is_response(reply):
        return None
    try:
        steps.send(reply)
    except StopIteration as stop:
        return stop.value
    return None


@settings(max_examples=400, deadline=None)
@given(replies(), st.booleans(), st.sampled_from((None, True, False)))
def test_what_is_understood_at_once_is_what_the_steps_say(made, direct, validates):
    rdtype, octets = made
    number = {"A": 1, "TXT": 16, "CNAME": 5, "SOA": 6, "RRSIG": 46}[rdtype]
    section = wire.question_to_wire(NAME, number)
    if direct:
        question = DirectQuestion(NAME, rdtype, "127.0.0.1")
        manner = quick.Manner(str(SERVER), direct=True, recursive=False, authoritative=True)
        steps = direct_lookup(question)
    else:
        question = Question(NAME, rdtype)
        known = {} if validates is None else {SERVER: validates}
        manner = quick.Manner(str(SERVER), trusted=True, validates=validates)
        steps = lookup(question, Rules((SERVER,), tries=1, validating=known))
    if not wire.is_reply(octets, section):
        return
    answer = quick.understand(quick.Asked(question, section, manner), octets, 1.0, 2.0)
    if answer is None:
        return
    expected = by_steps(steps, octets)
    if expected is not None:
        assert answer == expected
        assert quick.unpack(quick.pack([answer])) == [answer]
        for what in ("server", "rcode", "authoritative", "octets"):
            assert getattr(answer.seen, what) == getattr(expected.seen, what)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_no_octets_raise(octets, questions):
    section = wire.question_to_wire(NAME, 1)
    whole = b"\x00\x01\x84\x00\x00" + bytes([questions]) + octets[:6] + section + octets[6:]
    manner = quick.Manner("127.0.0.1:53", direct=True, recursive=False, authoritative=True)
    asked = quick.Asked(DirectQuestion(NAME, "A", "127.0.0.1"), section, manner)
    wire.is_reply(octets, section)
    answer = quick.understand(asked, whole, 1.0, 2.0)
    if answer is not None:
        assert isinstance(answer.seen.authority, tuple)
        assert isinstance(answer.seen.additional, tuple)
        assert isinstance(answer.seen.signatures, tuple)

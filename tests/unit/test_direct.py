"""What one name server's own word means, told by replies made up here: no socket."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from maildns.ask import DirectQuestion, Outcome
from maildns.dnsdata import A, Ns
from maildns.errors import UsageError
from maildns.net.direct import direct_lookup
from maildns.net.lookup import Failure
from maildns.net.servers import Transport, parse_server

SERVER = "192.0.2.53"
SOA = ("authority", "example.com. 900 IN SOA ns.example.com. h.example.com. 1 2 3 4 300")
A1 = "example.com. 300 IN A 192.0.2.1"
ALIAS = "example.com. 60 IN CNAME b.other.example."
SIGNATURE = "example.com. 300 IN RRSIG A 13 2 300 20300101000000 20200101000000 1 example.com. AAAA"
DELEGATION = (
    ("authority", "example.com. 300 IN NS ns.example.com."),
    ("additional", "ns.example.com. 300 IN A 192.0.2.54"),
)


def reply(query, *records, rcode=dns.rcode.NOERROR, flags="AA"):
    """A reply to *query*; each of *records* is a zone-file line, or (section, line)."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.from_text(flags)
    response.set_rcode(rcode)
    for record in records:
        section, line = ("answer", record) if isinstance(record, str) else record
        owner, ttl, klass, rdtype, data = line.split(None, 4)
        rrset = dns.rrset.from_text(owner, int(ttl), klass, rdtype, data)
        getattr(response, section).append(rrset)
    return dns.message.from_wire(response.to_wire())


def always(*records, **how):
    return lambda send: reply(send.query, *records, **how)


def ask(answerer, rrtype="A", server=SERVER, transport="udp", port=53):
    sent = []
    steps = direct_lookup(DirectQuestion("example.com", rrtype, server, transport), port)
    try:
        send = next(steps)
        while True:
            sent.append(send)
            send = steps.send(answerer(send))
    except StopIteration as stop:
        return stop.value, sent


MEANINGS = [
    # reply, (outcome, TTL, aliases), words, why
    (always(A1), ("found", 300, ()), "", "records, with authority"),
    (always(SOA), ("no data", 300, ()), SERVER, "nothing of the type"),
    (always(SOA, rcode=3), ("no name", 300, ()), SERVER, "NXDOMAIN"),
    (always(A1, flags=""), ("unreachable", None, ()), "not authoritative for example.com", "lame, from a cache"),
    (always(flags=""), ("unreachable", None, ()), "not authoritative for example.com", "lame, and silent"),
    (always(SOA, rcode=3, flags=""), ("unreachable", None, ()), "not authoritative", "NXDOMAIN without authority"),
    (always(*DELEGATION, flags=""), ("unreachable", None, ()), "refers to other servers", "a delegation"),
    (always(rcode=5, flags=""), ("unreachable", None, ()), "REFUSED", "does not serve the zone"),
    (always(rcode=2, flags=""), ("unreachable", None, ()), "SERVFAIL", "cannot load the zone"),
    (lambda _: Failure("no answer"), ("unreachable", None, ()), "no answer", "time-out"),
    (always(ALIAS), ("no data", 60, ("b.other.example",)), SERVER, "an alias out of the zone is not chased"),
    (always(ALIAS, "b.other.example. 9 IN A 192.0.2.2"), ("found", 9, ("b.other.example",)), "", "an alias within"),
    (always("example.com. 60 IN CNAME example.com."), ("unreachable", None, ()), "aliases without end", "a circle"),
]  # fmt: skip


@pytest.mark.parametrize(
    "answerer, meaning, words, why", MEANINGS, ids=[row[-1] for row in MEANINGS]
)
def test_what_one_server_says_means_just_one_thing(answerer, meaning, words, why):
    answer, _ = ask(answerer)
    assert (answer.outcome, answer.ttl_seconds, answer.aliases) == meaning, why
    assert words in answer.detail


def test_the_query_asks_for_no_recursion_and_for_signatures():
    _, (send,) = ask(always(A1))
    assert send.server == parse_server(SERVER)
    assert not send.query.flags & (dns.flags.RD | dns.flags.AD | dns.flags.CD)
    assert (send.query.ednsflags & dns.flags.DO, send.query.payload) == (dns.flags.DO, 1232)


@pytest.mark.parametrize(
    "server, port, host, to",
    [
        ("192.0.2.53", 5300, "192.0.2.53", 5300),
        ("192.0.2.53:54", 5300, "192.0.2.53", 54),
        ("2001:db8::53", 5300, "2001:db8::53", 5300),
        ("[2001:db8::53]:54", 5300, "2001:db8::53", 54),
    ],
)
def test_the_port_is_that_of_the_server_or_the_one_for_all(server, port, host, to):
    _, (send,) = ask(always(A1), server=server, port=port)
    assert (send.server.host, send.server.port) == (host, to)


def test_a_delegation_can_be_read_from_what_was_seen():
    answer, _ = ask(always(*DELEGATION, flags=""), "NS")
    assert not answer.seen.authoritative
    (servers,) = answer.seen.authority
    (glue,) = answer.seen.additional
    assert (servers.name, servers.records) == ("example.com", (Ns("ns.example.com"),))
    assert (glue.name, [str(one) for one in glue.records]) == ("ns.example.com", ["192.0.2.54"])


def test_signatures_and_where_it_came_from_are_seen():
    answer, _ = ask(always(A1, SIGNATURE))
    assert [type(record) for record in answer.records] == [A]
    (signature,) = answer.seen.signatures
    assert signature.rrtype == "RRSIG"
    assert str(signature).startswith("A 13 2 300 20300101000000")
    assert (answer.seen.server, answer.seen.rcode) == ("192.0.2.53:53", "NOERROR")
    assert answer.seen.authoritative
    assert answer.seen.octets > 40


def test_silence_is_asked_once_more_and_shows_no_server():
    answer, sent = ask(lambda _: Failure("gone"))
    assert len(sent) == 2
    assert (answer.seen.server, answer.seen.rcode) == ("", "")


def test_a_refusal_is_not_asked_again():
    _, sent = ask(always(rcode=5, flags=""))
    assert len(sent) == 1


def test_a_cut_answer_is_asked_for_again_by_tcp():
    def cut(send):
        udp = send.transport is Transport.UDP
        return Failure("cut", truncated=True) if udp else reply(send.query, A1)

    answer, sent = ask(cut)
    assert answer.found
    assert [send.transport for send in sent] == [Transport.UDP, Transport.TCP]


def test_tcp_is_used_at_once_where_it_is_asked_for():
    _, sent = ask(always(A1), transport="tcp")
    assert [send.transport for send in sent] == [Transport.TCP]


@pytest.mark.parametrize(
    "rrtype, server, transport, why",
    [
        ("NOSUCH", SERVER, "udp", "no such type"),
        ("A", "ns.example.com", "udp", "a name where only an address can stand"),
        ("A", "", "udp", "no server"),
        ("A", SERVER, "pigeon", "no such transport"),
    ],
)
def test_a_question_that_cannot_be_put_is_misuse(rrtype, server, transport, why):
    with pytest.raises(UsageError):
        next(direct_lookup(DirectQuestion("example.com", rrtype, server, transport)))


def test_a_name_that_cannot_be_asked_for_exists_nowhere():
    steps = direct_lookup(DirectQuestion(f"{'x' * 64}.example", "A", SERVER))
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value.outcome is Outcome.NO_NAME

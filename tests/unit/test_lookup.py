"""What replies mean, told by replies made up here: no socket."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from maildns.ask import DnssecStatus, Outcome, Question
from maildns.errors import UsageError
from maildns.net.lookup import Failure, Rules, lookup
from maildns.net.servers import Transport, parse_server

LOOPBACK = parse_server("127.0.0.1")
REMOTE = parse_server("192.0.2.53")
OTHER = parse_server("198.51.100.53")
SOA = ("authority", "example.com. 900 IN SOA ns.example.com. h.example.com. 1 2 3 4 300")


def reply(query, *records, rcode=dns.rcode.NOERROR, flags="RA", edns=True, options=()):
    """A reply to *query*; each of *records* is a zone-file line, or (section, line)."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.from_text(flags)
    response.set_rcode(rcode)
    for record in records:
        section, line = ("answer", record) if isinstance(record, str) else record
        owner, ttl, klass, rdtype, data = line.split(None, 4)
        rrset = dns.rrset.from_text(owner, int(ttl), klass, rdtype, data)
        getattr(response, section).append(rrset)
    if not edns:
        response.use_edns(edns=False)
    elif options:
        response.use_edns(0, options=list(options))
    return response


def ask(question, answerer, servers=(REMOTE,), **rules):
    """Run a lookup; *answerer* is given each `Send` and returns its reply. Also: what was sent."""
    sent = []
    steps = lookup(Question(*question.split()), Rules(servers, **rules))
    try:
        send = next(steps)
        while True:
            sent.append(send)
            send = steps.send(answerer(send))
    except StopIteration as stop:
        return stop.value, sent


def always(*records, **how):
    return lambda send: reply(send.query, *records, **how)


A1 = "example.com. 300 IN A 192.0.2.1"
ALIAS = "example.com. 60 IN CNAME b.example.com."

MEANINGS = [
    # reply, outcome, TTL, aliases, why
    (always(A1), "found", 300, (), "records"),
    (always("EXAMPLE.com. 300 IN A 192.0.2.1"), "found", 300, (), "case does not matter"),
    (always(ALIAS, "b.example.com. 300 IN A 192.0.2.2"), "found", 60, ("b.example.com",), "the least TTL"),
    (always(SOA), "no data", 300, (), "RFC 2308: the lesser of SOA TTL and minimum"),
    (always(), "no data", None, (), "no SOA: nobody said for how long"),
    (always(SOA, rcode=3), "no name", 300, (), "NXDOMAIN"),
    (always(ALIAS, SOA, rcode=3), "no name", 60, ("b.example.com",), "NXDOMAIN behind an alias"),
    (always(ALIAS, SOA), "no data", 60, ("b.example.com",), "nothing behind an alias"),
    (always("evil.example. 300 IN A 192.0.2.66", SOA), "no data", 300, (), "another name is ignored"),
    (always("example.com. 300 CH A ch.example. 1", SOA), "no data", 300, (), "another class is ignored"),
    (always(rcode=2), "unreachable", None, (), "SERVFAIL"),
    (always(rcode=5), "unreachable", None, (), "REFUSED"),
    (always(rcode=4), "unreachable", None, (), "NOTIMP"),
    (lambda _: Failure("no answer"), "unreachable", None, (), "time-out"),
    (always(A1, rcode=3), "unreachable", None, (), "contradicts itself"),
    (always(("authority", "com. 300 IN NS a.gtld."), flags=""), "unreachable", None, (), "referral"),
    (always(flags=""), "unreachable", None, (), "neither authority nor recursion, nothing said"),
    (always(A1, flags="TC"), "unreachable", None, (), "cut short even by TCP"),
    (always("example.com. 60 IN CNAME example.com."), "unreachable", None, (), "alias of itself"),
    (
        always(ALIAS, "b.example.com. 60 IN CNAME example.com."),
        "unreachable", None, (), "aliases in a circle",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    "answerer, outcome, ttl, aliases, why", MEANINGS, ids=[row[-1] for row in MEANINGS]
)
def test_a_reply_means_just_one_thing(answerer, outcome, ttl, aliases, why):
    answer, _ = ask("example.com A", answerer)
    assert (answer.outcome, answer.ttl_seconds, answer.aliases) == (outcome, ttl, aliases), why
    assert answer.failed == bool(answer.detail) or answer.void


def test_every_server_is_asked_as_often_as_tries_say():
    _, sent = ask("example.com A", lambda _: Failure("gone"), (REMOTE, OTHER), tries=3)
    assert [send.server for send in sent] == [REMOTE, OTHER] * 3


def test_the_second_server_answers_when_the_first_does_not():
    def one_dead(send):
        return Failure("gone") if send.server == REMOTE else reply(send.query, A1)

    answer, _ = ask("example.com A", one_dead, (REMOTE, OTHER))
    assert answer.found


def test_a_failure_names_each_server_and_reason_once():
    def refuse(send):
        option = dns.edns.EDEOption(dns.edns.EDECode.PROHIBITED, "not\x1b you")
        return reply(send.query, rcode=dns.rcode.REFUSED, options=[option])

    answer, _ = ask("example.com A", refuse)
    assert answer.detail == "192.0.2.53:53: REFUSED (prohibited: not you)"


def test_a_cut_answer_is_asked_for_again_by_tcp():
    def cut(send):
        return (
            Failure("cut", truncated=True)
            if send.transport is Transport.UDP
            else reply(send.query, A1)
        )

    answer, sent = ask("example.com A", cut)
    assert answer.found
    assert [send.transport for send in sent] == [Transport.UDP, Transport.TCP]


def test_a_server_that_does_not_know_edns_is_asked_without():
    def old(send):
        if send.query.edns >= 0:
            return reply(send.query, rcode=dns.rcode.FORMERR, edns=False)
        return reply(send.query, A1, edns=False)

    answer, sent = ask("example.com A", old)
    assert answer.found
    assert len(sent) == 2


def test_an_alias_left_open_is_followed_at_the_same_server():
    def minimal(send):
        asked = str(send.query.question[0].name)
        return reply(
            send.query, ALIAS if asked == "example.com." else "b.example.com. 30 IN A 192.0.2.2"
        )

    answer, _ = ask("example.com A", minimal)
    assert (answer.outcome, answer.aliases, answer.ttl_seconds) == ("found", ("b.example.com",), 30)


def test_aliases_without_end_are_given_up():
    def onwards(send):
        asked = str(send.query.question[0].name)
        return reply(send.query, f"{asked} 60 IN CNAME a{asked}")

    answer, sent = ask("x.example A", onwards, tries=1)
    assert answer.outcome is Outcome.UNREACHABLE
    assert len(sent) < 20


# --- DNSSEC ---------------------------------------------------------------------------


def validating(send, *, bogus=False):
    """A server that validates: AD on the root's SOA; SERVFAIL for what is bogus unless CD."""
    if str(send.query.question[0].name) == ".":
        return reply(send.query, ". 60 IN SOA a. b. 1 2 3 4 5", flags="RA AD")
    if bogus and not send.query.flags & dns.flags.CD:
        return reply(send.query, rcode=dns.rcode.SERVFAIL)
    return reply(send.query, A1)


STATES = [
    # reply, server, trusted, status, why
    (always(A1, flags="RA AD"), LOOPBACK, None, "secure", "AD over loopback"),
    (always(A1, flags="RA AD"), parse_server("tls://192.0.2.1"), None, "secure", "AD over TLS"),
    (
        always(A1, flags="RA AD"),
        parse_server("https://d.example/q"),
        None,
        "secure",
        "AD over HTTPS",
    ),
    (always(A1, flags="RA AD"), REMOTE, None, "unknown", "AD by plain UDP can be forged"),
    (always(A1, flags="RA AD"), REMOTE, True, "secure", "the user trusts the way"),
    (always(A1, flags="RA AD"), LOOPBACK, False, "unknown", "the user does not trust it"),
    (always(A1), LOOPBACK, None, "unknown", "no AD, and it does not validate the root either"),
    (validating, LOOPBACK, None, "insecure", "no AD from one that validates"),
    (validating, REMOTE, None, "unknown", "no AD from one that is not trusted"),
    (always(SOA, flags="RA AD", rcode=3), LOOPBACK, None, "secure", "a proven NXDOMAIN"),
]


@pytest.mark.parametrize(
    "answerer, server, trusted, status, why", STATES, ids=[s[-1] for s in STATES]
)
def test_the_ad_bit_is_believed_where_nobody_can_forge_it(answerer, server, trusted, status, why):
    answer, _ = ask("example.com A", answerer, (server,), trusted=trusted)
    assert answer.dnssec == status, why


def test_whether_a_server_validates_is_asked_once():
    known = {}
    _, first = ask("example.com A", validating, (LOOPBACK,), validating=known)
    _, second = ask("example.com A", validating, (LOOPBACK,), validating=known)
    assert (len(first), len(second)) == (2, 1)


def test_servfail_that_goes_away_without_checking_is_bogus():
    answer, _ = ask("example.com A", lambda send: validating(send, bogus=True), (LOOPBACK,))
    assert (answer.outcome, answer.dnssec) == (Outcome.BOGUS, DnssecStatus.BOGUS)
    assert "SERVFAIL" in answer.detail


def test_servfail_of_a_server_that_does_not_validate_is_not_called_bogus():
    def flaky(send):
        checks = not send.query.flags & dns.flags.CD
        return reply(send.query, A1, rcode=dns.rcode.SERVFAIL if checks else dns.rcode.NOERROR)

    answer, _ = ask("example.com A", flaky)
    assert answer.outcome is Outcome.UNREACHABLE


def test_an_alias_chain_is_as_weak_as_its_weakest_part():
    def half_signed(send):
        asked = str(send.query.question[0].name)
        if asked == "example.com.":
            return reply(send.query, ALIAS, flags="RA AD")
        return (
            validating(send)
            if asked == "."
            else reply(send.query, "b.example.com. 9 IN A 192.0.2.2")
        )

    answer, _ = ask("example.com A", half_signed, (LOOPBACK,))
    assert answer.dnssec is DnssecStatus.INSECURE


# --- asking ---------------------------------------------------------------------------


def test_authority_is_demanded_where_the_authoritative_server_is_asked():
    rules = {"recursive": False, "authoritative": True}
    answer, sent = ask("example.com A", always(A1, flags=""), **rules)
    assert answer.outcome is Outcome.UNREACHABLE
    assert "not authoritative for example.com" in answer.detail
    assert not sent[0].query.flags & (dns.flags.RD | dns.flags.AD)
    answer, _ = ask("example.com A", always(A1, flags="AA"), **rules)
    assert answer.found


def test_without_a_server_nothing_is_known():
    answer, sent = ask("example.com A", always(A1), ())
    assert (answer.outcome, answer.detail, sent) == (
        "unreachable",
        "no name server is configured",
        [],
    )


def test_a_name_that_cannot_be_asked_for_exists_nowhere():
    answer, sent = ask(f"{'x' * 64}.example A", always(A1))
    assert (answer.outcome, sent) == (Outcome.NO_NAME, [])


@pytest.mark.parametrize("rrtype", ["NOSUCH", "ANY", "AXFR", ""])
def test_a_type_that_no_record_has_is_misuse(rrtype):
    with pytest.raises(UsageError):
        next(lookup(Question("example.com", rrtype), Rules((REMOTE,))))

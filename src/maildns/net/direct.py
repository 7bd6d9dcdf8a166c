"""
A question put to one name server itself: what it says, and what it lets be seen.

Recursion is not asked for, and DNSSEC records are; the query is sent once more where nothing
came back, and a cut answer is asked for again by TCP. A server that has no authority for the
name, because it is lame or because it delegates the name to others, is `UNREACHABLE`; what it
said all the same stands in `Answer.seen`: `authority` holds the name servers that it refers to,
`additional` their addresses. An alias is not chased to other servers: where its target is not in
the same message, the answer is `NO_DATA` with `aliases`.

A generator without input or output, as `maildns.net.lookup`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from maildns.ask import Answer, DirectQuestion, DnssecStatus, Outcome, Seen
from maildns.dnsdata import RRset
from maildns.errors import UsageError
from maildns.net.convert import name_from_dns, name_to_dns, records_from_dns, rrset_from_dns
from maildns.net.lookup import (
    REFERS,
    Asking,
    Failure,
    Lookup,
    Reply,
    Rules,
    is_referral,
    record_type,
    walk_answer,
)
from maildns.net.servers import Transport, parse_server

TRIES = 2


def direct_lookup(question: DirectQuestion, port: int = 53) -> Lookup:
    """
    Put *question* to its server, on *port* where that names none.

    Raises `UsageError` for a type that no record has, a server that is not spelled right, or a
    transport that is none.
    """
    rdtype = record_type(question.rrtype)
    try:
        server = parse_server(question.server, Transport(question.transport), port)
    except ValueError:
        raise UsageError(f"{question.transport!r} is not a transport") from None
    try:
        qname = name_to_dns(question.name)
    except UsageError as error:
        return Answer(question, Outcome.NO_NAME, detail=error.problem)
    rules = Rules((server,), TRIES, recursive=False, authoritative=True, dnssec_ok=True)
    asking = Asking(question, rdtype, server, rules)
    reply: Reply = Failure("")
    for _ in range(TRIES):
        reply = yield from asking.exchange(qname, rdtype)
        if not isinstance(reply, Failure):
            break
    if isinstance(reply, Failure):
        return asking.unreachable(reply.detail, reply)
    answer = _judge(asking, reply, qname)
    return replace(answer, seen=_with_sections(asking.seen(reply), reply))


def _judge(asking: Asking, reply: dns.message.Message, qname: dns.name.Name) -> Answer:
    fault = asking.fault(reply, qname)
    if fault:
        refers = reply.rcode() == dns.rcode.NOERROR and is_referral(reply, qname)
        return asking.unreachable(f"{asking.server}: {REFERS}" if refers else fault, reply)
    walk = walk_answer(reply, qname, asking.rdtype)
    if isinstance(walk, str):
        return asking.unreachable(f"{asking.server}: {walk}", reply)
    return asking.answer(walk, reply, DnssecStatus.UNKNOWN)


def _with_sections(seen: Seen, reply: dns.message.Message) -> Seen:
    """What else came: signatures of the answer, and the other two sections."""
    signatures = [
        rdata for rrset in reply.answer if rrset.rdtype == dns.rdatatype.RRSIG for rdata in rrset
    ]
    return replace(
        seen,
        signatures=records_from_dns(signatures),
        authority=_section(reply.authority),
        additional=_section(reply.additional),
    )


def _section(rrsets: Iterable[dns.rrset.RRset]) -> tuple[RRset, ...]:
    return tuple(
        rrset_from_dns(name_from_dns(rrset.name), rrset)
        for rrset in rrsets
        if rrset.rdclass == dns.rdataclass.IN and len(rrset)
    )

"""
What the zone's own name servers say, each asked by itself.

Receivers' resolvers ask any of them: where they differ, mail depends on luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maildns.ask import Answer, DirectQuestion, Inquiry, Question
from maildns.dnsdata import AAAA, A, Ns, Soa, parent

MAX_SERVERS = 16  # of a zone; the root has 13
MAX_ADDRESSES = 24  # of all of them together


@dataclass(frozen=True, slots=True)
class NameServer:
    """One address of one name server, and what it answered to the questions put to it alone."""

    host: str
    address: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class ZoneFacts:
    """
    The zone that a domain is in.

    `apex` is empty where it could not be known. `hosts` are the name servers that the zone names.
    `servers` is empty where they were not asked.
    """

    apex: str
    soa: Soa | None = None
    hosts: tuple[str, ...] = ()
    servers: tuple[NameServer, ...] = ()


def zone_facts(domain: str) -> Inquiry[ZoneFacts]:
    """Find the zone that *domain* is in, and the name servers that it names."""
    at = domain
    while True:
        soa_answer, ns_answer = yield (Question(at, "SOA"), Question(at, "NS"))
        soa = next((one for one in soa_answer.records if isinstance(one, Soa)), None)
        if soa is not None and not soa_answer.aliases:
            hosts = tuple(sorted(one.target for one in ns_answer.records if isinstance(one, Ns)))
            return ZoneFacts(at, soa, hosts)
        if soa_answer.failed or at == ".":
            return ZoneFacts("")
        at = parent(at)


def ask_servers(zone: ZoneFacts, questions: Sequence[Question]) -> Inquiry[ZoneFacts]:
    """Put *questions*, if there are any, to each address of each name server of *zone*, by itself."""
    if not questions:
        return zone
    hosts = zone.hosts[:MAX_SERVERS]
    asked = [Question(host, rrtype) for host in hosts for rrtype in ("A", "AAAA")]
    places = [
        (answer.question.name, str(record.address))
        for answer in (yield asked)
        for record in answer.records
        if isinstance(record, A | AAAA)
    ][:MAX_ADDRESSES]
    direct = [
        DirectQuestion(one.name, one.rrtype, address) for _, address in places for one in questions
    ]
    answers = yield direct
    step = len(questions)
    servers = tuple(
        NameServer(host, address, tuple(answers[at * step : (at + 1) * step]))
        for at, (host, address) in enumerate(places)
    )
    return replace(zone, servers=servers)

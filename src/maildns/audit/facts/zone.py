"""
What the zone's own name servers say, each asked by itself, and what the zone above says of them.

Receivers' resolvers ask any of them: where they differ, mail depends on luck.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from maildns.ask import Answer, DirectQuestion, Inquiry, Question
from maildns.dnsdata import AAAA, A, Ns, RRset, Soa, address_text, parent

MAX_SERVERS = 16  # of a zone; the root has 13
MAX_ADDRESSES = 24  # of all of them together
PARENT_SERVERS = 2  # of the zone above: they are run by people who keep them alike


@dataclass(frozen=True, slots=True)
class NameServer:
    """
    One address of one name server, and what it answered to the questions put to it alone.

    `by_tcp` is its answer to a question for the SOA over TCP.
    """

    host: str
    address: str
    answers: tuple[Answer, ...]
    by_tcp: Answer

    @property
    def soa(self) -> Soa | None:
        """The SOA record that it gives."""
        found = (record for answer in self.answers for record in answer.records)
        return next((record for record in found if isinstance(record, Soa)), None)


@dataclass(frozen=True, slots=True)
class Delegation:
    """
    What the zone above says: the name servers, and the addresses it gives for them (glue).

    `hosts` is empty where it could not be known; `answer` is what it rests on.
    """

    answer: Answer
    hosts: tuple[str, ...] = ()
    glue: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ZoneFacts:
    """
    The zone that a domain is in.

    `apex` is empty where it could not be known. `hosts` are the name servers that the zone names,
    `addresses` those of each of them. `servers` is empty and `delegation` None where they were not
    asked.
    """

    apex: str
    soa: Soa | None = None
    hosts: tuple[str, ...] = ()
    addresses: Mapping[str, tuple[Answer, ...]] = field(default_factory=dict)
    servers: tuple[NameServer, ...] = ()
    delegation: Delegation | None = None

    def addresses_of(self, host: str) -> frozenset[str]:
        """The addresses of the name server *host*, as texts."""
        return frozenset(_addresses(self.addresses.get(host, ())))


def zone_facts(domain: str) -> Inquiry[ZoneFacts]:
    """Find the zone that *domain* is in, and the name servers that it names."""
    at = domain
    while True:
        soa_answer, ns_answer = yield (Question(at, "SOA"), Question(at, "NS"))
        soa = next((one for one in soa_answer.records if isinstance(one, Soa)), None)
        if soa is not None and not soa_answer.aliases:
            hosts = _hosts(ns_answer)[:MAX_SERVERS]
            return ZoneFacts(at, soa, hosts, (yield from _addresses_of(hosts)))
        if soa_answer.failed or at == ".":
            return ZoneFacts("")
        at = parent(at)


def _addresses_of(hosts: Sequence[str]) -> Inquiry[dict[str, tuple[Answer, ...]]]:
    answers = yield [Question(host, rrtype) for host in hosts for rrtype in ("A", "AAAA")]
    return {host: tuple(answers[2 * at : 2 * at + 2]) for at, host in enumerate(hosts)}


def ask_servers(zone: ZoneFacts, questions: Sequence[Question]) -> Inquiry[ZoneFacts]:
    """Put *questions*, if there are any, to each address of each name server of *zone*, by itself."""
    if not questions or not zone.apex:
        return zone
    places = [
        (host, address)
        for host, answers in zone.addresses.items()
        for address in _addresses(answers)
    ][:MAX_ADDRESSES]
    step = len(questions) + 1
    answers = yield [
        question
        for _, address in places
        for question in (
            *(DirectQuestion(one.name, one.rrtype, address) for one in questions),
            DirectQuestion(zone.apex, "SOA", address, "tcp"),
        )
    ]
    servers = tuple(
        NameServer(host, address, tuple(answers[at : at + step - 1]), answers[at + step - 1])
        for at, (host, address) in zip(range(0, len(answers), step), places, strict=True)
    )
    return replace(zone, servers=servers, delegation=(yield from _delegation(zone.apex)))


def _delegation(apex: str) -> Inquiry[Delegation | None]:
    """Ask the servers of the zone above which servers they name."""
    if apex == ".":
        return None
    above = yield from zone_facts(parent(apex))
    found: Delegation | None = None
    for host in above.hosts:
        for address in _addresses(above.addresses[host])[:1]:
            (answer,) = yield (DirectQuestion(apex, "NS", address),)
            found = _read_delegation(apex, answer)
            if found.hosts:
                return found
        if found is not None and above.hosts.index(host) >= PARENT_SERVERS:
            break
    return found


def _read_delegation(apex: str, answer: Answer) -> Delegation:
    """The referral in *answer*, or the records themselves where one server has both zones."""
    seen = answer.seen
    sets = seen.authority if seen else ()
    referred = [one for rrset in sets if rrset.key == (apex, "NS") for one in rrset.records]
    hosts = tuple(sorted(one.target for one in referred if isinstance(one, Ns))) or _hosts(answer)
    return Delegation(answer, hosts, _glue(seen.additional if seen else (), hosts))


def _glue(sets: Iterable[RRset], hosts: Sequence[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for rrset in sets:
        if rrset.name in hosts and rrset.rrtype in {"A", "AAAA"}:
            found.setdefault(rrset.name, set()).update(map(str, rrset.records))
    return {host: frozenset(addresses) for host, addresses in found.items()}


def _hosts(answer: Answer) -> tuple[str, ...]:
    return tuple(sorted(one.target for one in answer.records if isinstance(one, Ns)))


def _addresses(answers: Iterable[Answer]) -> list[str]:
    return [
        address_text(one.address)
        for answer in answers
        for one in answer.records
        if isinstance(one, A | AAAA)
    ]

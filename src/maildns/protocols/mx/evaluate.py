"""Where a sender takes a domain's mail to (RFC 5321 section 5.1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from maildns.ask import Answer, DnssecStatus, Inquiry, Outcome, Question, weakest
from maildns.dnsdata import AAAA, A, Mx, name
from maildns.protocols.mx.record import is_null

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_HOSTS = 100  # RFC 5321 section 5.1 lets a sender stop somewhere; none looks further


class MxResult(StrEnum):
    """What the MX records of a domain come to."""

    FOUND = "found"  # they name hosts
    IMPLICIT = "implicit"  # there are none, but the domain has an address and is its own host
    NULL = "null"  # the null MX: the domain takes no mail
    NONE = "none"  # neither MX records nor an address
    TEMPERROR = "temperror"  # it cannot be known now


@dataclass(frozen=True, slots=True)
class MailHost:
    """
    A host that takes mail, with its addresses as far as they are known.

    `outcome` is the worse of the two address lookups where there is no address: a failed one
    means that it cannot be known. `alias_of` is the target where the name is a CNAME, which
    RFC 2181 section 10.3 forbids.
    """

    preference: int
    name: str
    addresses: tuple[IpAddress, ...]
    outcome: Outcome
    alias_of: str = ""
    dnssec: DnssecStatus = DnssecStatus.UNKNOWN
    detail: str = ""


@dataclass(frozen=True, slots=True)
class MailHosts:
    """A domain's mail hosts, the most preferred first; `reason` says why there are none."""

    domain: str
    result: MxResult
    hosts: tuple[MailHost, ...] = ()
    records: tuple[Mx, ...] = ()
    dnssec: DnssecStatus = DnssecStatus.UNKNOWN
    ttl_seconds: int | None = None
    reason: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the hosts, in order of preference."""
        return tuple(host.name for host in self.hosts)


def mail_hosts(domain: str) -> Inquiry[MailHosts]:
    """
    Find the hosts that take mail for *domain*, with their addresses.

    All addresses are asked for together. Raises `RecordSyntaxError` when *domain* is no name.
    """
    domain = name(domain)
    (answer,) = yield (Question(domain, "MX"),)
    if answer.failed:
        reason = f"{answer.question}: {answer.detail or answer.outcome}"
        return MailHosts(domain, MxResult.TEMPERROR, dnssec=answer.dnssec, reason=reason)
    records = sorted(record for record in answer.records if isinstance(record, Mx))
    if not records:
        return (yield from _implicit(domain, answer))
    named = [record for record in records if not is_null(record)]
    common = (tuple(records), answer.dnssec, answer.ttl_seconds)
    if not named:  # RFC 7505 section 3; beside others the null MX names nobody
        return MailHosts(domain, MxResult.NULL, (), *common, "the domain takes no mail (null MX)")
    first = {record.host: record for record in reversed(named)}
    wanted = sorted(first.values())[:MAX_HOSTS]
    answers = yield [Question(one.host, rrtype) for one in wanted for rrtype in ("A", "AAAA")]
    hosts = [
        _host(record.preference, record.host, answers[2 * place : 2 * place + 2])
        for place, record in enumerate(wanted)
    ]
    return MailHosts(domain, MxResult.FOUND, tuple(hosts), *common)


def _implicit(domain: str, answer: Answer) -> Inquiry[MailHosts]:
    """RFC 5321 section 5.1: without MX records, the domain itself with preference 0."""
    nothing = f"{domain} has neither an MX record nor an address"
    dnssec, ttl = answer.dnssec, answer.ttl_seconds
    if answer.outcome is Outcome.NO_NAME:
        reason = f"{domain} does not exist"
        return MailHosts(domain, MxResult.NONE, (), (), dnssec, ttl, reason)
    answers = yield (Question(domain, "A"), Question(domain, "AAAA"))
    host = _host(0, domain, answers)
    if host.addresses:
        return MailHosts(domain, MxResult.IMPLICIT, (host,), (), dnssec, ttl)
    if host.outcome in {Outcome.UNREACHABLE, Outcome.BOGUS}:
        return MailHosts(domain, MxResult.TEMPERROR, (), (), dnssec, ttl, host.detail)
    return MailHosts(domain, MxResult.NONE, (), (), dnssec, ttl, nothing)


def _host(preference: int, host: str, answers: Sequence[Answer]) -> MailHost:
    addresses = tuple(
        record.address
        for answer in answers
        for record in answer.records
        if isinstance(record, A | AAAA)
    )
    deciding = next((answer for answer in answers if answer.failed), answers[0])
    alias = next((answer.owner for answer in answers if answer.aliases), "")
    return MailHost(
        preference,
        host,
        addresses,
        Outcome.FOUND if addresses else deciding.outcome,
        alias_of=alias,
        dnssec=weakest(answer.dnssec for answer in answers),
        detail=f"{deciding.question}: {deciding.detail or deciding.outcome}"
        if deciding.failed
        else "",
    )

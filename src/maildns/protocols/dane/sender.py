"""
The verdict that a sending mail server reaches: may this mail go to that host, and how?

`sender_verdict` is for one host and the certificates that it showed; `domain_lookup` finds the
hosts of a domain and what DANE says of each (RFC 7672 sections 2.2 and 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from maildns.ask import Answer, DnssecStatus, Inquiry, Outcome, Question, in_step, weakest
from maildns.dnsdata import Mx, name
from maildns.protocols.dane.evaluate import LookupResult, TlsaLookup, tlsa_lookup
from maildns.protocols.dane.matching import DaneResult, DaneVerdict, match

MAX_HOSTS = 100  # as many MX hosts as are looked at


class Delivery(StrEnum):
    """What the sender does with mail for the host."""

    AUTHENTICATED = "authenticated"  # delivers over TLS, to the server that the records name
    ENCRYPTED = "encrypted"  # delivers over TLS, whoever the server is
    OPPORTUNISTIC = "opportunistic"  # DANE has no word in it: TLS if offered, or MTA-STS
    DEFER = "defer"  # does not deliver to this host now
    UNKNOWN = "unknown"  # nobody says whether the answers are signed


@dataclass(frozen=True, slots=True)
class SenderVerdict:
    """
    What a sender does with one mail host.

    `match` is how the certificate fared, None where it was not looked at; `report_as` is the
    result type that the sender reports (RFC 8460 section 4.3), empty where nothing failed.
    """

    delivery: Delivery
    lookup: TlsaLookup
    match: DaneVerdict | None = None
    report_as: str = ""
    reason: str = ""


class DomainResult(StrEnum):
    """How the search for a domain's mail hosts ended."""

    FOUND = "found"
    NONE = "none"  # it takes no mail: it does not exist, has no host, or says so (null MX)
    DEFER = "defer"  # cannot be known, or fails DNSSEC validation: all its mail waits


@dataclass(frozen=True, slots=True)
class DomainLookup:
    """
    The mail hosts of `domain`, in order of preference, each with its TLSA records.

    `next_hops` are the domain and what its aliases lead to: names that a certificate under a
    usage 2 record may bear. `dnssec` is that of the MX records: unless it is `SECURE`, anyone
    may have chosen the hosts, and DANE proves less than it seems.
    """

    domain: str
    result: DomainResult
    next_hops: tuple[str, ...]
    dnssec: DnssecStatus
    hosts: tuple[TlsaLookup, ...] = ()
    reason: str = ""

    @property
    def protected(self) -> bool:
        """Every way to this domain is secure and has records (RFC 7672 section 2.2.1)."""
        by_dane = all(host.result is LookupResult.DANE for host in self.hosts)
        return bool(self.hosts) and by_dane and self.dnssec is DnssecStatus.SECURE


def judge(
    lookup: TlsaLookup,
    chain_der: Sequence[bytes] | None,
    *,
    next_hops: Sequence[str] = (),
    now: datetime | None = None,
) -> SenderVerdict:
    """
    Say what a sender does with the host of *lookup*, given the chain that it showed.

    *chain_der* is in DER, leaf first; None says that the host does not offer STARTTLS.
    *next_hops* are the recipient's domain and what its aliases lead to.
    """
    if lookup.result is LookupResult.UNKNOWN:
        return SenderVerdict(Delivery.UNKNOWN, lookup, reason=lookup.reason)
    if lookup.result in {LookupResult.DEFER, LookupResult.NO_HOST}:
        report = "dnssec-invalid" if lookup.dnssec is DnssecStatus.BOGUS else ""
        return SenderVerdict(Delivery.DEFER, lookup, None, report, lookup.reason)
    if lookup.result is LookupResult.NO_DANE:
        return SenderVerdict(Delivery.OPPORTUNISTIC, lookup, reason=lookup.reason)
    if chain_der is None:  # RFC 7672 section 2.2: secure records, usable or not, require TLS
        reason = "there are TLSA records, but the host does not offer STARTTLS"
        return SenderVerdict(Delivery.DEFER, lookup, None, "starttls-not-supported", reason)
    found = match(lookup.records, chain_der, lookup.names(*next_hops), now=now)
    if found.result is DaneResult.MATCH:
        return SenderVerdict(Delivery.AUTHENTICATED, lookup, found, reason=found.reason)
    if found.result is DaneResult.UNUSABLE:
        return SenderVerdict(Delivery.ENCRYPTED, lookup, found, "tlsa-invalid", found.reason)
    return SenderVerdict(Delivery.DEFER, lookup, found, "validation-failure", found.reason)


def sender_verdict(
    host: str,
    chain_der: Sequence[bytes] | None,
    *,
    next_hops: Sequence[str] = (),
    port: int = 25,
    now: datetime | None = None,
) -> Inquiry[SenderVerdict]:
    """
    Look up the TLSA records of *host* and say what a sender does; see `judge` for the arguments.

    Raises `RecordSyntaxError` when *host* is no name, `UsageError` when *port* is none.
    """
    lookup = yield from tlsa_lookup(host, port)
    return judge(lookup, chain_der, next_hops=next_hops, now=now)


def domain_lookup(domain: str, port: int = 25) -> Inquiry[DomainLookup]:
    """
    Find the mail hosts of *domain* and the TLSA records of each, the way a sender does.

    Raises `RecordSyntaxError` when *domain* is no name, `UsageError` when *port* is none.
    """
    domain = name(domain)
    (answer,) = yield (Question(domain, "MX"),)
    next_hops = tuple(dict.fromkeys((domain, answer.owner)))
    if answer.failed:  # RFC 7672 section 2.1.2: not even the hosts are known
        reason = f"{answer.question}: {answer.detail or answer.outcome}, so all mail waits"
        return DomainLookup(domain, DomainResult.DEFER, next_hops, answer.dnssec, reason=reason)
    if answer.outcome is Outcome.NO_NAME:
        return _nobody(domain, next_hops, answer, "does not exist")
    names = _host_names(answer)
    if names == ["."]:
        return _nobody(domain, next_hops, answer, "takes no mail (null MX)")
    # RFC 5321 section 5.1: without MX records the domain itself; RFC 7672 section 2.2.2
    hosts: list[TlsaLookup] = yield from in_step(
        [tlsa_lookup(host, port) for host in names or [domain]]
    )
    if not names and hosts[0].result is LookupResult.NO_HOST:
        return _nobody(domain, next_hops, answer, "has neither an MX record nor an address")
    dnssec = answer.dnssec if names else weakest((answer.dnssec, hosts[0].dnssec))
    reason = ""
    if dnssec is not DnssecStatus.SECURE:
        reason = "the MX records are not known to be signed, so anyone may have chosen the hosts"
    return DomainLookup(domain, DomainResult.FOUND, next_hops, dnssec, tuple(hosts), reason)


def _nobody(domain: str, next_hops: tuple[str, ...], answer: Answer, why: str) -> DomainLookup:
    reason = f"{domain} {why}"
    return DomainLookup(domain, DomainResult.NONE, next_hops, answer.dnssec, reason=reason)


def _host_names(answer: Answer) -> list[str]:
    """The hosts in order of preference; the null MX (RFC 7505) counts only when it stands alone."""
    found = [record.host for record in sorted(one for one in answer.records if isinstance(one, Mx))]
    hosts = [host for host in dict.fromkeys(found) if host != "."]
    return hosts[:MAX_HOSTS] if hosts or not found else ["."]

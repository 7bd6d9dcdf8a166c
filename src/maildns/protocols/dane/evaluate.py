"""
What a sending mail server finds when it looks for TLSA records (RFC 7672 section 2).

Everything turns on DNSSEC: records in an answer that is not secure do not count, and an
answer that cannot be had means that mail waits, never that there are no records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from maildns.ask import Answer, DnssecStatus, Inquiry, Outcome, Question, weakest
from maildns.dnsdata import Tlsa, name
from maildns.errors import RecordSyntaxError
from maildns.frozen import quickly
from maildns.protocols.dane.matching import (
    DaneResult,
    DaneVerdict,
    match,
    match_key,
    unmatched_parameters,
)
from maildns.protocols.dane.record import Parameters, owner_name, why_unusable

_NOT_SIGNED: Final = "the answer is not signed with DNSSEC"
_NOBODY_SAYS: Final = "it is not known whether the answer is signed: ask a resolver that validates"


class LookupResult(StrEnum):
    """What the sender does."""

    DANE = "dane"  # there are secure records: TLS is required, and they judge the certificate
    NO_DANE = "no-dane"  # certainly none that count: TLS if offered, or MTA-STS
    DEFER = "defer"  # cannot know: this host is not used, mail waits
    NO_HOST = "no-host"  # the host has no address
    UNKNOWN = "unknown"  # the answers came, but nobody says whether they are signed


@dataclass(frozen=True, slots=True)
class TlsaLookup:
    """
    The sender's verdict on the TLSA records of a host.

    `records` are those found at `owner`, even when they do not count (`result` says
    whether); `base_domain` is the name the records belong to, which is also the SNI;
    `reason` says why in words.
    """

    result: LookupResult
    host: str
    base_domain: str
    owner: str
    records: tuple[Tlsa, ...] = ()
    dnssec: DnssecStatus = DnssecStatus.UNKNOWN
    ttl_seconds: int | None = None
    reason: str = ""

    @property
    def usable(self) -> tuple[Tlsa, ...]:
        """The records that count and can match; with none, `DANE` is encryption alone."""
        if self.result is not LookupResult.DANE:
            return ()
        return tuple(record for record in self.records if why_unusable(record) is None)

    def names(self, *next_hops: str) -> tuple[str, ...]:
        """
        The names a certificate under a usage 2 record may bear (RFC 7672 section 3.2.2).

        *next_hops* are the recipient's domain and what its aliases lead to.
        """
        all_names = (self.base_domain, self.host, *next_hops)
        return tuple(dict.fromkeys(one for one in all_names if one))


@dataclass(frozen=True, slots=True)
class PlannedMatch:
    """
    Whether a certificate or key will match the records that a sender finds, and whether they count.

    `unmatched` are the parameter triples of which no record matches the certificate: a sender
    that looks at those alone defers the mail (RFC 7671 section 8).
    """

    lookup: TlsaLookup
    verdict: DaneVerdict
    unmatched: tuple[Parameters, ...] = ()

    @property
    def proven(self) -> bool:
        """The records count, and one matches."""
        return self.lookup.result is LookupResult.DANE and self.verdict.result is DaneResult.MATCH


def tlsa_lookup(host: str, port: int = 25) -> Inquiry[TlsaLookup]:
    """
    Look up the TLSA records of the mail server *host*, the way a sender does.

    The addresses are asked first: where they are not secure, no sender asks for TLSA
    (RFC 7672 section 2.2.2). Raises `RecordSyntaxError` when *host* is no name, `UsageError`
    when *port* is none.
    """
    host = name(host)
    owner = _owner(host, port)
    v4, v6 = yield (Question(host, "A"), Question(host, "AAAA"))
    stopped = _without_address(host, owner, (v4, v6))
    if stopped is not None:
        return stopped
    # An answer that failed says nothing of the other; the addresses that are known are used.
    known = [answer for answer in (v4, v6) if not answer.failed]
    dnssec = weakest(answer.dnssec for answer in known)
    expanded = next((answer.owner for answer in known if answer.found), host)
    bases: tuple[str, ...] = tuple(dict.fromkeys((expanded, host)))  # RFC 7671 section 7
    if dnssec is DnssecStatus.INSECURE:
        if expanded == host:
            reason = "the addresses of the host are not signed, so senders do not ask for TLSA"
            return TlsaLookup(LookupResult.NO_DANE, host, host, owner, dnssec=dnssec, reason=reason)
        # RFC 7672 section 2.2.2: the alias itself may be secure where its target is not.
        (alias,) = yield (Question(host, "CNAME"),)
        if alias.failed:
            return _deferred(host, owner, alias)
        dnssec, bases = alias.dnssec, (host,)
        if dnssec is DnssecStatus.INSECURE:
            reason = "neither the alias nor its target is signed, so senders do not ask for TLSA"
            return TlsaLookup(LookupResult.NO_DANE, host, host, owner, dnssec=dnssec, reason=reason)
    return (yield from _first_base(host, bases, port, dnssec))


def _owner(host: str, port: int) -> str:
    """Where the records of *host* stand; empty where that is too long for a name."""
    try:
        return owner_name(host, port)
    except RecordSyntaxError:
        return ""


def _first_base(
    host: str, bases: Sequence[str], port: int, addresses: DnssecStatus
) -> Inquiry[TlsaLookup]:
    """Ask at each TLSA base domain in turn, until one has secure records."""
    seen: list[TlsaLookup] = []
    for base in bases:
        owner = _owner(base, port)
        if not owner:  # RFC 1035 section 2.3.4: nothing can stand there
            reason = f"a TLSA record of {base} would have too long a name"
            none = TlsaLookup(LookupResult.NO_DANE, host, base, "", dnssec=addresses, reason=reason)
            seen.append(none)
            continue
        (answer,) = yield (Question(owner, "TLSA"),)
        if answer.failed:
            return _deferred(host, owner, answer, base)
        lookup = _judge(host, base, answer, addresses)
        if lookup.result in {LookupResult.DANE, LookupResult.UNKNOWN}:
            return lookup
        seen.append(lookup)
    return next((lookup for lookup in seen if lookup.records), seen[0])


def _judge(host: str, base: str, answer: Answer, addresses: DnssecStatus) -> TlsaLookup:
    records = tuple(record for record in answer.records if isinstance(record, Tlsa))
    dnssec = weakest((answer.dnssec, addresses))
    result, reason = LookupResult.NO_DANE, _NOT_SIGNED
    if dnssec is DnssecStatus.UNKNOWN:
        result, reason = LookupResult.UNKNOWN, _NOBODY_SAYS
    elif not records:
        reason = f"there are no TLSA records at {answer.question.name}"
    elif dnssec is DnssecStatus.SECURE:
        result, reason = LookupResult.DANE, ""
        if all(why_unusable(record) is not None for record in records):
            reason = "no record can be used: TLS is required, but any certificate will do"
    return _lookup(
        result, host, base, answer.question.name, records, dnssec, answer.ttl_seconds, reason
    )


_lookup = quickly(TlsaLookup)


def _without_address(host: str, owner: str, answers: Sequence[Answer]) -> TlsaLookup | None:
    """The verdict where the addresses alone settle it."""
    # RFC 7672 section 2.1.2: a bogus answer is an attack or a fault; the host is not used.
    bogus = next((answer for answer in answers if answer.outcome is Outcome.BOGUS), None)
    if bogus is not None:
        return _deferred(host, owner, bogus)
    if any(answer.found for answer in answers):
        return None
    failed = next((answer for answer in answers if answer.failed), None)
    if failed is not None:
        return _deferred(host, owner, failed)
    return TlsaLookup(
        LookupResult.NO_HOST,
        host,
        host,
        owner,
        dnssec=weakest(answer.dnssec for answer in answers),
        reason="the host has no address",
    )


def _deferred(host: str, owner: str, answer: Answer, base: str = "") -> TlsaLookup:
    what = "fails DNSSEC validation" if answer.outcome is Outcome.BOGUS else "cannot be had"
    detail = f" ({answer.detail})" if answer.detail else ""
    reason = f"the answer for {answer.question} {what}{detail}, so senders do not use this host"
    return TlsaLookup(
        LookupResult.DEFER, host, base or host, owner, dnssec=answer.dnssec, reason=reason
    )


def planned_match(
    host: str,
    chain_der: Sequence[bytes] = (),
    *,
    spki_der: bytes | None = None,
    next_hop: str = "",
    port: int = 25,
    now: datetime | None = None,
) -> Inquiry[PlannedMatch]:
    """
    Say whether a certificate chain, or a key that has no certificate yet, will match.

    This is the proof of a plan: run it over the world with the planned records in it. With
    *spki_der* the key is compared and the chain is not looked at. Names are those of the
    lookup, and *next_hop*, the recipient's domain. Records in an unsigned zone, which no
    sender would ask for, are compared too: they can be right although they do not count.
    """
    lookup = yield from tlsa_lookup(host, port)
    if lookup.result is LookupResult.NO_DANE and lookup.owner and not lookup.records:
        (answer,) = yield (Question(lookup.owner, "TLSA"),)
        records = tuple(record for record in answer.records if isinstance(record, Tlsa))
        lookup = replace(lookup, records=records)
    if spki_der is not None:
        return PlannedMatch(lookup, match_key(lookup.records, spki_der))
    names = lookup.names(next_hop)
    verdict = match(lookup.records, chain_der, names, now=now)
    unmatched = unmatched_parameters(lookup.records, chain_der, names, now=now) if chain_der else ()
    return PlannedMatch(lookup, verdict, tuple(unmatched))

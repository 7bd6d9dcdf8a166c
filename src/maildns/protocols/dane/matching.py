"""
Does a server's certificate chain match its TLSA records (RFC 7671, RFC 7672 section 3)?

Only what a sending mail server checks is checked. With usage 3 the leaf is compared and
nothing else; with usage 2 a chain is built up to the matching issuer, and names and dates
count. Revocation and name constraints are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from maildns.dnsdata import Tlsa
from maildns.protocols.dane.build import digest
from maildns.protocols.dane.record import DANE_EE, Parameters, why_unusable

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAX_CHAIN = 16  # certificates of a chain that are looked at


class DaneResult(StrEnum):
    """How the comparison ended."""

    MATCH = "match"  # a record authenticates the server
    NO_MATCH = "no match"  # there are usable records, none matches: mail is deferred
    UNUSABLE = "unusable"  # none can be used: TLS is required, whoever the server is
    NONE = "none"  # there are no records


@dataclass(frozen=True, slots=True)
class DaneVerdict:
    """
    What the comparison found.

    `matched` is the record that did; `reason` says why in words; `per_record` has for each
    record, in the order given, what became of it.
    """

    result: DaneResult
    matched: Tlsa | None
    reason: str
    per_record: tuple[tuple[Tlsa, str], ...] = ()


WhyNot: TypeAlias = Callable[[Tlsa], str | None]  # why a usable record does not match, or None


def match(
    records: Sequence[Tlsa],
    chain_der: Sequence[bytes],
    names: Sequence[str],
    *,
    now: datetime | None = None,
) -> DaneVerdict:
    """
    Compare a server's chain (DER, leaf first) with its TLSA *records*.

    *names* are those that a certificate under a usage 2 record may bear: the TLSA base
    domain, the MX host, the recipient's domain (RFC 7672 section 3.2.2). *now* is the time
    that dates are checked against, the present when left out. Whether the records were
    signed is not asked: unsigned ones do not count at all, see `tlsa_lookup`.
    """
    from maildns.protocols.dane import chain

    if isinstance(names, str):  # one name is a sequence of letters, too
        names = (names,)
    shown = chain.read(chain_der[:MAX_CHAIN])
    if isinstance(shown, str):
        problem = shown
        return _compare(records, lambda _: problem, says="")

    def why_not(record: Tlsa) -> str | None:
        if record.usage == DANE_EE:
            # RFC 7671 section 5.1: the leaf alone; its names and dates are ignored.
            return None if _selects(record, shown.leaf) else "it is of another certificate or key"
        return chain.why_not_issued(shown, record, names, now or datetime.now(UTC))

    return _compare(records, why_not, says="the server's certificate matches")


def match_key(records: Sequence[Tlsa], spki_der: bytes) -> DaneVerdict:
    """
    Compare a public key with the records that speak of the server's key (3 1 x).

    For a key that has no certificate yet. Other records never match here.
    """

    def why_not(record: Tlsa) -> str | None:
        if record.usage != DANE_EE or record.selector != 1:
            return "it speaks of more than the server's key, so a key alone cannot match it"
        same = digest(record.matching_type, spki_der) == record.association
        return None if same else "it is of another key"

    return _compare(records, why_not, says="the key matches")


def unmatched_parameters(
    records: Sequence[Tlsa],
    chain_der: Sequence[bytes],
    names: Sequence[str],
    *,
    now: datetime | None = None,
) -> list[Parameters]:
    """
    The parameter triples of *records* under which no record matches the chain, in order.

    A sender need not support them all, so for each there must be one record that matches
    (RFC 7671 section 8). Triples that no mail server uses are left out. See `match` for the
    arguments.
    """
    sets: dict[Parameters, list[Tlsa]] = {}
    for record in records:
        if why_unusable(record) is None:
            sets.setdefault(Parameters.of(record), []).append(record)
    return [
        parameters
        for parameters, alike in sorted(sets.items())
        if match(alike, chain_der, names, now=now).result is not DaneResult.MATCH
    ]


def drop_weaker_digests(records: Sequence[Tlsa]) -> list[Tlsa]:
    """
    Keep, for each usage and selector, the strongest digest alone (RFC 7671 section 9).

    Full data (matching type 0) always stays.
    """
    strongest: dict[tuple[int, int], int] = {}
    for record in records:
        key = (record.usage, record.selector)
        strongest[key] = max(strongest.get(key, 0), record.matching_type)
    return [
        record
        for record in records
        if record.matching_type in {0, strongest[record.usage, record.selector]}
    ]


def _selects(record: Tlsa, certificate: Certificate) -> bool:
    from maildns.protocols.dane.chain import selected

    return digest(record.matching_type, selected(record, certificate)) == record.association


def _compare(records: Sequence[Tlsa], why_not: WhyNot, *, says: str) -> DaneVerdict:
    """Apply the rules that hold for every comparison: what is usable, and digest agility."""
    unusable = {record: why_unusable(record) for record in records}
    usable = [record for record in records if unusable[record] is None]
    strong = dict.fromkeys(drop_weaker_digests(usable))
    became: dict[Tlsa, str] = {}
    matched: Tlsa | None = None
    for record in records:
        if record in strong:
            problem = why_not(record)
            became[record] = problem or "it matches"
            matched = matched or (record if problem is None else None)
        else:
            hidden = "a stronger digest with the same usage and selector hides it"
            became[record] = unusable[record] or hidden
    result, reason = _result(records, usable, matched, says=says)
    if result is DaneResult.NO_MATCH:
        reason += ": " + "; ".join(dict.fromkeys(became[record] for record in strong))
        if any(why_not(record) is None for record in usable if record not in strong):
            reason += "; one with a weaker digest would, but is hidden (RFC 7671 section 9)"
    return DaneVerdict(result, matched, reason, tuple((one, became[one]) for one in records))


def _result(
    records: Sequence[Tlsa], usable: Sequence[Tlsa], matched: Tlsa | None, *, says: str
) -> tuple[DaneResult, str]:
    if not records:
        return DaneResult.NONE, "there are no TLSA records"
    if not usable:
        # RFC 7672 section 2.2: encryption is still required, authentication is not possible.
        return DaneResult.UNUSABLE, "no TLSA record is usable: TLS is required, but proves nothing"
    if matched is None:
        return DaneResult.NO_MATCH, "no TLSA record matches"
    return DaneResult.MATCH, f"{says} {matched.usage} {matched.selector} {matched.matching_type}"

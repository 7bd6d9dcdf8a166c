"""
What a record alone permits, and the meaning of a change in words.

Nothing is asked: the networks are known, and what stands behind an include, a
name or a macro is named, not resolved. The first term that covers an address
decides for it (RFC 7208 section 4.6.2), so networks are told apart with set
algebra over ranges of addresses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from maildns.protocols.spf.build import term_key
from maildns.protocols.spf.ranges import (
    IPNetwork,
    Range,
    first_decides,
    networks4,
    networks6,
    overlaid,
    shown,
)
from maildns.protocols.spf.record import (
    A,
    Directive,
    Include,
    Ip4,
    Ip6,
    Mx,
    Qualifier,
    SpfRecord,
    SpfResult,
)


@dataclass(frozen=True, slots=True)
class SpfPermits:
    """
    What a record says by itself.

    `ip4` and `ip6` are the networks that may send, joined where they touch;
    `includes` and `names` are the terms that say pass and need DNS to know more,
    as published; `others` is what holds for every other host: a result, or
    ``redirect=...``, or ``none`` where there is no record.
    """

    ip4: tuple[ipaddress.IPv4Network, ...] = ()
    ip6: tuple[ipaddress.IPv6Network, ...] = ()
    includes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    others: str = SpfResult.NONE.value

    @property
    def nobody(self) -> bool:
        """No host at all may send: what the owner of a domain without mail publishes."""
        named = self.ip4 or self.ip6 or self.includes or self.names
        return not named and self.others == SpfResult.FAIL


def permitted(record: SpfRecord | None) -> SpfPermits:
    """
    Say what *record* alone permits.

    >>> from maildns.protocols.spf.record import parse
    >>> permits = permitted(parse("v=spf1 ip4:192.0.2.0/25 ip4:192.0.2.128/25 mx ~all"))
    >>> permits.ip4, permits.names, permits.others
    ((IPv4Network('192.0.2.0/24'),), ('mx',), 'softfail')
    """
    if record is None:
        return SpfPermits()
    passing = [d for d in _asking(record) if d.qualifier is Qualifier.PASS]
    return SpfPermits(
        ip4=tuple(networks4(_passing(_ranges(record, 4)))),
        ip6=tuple(networks6(_passing(_ranges(record, 6)))),
        includes=tuple(str(d) for d in passing if isinstance(d.mechanism, Include)),
        names=tuple(str(d) for d in passing if not isinstance(d.mechanism, Include)),
        others=_others(record),
    )


def _asking(record: SpfRecord) -> list[Directive]:
    return [directive for directive in record.effective if directive.mechanism.asks]


def _others(record: SpfRecord | None) -> str:
    if record is None:
        return SpfResult.NONE.value
    if record.all is not None:
        return record.all.qualifier.result.value
    if record.redirect is not None:
        return f"redirect={record.redirect.domain.key}"
    return SpfResult.NEUTRAL.value  # RFC 7208 section 4.7


def _passing(ranges: Sequence[Range[str]]) -> list[tuple[int, int]]:
    return [(r.first, r.last) for r in ranges if r.result == SpfResult.PASS]


def _ranges(record: SpfRecord | None, version: int) -> list[Range[str]]:
    """What the networks of *record* say, in order and without overlap: the first term decides."""
    if record is None:
        return []
    networks = []
    for place, directive in enumerate(record.effective):
        mechanism = directive.mechanism
        if isinstance(mechanism, Ip4 | Ip6) and mechanism.address.version == version:
            network = mechanism.network
            first, last = int(network.network_address), int(network.broadcast_address)
            networks.append((first, place, last, directive.qualifier.result.value))
    networks.sort()
    return list(first_decides(networks))


# --- changes --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PermitChange:
    """One change: *who* had the result *before* and has *after*."""

    who: str
    before: str
    after: str

    def __str__(self) -> str:
        if self.after == SpfResult.PASS:
            return f"{self.who} may now send"
        if self.before == SpfResult.PASS and self.after.startswith("redirect="):
            return f"{self.who} may send only where {self.after} says so"
        if self.before == SpfResult.PASS:
            return f"{self.who} may no longer send"
        return f"{self.who}: {self.before} becomes {self.after}"


def changes(before: SpfRecord | None, after: SpfRecord | None) -> list[PermitChange]:
    """
    Tell what becomes of whom: networks, then terms that need DNS, then all others.

    A network has the result of the first of a record's networks that covers it,
    or else what holds for others; terms that need DNS are compared by name.
    """
    default = (_others(before), _others(after))
    found: list[PermitChange] = []
    for version in (4, 6):
        found += _network_changes(
            _ranges(before, version), _ranges(after, version), default, version
        )
    found += _term_changes(before, after, default)
    if default[0] != default[1]:
        found.append(PermitChange("others", *default))
    return found


def _network_changes(
    before: list[Range[str]], after: list[Range[str]], default: tuple[str, str], version: int
) -> Iterator[PermitChange]:
    groups: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for first, last, was, becomes in overlaid(before, after):
        if was is None and becomes is None:
            continue
        pair = (was or default[0], becomes or default[1])
        if _worth_telling(*pair, default):
            groups.setdefault(pair, []).append((first, last))
    for (was_, becomes_), ranges in groups.items():
        networks: Iterator[IPNetwork] = (networks4 if version == 4 else networks6)(ranges)
        for network in networks:
            yield PermitChange(shown(network), was_, becomes_)


def _term_changes(
    before: SpfRecord | None, after: SpfRecord | None, default: tuple[str, str]
) -> Iterator[PermitChange]:
    was, becomes = _said_by_terms(before), _said_by_terms(after)
    for key in dict.fromkeys([*was, *becomes]):
        who, old = was.get(key, ("", default[0]))
        now_who, new = becomes.get(key, ("", default[1]))
        if _worth_telling(old, new, default):
            yield PermitChange(who or now_who, old, new)


def _worth_telling(old: str, new: str, default: tuple[str, str]) -> bool:
    """Whether it is a change, and not just that of all others."""
    return old != new and ((old, new) != default or SpfResult.PASS in {old, new})


def _said_by_terms(record: SpfRecord | None) -> dict[tuple[str, ...], tuple[str, str]]:
    """The terms that need DNS: what names them, their text, and the result of a match."""
    said: dict[tuple[str, ...], tuple[str, str]] = {}
    for directive in _asking(record) if record else []:
        text = str(directive.mechanism)
        if isinstance(directive.mechanism, A | Mx):
            text = f"the hosts of {text}"  # "a may send" would not be understood
        said.setdefault(term_key(directive), (text, directive.qualifier.result.value))
    return said


def meaning_of_change(before: SpfRecord | None, after: SpfRecord | None) -> list[str]:
    """
    Say in sentences what the change from *before* to *after* means; None is no record.

    >>> from maildns.protocols.spf.record import parse
    >>> meaning_of_change(parse("v=spf1 ip4:192.0.2.0/24 ~all"), parse("v=spf1 ip4:192.0.2.0/25 -all"))
    ['192.0.2.128/25 may no longer send', 'others: softfail becomes fail']
    """
    sentences = [str(change) for change in changes(before, after)]
    return ["anyone may now send" if s == "others may now send" else s for s in sentences]

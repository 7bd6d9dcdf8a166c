"""
Laying terms out as records: joined, in the order that asks least, and in small enough pieces.

Directives with one qualifier that stand beside each other may stand in any order, since
any match of theirs says the same (RFC 7208 section 4.6.2). Such a *run* is the unit: its
networks are joined, and stand before what needs a lookup.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from maildns.protocols.spf.build import term_key
from maildns.protocols.spf.macro import DomainSpec
from maildns.protocols.spf.ranges import IPNetwork, networks_of, subtracted
from maildns.protocols.spf.record import (
    VERSION,
    All,
    Directive,
    Include,
    Ip4,
    Ip6,
    Modifier,
    Qualifier,
    SpfRecord,
    Term,
)

MAX_OCTETS = 450  # RFC 7208 section 3.4: the answer fits into 512 octets with its name


@dataclass(slots=True)
class Run:
    """Neighbours with one qualifier: their networks, and the terms that ask, each once."""

    qualifier: Qualifier
    networks: list[IPNetwork] = field(default_factory=list)
    asking: list[Directive] = field(default_factory=list)

    def directives(self) -> list[Directive]:
        """The run as it is published: what needs no lookup comes first."""
        own = [directive_of(network, self.qualifier) for network in self.networks]
        return [*own, *self.asking]


@dataclass(frozen=True, slots=True)
class Layout:
    """A record, and the networks that did not fit into it, by the name of their record."""

    record: SpfRecord
    parts: tuple[tuple[str, SpfRecord], ...] = ()


def directive_of(network: IPNetwork, qualifier: Qualifier = Qualifier.PASS) -> Directive:
    """The ip4 or ip6 term of *network*."""
    if isinstance(network, ipaddress.IPv4Network):
        return Directive(qualifier, Ip4(network.network_address, network.prefixlen))
    return Directive(qualifier, Ip6(network.network_address, network.prefixlen))


def runs_of(directives: Iterable[Directive]) -> list[Run]:
    """
    The runs of *directives*, which have no `all`; networks decided before are left out.

    >>> from maildns.protocols.spf.record import parse
    >>> record = parse("v=spf1 mx ip4:192.0.2.0/25 ip4:192.0.2.128/25 mx -ip4:192.0.2.1")
    >>> [[str(one) for one in run.directives()] for run in runs_of(record.directives)]
    [['ip4:192.0.2.0/24', 'mx']]
    """
    runs = []
    decided: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for qualifier, members in groupby(directives, key=lambda directive: directive.qualifier):
        run = Run(qualifier)
        asking: dict[tuple[str, ...], Directive] = {}
        found: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for directive in members:
            mechanism = directive.mechanism
            if isinstance(mechanism, Ip4 | Ip6):
                network = mechanism.network
                ends = int(network.network_address), int(network.broadcast_address)
                found[network.version].append(ends)
            else:
                asking.setdefault(term_key(directive), directive)
        for version, ranges in found.items():
            whole = networks_of(sorted(ranges), version)
            new = networks_of(subtracted(sorted(ranges), decided[version]), version)
            run.networks += (
                new if len(new) <= len(whole) else whole
            )  # a hole makes many networks of one
            decided[version] = sorted(decided[version] + ranges)
        run.asking = list(asking.values())
        if run.networks or run.asking:
            runs.append(run)
    return runs


def record_of(
    runs: Sequence[Run], last: Directive | None, modifiers: Sequence[Modifier]
) -> SpfRecord:
    """The record of *runs*, with its *last* term, an `all`, and its *modifiers*."""
    terms: list[Term] = [directive for run in runs for directive in run.directives()]
    return SpfRecord((*terms, *([last] if last is not None else []), *modifiers))


def lay_out(
    runs: Sequence[Run],
    last: Directive | None,
    modifiers: Sequence[Modifier],
    *,
    names: Sequence[str],
    max_octets: int = MAX_OCTETS,
) -> Layout | None:
    """
    Fit *runs* into a record of at most *max_octets*, and into further ones at *names*.

    The networks of the longest runs move out, each part costing a lookup. None where even
    that does not make it fit, or the names do not suffice.
    """
    kept = list(runs)
    parts: list[tuple[str, SpfRecord]] = []
    order = sorted(range(len(kept)), key=lambda place: -_octets(kept[place].networks))
    for place in order:
        record = record_of(kept, last, modifiers)
        if _fits(record, max_octets):
            break
        free = names[len(parts) :]
        moved = _move_out(kept, place, (last, modifiers), free, max_octets)
        if moved is None:
            return None
        kept[place], new = moved
        parts += new
    record = record_of(kept, last, modifiers)
    return Layout(record, tuple(parts)) if _fits(record, max_octets) else None


def _move_out(
    runs: Sequence[Run],
    place: int,
    rest: tuple[Directive | None, Sequence[Modifier]],
    names: Sequence[str],
    max_octets: int,
) -> tuple[Run, list[tuple[str, SpfRecord]]] | None:
    """The run at *place* with as few parts moved out as will do, and those parts."""
    run = runs[place]
    for count in range(1, len(names) + 1):
        includes = [Directive(run.qualifier, Include(DomainSpec(name))) for name in names[:count]]
        bare = Run(run.qualifier, [], [*includes, *run.asking])
        others = [bare if at == place else one for at, one in enumerate(runs)]
        room = max_octets - len(str(record_of(others, *rest)))
        packed = _packed(run.networks, [room, *[max_octets - len(VERSION)] * count])
        if packed is not None:
            own, *moved = packed
            parts = [
                (name, SpfRecord(tuple(directive_of(network) for network in networks)))
                for name, networks in zip(names, moved, strict=False)
                if networks
            ]
            kept = Run(run.qualifier, own, [*includes[: len(parts)], *run.asking])
            return kept, parts
    # Other runs may be what is too long: all networks out, and on to the next.
    capacity = max_octets - len(VERSION)
    return _all_out(run, names, capacity)


def _all_out(
    run: Run, names: Sequence[str], capacity: int
) -> tuple[Run, list[tuple[str, SpfRecord]]] | None:
    packed = _packed(run.networks, [capacity] * len(names))
    if packed is None:
        return None
    parts = [
        (name, SpfRecord(tuple(directive_of(network) for network in networks)))
        for name, networks in zip(names, packed, strict=True)
        if networks
    ]
    includes = [Directive(run.qualifier, Include(DomainSpec(name))) for name, _ in parts]
    return Run(run.qualifier, [], [*includes, *run.asking]), parts


def _packed(networks: Sequence[IPNetwork], rooms: Sequence[int]) -> list[list[IPNetwork]] | None:
    """*networks* in order, filling *rooms* of so many octets; None where these do not suffice."""
    filled: list[list[IPNetwork]] = [[] for _ in rooms]
    place = 0
    left = rooms[0] if rooms else 0
    for network in networks:
        needed = 1 + len(str(directive_of(network)))
        while needed > left:
            place += 1
            if place >= len(rooms):
                return None
            left = rooms[place]
        filled[place].append(network)
        left -= needed
    return filled


def _octets(networks: Iterable[IPNetwork]) -> int:
    return sum(1 + len(str(directive_of(network))) for network in networks)


def _fits(record: SpfRecord, max_octets: int) -> bool:
    return len(str(record)) <= max_octets


def without_all(record: SpfRecord) -> list[Directive]:
    """The directives of *record* that can be reached, but its `all`."""
    return [d for d in record.effective if not isinstance(d.mechanism, All)]

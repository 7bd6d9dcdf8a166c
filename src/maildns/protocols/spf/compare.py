"""
Which networks gain or lose permission between two policies, over their whole trees.

Unlike `meaning_of_change`, which names an include and does not look behind it, this
compares what is decided for every address once all names are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from maildns.protocols.spf.coverage import SpfNetworks
from maildns.protocols.spf.decision import Decision
from maildns.protocols.spf.ranges import IPNetwork, networks_of, overlaid, shown
from maildns.protocols.spf.record import SpfResult

_FAMILIES = {4: "every other IPv4 host", 6: "every other IPv6 host"}


@dataclass(frozen=True, slots=True)
class Shift:
    """What is decided for *who*, networks or all the others, *before* and *after*."""

    who: str
    before: Decision
    after: Decision

    def __str__(self) -> str:
        if self.after is SpfResult.PASS:
            return f"{self.who} may now send (before: {self.before})"
        if self.before is SpfResult.PASS:
            return f"{self.who} may no longer send (now: {self.after})"
        return f"{self.who}: {self.before} becomes {self.after}"


@dataclass(frozen=True, slots=True)
class SpfDifference:
    """
    How two policies differ.

    `gained` and `lost` are the networks that may send now, or before, and not the other
    time; `shifts` tells the same with the results, and all changes besides. What holds for
    most of a family of addresses is told once, in `others`, not as networks.
    """

    gained: tuple[IPNetwork, ...] = ()
    lost: tuple[IPNetwork, ...] = ()
    shifts: tuple[Shift, ...] = ()
    others: tuple[Shift, ...] = ()

    @property
    def same(self) -> bool:
        """Every address has what it had."""
        return not (self.shifts or self.others)


def difference(before: SpfNetworks, after: SpfNetworks) -> SpfDifference:
    """Compare two policies address by address; a term with macros is compared by what it says."""
    gained: list[IPNetwork] = []
    lost: list[IPNetwork] = []
    shifts: list[Shift] = []
    others: list[Shift] = []
    for version, name in _FAMILIES.items():
        groups = _groups(before, after, version)
        sizes = {pair: sum(b - a + 1 for a, b in found) for pair, found in groups.items()}
        most = max(sizes, key=lambda pair: sizes[pair])
        for (was, becomes), found in groups.items():
            if was == becomes:
                continue
            if (was, becomes) == most:
                others.append(Shift(name, was, becomes))
                continue
            networks = networks_of(found, version)
            shifts += [Shift(shown(network), was, becomes) for network in networks]
            gained += networks if becomes is SpfResult.PASS else ()
            lost += networks if was is SpfResult.PASS else ()
    if len(others) == 2 and _alike(others):
        others = [Shift("every other host", others[0].before, others[0].after)]
    return SpfDifference(
        tuple(sorted(gained, key=_order)),
        tuple(sorted(lost, key=_order)),
        tuple(shifts),
        tuple(others),
    )


def _alike(others: list[Shift]) -> bool:
    return (others[0].before, others[0].after) == (others[1].before, others[1].after)


def _order(network: IPNetwork) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen


def _groups(
    before: SpfNetworks, after: SpfNetworks, version: int
) -> dict[tuple[Decision, Decision], list[tuple[int, int]]]:
    """The addresses by what they had and have, in order."""
    groups: dict[tuple[Decision, Decision], list[tuple[int, int]]] = {}
    for first, last, was, becomes in _pieces(before, after, version):
        groups.setdefault((was, becomes), []).append((first, last))
    return groups


def _pieces(
    before: SpfNetworks, after: SpfNetworks, version: int
) -> Iterator[tuple[int, int, Decision, Decision]]:
    for first, last, was, becomes in overlaid(before.ranges(version), after.ranges(version)):
        if was is not None and becomes is not None:  # both are without gaps
            yield first, last, was, becomes

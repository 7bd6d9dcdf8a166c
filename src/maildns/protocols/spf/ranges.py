"""
Set algebra over addresses: a policy as ranges that do not overlap (RFC 7208 section 4.6.2).

A list of ranges is sorted and without overlap. It is *whole* when it covers every
address of its family; what it says of an address may be anything that can be compared.
"""

from __future__ import annotations

import heapq
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Generic, NamedTuple, TypeAlias, TypeVar

IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

T = TypeVar("T")
S = TypeVar("S")

MAX_ADDRESS = {4: 2**32 - 1, 6: 2**128 - 1}


class Range(NamedTuple, Generic[T]):
    """Addresses from *first* to *last*, and what a record says of them."""

    first: int
    last: int
    result: T


def everything(version: int, result: T) -> list[Range[T]]:
    """The whole family of addresses, all alike."""
    return [Range(0, MAX_ADDRESS[version], result)]


def first_decides(networks: Sequence[tuple[int, int, int, T]]) -> Iterator[Range[T]]:
    """
    Sweep over the sorted (first, place, last, result) of *networks*.

    The lowest place holds at a point; all results of one place must be the same.
    """
    edges = sorted({n[0] for n in networks} | {n[2] + 1 for n in networks})
    covering: list[tuple[int, int]] = []  # the place in the record, and among *networks*
    coming = 0
    for first, beyond in pairwise(edges):
        while coming < len(networks) and networks[coming][0] <= first:
            heapq.heappush(covering, (networks[coming][1], coming))
            coming += 1
        while covering and networks[covering[0][1]][2] < first:
            heapq.heappop(covering)
        if covering:
            yield Range(first, beyond - 1, networks[covering[0][1]][3])


def overlaid(
    one: Sequence[Range[T]], other: Sequence[Range[S]]
) -> Iterator[tuple[int, int, T | None, S | None]]:
    """Cut both lists at all their edges; give each piece with what either says of it."""
    edges = sorted(_edges(one) | _edges(other))
    at_one = at_other = 0
    for first, beyond in pairwise(edges):
        while at_one < len(one) and one[at_one].last < first:
            at_one += 1
        while at_other < len(other) and other[at_other].last < first:
            at_other += 1
        yield first, beyond - 1, _at(one, at_one, first), _at(other, at_other, first)


def _edges(ranges: Sequence[Range[T]]) -> set[int]:
    return {r.first for r in ranges} | {r.last + 1 for r in ranges}


def _at(ranges: Sequence[Range[T]], place: int, point: int) -> T | None:
    if place < len(ranges) and ranges[place].first <= point:
        return ranges[place].result
    return None


def combined(
    top: Sequence[Range[T]], rest: Sequence[Range[S]], join: Callable[[T, S], S]
) -> list[Range[S]]:
    """
    Lay *top* over the whole list *rest*: where *top* has a word, `join` decides.

    Pieces that touch and say the same are made one.
    """
    made: list[Range[S]] = []
    for first, last, above, below in overlaid(top, rest):
        if below is None:
            continue
        result = below if above is None else join(above, below)
        if made and made[-1].result == result and made[-1].last + 1 == first:
            made[-1] = Range(made[-1].first, last, result)
        else:
            made.append(Range(first, last, result))
    return made


def joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted (first, last) pairs, those that touch or overlap made one."""
    made: list[tuple[int, int]] = []
    for first, last in ranges:
        if made and made[-1][1] + 1 >= first:
            made[-1] = (made[-1][0], max(last, made[-1][1]))
        else:
            made.append((first, last))
    return made


def networks4(ranges: Iterable[tuple[int, int]]) -> Iterator[ipaddress.IPv4Network]:
    """The fewest IPv4 networks that are just the sorted *ranges*."""
    for first, last in joined(ranges):
        ends = ipaddress.IPv4Address(first), ipaddress.IPv4Address(last)
        yield from ipaddress.summarize_address_range(*ends)


def networks6(ranges: Iterable[tuple[int, int]]) -> Iterator[ipaddress.IPv6Network]:
    """The fewest IPv6 networks that are just the sorted *ranges*."""
    for first, last in joined(ranges):
        ends = ipaddress.IPv6Address(first), ipaddress.IPv6Address(last)
        yield from ipaddress.summarize_address_range(*ends)


def networks_of(ranges: Iterable[tuple[int, int]], version: int) -> tuple[IPNetwork, ...]:
    """The fewest networks of *version* that are just the sorted *ranges*."""
    return tuple(networks4(ranges)) if version == 4 else tuple(networks6(ranges))


def subtracted(
    one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The addresses of the sorted ranges *one* that are not in *other*."""
    mine = [Range(first, last, "") for first, last in joined(one)]
    theirs = [Range(first, last, "") for first, last in joined(other)]
    return [
        (first, last) for first, last, a, b in overlaid(mine, theirs) if a is not None and b is None
    ]


def shown(network: IPNetwork) -> str:
    """The network as people write it: a single host without its prefix length."""
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if single else str(network)

"""The loop between a source that is asked and who keeps: bring, keep, and only then let go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import repeat
from typing import Protocol, TypeAlias

from maildns.reports.cleaning import clean
from maildns.reports.keeping import Arrival, Keeper, Kept, Receipt

BATCH_COUNT = 200
MAX_SOURCE = 1024  # characters of it that are kept
_AUTHENTICATING = 8  # at a time
BATCH_OCTETS = 16 << 20  # one arrival may be larger, and is then a batch of its own

Authenticate: TypeAlias = Callable[[Arrival, str], str]
"""What is said of the mail that an arrival is, given the HELO name; empty where it is no mail."""


class Fate(IntEnum):
    """What became of an original, the more serious the greater."""

    KEPT = 0  # now or before
    NO_REPORT = 1  # nothing in it claims to be one
    BAD = 2  # a copy is in quarantine
    UNKNOWN = 3  # who keeps did not say: it is left where it is


@dataclass(frozen=True, slots=True)
class Brought:
    """
    An original, or the next part of one that holds several.

    `key` is what the source knows it by; `last` is false while more of the same original follow.
    """

    key: str
    arrival: Arrival
    last: bool = True


class Source(Protocol):
    """Brings originals, and does with them what their fate asks for."""

    def bring(self) -> Iterator[Brought | Receipt]:
        """Bring what is there now; a receipt stands for what could not be brought, and says why."""
        ...

    def release(self, settled: Sequence[tuple[Brought, Fate]]) -> None:
        """Let go of what was brought and is safe on disk now; each once."""
        ...


def fate_of(receipts: Iterable[Receipt]) -> Fate:
    """
    What becomes of the original that *receipts* tell of.

    >>> fate_of([Receipt(Kept.NEW, "a"), Receipt(Kept.BAD, "a")]).name
    'BAD'
    """
    kinds = {receipt.kept for receipt in receipts}
    if not kinds:
        return Fate.UNKNOWN
    if Kept.BAD in kinds:
        return Fate.BAD
    return Fate.NO_REPORT if kinds == {Kept.NO_REPORT} else Fate.KEPT


def take_in(
    source: Source,
    keeper: Keeper,
    *,
    authenticate: Authenticate | None = None,
    batch: int = BATCH_COUNT,
) -> Iterator[Receipt]:
    """
    Keep what *source* has; one receipt for each report, given once its original was let go of.

    At most *batch* originals and about `BATCH_OCTETS` octets are under way at a time. Nothing
    happens until the receipts are asked for. Raises what *keeper* raises; the originals of that
    batch are then where they were.
    """
    waiting: list[Brought] = []
    octets = 0
    for one in source.bring():
        if isinstance(one, Receipt):
            yield one
            continue
        if waiting and octets + len(one.arrival.octets) > BATCH_OCTETS:
            yield from _keep(source, keeper, _authenticated(waiting, authenticate))
            waiting, octets = [], 0
        waiting.append(one)
        octets += len(one.arrival.octets)
        if len(waiting) >= batch:
            yield from _keep(source, keeper, _authenticated(waiting, authenticate))
            waiting, octets = [], 0
    if waiting:
        yield from _keep(source, keeper, _authenticated(waiting, authenticate))


def _authenticated(waiting: list[Brought], authenticate: Authenticate | None) -> Sequence[Brought]:
    """Say of each who sent it; several are asked about at once, for the DNS takes its time."""
    if authenticate is None:
        return waiting
    with ThreadPoolExecutor(_AUTHENTICATING) as threads:
        results = list(threads.map(authenticate, [one.arrival for one in waiting], repeat("")))
    return [
        replace(one, arrival=replace(one.arrival, authentication=result))
        for one, result in zip(waiting, results, strict=True)
    ]


def _keep(source: Source, keeper: Keeper, waiting: Sequence[Brought]) -> list[Receipt]:
    arrivals = [one.arrival for one in waiting]
    receipts = keeper.keep(arrivals)
    told = receipts_of(arrivals, receipts)
    source.release([(one, fate_of(of_it)) for one, of_it in zip(waiting, told, strict=True)])
    return receipts


def receipts_of(arrivals: Sequence[Arrival], receipts: Iterable[Receipt]) -> list[list[Receipt]]:
    """
    Sort *receipts* by the arrival that each tells of.

    A source is kept as it may be shown, so that its receipts may lack what cannot be printed.
    """
    by_source: dict[str, list[Receipt]] = {}
    for receipt in receipts:
        by_source.setdefault(clean(receipt.source, MAX_SOURCE), []).append(receipt)
    return [by_source.get(clean(one.source, MAX_SOURCE), []) for one in arrivals]

"""
Carrying a plan out: zone by zone, all of a zone or nothing, read back from the place itself.

Servers' own names go before the domains that point at them, so that no MX ever names a
host that does not resolve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from maildns.errors import PublishError
from maildns.plan.desired import PUBLIC
from maildns.plan.model import Change, Plan
from maildns.plan.wanted import Kind
from maildns.publish.contract import Publisher

_FIRST = (Kind.ADDRESS, Kind.TLSA, Kind.DKIM)


@dataclass(frozen=True, slots=True)
class Batch:
    """The changes of one zone in one view, and who carries them out; None: nobody, by hand."""

    view: str
    zone: str | None
    publisher: Publisher | None
    changes: tuple[Change, ...]

    @property
    def label(self) -> str:
        """Where they go, for people."""
        if self.publisher is None or self.zone is None:
            return "by hand"
        return self.publisher.place_of(self.zone)

    @property
    def where(self) -> str:
        """The zone, and the view where it is not the world's."""
        return f"{self.zone}" + ("" if self.view == PUBLIC else f" in view {self.view}")


@dataclass(frozen=True, slots=True)
class Applied:
    """A batch that was carried out; `differs` names what the place shows otherwise than wanted."""

    batch: Batch
    differs: tuple[str, ...] = ()


def batches_of(plan: Plan, publishers: Mapping[str, Sequence[Publisher]]) -> list[Batch]:
    """
    Sort the plan's changes into batches, those with servers' addresses first.

    *publishers* are those of each view. A change whose zone nobody holds comes last,
    in a batch without a publisher.
    """
    groups: dict[tuple[str, str | None], tuple[Publisher | None, list[Change]]] = {}
    for change in plan.changes:
        publisher, zone = _home(change, publishers.get(change.view, ()))
        group = groups.setdefault((change.view, zone), (publisher, []))
        group[1].append(change)
    batches = [
        Batch(view, zone, publisher, tuple(changes))
        for (view, zone), (publisher, changes) in groups.items()
    ]
    return sorted(batches, key=_rank)


def _home(change: Change, publishers: Sequence[Publisher]) -> tuple[Publisher | None, str | None]:
    best: tuple[Publisher | None, str | None] = (None, None)
    for publisher in publishers:
        zone = publisher.zone_of(change.name)
        if zone is not None and (best[1] is None or len(zone) > len(best[1])):
            best = (publisher, zone)
    return best


def _rank(batch: Batch) -> tuple[bool, bool, str, str]:
    first = any(change.kind in _FIRST and change.after for change in batch.changes)
    return (batch.publisher is None, not first, batch.view, batch.zone or "")


def apply_batch(batch: Batch) -> Applied:
    """
    Publish one batch and read it back.

    Raises `StalePlan` when the zone is not what it was, `PublishError` when the place
    refuses, cannot be reached, or the batch has no publisher.
    """
    if batch.publisher is None:
        raise PublishError("no publisher holds these names", hint="maildns export shows them")
    batch.publisher.publish([change.rrset_change for change in batch.changes])
    return Applied(batch, read_back(batch.publisher, batch.changes))


def read_back(publisher: Publisher, changes: Sequence[Change]) -> tuple[str, ...]:
    """What the place shows otherwise than wanted, a sentence each; empty when all is there."""
    contents = publisher.read([change.key for change in changes])
    differs = []
    for change in changes:
        where = f"{change.name} {change.rrtype}"
        if change.key in contents.unknown:
            differs.append(f"{where}: cannot be read back: {contents.unknown[change.key]}")
            continue
        found = contents.get(*change.key)
        if (found.records if found else ()) != (change.after.records if change.after else ()):
            shown = " | ".join(str(record) for record in found.records) if found else "nothing"
            differs.append(f"{where}: the server shows {shown}")
    return tuple(differs)


def apply_plan(
    plan: Plan,
    publishers: Mapping[str, Sequence[Publisher]],
    *,
    done: Callable[[Applied], None],
) -> list[Batch]:
    """
    Carry out all that somebody publishes; return the batches left to be done by hand.

    *done* is called after each batch, so that what was carried out is on record even when
    a later one fails. Raises as `apply_batch` does.
    """
    by_hand = []
    for batch in batches_of(plan, publishers):
        if batch.publisher is None:
            by_hand.append(batch)
        else:
            done(apply_batch(batch))
    return by_hand

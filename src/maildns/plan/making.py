"""
Making a plan: wishes, what stands there, what changes, and the proof; per view.

The ports come as arguments: a `Place` per view says who holds its zones and which
world shows it. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from maildns.dnsdata import RRset
from maildns.errors import ConfigError
from maildns.finding import Finding
from maildns.intent.model import Intent
from maildns.net.drivers import BlockingWorld, run
from maildns.net.world import GivingUp, Overlay, Remembering, World
from maildns.plan.contents import Key, ZoneContents
from maildns.plan.desired import PUBLIC, Scene, desired
from maildns.plan.gather import observe
from maildns.plan.materials import Materials
from maildns.plan.meaning import caution_of, meaning_of
from maildns.plan.model import Change, Plan, Unknown
from maildns.plan.ownership import Ledger, Settled, keys_to_read, settle
from maildns.plan.parity import prove_parity
from maildns.plan.proof import Check, Result, prove_domain, prove_server
from maildns.plan.rules import BLOCKED, advice, lint_wishes
from maildns.plan.wanted import Kind, Wanted

Progress = Callable[[str, int, int], None]  # what is being done, how many are done, of how many


def silent(what: str, done: int, total: int) -> None:
    """The progress of a program that nobody watches."""


class ZoneReader(Protocol):
    """The reading half of a publisher."""

    @property
    def label(self) -> str:
        """What people call it."""
        ...

    def zone_of(self, name: str) -> str | None:
        """The zone that *name* is in; None when it is in none of this reader's."""
        ...

    def read(self, keys: Collection[Key]) -> ZoneContents:
        """What stands at *keys*."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """One view: who holds its zones, the world that shows it, and what we published in it."""

    world: BlockingWorld
    readers: Sequence[ZoneReader] = ()
    ledger: Ledger = field(default_factory=dict)

    def reader_of(self, name: str) -> tuple[ZoneReader | None, str | None]:
        """
        The reader whose zone is the closest above *name*, and that zone.

        Raises `ConfigError` when two hold it: one of them would be left with the old records.
        """
        best: tuple[ZoneReader | None, str | None] = (None, None)
        for reader in self.readers:
            zone = reader.zone_of(name)
            if zone is None:
                continue
            if best[0] is not None and zone == best[1]:
                raise _held_twice(zone, best[0], reader)
            if best[1] is None or len(zone) > len(best[1]):
                best = (reader, zone)
        return best


def _held_twice(zone: str, one: ZoneReader, other: ZoneReader) -> ConfigError:
    error = ConfigError(
        f"{zone} has two publishers: {one.label} and {other.label}",
        hint='give each its own zones = ["..."], or each a view of its own',
    )
    error.keys = ("publisher",)
    return error


@dataclass(frozen=True, slots=True)
class Staged:
    """One view with its wishes settled: ready to be compared, and to be proven."""

    scene: Scene
    place: Place
    wishes: tuple[Wanted, ...]
    settled: tuple[Settled, ...]
    zones: Mapping[str, str | None]

    def overlay(self) -> Overlay:
        """The world as it would be after the plan."""
        planned = World()
        for one in self.settled:
            if one.after is not None:
                planned.put(one.after)
            elif one.before is not None:
                planned.take(one.name, one.rrtype)
        for wish in self.wishes:
            unknown = planned.rrset(*wish.key) is None and wish.records
            if unknown and not planned.says_about(*wish.key):
                planned.put(RRset.of(wish.name, 0, wish.records))
        return Overlay(planned, self.place.world)


def stage(scene: Scene, place: Place) -> Staged:
    """Settle the wishes of one view against what stands there."""
    zones: dict[str, str | None] = {}
    wishes = []
    for wish in desired(scene):
        if wish.name not in zones:
            zones[wish.name] = place.reader_of(wish.name)[1]
        # A PTR is ours to plan only where we hold the reverse zone.
        if wish.kind is not Kind.PTR or zones[wish.name] is not None:
            wishes.append(wish)
    keys = keys_to_read(wishes, place.ledger)
    contents = read_all(keys, place)
    settled = settle(wishes, contents, place.ledger)
    return Staged(scene, place, tuple(wishes), tuple(settled), zones)


def read_all(keys: Collection[Key], place: Place) -> ZoneContents:
    """What stands at *keys*: from the zone where we hold it, else as the world sees it."""
    groups: dict[int, list[Key]] = {}
    readers: dict[int, ZoneReader] = {}
    seen: list[Key] = []
    homes: dict[str, ZoneReader | None] = {}
    for key in keys:
        if key[0] not in homes:
            homes[key[0]] = place.reader_of(key[0])[0]
        reader = homes[key[0]]
        if reader is None:
            seen.append(key)
        else:
            readers[id(reader)] = reader
            groups.setdefault(id(reader), []).append(key)
    parts = [readers[which].read(group) for which, group in groups.items()]
    if seen:
        parts.append(run(observe(seen), place.world))
    return ZoneContents(
        {key: rrset for part in parts for key, rrset in part.rrsets.items()},
        {owner: rrset for part in parts for owner, rrset in part.aliases.items()},
        {key: why for part in parts for key, why in part.unknown.items()},
        cached=frozenset(key for part in parts if not part.authoritative for key in part.rrsets),
    )


def make_plan(
    intent: Intent,
    materials: Materials,
    places: Mapping[str, Place],
    *,
    now: datetime,
    progress: Progress = silent,
) -> Plan:
    """
    Plan every view of *places* ("public" first), and prove what would stand then.

    Raises `InputError` when a zone cannot be read, `RecordSyntaxError` when the intent
    holds a text that its record's grammar refuses. A name server that does not answer
    makes `unknown` entries, not an error.
    """
    stages = []
    for number, (view, place) in enumerate(places.items()):
        progress("reading what is published", number, len(places))
        patient = replace(place, world=GivingUp(place.world))
        stages.append(stage(Scene(intent, materials, view), patient))
    changes: list[Change] = []
    unknown: list[Unknown] = []
    unchanged = 0
    for staged in stages:
        made = changes_of(staged)
        changes.extend(made)
        unknown.extend(_unknown_of(staged))
        unchanged += sum(1 for one in staged.settled if not one.unknown) - len(made)
    findings = [*materials.findings, *_blocked(stages), *advice(intent)]
    findings += lint_wishes(stages[0].wishes) if stages else ()
    checks = prove(stages, now=now, progress=progress)
    held = {staged.scene.view: _held(staged) for staged in stages}
    return Plan(
        tuple(changes),
        unchanged,
        tuple(unknown),
        tuple(findings),
        tuple(checks),
        held,
    )


def changes_of(staged: Staged) -> list[Change]:
    """The difference between what stands there and what should."""
    view = staged.scene.view
    return [
        Change(
            view=view,
            zone=staged.zones.get(one.name) or staged.place.reader_of(one.name)[1],
            group=one.group or one.name,
            kind=one.kind,
            name=one.name,
            rrtype=one.rrtype,
            before=one.before,
            after=one.after,
            ours=one.ours,
            reason=one.reason,
            meaning=meaning_of(one),
            caution=caution_of(one),
        )
        for one in staged.settled
        if one.before != one.after
    ]


def _held(staged: Staged) -> Ledger:
    """
    Our records that stand as wanted, in zones that we publish.

    What we want no more and is gone has an empty entry: it is to be forgotten, lest it be
    taken for ours when somebody else publishes the same later.
    """
    return {
        (one.name, one.rrtype): one.ours
        for one in staged.settled
        if one.before == one.after and not one.unknown
        if (one.ours and staged.zones.get(one.name)) or one.kind is Kind.FORMER
    }


def _unknown_of(staged: Staged) -> Iterable[Unknown]:
    for one in staged.settled:
        if one.unknown:
            yield Unknown(staged.scene.view, one.group, one.name, one.rrtype, one.unknown)


def _blocked(stages: Iterable[Staged]) -> Iterable[Finding]:
    for staged in stages:
        for one in staged.settled:
            if one.blocked:
                yield BLOCKED.finding(f"{one.name} {one.rrtype}", one.blocked)


def prove(
    stages: Sequence[Staged],
    *,
    now: datetime,
    progress: Progress = silent,
) -> list[Check]:
    """Run the proof over each view's planned world; parity between views comes last."""
    checks: list[Check] = []
    for staged in stages:
        view = staged.scene.view
        if _all_unknown(staged):
            checks.append(Check("the DNS", "it can be asked", Result.UNKNOWN, _why(staged), view))
            continue
        checks.extend(
            check if view == PUBLIC else replace(check, view=view)
            for check in _prove_view(staged, now, progress)
        )
    checks.extend(prove_parity([staged for staged in stages if not _all_unknown(staged)]))
    return checks


def _all_unknown(staged: Staged) -> bool:
    """Nothing could be learnt: a proof would only be about our own wishes."""
    return bool(staged.settled) and all(one.unknown for one in staged.settled)


def _why(staged: Staged) -> str:
    return f"nothing could be learnt, so nothing is proven: {staged.settled[0].unknown}"


def _prove_view(staged: Staged, now: datetime, progress: Progress) -> Iterable[Check]:
    overlay = staged.overlay()
    intent = staged.scene.intent
    total = len(intent.domain) + len(intent.server)
    for number, domain in enumerate(intent.domain):
        progress("proving", number, total)
        yield from run(prove_domain(staged.scene, domain), Remembering(overlay))
    for number, host in enumerate(intent.server):
        progress("proving", len(intent.domain) + number, total)
        yield from run(prove_server(staged.scene, host, now), Remembering(overlay))
    progress("proving", total, total)

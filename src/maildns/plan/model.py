"""
A plan is data: sorted, printable, comparable, and the same on every run.

It holds every change with what stands there now, so that carrying it out later can
refuse when somebody else has been there in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from maildns.dnsdata import Rdata, RRset
from maildns.finding import Finding
from maildns.plan.contents import Key, RRsetChange
from maildns.plan.ownership import Ledger
from maildns.plan.proof import Check
from maildns.plan.wanted import Kind


class Action(StrEnum):
    """What a change does to its RRset."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """
    One RRset that is to be other than it is.

    `meaning` says in sentences what mail notices; `caution` is why somebody should look
    twice, empty when there is nothing to fear. `zone` is None where no publisher holds it.
    `ours` are the records of `after` that are not foreign.
    """

    view: str
    zone: str | None
    group: str
    kind: Kind
    name: str
    rrtype: str
    before: RRset | None
    after: RRset | None
    ours: tuple[Rdata, ...] = ()
    reason: str = ""
    meaning: tuple[str, ...] = ()
    caution: str = ""

    @property
    def action(self) -> Action:
        """Add, change or remove."""
        if self.before is None:
            return Action.ADD
        return Action.CHANGE if self.after is not None else Action.REMOVE

    @property
    def key(self) -> Key:
        """Name and type."""
        return (self.name, self.rrtype)

    @property
    def rrset_change(self) -> RRsetChange:
        """What a publisher is told."""
        return RRsetChange(self.name, self.rrtype, self.before, self.after)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name whose present records could not be learnt, and why."""

    view: str
    group: str
    name: str
    rrtype: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """
    All changes of all views, what could not be known, what was noticed, and the proof.

    `held` are our records that stand as wanted already, by view; they go into the ledger,
    not into the document.
    """

    changes: tuple[Change, ...] = ()
    unchanged: int = 0
    unknown: tuple[Unknown, ...] = ()
    findings: tuple[Finding, ...] = ()
    checks: tuple[Check, ...] = ()
    held: Mapping[str, Ledger] = field(default_factory=dict, compare=False)

    @property
    def empty(self) -> bool:
        """Nothing is to be done, and that is known."""
        return not self.changes and not self.unknown

    @property
    def dangers(self) -> tuple[str, ...]:
        """Why it should not be carried out unasked: failed proofs and dangerous changes."""
        failed = [
            f"{check.subject}: it does not hold that {check.claim} ({check.evidence})"
            for check in self.checks
            if check.failed
        ]
        feared = [
            f"{change.name} {change.rrtype}: {change.caution}"
            for change in self.changes
            if change.caution
        ]
        return (*failed, *feared)

"""`maildns reports replay`: what another policy would have done to the mail of the window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import ExitCode, JsonOption, ServerOption, WorldOption, emit
from maildns.cli.reports_place import (
    DAYS,
    ConfigOption,
    DaysOption,
    LiveOption,
    Sight,
    StoreOption,
    UntilOption,
    looking,
    world_asked,
)
from maildns.errors import UsageError

if TYPE_CHECKING:
    from maildns.net.drivers import BlockingWorld
    from maildns.protocols.dmarc import Reader
    from maildns.reports.advice import Known
    from maildns.reports.meaning import Sender
    from maildns.reports.replay import Change, SourceReplay


@dataclass(slots=True)
class Outcome:
    """What would have become of a sender's messages."""

    sender: Sender
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    hit: int = 0
    freed: int = 0
    newly_failing: int = 0
    passed_on: int = 0
    unsure: int = 0

    def add(self, one: SourceReplay) -> None:
        """Count one of its addresses."""
        self.before.update({str(policy): count for policy, count in one.before.items()})
        self.after.update({str(policy): count for policy, count in one.after.items()})
        self.hit += one.hit
        self.freed += one.freed
        self.newly_failing += one.newly_failing
        self.passed_on += one.lists
        self.unsure += one.unsure


@dataclass(frozen=True, slots=True)
class Trial:
    """A change that was tried, and its outcome by kind of receiver, the one hit hardest first."""

    domain: str
    known: Known
    change: Change
    outcomes: Mapping[Reader, list[Outcome]]

    @property
    def wanted_hit(self) -> int:
        """Messages that the owner wants and that either kind of receiver would treat worse."""
        worst: Counter[str] = Counter()
        for outcomes in self.outcomes.values():
            for one in outcomes:
                if one.sender.kind.wanted:
                    key = f"{one.sender.title}\0{one.sender.kind}"
                    worst[key] = max(worst[key], one.hit)
        return worst.total()


def command(
    domain: Annotated[
        str, typer.Argument(metavar="[DOMAIN]", help="The domain.", show_default=False)
    ] = "",
    *,
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            metavar="RECORD|TAGS",
            help='A whole record, or tags to change in the one of today: "p=reject; sp=none".',
        ),
    ] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="Try strict alignment: adkim=s and aspf=s.")
    ] = False,
    without_include: Annotated[
        list[str] | None,
        typer.Option(
            "--without-include",
            metavar="NAME",
            help="Try without this include of the SPF record; may be given again.",
        ),
    ] = None,
    store: StoreOption = "",
    config: ConfigOption = None,
    days: DaysOption = DAYS,
    until: UntilOption = "",
    live: LiveOption = False,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Show what another policy, strict alignment or a smaller SPF record would have done to each sender.

    The results that reporters saw are judged again by the receivers' own algorithm, once as RFC 9989
    has it and once as RFC 7489. An SPF include needs the DNS: --live, --server or --world. Exits with
    1 when mail that you want would have been treated worse.
    """
    from maildns.cli import show_reports_replay as shown

    if not (policy.strip() or strict or without_include):
        hint = "--policy 'p=reject', --strict, or --without-include NAME"
        raise UsageError("what is to be tried?", hint=hint)
    asked = world_asked(world, server, live=live)
    with looking(store, config, days, until) as sight:
        wanted = sight.only(domain)
        trial = _try(sight, wanted, (policy, strict, tuple(without_include or ())), asked)
        if json:
            emit(shown.document(sight, trial))
        else:
            shown.show(sight, trial)
    if trial.wanted_hit:
        raise typer.Exit(ExitCode.FINDINGS)


def _try(
    sight: Sight,
    domain: str,
    wish: tuple[str, bool, tuple[str, ...]],
    world: BlockingWorld | None,
) -> Trial:
    from maildns.cli.reports_looking import known_record, named_sources, seen_reports
    from maildns.dnsdata import name
    from maildns.protocols.dmarc import READERS
    from maildns.reports.meaning import senders_of
    from maildns.reports.replay import Change, changed_record, replay

    policy, strict, without = wish
    known = known_record(sight, domain, seen_reports(sight, domain), world)
    change = Change(
        changed_record(known.record, policy, strict=strict), tuple(name(one) for one in without)
    )
    rows = list(sight.evidence.source_days(sight.window, domain))
    senders = senders_of(named_sources(sight, rows, world))
    outcomes: dict[Reader, list[Outcome]] = {
        reader: _by_sender(
            senders,
            replay(rows, change, domain=domain, now=known.record, reader=reader, world=world),
        )
        for reader in READERS
    }
    return Trial(domain, known, change, outcomes)


def _by_sender(senders: Sequence[Sender], told: Sequence[SourceReplay]) -> list[Outcome]:
    by_address = {one.ip: one for one in told}
    outcomes = []
    for sender in senders:
        outcome = Outcome(sender)
        for address in sender.addresses:
            if address in by_address:
                outcome.add(by_address[address])
        outcomes.append(outcome)
    return sorted(outcomes, key=lambda one: (-one.hit, -one.sender.tally.messages))

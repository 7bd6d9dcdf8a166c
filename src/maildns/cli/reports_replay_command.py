"""`maildns reports replay`: what another policy would have done to the mail of the window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

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
    spelled,
    world_asked,
)
from maildns.cli.show_reports import (
    KINDS,
    cell,
    console,
    domain_head,
    line,
    plural,
    share,
    table,
)
from maildns.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from maildns.cli.reports_documents import ReplaySenderDocument, ReportsReplayDocument
    from maildns.net.drivers import BlockingWorld
    from maildns.protocols.dmarc import Reader
    from maildns.reports.advice import Known
    from maildns.reports.meaning import Sender
    from maildns.reports.replay import Change, SourceReplay

_SHOWN: Final = 25
_SPELLED: Final = {"rfc9989": "receivers of RFC 9989", "rfc7489": "receivers of the older RFC 7489"}


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

    def add(self, one: SourceReplay) -> None:
        """Count one of its addresses."""
        self.before.update({str(policy): count for policy, count in one.before.items()})
        self.after.update({str(policy): count for policy, count in one.after.items()})
        self.hit += one.hit
        self.freed += one.freed
        self.newly_failing += one.newly_failing
        self.passed_on += one.lists


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
    if not (policy.strip() or strict or without_include):
        hint = "--policy 'p=reject', --strict, or --without-include NAME"
        raise UsageError("what is to be tried?", hint=hint)
    asked = world_asked(world, server, live=live)
    with looking(store, config, days, until) as sight:
        wanted = sight.only(domain)
        trial = _try(sight, wanted, (policy, strict, tuple(without_include or ())), asked)
        if json:
            emit(_document(sight, trial))
        else:
            _show(sight, trial)
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


# --- showing --------------------------------------------------------------------------


def _show(sight: Sight, trial: Trial) -> None:
    from maildns.cli.show_reports_summary import stale

    out = console()
    stale(sight, out)
    domain_head(trial.domain, out, spelled(sight.window))
    line(f"  now           {trial.known.record}", out)
    line(f"                from {trial.known.known_from}", out, "dim")
    line(f"  tried         {trial.change.record}", out)
    if trial.change.without:
        line(f"                without include:{', include:'.join(trial.change.without)}", out)
    readers = list(trial.outcomes)
    same = len({_gist(outcomes) for outcomes in trial.outcomes.values()}) == 1
    for reader in readers[:1] if same else readers:
        who = "all receivers" if same else _SPELLED.get(reader, reader)
        line(f"  as {who} would have judged:", out, "bold")
        _show_outcomes(trial.outcomes[reader], out)
    _show_verdict(trial, out)


def _gist(outcomes: Sequence[Outcome]) -> tuple[object, ...]:
    return tuple(
        (one.sender.title, one.hit, one.freed, one.newly_failing, tuple(sorted(one.after.items())))
        for one in outcomes
    )


def _show_outcomes(outcomes: Sequence[Outcome], out: Console) -> None:
    shown = table("  sender", "what it is", ">messages", "today", "then", ">hit", ">freed")
    for one in outcomes[:_SHOWN]:
        kind = one.sender.kind
        style = "bold red" if one.hit and kind.wanted else "green" if one.hit else "dim"
        shown.add_row(
            cell(f"  {one.sender.title}"),
            cell(kind, KINDS.get(kind, "")),
            f"{one.sender.tally.messages:,}",
            _asked(one.before),
            _asked(one.after),
            cell(f"{one.hit:,}", style),
            f"{one.freed:,}" if one.freed else "",
        )
    out.print(shown)
    if len(outcomes) > _SHOWN:
        line(f"  ... and {len(outcomes) - _SHOWN:,} more senders (--json has all)", out, "dim")


def _asked(counts: Mapping[str, int]) -> str:
    """What the policy asks for, in words: `none` is delivery."""
    words = {"none": "delivered", "quarantine": "quarantined", "reject": "refused"}
    parts = [f"{counts[key]:,} {word}" for key, word in words.items() if counts.get(key)]
    return ", ".join(parts)


def _show_verdict(trial: Trial, out: Console) -> None:
    first = next(iter(trial.outcomes.values()))
    strangers = sum(one.hit for one in first if one.sender.kind == "stranger")
    others = sum(one.hit for one in first if one.sender.kind in {"forwarder", "list"})
    total = sum(one.sender.tally.messages for one in first if one.sender.kind.wanted)
    hit = trial.wanted_hit
    style = "bold red" if hit else "bold green"
    of_all = f" ({share(hit, total)})" if hit else ""
    line(
        f"  {plural(hit, 'message')} of {total:,} that you want would have been hit{of_all}",
        out,
        style,
    )
    line(f"  {plural(strangers, 'message')} of strangers would have been stopped", out)
    if others:
        line(f"  {plural(others, 'message')} that lists and forwarders passed on would be hit", out)


# --- the document ---------------------------------------------------------------------


def _document(sight: Sight, trial: Trial) -> ReportsReplayDocument:
    from maildns.cli.reports_documents import (
        DaysDocument,
        ReplayReaderDocument,
        ReportsReplayDocument,
    )

    return ReportsReplayDocument(
        days=DaysDocument.of(sight.window),
        domain=trial.domain,
        now=str(trial.known.record),
        known_from=trial.known.known_from,
        tried=str(trial.change.record),
        without=list(trial.change.without),
        wanted_hit=trial.wanted_hit,
        readers=[
            ReplayReaderDocument(reader=reader, senders=[_entry(one) for one in outcomes])
            for reader, outcomes in trial.outcomes.items()
        ],
    )


def _entry(one: Outcome) -> ReplaySenderDocument:
    from maildns.cli.reports_documents import ReplaySenderDocument, told

    return ReplaySenderDocument(
        name=one.sender.title,
        sender_kind=one.sender.kind,
        addresses=told(one.sender.addresses),
        messages=one.sender.tally.messages,
        before=dict(one.before),
        after=dict(one.after),
        hit=one.hit,
        freed=one.freed,
        newly_failing=one.newly_failing,
        passed_on=one.passed_on,
    )

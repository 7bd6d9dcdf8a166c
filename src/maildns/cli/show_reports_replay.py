"""`maildns reports replay`: what would have become of each sender's mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from maildns.cli.reports_place import Sight, spelled
from maildns.cli.reports_replay_command import Outcome, Trial
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
from maildns.cli.show_reports_summary import stale

if TYPE_CHECKING:
    from rich.console import Console

    from maildns.cli.reports_documents import ReplaySenderDocument, ReportsReplayDocument

_SHOWN: Final = 25
_SPELLED: Final = {"rfc9989": "receivers of RFC 9989", "rfc7489": "receivers of the older RFC 7489"}


def show(sight: Sight, trial: Trial) -> None:
    """Print what *trial* would have done, once where all receivers would have judged alike."""
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
    undecided = sum(one.hit for one in first if one.sender.kind == "undecided")
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
    if undecided:
        says = "of senders who prove to be themselves and not you would be hit: are they yours?"
        line(f"  {plural(undecided, 'message')} {says}", out, "bold yellow")
    if others:
        line(f"  {plural(others, 'message')} that lists and forwarders passed on would be hit", out)
    unsure = max(sum(one.unsure for one in told) for told in trial.outcomes.values())
    if unsure:
        says = "cannot be judged: the DNS did not answer, or their details are gone"
        line(f"  {plural(unsure, 'message')} {says}", out, "magenta")


# --- the document ---------------------------------------------------------------------


def document(sight: Sight, trial: Trial) -> ReportsReplayDocument:
    """The document of *trial*."""
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
        unsure=one.unsure,
    )

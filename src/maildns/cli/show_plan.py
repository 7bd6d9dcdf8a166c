"""
A plan on a terminal: `+ ~ -` lines with reasons, by domain; then the proof.

The rules: one line says one thing; colour never carries meaning alone; long values are
cut on a terminal and whole in a pipe; what is fine is counted, what is not is listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.text import Text

from maildns.cli.common import ExitCode
from maildns.dnsdata import Rdata, RRset, unicode_name
from maildns.finding import Finding, Severity
from maildns.plan.model import Action, Change, Plan, Unknown
from maildns.plan.proof import Check, Result

_SIGNS = {Action.ADD: ("+", "green"), Action.CHANGE: ("~", "yellow"), Action.REMOVE: ("-", "red")}
_MARKS = {
    Result.OK: ("ok", "green"),
    Result.BAD: ("FAIL", "bold red"),
    Result.WARN: ("warn", "yellow"),
    Result.UNKNOWN: ("unknown", "magenta"),
}
_COLOURS = {Severity.ERROR: "bold red", Severity.WARN: "yellow", Severity.INFO: "cyan"}
ALIKE = 5  # findings of one rule that are listed
FEW = 40  # checks that are listed one by one; of more, only those that are not fine


def exit_code(plan: Plan) -> ExitCode:
    """The design's exit code for a plan that was shown."""
    if any(check.failed for check in plan.checks):
        return ExitCode.FINDINGS
    if any(finding.severity is Severity.ERROR for finding in plan.findings):
        return ExitCode.FINDINGS
    return ExitCode.UNKNOWN if plan.unknown else ExitCode.FINE


def show_plan(plan: Plan, console: Console, *, saved: Path | None = None) -> None:
    """Print changes, findings, the proof, and what to do next."""
    show_changes(plan.changes, console)
    _show_unknown(plan.unknown, console)
    show_findings(plan.findings, console)
    # Where nothing changes, only what is amiss is worth a line.
    worth = [one for one in plan.checks if plan.changes or one.result is not Result.OK]
    show_checks(worth, console)
    console.print(_summary(plan))
    if saved is not None:
        console.print(f"the plan is in {saved}; `maildns apply {saved}` carries out just that")


def _show_unknown(unknown: Sequence[Unknown], console: Console) -> None:
    """Print what could not be learnt; a server that is away makes very many of them."""
    for one in unknown[:FEW]:
        view = "" if one.view == "public" else f" in view {one.view}"
        line = Text().append("? ", style="magenta")
        line.append(f"{unicode_name(one.name)} {one.rrtype}{view}: cannot tell what stands there ")
        line.append(f"({one.why})", style="dim")
        console.print(line)
    if len(unknown) > FEW:
        console.print(Text().append("? ", style="magenta").append(f"and {len(unknown) - FEW} more"))
    if unknown:
        console.print()


def show_changes(changes: Iterable[Change], console: Console) -> None:
    """Print the changes, grouped by view and by the domain or server they are for."""
    for (view, group), members in groupby(changes, key=lambda one: (one.view, one.group)):
        title = Text(unicode_name(group), style="bold")
        if view != "public":
            title.append(f" in view {view}", style="not bold")
        console.print(title)
        for change in members:
            _show_change(change, console)
        console.print()


def _show_change(change: Change, console: Console) -> None:
    sign, colour = _SIGNS[change.action]
    line = Text("  ")
    line.append(f"{sign} {unicode_name(change.name)} {change.rrtype}", style=colour)
    if change.reason:
        line.append(f"  {change.reason}", style="dim")
    console.print(line)
    before, after = _records(change.before), _records(change.after)
    _show_records("-", "red", [record for record in before if record not in after], console)
    _show_records("+", "green", [record for record in after if record not in before], console)
    _show_foreign(change, console)
    if change.before and change.after and change.before.ttl_seconds != change.after.ttl_seconds:
        was, now = change.before.ttl_seconds, change.after.ttl_seconds
        console.print(Text(f"      TTL {was} becomes {now} seconds", style="dim"))
    for sentence in change.meaning:
        console.print(Text(f"      = {sentence}", style="italic"))
    if change.caution:
        console.print(Text(f"      ! {change.caution}", style="bold red"))


def _show_records(sign: str, colour: str, records: Sequence[Rdata], console: Console) -> None:
    for record in records:
        console.print(Text(f"      {sign} {_cut(str(record), console)}", style=colour))


def _show_foreign(change: Change, console: Console) -> None:
    """What stays beside ours because it is somebody else's."""
    kept = [record for record in _records(change.after) if record in _records(change.before)]
    foreign = [record for record in kept if record not in change.ours]
    for record in foreign:
        console.print(Text(f"        {_cut(str(record), console)}  (not ours, stays)", style="dim"))


def _records(rrset: RRset | None) -> tuple[Rdata, ...]:
    return rrset.records if rrset is not None else ()


def _cut(text: str, console: Console) -> str:
    room = max(console.width - 12, 40)
    return text if not console.is_terminal or len(text) <= room else text[: room - 1] + "…"


def show_findings(findings: Sequence[Finding], console: Console) -> None:
    """Print findings, the worst first, each with its mend; of many of one rule the first few."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda one: -one.severity.rank):
        by_rule.setdefault(finding.rule, []).append(finding)
    for same in by_rule.values():
        for finding in same[:ALIKE]:
            line = Text().append(f"{finding.severity}: ", style=_COLOURS[finding.severity])
            line.append(f"{unicode_name(finding.subject)}: {finding.says} ")
            line.append(f"[{finding.rule}]", style="dim")
            console.print(line)
            if finding.fix is not None:
                console.print(Text(f"  mend: {finding.fix}"))
        if len(same) > ALIKE:
            console.print(Text(f"  and {len(same) - ALIKE} more of {same[0].rule}", style="dim"))
    if findings:
        console.print()


def show_proof(plan: Plan, console: Console) -> None:
    """Print every check of the proof, and the count."""
    show_findings(plan.findings, console)
    show_checks(plan.checks, console, all_of_them=True)
    console.print(_proof_summary(plan.checks))


def show_checks(
    checks: Sequence[Check],
    console: Console,
    *,
    all_of_them: bool = False,
) -> None:
    """Print the checks by subject; of very many only those that are not fine."""
    listed = [
        check
        for check in checks
        if all_of_them or len(checks) <= FEW or check.result is not Result.OK
    ]
    if not listed:
        return
    console.print(Text("proof: the planned records as receivers will judge them", style="bold"))
    for (view, subject), members in groupby(listed, key=lambda one: (one.view, one.subject)):
        console.print(
            Text(f"  {unicode_name(subject)}" + ("" if view == "public" else f" in view {view}"))
        )
        for check in members:
            mark, colour = _MARKS[check.result]
            line = Text().append(f"    {mark:<8}", style=colour)
            line.append(check.claim)
            line.append(f"  ({check.evidence})", style="dim")
            console.print(line)
    console.print()


def _summary(plan: Plan) -> Text:
    counts = dict.fromkeys(Action, 0)
    for change in plan.changes:
        counts[change.action] += 1
    if plan.empty:
        text = Text(f"nothing to do: all {plan.unchanged} record sets are as they should be")
    else:
        text = Text(
            f"{counts[Action.ADD]} to add, {counts[Action.CHANGE]} to change, "
            f"{counts[Action.REMOVE]} to remove, {plan.unchanged} as they should be",
        )
        if plan.unknown:
            text.append(f", {len(plan.unknown)} unknown")
    text.append("; ")
    text.append_text(_proof_summary(plan.checks))
    return text


def _proof_summary(checks: Sequence[Check]) -> Text:
    counts = {result: sum(1 for check in checks if check.result is result) for result in Result}
    text = Text("proof: ")
    words = [f"{counts[Result.OK]} hold"]
    words.extend(
        f"{counts[result]} {word}"
        for result, word in (
            (Result.BAD, "fail"),
            (Result.WARN, "could be better"),
            (Result.UNKNOWN, "cannot be known"),
        )
        if counts[result]
    )
    return text.append(", ".join(words), style="bold red" if counts[Result.BAD] else "")

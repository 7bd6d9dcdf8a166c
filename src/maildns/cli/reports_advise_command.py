"""`maildns reports advise`: the next safe step of the policy, its evidence, and its record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import (
    ExitCode,
    JsonOption,
    ServerOption,
    WorldOption,
    YesOption,
    confirm,
    emit,
    errors,
    progress_on_terminal,
)
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
from maildns.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from maildns.net.drivers import BlockingWorld
    from maildns.protocols.dmarc import Policy
    from maildns.reports.advice import Advice


@dataclass(frozen=True, slots=True)
class Counsel:
    """
    Advice, and what it means for the description: the step taken in it, as a diff.

    `seen` is the policy that the newest report saw.
    """

    advice: Advice
    change: str = ""
    seen: str = ""


def command(
    domains: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DOMAIN]...", help="The domains; left out: all.", show_default=False
        ),
    ] = None,
    *,
    goal: Annotated[
        str, typer.Option("--goal", metavar="quarantine|reject", help="Where the ladder ends.")
    ] = "reject",
    write: Annotated[
        bool,
        typer.Option("--write", help="Take the steps that are safe in maildns.toml. Asks first."),
    ] = False,
    yes: YesOption = False,
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
    Say the next safe step to a strict policy: the record, its day, its evidence, what speaks against it.

    The ladder is watch, quarantine in test mode, quarantine, reject; then subdomains. A step is
    advised when no mail that you want would be hit and the step of today has stood for 30 days.
    Nothing is changed without --write, and then maildns.toml alone: the plan carries it out.
    Exits with 1 when something speaks against a step.
    """
    top = _goal(goal)
    asked = world_asked(world, server, live=live)
    with looking(store, config, days, until) as sight:
        counsels = list(_counsels(sight, domains or (), top, asked))
        written = _take(sight, counsels, yes=yes, json=json) if write else False
        if json:
            from maildns.cli.show_reports_advice import document

            emit(document(sight, counsels, written=written))
        elif not write:
            from maildns.cli.show_reports_advice import show

            show(sight, counsels)
    if any(one.advice.against for one in counsels):
        raise typer.Exit(ExitCode.FINDINGS)


def _goal(text: str) -> Policy:
    from maildns.protocols.dmarc import Policy

    if text not in {"quarantine", "reject"}:
        raise UsageError(f"--goal takes quarantine or reject, not {text[:40]!r}")
    return Policy(text)


def _counsels(
    sight: Sight, domains: Sequence[str], goal: Policy, world: BlockingWorld | None
) -> Iterator[Counsel]:
    wanted = [sight.named(one) for one in domains] or _with_mail(sight)
    told, stop = progress_on_terminal()
    try:
        for done, domain in enumerate(wanted):
            told("domains", done, len(wanted))
            yield _counsel(sight, domain, goal, world)
    finally:
        stop()


def _with_mail(sight: Sight) -> list[str]:
    """The domains that aggregate reports are about: TLS reports say nothing of policies."""
    from maildns.reports.store import queries

    with sight.store.reading() as reader:
        return sorted(one.domain for one in queries.summary(reader, sight.window))


def _counsel(sight: Sight, domain: str, goal: Policy, world: BlockingWorld | None) -> Counsel:
    from maildns.cli.reports_looking import (
        known_record,
        named_sources,
        policy_seen,
        seen_reports,
    )
    from maildns.reports.advice import Seen, advise

    rows = list(sight.evidence.source_days(sight.window, domain))
    seen = seen_reports(sight, domain)
    advice = advise(
        known_record(sight, domain, seen, world),
        domain,
        Seen(sight.window, rows, named_sources(sight, rows, world), seen),
        today=sight.today,
        goal=goal,
        world=world,
    )
    return Counsel(advice, _change(sight, advice), policy_seen(seen))


# --- the description ------------------------------------------------------------------


def _change(sight: Sight, advice: Advice) -> str:
    """The diff of the description in which the step is taken; empty where there is none."""
    from maildns.cli.config_policy import diff

    project = sight.place.project
    if project is None or advice.step is None or advice.domain not in project.intent.domain:
        return ""
    before = project.source.text
    return diff(before, _stepped(before, project.source.path, advice), project.source.path)


def _stepped(text: str, path: Path, advice: Advice) -> str:
    from maildns.cli.config_policy import with_policy

    if advice.step is None:
        return text
    try:
        return with_policy(text, path, advice.domain, advice.step)
    except ConfigError:
        return text


def _take(sight: Sight, counsels: Sequence[Counsel], *, yes: bool, json: bool) -> bool:
    """Take the steps that are safe in the description; whether it was changed."""
    from maildns.cli.config_policy import diff, with_policy
    from maildns.cli.show_reports import console, line
    from maildns.safefile import replace_file

    project = sight.place.project
    if project is None:
        raise UsageError(
            "there is no maildns.toml to change",
            hint="maildns init makes one; --config names another",
        )
    if sight.stale_days:
        raise UsageError(
            f"the newest report is {sight.stale_days} days old: nothing is changed on such ground",
            hint=f"import newer ones, or say that you mean it: --until {sight.last_day}",
        )
    path, before = project.source.path, project.source.text
    after = before
    for one in counsels:
        if one.advice.ready and one.advice.step is not None:
            after = with_policy(after, path, one.advice.domain, one.advice.step)
    if after == before:
        errors().print("no step is safe today, so nothing is changed", markup=False)
        return False
    if not json:
        out = console()
        for each in diff(before, after, path).splitlines():
            line(each, out)
    if not confirm(f"Write {path}?", yes=yes):
        raise typer.Exit(ExitCode.MISUSE)
    replace_file(path, after)
    errors().print(f"wrote {path}; next: maildns plan, maildns apply", markup=False)
    return True

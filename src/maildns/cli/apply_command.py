"""`maildns apply`: show, ask, write, read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import (
    CONFIG,
    ConfigOption,
    ExitCode,
    JsonOption,
    ServerOption,
    WorldOption,
    YesOption,
    confirm,
    emit,
    errors,
    output,
    planned,
)
from maildns.errors import MaildnsError

if TYPE_CHECKING:
    from maildns.plan.model import Plan
    from maildns.publish.applying import Applied, Batch
    from maildns.wiring import Project

ATTEMPTS = 3  # how often a plan is made anew when somebody else writes at the same time


def command(
    plan_file: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="A plan made by `maildns plan --out`."),
    ] = None,
    *,
    config: ConfigOption = CONFIG,
    yes: YesOption = False,
    force: Annotated[
        bool,
        typer.Option(help="Carry out a plan whose proof fails, or that takes an alias away."),
    ] = False,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """Publish the plan: show, ask, write, read back."""
    from maildns.errors import StalePlan

    done: list[Applied] = []  # of all attempts
    for attempt in range(1, ATTEMPTS + 1):
        project, plan = _plan(plan_file, config, world, server)
        if not _agreed(plan, json=json, yes=yes, force=force):
            raise typer.Exit(ExitCode.MISUSE)
        try:
            by_hand = _carry_out(project, plan, done)
        except StalePlan as stale:
            # A plan from a file is what its owner agreed to: never made anew behind their back.
            if plan_file is not None or attempt == ATTEMPTS:
                raise
            errors().print(f"{stale}; planning anew", markup=False)
            continue
        _report(plan, done, by_hand, json=json)
        return


def _plan(
    plan_file: Path | None,
    config: Path,
    world: Path | None,
    servers: list[str] | None,
) -> tuple[Project, Plan]:
    if plan_file is None:
        return planned(config, world, servers, ask_servers=True)
    from maildns.plan.document import plan_of
    from maildns.wiring import open_project, read_text

    return open_project(config), plan_of(read_text(plan_file), str(plan_file))


def _agreed(plan: Plan, *, json: bool, yes: bool, force: bool) -> bool:
    """Show the plan and have it agreed to; raises `UnsafePlan` where it is too dangerous."""
    from maildns.cli.show_plan import show_plan
    from maildns.errors import PublishError, UnsafePlan

    if not json:
        show_plan(plan, output())
    if plan.dangers and plan.changes and not force:
        raise UnsafePlan(
            plan.dangers, hint="correct maildns.toml, or carry it out all the same: --force"
        )
    if plan.unknown:
        what = ", ".join(f"{one.name} {one.rrtype}" for one in plan.unknown[:3])
        raise PublishError(
            f"cannot tell what stands at {what} ({plan.unknown[0].why}), so nothing is changed",
            may_retry=True,
            hint="try again when the name server answers",
        )
    if not plan.changes:
        return True
    return confirm(f"Carry out {_counted(len(plan.changes))}?", yes=yes)


def _carry_out(project: Project, plan: Plan, done: list[Applied]) -> list[Batch]:
    """Publish; *done* grows by what is written, and an error says what was written before it."""
    from maildns.plan.desired import PUBLIC
    from maildns.publish.applying import apply_plan

    publishers = {view: list(project.publishers_of(view).values()) for view in project.views()}
    project.ledger.of(PUBLIC)  # a damaged one is told before anything is written

    def note(applied: Applied) -> None:
        done.append(applied)
        project.ledger.record(applied.batch.changes, {})

    try:
        by_hand = apply_plan(plan, publishers, done=note)
    except MaildnsError as error:
        if done:
            written = ", ".join(applied.batch.where for applied in done)
            error.hint = f"{error.hint}; written already: {written}".removeprefix("; ")
        raise
    if any(plan.held.values()):
        project.ledger.record((), plan.held)
    return by_hand


def _report(plan: Plan, done: Sequence[Applied], by_hand: Sequence[Batch], *, json: bool) -> None:
    from maildns.cli.documents import AppliedDocument

    document = AppliedDocument.of(done, by_hand)
    if json:
        emit(document)
    else:
        _show(plan, done, by_hand)
    if any(applied.differs for applied in done) or by_hand:
        raise typer.Exit(ExitCode.FINDINGS)


def _counted(number: int) -> str:
    return f"{number} change" if number == 1 else f"{number} changes"


def _show(plan: Plan, done: Sequence[Applied], by_hand: Sequence[Batch]) -> None:
    console = output()
    for applied in done:
        batch = applied.batch
        counted = _counted(len(batch.changes))
        console.print(f"{batch.where}: {counted} written to {batch.label}", markup=False)
        if not applied.differs:
            console.print("  read back: all there", style="green")
        for difference in applied.differs:
            console.print(f"  read back: {difference}", style="bold red", markup=False)
    for batch in by_hand:
        names = ", ".join(f"{change.name} {change.rrtype}" for change in batch.changes[:4])
        more = f" and {len(batch.changes) - 4} more" if len(batch.changes) > 4 else ""
        console.print(f"no publisher holds {names}{more}", markup=False)
        console.print("  `maildns export --format html` makes a page to paste them from")
    if any(one.batch.publisher and one.batch.publisher.local for one in done):
        console.print("now let the name server load what was written, such as `rndc reload`")
    ttl = max((c.before.ttl_seconds for c in plan.changes if c.before is not None), default=0)
    if done and ttl:
        console.print(f"resolvers may show the old records for up to {ttl} seconds")

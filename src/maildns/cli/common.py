"""What all commands share: options, exit codes, output, and errors as one clear message."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from maildns.errors import (
    ConfigError,
    MaildnsError,
    PublishError,
    StalePlan,
    UnsafePlan,
)

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from maildns.plan.making import Progress
    from maildns.plan.model import Plan
    from maildns.wiring import Project


class ExitCode(IntEnum):
    """What the shell is told."""

    FINE = 0
    FINDINGS = 1  # something is wrong, at or above the asked severity
    MISUSE = 2  # the command, the config or a file cannot be used as given
    UNKNOWN = 3  # the world did not answer, so it cannot be known


ConfigOption = Annotated[
    Path,
    typer.Option("--config", "-c", help="The description of the servers and domains."),
]
WorldOption = Annotated[
    Path | None,
    typer.Option(help="Answer every DNS question from this zone file instead of the network."),
]
ServerOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SERVER",
        help="Ask this name server: ADDRESS, ADDRESS:PORT, tls://HOST or an https URL.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON (see `maildns schema`).")]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="A file whose first line is the key's passphrase.")
]
PassphraseEnv = Annotated[
    str, typer.Option(help="The environment variable that holds the key's passphrase.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
CONFIG = Path("maildns.toml")


def run_guarded(work: Callable[[], Any]) -> NoReturn:
    """Run *work* and exit; an expected error becomes one message, its mend and its exit code."""
    try:
        work()
    except MaildnsError as error:
        complain(error)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped\n")
        sys.exit(130)
    except BrokenPipeError:
        # The reader went away, as `head` does; leave without a word.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.FINE)
    sys.exit(ExitCode.FINE)


def exit_code_of(error: MaildnsError) -> ExitCode:
    """The design's exit code for an error."""
    if isinstance(error, UnsafePlan | StalePlan):
        return ExitCode.FINDINGS
    if isinstance(error, PublishError) and error.may_retry:
        return ExitCode.UNKNOWN
    return ExitCode.MISUSE


def complain(error: MaildnsError) -> None:
    """Print an error and its mend on standard error."""
    console = errors()
    console.print("[bold red]error:[/]", end=" ")
    console.print(_printable(str(error)), markup=False)
    if error.hint:
        console.print("[bold]mend:[/]", end=" ")
        console.print(_printable(error.hint), markup=False)


def _printable(text: str) -> str:
    """*text* with a dot for what could move the cursor; a message has lines, so they stay."""
    return "".join(char if char.isprintable() or char == "\n" else "·" for char in text)


def output() -> Console:
    """Standard output as a rich console; plain text when it is not a terminal."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def errors() -> Console:
    """Standard error as a rich console."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def emit(document: BaseModel) -> None:
    """Print a document as JSON."""
    sys.stdout.write(document.model_dump_json(indent=2, by_alias=True))
    sys.stdout.write("\n")  # not joined to it: a large plan would be copied once more


def write(text: str, out: Path | None = None) -> None:
    """Print *text*, or write it to *out*."""
    if out is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        from maildns.errors import InputError

        raise InputError(f"cannot write it: {error.strerror}", path=out) from None


def confirm(question: str, *, yes: bool) -> bool:
    """Ask; True at once with --yes, and False where nobody can answer."""
    if yes:
        return True
    if not sys.stdin.isatty():
        errors().print("nobody is there to answer; --yes answers for you")
        return False
    try:
        return typer.confirm(question, default=False)
    except typer.Abort:  # Ctrl-C, or the end of input
        return False


def progress_on_terminal() -> tuple[Progress, Callable[[], None]]:
    """A progress line on standard error, and how to end it; silent when it is not a terminal."""
    from maildns.plan.making import silent

    if not sys.stderr.isatty():
        return silent, lambda: None
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=errors(),
        transient=True,
    )
    tasks: dict[str, Any] = {}
    bar.start()

    def show(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done)

    return show, bar.stop


def planned(
    config: Path,
    world: Path | None,
    servers: list[str] | None,
    *,
    ask_servers: bool = False,
) -> tuple[Project, Plan]:
    """Read the config and make its plan, with progress on a terminal."""
    from dataclasses import replace

    from maildns.plan.making import make_plan
    from maildns.wiring import open_project, places_of

    project = open_project(config)
    progress, stop = progress_on_terminal()
    try:
        places = places_of(project, world, servers or (), ask_servers=ask_servers)
        plan = make_plan(
            project.intent,
            project.materials,
            places,
            now=project.now,
            progress=progress,
        )
        plan = replace(plan, findings=(*plan.findings, *project.exposures()))
    except ConfigError as error:
        raise project.source.located(error) from None
    finally:
        stop()
    return project, plan

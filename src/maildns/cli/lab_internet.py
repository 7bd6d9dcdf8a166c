"""`maildns lab up`, `enter` and `down`: a pretend internet of real servers in a network of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import output

if TYPE_CHECKING:
    from maildns.lab.internet import Internet


def up(
    *,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Add the domain with this fault; `all` adds every one."),
    ] = None,
    list_faults: Annotated[
        bool, typer.Option("--list-faults", help="Show the names of all faults and stop.")
    ] = False,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Run this command line inside, stop the lab, and exit as it did.",
        ),
    ] = None,
) -> None:
    """
    Bring up a pretend internet of real servers, and stop it on Ctrl-C.

    A signed root and the domain good.lab on Knot DNS, a validating Unbound, and two Postfix, in a
    network namespace of their own; needs root. Each --fault adds a domain in which that is wrong.
    """
    if list_faults:
        _list_faults()
        return
    from maildns.lab.internet import Internet

    _end_at_signals()
    with Internet(fault or ()) as lab:
        if run is not None:
            raise typer.Exit(_run(lab.name, _words(run)))
        _greet(lab)
        _wait()


def enter(
    command: Annotated[
        list[str] | None, typer.Argument(help="What to run inside; a shell when nothing is given.")
    ] = None,
    *,
    lab: Annotated[str | None, typer.Option(help="Which lab, where several run.")] = None,
) -> None:
    """Run a command inside the pretend internet that is up, such as `maildns check good.lab`."""
    import os

    words = command or [os.environ.get("SHELL") or "/bin/sh"]
    raise typer.Exit(_run(_lab(lab), words))


def down(
    *,
    lab: Annotated[str | None, typer.Option(help="Which lab, where several run.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that run.")] = False,
) -> None:
    """Stop a pretend internet from elsewhere, or remove what a killed one left."""
    from maildns.lab.internet import labs, take_down

    for name in labs() if everything else [_lab(lab)]:
        take_down(name)
        output().print(f"{name} is down", markup=False)


def _lab(name: str | None) -> str:
    """The lab that is meant; the only one where none is named."""
    from maildns.errors import UsageError
    from maildns.lab.internet import labs
    from maildns.lab.internet.namespace import require_root

    require_root()
    running = labs()
    if name is None and len(running) == 1:
        return running[0]
    if name in running and name is not None:
        return name
    if not running:
        raise UsageError("no lab is up", hint="maildns lab up")
    shown = ", ".join(running)
    raise UsageError(f"say which lab with --lab: {shown}" if name is None else f"no lab {name!r}")


def _words(line: str) -> list[str]:
    import shlex

    from maildns.errors import UsageError

    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"--run {line!r}: {error}") from None
    if not words:
        raise UsageError("--run names no command")
    return words


def _run(lab: str, words: list[str]) -> int:
    """Run a command inside with this terminal; `maildns` is this one."""
    import subprocess
    import sys

    from maildns.lab.internet import inside

    if words[0] == "maildns":
        words = [sys.executable, "-m", "maildns.cli.main", *words[1:]]
    return subprocess.run(inside(lab, words), check=False).returncode  # noqa: S603 - the user's own command


def _list_faults() -> None:
    from maildns.lab.internet import FAULTS

    width = max(map(len, FAULTS))
    for fault in FAULTS.values():
        output().print(f"{fault.name:{width}}  {fault.says}", markup=False)


def _greet(lab: Internet) -> None:
    console = output()
    console.print(f"{lab.name} is up after {lab.seconds:.1f} s; Ctrl-C stops it", markup=False)
    console.print("good.lab   a domain at which nothing is wrong", markup=False)
    faults = [fault.domain for fault in lab.faults]
    if faults:
        console.print(f"{faults[0]} ... {len(faults)} domains, each with one fault:", markup=False)
        console.print("           `maildns lab up --list-faults` names them", markup=False)
    console.print("from another terminal, as root:", markup=False)
    domain = faults[0] if faults else "good.lab"
    for line in (
        f"maildns lab enter maildns check {domain}",
        f"maildns lab enter kdig +dnssec {domain} MX",
        f"maildns lab enter posttls-finger -c -l dane -L summary {domain}",
        "maildns lab enter    # a shell inside",
    ):
        console.print(f"  {line}", markup=False)


def _end_at_signals() -> None:
    """Let a signal that would end us go through the `with` block, and no second one disturb that."""
    import signal
    import sys

    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(number: int, _frame: object) -> None:
        for one in ends:
            signal.signal(one, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    for one in ends:
        signal.signal(one, end)


def _wait() -> None:
    import threading
    from contextlib import suppress

    with suppress(KeyboardInterrupt):
        threading.Event().wait()

"""`maildns verify`: what receivers find out about one message, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import ExitCode, JsonOption, ServerOption, WorldOption, emit, output

if TYPE_CHECKING:
    from maildns.authentication import AuthenticationResults

_COLOURS = {
    "pass": "green",
    "fail": "bold red",
    "softfail": "red",
    "permerror": "bold red",
    "temperror": "yellow",
    "policy": "red",
}


def command(
    message: Annotated[
        Path, typer.Argument(metavar="MESSAGE", help="The mail as a file; - for standard input.")
    ],
    *,
    ip: Annotated[str, typer.Option(help="The address of the host that brought it.")],
    helo: Annotated[
        str, typer.Option(help="What the host said in HELO; not checked when left out.")
    ] = "",
    sender: Annotated[
        str | None,
        typer.Option(
            help="The envelope sender (MAIL FROM), <> for a bounce; Return-Path when left out.",
            show_default=False,
        ),
    ] = None,
    authserv_id: Annotated[
        str, typer.Option("--authserv-id", help="The name of the receiver in the field.")
    ] = "localhost",
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Say what receivers find out about a message, and why.

    Prints the Authentication-Results field, then the reason of each result. Exits with 0 when
    DMARC passes, or when no policy applies and SPF or DKIM passes; with 3 when it cannot be
    known (temperror); else with 1.
    """
    from maildns.authentication import authenticate
    from maildns.cli.mail_file import read_mail
    from maildns.cli.show_record import plain
    from maildns.net.drivers import run
    from maildns.net.world import GivingUp
    from maildns.wiring import world_of

    octets = read_mail(message)
    envelope = _return_path(octets) if sender is None else plain(sender)
    inquiry = authenticate(
        octets, ip=ip, helo=plain(helo), sender=envelope, authserv_id=plain(authserv_id)
    )
    # Where no server answers at all, that is soon said.
    results = run(inquiry, GivingUp(world_of(world, server or ())))
    if json:
        from maildns.cli.verify_document import VerifyDocument

        emit(VerifyDocument.of(results))
    else:
        _show(results)
    code = _code(results)
    if code is not ExitCode.FINE:
        raise typer.Exit(code)


def _return_path(message: bytes) -> str:
    """The envelope sender that the last server noted (RFC 5321 section 4.4); <> without one."""
    from maildns.authentication.author import fields_of

    found = next(fields_of(message, "return-path"), b"")
    return found.decode("utf-8", "replace").strip() or "<>"


def _show(results: AuthenticationResults) -> None:
    from rich.text import Text

    from maildns.authentication import explain
    from maildns.cli.show_findings import printable
    from maildns.cli.show_record import line

    console = output()
    for row in results.field("\n").split("\n"):
        line(row, console)
    for because in explain(results):
        console.print()
        head = Text(f"{because.method}: ", style="bold")
        head.append(because.result, style=_COLOURS.get(because.result, "bold"))
        head.append(printable(f"  {because.subject}"), style="not bold")
        console.print(head)
        line(f"  {because.why}", console)
        for step in because.steps:
            line(f"    {step}", console, "dim")


def _code(results: AuthenticationResults) -> ExitCode:
    """What the shell is told: DMARC decides, and where no policy applies, what it would rest on."""
    result: str = results.dmarc.result
    if result == "none" and results.authors.domains:
        seen = {str(results.spf.result), *(str(one.result) for one in results.dkim)}
        result = next((one for one in ("pass", "temperror") if one in seen), "fail")
    codes = {"pass": ExitCode.FINE, "temperror": ExitCode.UNKNOWN}
    return codes.get(result, ExitCode.FINDINGS)

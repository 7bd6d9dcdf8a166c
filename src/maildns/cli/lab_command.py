"""`maildns lab`: a signed name server on loopback, or a whole pretend internet, to try things out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import output
from maildns.cli.lab_internet import down, enter, up

if TYPE_CHECKING:
    from maildns.lab import LabServer

app = typer.Typer(no_args_is_help=False, rich_markup_mode="rich")

app.command("up")(up)
app.command("enter", context_settings={"allow_interspersed_args": False})(enter)
app.command("down")(down)

KEY_NAME = "maildns-lab"
KEY_FILE = "tsig.key"


@app.callback(invoke_without_command=True)
def serve(
    ctx: typer.Context,
    *,
    zone: Annotated[
        list[str] | None,
        typer.Option(help="A zone to serve: the name of an empty one, or a zone file."),
    ] = None,
    folder: Annotated[
        Path,
        typer.Option(help="Where zones and keys are kept, so that the next run goes on."),
    ] = Path("lab"),
    port: Annotated[int, typer.Option(help="The port on loopback; 0 takes a free one.")] = 5300,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Serve without DNSSEC.")] = False,
    ready_file: Annotated[
        Path | None,
        typer.Option(help="Write ADDRESS:PORT to this file when questions are answered."),
    ] = None,
) -> None:
    """
    Run a signed name server on loopback, to try things out.

    It takes TSIG-signed updates, keeps its zones in a folder, and plays a small Internet:
    names outside its zones do not exist.
    """
    if ctx.invoked_subcommand is not None:
        return
    from maildns.lab import LabServer
    from maildns.safefile import replace_file

    secret = _secret(folder)
    zones = dict(_source(text) for text in zone or ())
    with LabServer(
        {".": "", **zones},
        port=port,
        tsig_keys={KEY_NAME: secret},
        signed=not unsigned,
        folder=folder,
    ) as lab:
        _greet(lab, folder)
        if ready_file is not None:
            replace_file(ready_file, f"{lab.server}\n")
        _wait()


def _wait() -> None:
    """Until somebody stops us, as a person with Ctrl-C or a script with a signal."""
    import signal
    import threading

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


def _source(text: str) -> tuple[str, str]:
    """A zone's name and text: from its file, or empty."""
    from maildns.cli.init_command import apex_of
    from maildns.dnsdata import name
    from maildns.wiring import read_text

    path = Path(text)
    if not path.is_file():
        return name(text), ""
    content = read_text(path)
    return apex_of(content, path), content


def _secret(folder: Path) -> bytes:
    """The lab's TSIG secret: kept in the folder, made at the first run."""
    import base64
    import secrets

    from maildns.publish.tsig import read_key_file
    from maildns.safefile import SECRET_MODE, replace_file

    path = folder / KEY_FILE
    if not path.exists():
        octets = base64.b64encode(secrets.token_bytes(32)).decode()
        text = f'key "{KEY_NAME}" {{\n\talgorithm hmac-sha256;\n\tsecret "{octets}";\n}};\n'
        replace_file(path, text, mode=SECRET_MODE, fresh=True)
    return read_key_file(path).secret


def _greet(lab: LabServer, folder: Path) -> None:
    console = output()
    shown = ", ".join(origin for origin in lab.origins if origin != ".") or "none yet"
    console.print(f"the lab answers on {lab.server} (UDP and TCP); Ctrl-C stops it", markup=False)
    console.print(f"zones: {shown}; kept in {folder}", markup=False)
    console.print("to publish there, say in maildns.toml:", markup=False)
    console.print(f"  {publisher_text(lab.server, folder)}".replace("\n", "\n  "), markup=False)
    console.print(f"to ask it: maildns plan --server {lab.server}", markup=False)


def publisher_text(server: str, folder: Path) -> str:
    """The table of maildns.toml that publishes to the lab."""
    return (
        f'[publisher.lab]\ntype = "rfc2136"\nserver = "{server}"\nkey_file = "{folder / KEY_FILE}"'
    )


@app.command("certificate")
def certificate(
    host: Annotated[str, typer.Argument(help="The server's name.")],
    *,
    folder: Annotated[Path, typer.Option(help="Where to put HOST.crt and HOST.key.")] = Path("tls"),
    days: Annotated[int, typer.Option(help="How long it is valid; negative: expired.")] = 90,
) -> None:
    """Make a self-signed certificate and its key, to try TLSA with."""
    from maildns.dnsdata import name
    from maildns.lab.certificate import self_signed
    from maildns.safefile import SECRET_MODE, replace_file

    made = self_signed(name(host), days=days)
    replace_file(folder / f"{name(host)}.key", made.key_pem, mode=SECRET_MODE, fresh=True)
    replace_file(folder / f"{name(host)}.crt", made.certificate_pem, fresh=True)
    console = output()
    console.print(f"made {folder / name(host)}.crt and .key, for trying out only", markup=False)

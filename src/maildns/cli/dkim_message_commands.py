"""`maildns dkim verify|sign`: whole messages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from maildns.cli.common import (
    CONFIG,
    ConfigOption,
    ExitCode,
    JsonOption,
    PassphraseEnv,
    PassphraseFile,
    ServerOption,
    WorldOption,
    emit,
    output,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maildns.protocols.dkim import DkimVerdict, PrivateKey

VERIFY_EXAMPLE = "Example: maildns dkim verify received.eml"
SIGN_EXAMPLE = "Example: maildns dkim sign draft.eml --domain example.com --selector s202611"

MessageArgument = Annotated[
    Path, typer.Argument(metavar="MESSAGE", help="The mail as a file; - for standard input.")
]


def verify(
    message: MessageArgument,
    *,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Verify every DKIM signature of a message.

    Exits with 0 when one passes, with 3 when that cannot be known, else with 1.
    """
    from maildns.cli.mail_file import read_mail
    from maildns.net.drivers import run
    from maildns.protocols import dkim
    from maildns.wiring import world_of

    octets = read_mail(message)
    verdicts = run(dkim.verify(octets), world_of(world, server or ()))
    if json:
        from maildns.cli.protocol_documents import DkimVerifyDocument

        emit(DkimVerifyDocument.of(verdicts))
    else:
        _show(verdicts)
    results = {verdict.result for verdict in verdicts}
    if dkim.DkimResult.PASS in results:
        return
    unsure = dkim.DkimResult.TEMPERROR in results
    raise typer.Exit(ExitCode.UNKNOWN if unsure else ExitCode.FINDINGS)


def _show(verdicts: Sequence[DkimVerdict]) -> None:
    from maildns.cli.show_record import line

    console = output()
    if not verdicts:
        line("none: the message is not signed", console)
    for verdict in verdicts:
        colour = "green" if verdict.result == "pass" else "red"
        who = f"{verdict.domain}, selector {verdict.selector}" if verdict.domain else "a signature"
        how = ", ".join(
            filter(None, [verdict.algorithm, f"{verdict.bits} bits" * bool(verdict.bits)])
        )
        line(f"{verdict.result}: {who}" + (f" ({how})" if how else ""), console, colour)
        for sentence in (verdict.reason, *verdict.warnings):
            if sentence:
                line(f"  {sentence}", console)
        if verdict.testing:
            line("  the key says that it is only being tried (t=y)", console)


def sign(
    message: MessageArgument,
    *,
    domain: Annotated[str, typer.Option(help="The signing domain.")],
    selector: Annotated[str, typer.Option(help="The selector of the key.")],
    key: Annotated[
        Path | None,
        typer.Option(help="The private key (PEM); that of the config when left out."),
    ] = None,
    config: ConfigOption = CONFIG,
    passphrase_file: PassphraseFile = None,
    passphrase_env: PassphraseEnv = "",
    canonicalization: Annotated[
        str, typer.Option(help="Forms of header and body: relaxed or simple for each.")
    ] = "relaxed/relaxed",
) -> None:
    """
    Sign a message, and print it with its new DKIM-Signature field.

    The key signs From and every other field that says who, when and what. The message is
    printed with the line ends that it has.
    """
    from maildns.cli.dkim_keys import passphrase_of
    from maildns.cli.mail_file import read_mail
    from maildns.protocols import dkim

    octets = read_mail(message)
    passphrase = passphrase_of(passphrase_file, passphrase_env)
    field = dkim.sign(
        octets,
        _private_key(key, config, domain, selector, passphrase),
        domain=domain,
        selector=selector,
        canonicalization=cast("Any", canonicalization),  # `sign` refuses what it does not know
    )
    if b"\r\n" not in octets:
        field = field.replace(b"\r\n", b"\n")
    sys.stdout.flush()
    sys.stdout.buffer.write(field + octets)


def _private_key(
    key: Path | None, config: Path, domain: str, selector: str, passphrase: bytes | None
) -> PrivateKey:
    """The key file that was named, or the one that the config has for the selector."""
    from maildns.cli.dkim_keys import read_octets
    from maildns.dnsdata import name
    from maildns.errors import UsageError
    from maildns.intent.load import settings
    from maildns.intent.secrets import read_secret
    from maildns.materials import key_path
    from maildns.protocols import dkim
    from maildns.wiring import open_project

    if key is not None:
        return dkim.private_key_from_pem(read_octets(key), passphrase, key)
    project = open_project(config)
    known = (
        settings(project.intent, name(domain)).dkim if name(domain) in project.intent.domain else ()
    )
    for entry in known:
        if name(entry.selector) == name(selector):
            path = key_path(project.source, name(domain), entry)
            place = ("domain", name(domain), "dkim")
            secret = entry.passphrase and read_secret(entry.passphrase, project.source, place)
            return dkim.private_key_from_pem(read_octets(path), passphrase or secret or None, path)
    raise UsageError(
        f"{config} has no key {selector} for {domain}", hint="name the key's file: --key FILE"
    )

"""`maildns tlsa`: records made from a certificate, a key or a live server, and compared with one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import (
    ExitCode,
    JsonOption,
    PassphraseEnv,
    PassphraseFile,
    ServerOption,
    WorldOption,
    complain,
    emit,
    output,
)

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from maildns.dnsdata import Tlsa
    from maildns.finding import Finding
    from maildns.protocols.dane import DaneVerdict, TlsaLookup

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

CertificateOption = Annotated[
    Path | None, typer.Option(help="The server's certificate (PEM with its chain, or DER).")
]
KeyOption = Annotated[
    Path | None,
    typer.Option(help="The server's key (private, public or a request); compared or used alone."),
]
ConnectOption = Annotated[
    str,
    typer.Option(help="Look at the certificate of this live server: HOST, or HOST:PORT."),
]
TimeoutOption = Annotated[
    float, typer.Option(min=0.1, max=300, help="How long --connect may take, in seconds.")
]
PortOption = Annotated[
    int, typer.Option(min=1, max=65535, help="The port that the records speak of.")
]

_PLACE = re.compile(r"\[(?P<v6>[^\]]*)\](?::(?P<p6>\d+))?|(?P<host>[^:]+)(?::(?P<port>\d+))?")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server shows, or is to show: its chain, leaf first, and its key file's public half."""

    chain: tuple[Certificate, ...] = ()
    spki: bytes = b""

    @property
    def der(self) -> list[bytes]:
        """The chain in DER."""
        from maildns.protocols.dane.certificate import der_of

        return [der_of(one) for one in self.chain]


# --- make -----------------------------------------------------------------------------


@app.command(
    "make",
    epilog="Example: maildns tlsa make --certificate fullchain.pem --host mail.example.com "
    "· maildns tlsa make --connect mail.example.com",
)
def make(
    *,
    certificate: CertificateOption = None,
    key: KeyOption = None,
    connect: ConnectOption = "",
    host: Annotated[str, typer.Option(help="The server's name, as MX records have it.")] = "",
    port: PortOption = 25,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            help='Usage, selector, matching type; "3 1 1" when left out. May be repeated.'
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_env: PassphraseEnv = "",
    timeout: TimeoutOption = 15.0,
    json: JsonOption = False,
) -> None:
    """
    Make TLSA records of a certificate, a key or a live server.

    Exits with 1 when the certificate will not do, 3 when the server cannot be reached.
    """
    from maildns.errors import UsageError
    from maildns.protocols import dane

    wanted = [dane.parameters(text) for text in parameters or ["3 1 1"]]
    if certificate and connect:
        raise UsageError("give one of --certificate and --connect")
    if not (certificate or key or connect):
        raise UsageError("of what?", hint="give --certificate FILE, --key FILE or --connect HOST")
    owner = _host(host, connect)  # a wrong name is said before anything is waited for
    passphrase = _passphrase(passphrase_file, passphrase_env)
    chain = _live_chain(connect, owner, timeout) if connect else None
    shown = _identity(certificate, key, passphrase, chain)
    owner = owner or _only_name(shown)
    records = [dane.record_for(one, shown.chain, shown.spki) for one in wanted]
    findings = _judge(shown, owner)
    name = dane.owner_name(owner, port)
    for one in dict.fromkeys(records):
        # What stands on a single record, such as "changes at renewal"; the rest is the RRset's.
        findings += dane.lint(one, name)
    _show_made(owner, port, list(dict.fromkeys(records)), findings, json=json)


def _show_made(
    owner: str, port: int, records: Sequence[Tlsa], findings: Sequence[Finding], *, json: bool
) -> None:
    from maildns.cli.show_record import (
        finding_documents,
        has_error,
        line,
        show_findings,
        zone_line,
    )
    from maildns.protocols import dane

    name = dane.owner_name(owner, port)
    if json:
        from maildns.cli.protocol_documents import PublishedDocument, TlsaDocument

        made = [PublishedDocument.of(name, record) for record in records]
        found = finding_documents(findings)
        emit(TlsaDocument(host=owner, port=port, records=made, findings=found))
    else:
        console = output()
        for record in records:
            line(zone_line(name, record), console)
        show_findings(findings, console)
        line("these count only when the zone is signed with DNSSEC", console, "dim")
    if has_error(findings):
        raise typer.Exit(ExitCode.FINDINGS)


def _host(host: str, connect: str) -> str:
    """The name that was given, by --host or --connect; empty when neither has one."""
    from maildns.dnsdata import name

    if host:
        return name(host)
    place = _place(connect)[0] if connect else ""
    return "" if _is_address(place) else place and name(place)


def _only_name(shown: Identity) -> str:
    """The one name of the certificate; raises where it has more, or none."""
    from maildns.dnsdata import name
    from maildns.errors import UsageError
    from maildns.protocols import dane

    names = dane.certificate_names(shown.chain[0]) if shown.chain else []
    if len(names) == 1 and not names[0].startswith("*"):
        return name(names[0])
    has = f"; the certificate names {', '.join(names[:5])}" if names else ""
    raise UsageError("for which server?", hint=f"give its name: --host mail.example.com{has}")


# --- what the server shows ------------------------------------------------------------


def _identity(
    certificate: Path | None,
    key: Path | None,
    passphrase: bytes | None,
    live: Sequence[Certificate] | None = None,
) -> Identity:
    """Read the files that were given; *live* is what a server showed. Raises `InputError`."""
    from maildns.cli.dkim_keys import read_octets
    from maildns.protocols import dane

    chain = live or ()
    if certificate is not None:
        chain = dane.load_certificates(read_octets(certificate), certificate)
    spki = b""
    if key is not None:
        spki = dane.load_public_key_of_key_file(read_octets(key), passphrase, key)
    return Identity(tuple(chain), spki)


def _passphrase(file: Path | None, variable: str) -> bytes | None:
    from maildns.cli.dkim_keys import passphrase_of

    return passphrase_of(file, variable)


def _live_chain(connect: str, host: str, timeout: float) -> list[Certificate]:
    """What the server at *connect* shows to who asks for *host*; exits when that is nothing."""
    from maildns.dnsdata import name
    from maildns.net.smtp import MailServerError, fetch_chain
    from maildns.protocols.dane.certificate import certificate_of

    place, port = _place(connect)
    place = place if _is_address(place) else name(place)
    try:
        found = fetch_chain(host or place, port, timeout_seconds=timeout, address=place)
    except MailServerError as error:
        complain(error)
        raise typer.Exit(ExitCode.UNKNOWN if error.may_retry else ExitCode.FINDINGS) from None
    return [certificate_of(der) for der in found]


def _place(text: str) -> tuple[str, int]:
    """
    The host and port of `HOST`, `HOST:PORT`, an address, or `[IPv6]:PORT`.

    >>> _place("mail.example.com:465"), _place("2001:db8::1"), _place("[2001:db8::1]:26")
    (('mail.example.com', 465), ('2001:db8::1', 25), ('2001:db8::1', 26))
    """
    from maildns.errors import UsageError

    if _is_address(text):
        return text, 25
    match = _PLACE.fullmatch(text)
    port = int((match["port"] or match["p6"] or "25")[:6]) if match else 0
    if match is None or not 0 < port < 65536 or (match["v6"] and not _is_address(match["v6"])):
        hint = "write mail.example.com or mail.example.com:25"
        raise UsageError(f"{text!r} is not a server", hint=hint)
    return match["v6"] or match["host"], port


def _is_address(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _judge(shown: Identity, host: str) -> list[Finding]:
    """What is wrong with the certificate for *host*."""
    from datetime import UTC, datetime

    from maildns.protocols import dane

    if not shown.chain:
        return []
    return dane.certificate_problems(
        shown.chain[0], names=[host], now=datetime.now(UTC), key_spki=shown.spki or None
    )


# --- check, match ---------------------------------------------------------------------


@app.command(
    "check", epilog="Example: maildns tlsa check mail.example.com --connect mail.example.com"
)
def check(
    host: Annotated[str, typer.Argument(help="The server's name, as MX records have it.")],
    *,
    port: PortOption = 25,
    certificate: CertificateOption = None,
    key: KeyOption = None,
    connect: ConnectOption = "",
    passphrase_file: PassphraseFile = None,
    passphrase_env: PassphraseEnv = "",
    timeout: TimeoutOption = 15.0,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Look up TLSA records as senders do, and compare them with what the server shows.

    Exits with 1 when no record counts or matches, 3 when that cannot be known.
    """
    from maildns.dnsdata import name
    from maildns.errors import UsageError
    from maildns.net.drivers import run
    from maildns.protocols import dane
    from maildns.wiring import world_of

    if certificate and connect:
        raise UsageError("give one of --certificate and --connect")
    host = name(host)
    passphrase = _passphrase(passphrase_file, passphrase_env)
    chain = _live_chain(connect, host, timeout) if connect else None
    shown = _identity(certificate, key, passphrase, chain)
    inquiry = dane.planned_match(
        host, shown.der, spki_der=None if shown.chain else shown.spki or None, port=port
    )
    found = run(inquiry, world_of(world, server or ()))
    compared = bool(shown.chain or shown.spki)
    findings = dane.lint_rrset(found.lookup.records, found.lookup.owner)
    if shown.chain:
        findings += _judge(shown, host)
    _report(found.lookup, found.verdict if compared else None, findings, json=json)


@app.command("match", epilog='Example: maildns tlsa match "3 1 1 9A2F..." --certificate chain.pem')
def match(
    records: Annotated[
        list[str], typer.Argument(metavar="RECORD...", help="TLSA records, each in quotes.")
    ],
    *,
    certificate: CertificateOption = None,
    key: KeyOption = None,
    host: Annotated[str, typer.Option(help="The server's name, for records of an issuer.")] = "",
    passphrase_file: PassphraseFile = None,
    passphrase_env: PassphraseEnv = "",
    json: JsonOption = False,
) -> None:
    """
    Compare given TLSA records with a certificate or key; asks nobody.

    Exits with 1 when none matches.
    """
    from maildns.errors import UsageError
    from maildns.protocols import dane

    if not (certificate or key):
        raise UsageError("match with what?", hint="give --certificate FILE or --key FILE")
    parsed = [dane.parse(text) for text in _texts(records)]
    name = _host(host, "")
    shown = _identity(certificate, key, _passphrase(passphrase_file, passphrase_env))
    if shown.chain:
        names = [name] if name else dane.certificate_names(shown.chain[0])
        verdict = dane.match(parsed, shown.der, names)
    else:
        verdict = dane.match_key(parsed, shown.spki)
    findings = [finding for record in parsed for finding in dane.lint(record, name or "TLSA")]
    if shown.chain and name:
        findings += _judge(shown, name)
    _report(None, verdict, findings, host=name, json=json)


def _texts(records: Sequence[str]) -> list[str]:
    """
    The records' texts, out of the lines of a zone file; people forget the quotes.

    >>> _texts(["3", "1", "1", "abcd"]), _texts(["_25._tcp.a. IN TLSA 3 1 1 ab"])
    (['3 1 1 abcd'], ['3 1 1 ab'])
    """
    whole = list(records) if all(" " in one.strip() for one in records) else [" ".join(records)]
    return [re.sub(r"^.*?\bTLSA\s+", "", text, flags=re.IGNORECASE) for text in whole]


def _report(
    lookup: TlsaLookup | None,
    verdict: DaneVerdict | None,
    findings: Sequence[Finding],
    *,
    host: str = "",
    json: bool,
) -> None:
    from maildns.cli.show_record import finding_documents, show_findings

    became = _became(lookup, verdict)
    if json:
        from maildns.cli.protocol_documents import TlsaCheckDocument, TlsaComparedDocument

        emit(
            TlsaCheckDocument(
                host=lookup.host if lookup else host,
                owner=lookup.owner if lookup else "",
                lookup=lookup.result if lookup else None,
                dnssec=lookup.dnssec if lookup else None,
                reason=lookup.reason if lookup else "",
                match=verdict.result if verdict else None,
                says=verdict.reason if verdict else "",
                records=[TlsaComparedDocument(record=str(r), says=s) for r, s in became],
                findings=finding_documents(findings),
            )
        )
    else:
        _show_compared(lookup, verdict, became)
        show_findings(findings, output())
    code = _code(lookup, verdict, findings)
    if code is not ExitCode.FINE:
        raise typer.Exit(code)


def _became(lookup: TlsaLookup | None, verdict: DaneVerdict | None) -> list[tuple[Tlsa, str]]:
    """Each record, and what the comparison says of it."""
    if verdict is not None:
        return list(verdict.per_record)
    return [(record, "") for record in lookup.records] if lookup else []


def _show_compared(
    lookup: TlsaLookup | None, verdict: DaneVerdict | None, became: Sequence[tuple[Tlsa, str]]
) -> None:
    from maildns.cli.show_record import line
    from maildns.protocols.dane import DaneResult

    console = output()
    if lookup is not None:
        line(f"{lookup.owner}: {_in_words(lookup)}", console, "bold")
    for record, says in became:
        line(f"  {record}" + (f"  {says}" if says else ""), console)
    if verdict is not None:
        good = verdict.result is DaneResult.MATCH
        line(f"{verdict.result}: {verdict.reason}", console, "green" if good else "red")


def _in_words(lookup: TlsaLookup) -> str:
    if lookup.reason:
        return lookup.reason
    count = len(lookup.records)
    return f"{count} TLSA record{'' if count == 1 else 's'}, signed with DNSSEC: they count"


def _code(
    lookup: TlsaLookup | None, verdict: DaneVerdict | None, findings: Sequence[Finding]
) -> ExitCode:
    from maildns.cli.show_record import has_error
    from maildns.protocols.dane import DaneResult, LookupResult

    if lookup is not None and lookup.result in {LookupResult.DEFER, LookupResult.UNKNOWN}:
        return ExitCode.UNKNOWN
    counts = lookup is None or lookup.result is LookupResult.DANE
    matches = verdict is None or verdict.result is DaneResult.MATCH
    fine = counts and matches and not has_error(findings)
    return ExitCode.FINE if fine else ExitCode.FINDINGS

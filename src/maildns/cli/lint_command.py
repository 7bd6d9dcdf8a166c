"""`maildns lint`: what is wrong with records, a zone file or standard input."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import ExitCode, JsonOption, emit, errors, output
from maildns.finding import Severity

if TYPE_CHECKING:
    from maildns.zonelint import Report

MAX_OCTETS = 256 * 1024 * 1024


def command(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET",
            help="A record's text, a zone file, or - for standard input; nothing reads that too.",
            show_default=False,
        ),
    ] = None,
    *,
    type: Annotated[
        str,
        typer.Option("--type", help="What it is: spf, dkim, dmarc ... or a record type."),
    ] = "",
    name: Annotated[
        str,
        typer.Option("--name", help="The name it stands at; of a zone file, its origin."),
    ] = "",
    fail_on: Annotated[
        Severity,
        typer.Option("--fail-on", help="Exit with 1 when a finding is at least this severe."),
    ] = Severity.ERROR,
    json: JsonOption = False,
) -> None:
    """Complain about records, a zone file or standard input."""
    check_type(type)
    reports = [_report(target, name, type) for target in _joined(targets or ["-"])]
    findings = [finding for _, report in reports for finding in report.findings]
    failed = any(finding.severity.rank >= fail_on.rank for finding in findings)
    if json:
        from maildns.cli.documents import LintDocument

        emit(LintDocument.of(reports, failed=failed))
    else:
        _show(reports)
    if failed:
        raise typer.Exit(ExitCode.FINDINGS)


# A record may be written without quotes, its words beginning with a minus sign.
SETTINGS = {"ignore_unknown_options": True}


def _joined(targets: list[str]) -> list[str]:
    """The targets, or the one record whose words they are, for people forget the quotes."""
    from maildns.recognise import recognise

    if len(targets) < 2 or any(one == "-" or _is_file(Path(one)) for one in targets):
        return targets
    whole = " ".join(targets)
    seen = [recognise(target) for target in targets[1:]]
    words = any(one.kind is None or (one.error and " " not in one.text) for one in seen)
    return [whole] if words and recognise(whole).kind is not None else targets


def check_type(type: str) -> None:
    """Raise `UsageError` unless *type* is empty, a kind of record or a record type."""
    from maildns.errors import UsageError
    from maildns.recognise import KINDS, kind_named

    if type and type.upper() != "TXT" and kind_named(type) is None:
        hint = f"known are {', '.join(KINDS)} and the types TXT, TLSA, MX, CAA, SRV, A and AAAA"
        raise UsageError(f"{type!r} is not a kind of mail record", hint)


def _report(target: str, name: str, type: str) -> tuple[str, Report]:
    from maildns.cli.show_findings import printable
    from maildns.zonelint import lint_any

    if target == "-":
        if sys.stdin.isatty():
            errors().print("reading records from the keyboard; Ctrl-D ends")
        text = decoded(sys.stdin.buffer.read(MAX_OCTETS), "standard input")
        return "-", lint_any(text, name=name, rrtype=_kind(type), path="standard input")
    path = Path(target)
    if _is_file(path):
        text = _file_text(path)
        origin = name or origin_of(path, text)
        return printable(target), lint_any(text, name=origin, rrtype=_kind(type), path=path)
    report = lint_any(target, name=name, rrtype=_kind(type))
    if not report.linted and not type:
        raise _not_a_target(target)
    return "", report


def _kind(type: str) -> str:
    return "" if type.upper() == "TXT" else type


def _is_file(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # the text of a record is too long for a name, or has a NUL
        return False


def _file_text(path: Path) -> str:
    from maildns.errors import InputError

    try:
        return decoded(path.read_bytes(), path)
    except OSError as error:
        hint = "give the zone files in it one by one" if path.is_dir() else ""
        raise InputError(f"cannot read it: {error.strerror}", path=path, hint=hint) from None


def decoded(octets: bytes, path: Path | str) -> str:
    """The text of a file; octets in another encoding are kept, a binary file is refused."""
    from maildns.errors import InputError

    if b"\0" in octets[:65536]:
        hint = "zone files are text; `named-compilezone -f raw -F text` turns a raw one into text"
        raise InputError("this is not a text file", path=path, hint=hint)
    return octets.decode("utf-8", "surrogateescape")


_FILE_NAME = re.compile(r"(?:db\.)?((?:[a-z0-9_-]+\.)+[a-z0-9-]{2,})", re.IGNORECASE)
_NOT_A_ZONE = {"txt", "conf", "cfg", "md", "toml", "json", "yaml", "yml"}


def origin_of(path: Path, text: str) -> str:
    """
    The origin that the file's name tells, where the text itself does not.

    >>> origin_of(Path("/etc/bind/db.example.com"), "@ NS ns"), origin_of(Path("zone.txt"), "")
    ('example.com', '')
    """
    if re.search(r"^\$ORIGIN\s", text, re.MULTILINE | re.IGNORECASE):
        return ""
    match = _FILE_NAME.fullmatch(re.sub(r"\.(zone|db|hosts|txt)$", "", path.name))
    if match is None or match[1].rsplit(".", 1)[-1].lower() in _NOT_A_ZONE:
        return ""
    return match[1].lower()


def _not_a_target(target: str) -> Exception:
    from maildns.cli.show_findings import shortened
    from maildns.errors import InputError, UsageError

    shown = shortened(target, 60)
    if not re.search(r"\s|[=;]", target) and ("/" in target or "." in target):
        hint = "give a zone file that exists, or the text of a record in quotes"
        return InputError("there is no such file, and it is not a record", path=shown, hint=hint)
    return UsageError(
        f"cannot tell which record this is: {shown!r}",
        "say what it is with --type, or where it stands with --name",
    )


def _show(reports: list[tuple[str, Report]]) -> None:
    from maildns.cli.show_findings import count_of, show_linted

    console = output()
    for source, report in reports:
        for one in report.linted:
            if one.findings:
                show_linted(one, source, console)
    linted = [one for _, report in reports for one in report.linted]
    skipped = sum(report.skipped for _, report in reports)
    findings = [finding for one in linted for finding in one.findings]
    mail = sum(1 for one in linted if one.kind)
    line = f"{mail} mail record{'' if mail == 1 else 's'}, {count_of(findings)}"
    if skipped:
        line += f"; {skipped} other record{'' if skipped == 1 else 's'} passed over"
    console.print(line)

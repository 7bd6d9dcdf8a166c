"""`maildns explain`: a record in plain words, then what is wrong with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import ExitCode, JsonOption, emit, output

if TYPE_CHECKING:
    from maildns.cli.documents import ExplainDocument
    from maildns.finding import Finding
    from maildns.recognise import Recognised


# A record may be written without quotes, its words beginning with a minus sign.
SETTINGS = {"ignore_unknown_options": True}


def command(
    text: Annotated[
        list[str],
        typer.Argument(metavar="TEXT", help="The record; - reads standard input."),
    ],
    *,
    type: Annotated[
        str,
        typer.Option("--type", help="What it is: spf, dkim, dmarc ... or a record type."),
    ] = "",
    name: Annotated[str, typer.Option("--name", help="The name it stands at.")] = "",
    json: JsonOption = False,
) -> None:
    """Say in plain words what a record means, tag by tag."""
    from maildns.cli.lint_command import check_type, decoded
    from maildns.recognise import findings_of, recognise

    check_type(type)
    given = " ".join(text)  # people forget the quotes
    if given == "-":
        given = decoded(sys.stdin.buffer.read(1 << 20), "standard input").strip("\r\n")
    seen = recognise(given, name=name, rrtype=type)
    if seen.kind is None:
        raise _unknown(given)
    findings = findings_of(seen, seen.name or seen.kind.title)
    if json:
        emit(_document(seen, findings))
    else:
        _show(seen, findings)
    if seen.error is not None:
        raise typer.Exit(ExitCode.FINDINGS)


def _unknown(given: str) -> Exception:
    from maildns.cli.show_findings import shortened
    from maildns.errors import UsageError

    return UsageError(
        f"cannot tell which record this is: {shortened(given, 60)!r}",
        "say what it is with --type, or where it stands with --name",
    )


def _document(seen: Recognised, findings: list[Finding]) -> ExplainDocument:
    from maildns.cli import documents
    from maildns.documents import FindingDocument
    from maildns.recognise import meanings_of

    error = None
    if seen.error is not None:
        error = documents.SyntaxDocument(problem=seen.error.problem, span=seen.error.span)
    return documents.ExplainDocument(
        record_kind=seen.kind.id if seen.kind else "",
        title=seen.kind.title if seen.kind else "",
        text=seen.text,
        terms=[documents.TermDocument(term=t, meaning=m) for t, m in meanings_of(seen)],
        error=error,
        findings=[FindingDocument.of(finding) for finding in findings],
    )


def _show(seen: Recognised, findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    from maildns.cli.show_findings import printable, show_finding
    from maildns.recognise import meanings_of

    console = output()
    title = seen.kind.title if seen.kind else ""
    console.print(Text(f"{title} at {seen.name}" if seen.name else title, style="bold"))
    terms = [(printable(term), printable(meaning)) for term, meaning in meanings_of(seen)]
    if console.is_terminal:
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(overflow="fold", max_width=max(24, console.width * 2 // 5))
        table.add_column(overflow="fold")
        for term, meaning in terms:
            table.add_row(Text(term, style="cyan"), Text(meaning))
        console.print(table)
    else:
        width = min(40, max((len(term) for term, _ in terms), default=0))
        for term, meaning in terms:
            console.print(Text(f"{term:<{width}}  {meaning}"))
    if findings:
        console.print()
    for finding in sorted(findings, key=lambda one: -one.severity.rank):
        show_finding(finding, console, seen.text)

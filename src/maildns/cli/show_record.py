"""Records shown for publishing: as a zone file and as a web form want them, with findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from maildns.dnsdata import Rdata, Txt, absolute, unicode_name

if TYPE_CHECKING:
    from rich.console import Console

    from maildns.documents import FindingDocument
    from maildns.finding import Finding


def line(text: str, console: Console, style: str = "") -> None:
    """Print *text* as it is, without control characters."""
    from rich.text import Text

    from maildns.cli.show_findings import printable

    console.print(Text(printable(text), style=style))


def plain(text: str) -> str:
    """*text* from the command line, with a mark in place of octets that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def show_published(name: str, rdata: Rdata, console: Console) -> None:
    """Print a record's name, its value in one piece, and its line in a zone file."""
    value = rdata.text if isinstance(rdata, Txt) else str(rdata)
    line(f"name:  {name}", console)
    line(f"type:  {rdata.rrtype}", console)
    line(f"value: {value}", console)
    line(f"zone:  {zone_line(name, rdata)}", console)


def zone_line(name: str, rdata: Rdata) -> str:
    """
    The line of a zone file; the strings of a TXT record have at most 255 octets.

    >>> zone_line("example.com", Txt.of("v=spf1 -all"))
    'example.com. IN TXT "v=spf1 -all"'
    """
    return f"{absolute(name)} IN {rdata.rrtype} {rdata}"


def show_findings(findings: Sequence[Finding], console: Console, text: str = "") -> None:
    """Print findings, the worst first: with carets into *text*, or without one their subjects."""
    from dataclasses import replace

    from maildns.cli.show_findings import show_finding

    for finding in sorted(findings, key=lambda one: -one.severity.rank):
        says = finding.says if text else f"{unicode_name(finding.subject)}: {finding.says}"
        show_finding(replace(finding, says=says), console, text)


def finding_documents(findings: Sequence[Finding]) -> list[FindingDocument]:
    """Findings for JSON."""
    from maildns.documents import FindingDocument

    return [FindingDocument.of(finding) for finding in findings]


def has_error(findings: Sequence[Finding]) -> bool:
    """Whether one of them is an error, so that the shell is told."""
    from maildns.finding import Severity, worst

    return worst(list(findings)) is Severity.ERROR

"""
Findings on a terminal: the record, a caret under the fault, the mend, the rule.

The severity is a word as well as a colour. Text from outside is shown without its
control characters.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from maildns.dnsdata import unicode_name
from maildns.errors import point_at
from maildns.finding import Finding, Severity
from maildns.recognise import KINDS
from maildns.zonelint import Linted

COLOURS = {Severity.ERROR: "bold red", Severity.WARN: "yellow", Severity.INFO: "cyan"}


def printable(text: str) -> str:
    """*text* with a dot for every character that could move the cursor."""
    return "".join(char if char.isprintable() else "·" for char in text)


def show_linted(linted: Linted, source: str, console: Console) -> None:
    """Print one record with its findings, the worst first."""
    head = Text(printable(unicode_name(linted.subject)), style="bold")
    titles = {kind.title for kind in KINDS.values()}
    if linted.rrtype and linted.subject not in titles:
        head.append(f" {linted.rrtype}", style="bold")
    place = ":".join(str(part) for part in (source, linted.line) if part not in ("", None))
    if place:
        head.append(f"  {printable(place)}", style="dim")
    console.print(head)
    findings = sorted(linted.findings, key=lambda one: -one.severity.rank)
    if not any(finding.span for finding in findings):
        console.print(Text(f"    {shortened(linted.text)}", style="dim"))
    for finding in findings:
        show_finding(finding, console, linted.text)
    console.print()


def show_finding(finding: Finding, console: Console, text: str = "") -> None:
    """Print one finding, with a caret into *text* where its place is known."""
    if finding.span is not None and text:
        console.print(Text(point_at(text, finding.span), style="dim"))
    line = Text(f"  {finding.severity}: ", style=COLOURS[finding.severity])
    line.append(printable(finding.says), style="not bold default")
    line.append(f"  [{finding.rule}]", style="not bold dim")
    console.print(line)
    if finding.fix is not None:
        console.print(Text(f"    mend: {printable(str(finding.fix))}", style="default"))


def shortened(text: str, room: int = 160) -> str:
    """*text* on one line of at most *room* characters."""
    line = printable(" ".join(text.splitlines()))
    return line if len(line) <= room else line[: room - 1] + "…"


def count_of(findings: Iterable[Finding]) -> str:
    """
    How many there are, by severity.

    >>> count_of([])
    'no findings'
    """
    severities = [finding.severity for finding in findings]
    words = [
        f"{severities.count(severity)} {word}{'' if severities.count(severity) == 1 else 's'}"
        for severity, word in (
            (Severity.ERROR, "error"),
            (Severity.WARN, "warning"),
            (Severity.INFO, "note"),
        )
        if severity in severities
    ]
    return ", ".join(words) or "no findings"

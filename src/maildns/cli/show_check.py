"""A checked domain on a terminal: a line for each topic that is well, all that is not, the mends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from maildns.audit.assessment import Assessment
from maildns.audit.evidence import all_shown
from maildns.audit.registry import TOPICS
from maildns.audit.result import Result, Status
from maildns.cli.show_findings import printable, shortened
from maildns.dnsdata import unicode_name

COLOURS: Final = {
    Status.OK: "green",
    Status.WARN: "yellow",
    Status.BAD: "bold red",
    Status.UNKNOWN: "magenta",
    Status.NOT_APPLICABLE: "dim",
}
_WORDS: Final = {Status.NOT_APPLICABLE: "n/a"}
_GRADES: Final = {"A": "bold green", "B": "green", "C": "yellow", "D": "red", "F": "bold red"}
_WIDTH: Final = 9


def show_assessment(one: Assessment, console: Console, *, whole: bool = False) -> None:
    """Print *one*; with *whole* every result and its evidence."""
    console.print(_head(one))
    for topic, results in one.results.items():
        if results:
            _show_topic(topic, results, console, whole=whole)
    console.print(Text(f"  {_sum(one)}", style="dim"))
    console.print()


def _head(one: Assessment) -> Text:
    head = Text(printable(unicode_name(one.domain)), style="bold")
    if one.known:
        head.append("  grade ", style="not bold")
        head.append(one.score.grade, style=_GRADES[one.score.grade])
        head.append(f"  {one.score.points} of 100", style="not bold")
    else:
        head.append("  nothing could be known: no name server answered", style="not bold magenta")
    return head


def _show_topic(topic: str, results: Sequence[Result], console: Console, *, whole: bool) -> None:
    counted = [one for one in results if not one.note]
    worst = max((one.status for one in counted), key=lambda s: s.rank, default=Status.OK)
    line = Text("  ")
    line.append(_WORDS.get(worst, str(worst)).ljust(_WIDTH), style=COLOURS[worst])
    line.append(TOPICS[topic])
    wanted = [one for one in results if whole or _wants_attention(one)]
    if not wanted:
        line.append(f"  {_told(results)}", style="dim")
    console.print(line)
    for result in sorted(wanted, key=lambda one: (one.note, -one.status.rank)):
        _show_result(result, console, whole=whole)


def _wants_attention(result: Result) -> bool:
    """Whether a result is shown when not all are asked for."""
    return result.status in {Status.BAD, Status.WARN, Status.UNKNOWN} and not result.note


def _told(results: Sequence[Result]) -> str:
    """What a topic that is well comes to, in the words of its first results."""
    says = dict.fromkeys(one.says for one in results if one.status is Status.OK and not one.note)
    if not says:
        says = dict.fromkeys(one.says for one in results)
    first = list(says)[:2]
    more = f"; {len(says) - 2} more" if len(says) > 2 else ""
    return shortened("; ".join(first), 90) + more


def _show_result(result: Result, console: Console, *, whole: bool) -> None:
    note = result.note and result.status is Status.OK
    word = "note" if note else _WORDS.get(result.status, str(result.status))
    line = Text("    ")
    line.append(word.ljust(_WIDTH), style="cyan" if note else COLOURS[result.status])
    line.append(printable(f"{result.subject}: {result.says}"))
    line.append(f"  [{result.rule}]", style="dim")
    console.print(line)
    if result.fix is not None:
        console.print(Text(f"{'':13}mend: {printable(str(result.fix))}"))
    for shown in all_shown(result.evidence) if whole else ():
        console.print(Text(f"{'':13}{printable(shown.line())}", style="dim"))


def _sum(one: Assessment) -> str:
    counts = one.score.counts
    told = [f"{counts[status]} {status}" for status in Status if counts[status]]
    return f"{', '.join(told) or 'no results'}; profile {one.profile}"

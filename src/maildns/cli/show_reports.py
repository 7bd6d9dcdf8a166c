"""
Reports on a terminal: tables and sparklines; in a pipe the same tables, plain and at full width.

Texts of reporters are hostile until shown otherwise: nothing of them is markup here, and what could
move the cursor is a dot.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from maildns.cli.show_findings import printable, shortened
from maildns.dnsdata import unicode_name

if TYPE_CHECKING:
    from maildns.reports.keeping import Receipt
    from maildns.reports.views import Window

BARS: Final = "▁▂▃▄▅▆▇█"
WIDEST: Final = 100_000  # of a table in a pipe: nothing is cut where nobody sees an edge
KINDS: Final = {
    "ours": "green",
    "service": "green",
    "not set up": "bold yellow",
    "undecided": "bold yellow",
    "forwarder": "cyan",
    "list": "cyan",
    "stranger": "red",
}
INDENT: Final = 16
_LONGEST: Final = 60  # characters of a text that a reporter wrote
_NARROW: Final = 20  # characters; a terminal that leaves less wraps as it likes
_DAYS_SHOWN: Final = 60  # of a sparkline; more days are put together


def console() -> Console:
    """Standard output; a table gets the width it wants where it is no terminal."""
    wide = None if sys.stdout.isatty() else WIDEST
    return Console(highlight=False, width=wide)


def table(*columns: str) -> Table:
    """A plain table; a name that begins with > is of numbers, set to the right."""
    made = Table(box=None, pad_edge=False, header_style="dim", show_edge=False, expand=False)
    for name in columns:
        right = name.startswith(">")
        made.add_column(
            name.removeprefix(">"),
            justify="right" if right else "left",
            no_wrap=right,
            overflow="fold",
        )
    return made


def cell(text: object, style: str = "", room: int = _LONGEST) -> Text:
    """*text* as it is: no markup, no control characters, not too long."""
    return Text(shortened(str(text), room), style=style)


def line(text: str, out: Console, style: str = "") -> None:
    """Print *text* as it is, without control characters, on one line however long it is."""
    out.print(Text(printable(text), style=style), soft_wrap=True)


def prose(label: str, text: str, out: Console, style: str = "", indent: int = INDENT) -> None:
    """
    Print *label* and *text* beside it; on a terminal its lines stay right of the label.

    What somebody may want to copy as one line is printed by `line` instead.
    """
    plain = printable(text)
    room = out.width - indent - 1
    pieces = [plain]
    if out.is_terminal and room > _NARROW:
        pieces = wrap(plain, room, break_long_words=False, break_on_hyphens=False) or [""]
    for number, piece in enumerate(pieces):
        start = f"{label:<{indent}}" if number == 0 else " " * indent
        out.print(Text(f"{start}{piece}", style=style), soft_wrap=True)


def domain_head(domain: str, out: Console, says: str = "") -> None:
    """Print the head of what is about *domain*."""
    head = Text(printable(unicode_name(domain)), style="bold")
    if says:
        head.append(f"  {printable(says)}", style="not bold dim")
    out.print(head, soft_wrap=True)


def share(part: int, whole: int) -> str:
    """
    How much *part* is of *whole*; 100 only where it is all, and 0 only where it is nothing.

    >>> share(9999, 10000), share(1, 3), share(0, 5), share(0, 0)
    ('99.9 %', '33.3 %', '0 %', '')
    """
    if not whole:
        return ""
    if part in {0, whole}:
        return "100 %" if part else "0 %"
    tenths = min(max(round(1000 * part / whole), 1), 999)
    return f"{tenths / 10:.1f} %"


def share_style(part: int, whole: int) -> str:
    """The colour of a share of mail that passes."""
    if not whole:
        return "dim"
    good = part / whole
    return "green" if good >= 0.98 else "yellow" if good >= 0.8 else "red"


def sparkline(values: Sequence[int]) -> str:
    """
    *values* as a row of bars; nothing is a gap, and something is always seen.

    >>> sparkline([0, 1, 50, 100])
    ' ▁▄█'
    """
    most = max(values, default=0)
    return "".join(
        BARS[-(-value * len(BARS) // most) - 1] if value > 0 else " " for value in values
    )


def daily(window: Window, counts: Mapping[date, int], room: int = _DAYS_SHOWN) -> str:
    """The sparkline of *counts* over *window*; days are put together to stay within *room*."""
    values = [counts.get(day, 0) for day in window.each()]
    together = -(-len(values) // max(1, room))
    return sparkline([sum(values[at : at + together]) for at in range(0, len(values), together)])


def told(counts: Mapping[str, int], most: int = 5) -> str:
    """
    *counts* in words, the greatest first.

    >>> told({"a": 1, "b": 1200})
    'b 1,200, a 1'
    """
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    words = [f"{shortened(key, 40)} {count:,}" for key, count in ordered[:most]]
    more = [f"{len(ordered) - most} more"] if len(ordered) > most else []
    return ", ".join([*words, *more])


def plural(count: int, one: str, many: str = "") -> str:
    """
    A count and its noun.

    >>> plural(1, "report"), plural(2000, "report"), plural(2, "address", "addresses")
    ('1 report', '2,000 reports', '2 addresses')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def show_receipts(receipts: Iterable[Receipt], out: Console) -> None:
    """Print what is not simply kept, each with its reason."""
    for receipt in receipts:
        style = "red" if receipt.kept == "bad" else "yellow" if receipt.kept == "conflict" else ""
        told_line = Text(f"{receipt.kept:<10}", style=style or "dim")
        told_line.append(printable(receipt.source), style="not bold default")
        told_line.append(f": {shortened(receipt.reason, 300)}", style="not bold default")
        out.print(told_line, soft_wrap=True)

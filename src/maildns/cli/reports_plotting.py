"""`--svg` and `--png` of `maildns reports`: what is drawn, and into which file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from maildns.cli.reports_place import Sight, spelled
from maildns.safefile import replace_file

if TYPE_CHECKING:
    from maildns.cli.show_reports_summary import Overview
    from maildns.reports.meaning import Sender
    from maildns.reports.plots import Panel, Plot
    from maildns.reports.transport import TlsStanding

_SENDERS: Final = 15  # of a domain; the others are one bar


def draw(plot: Plot, svg_file: Path | None, png_file: Path | None) -> None:
    """Write *plot* to the files that are wanted; raises `UsageError` where PNG cannot be drawn."""
    from maildns.reports.plots import png, svg

    if png_file is not None:
        replace_file(png_file, png(plot))
    if svg_file is not None:
        replace_file(svg_file, svg(plot))


def summary_plot(sight: Sight, seen: Overview) -> Plot:
    """Each domain's mail by day."""
    from maildns.reports.plots import daily_plot

    panels = [_panel(sight, one.sum.domain, one.days) for one in seen.glances]
    return daily_plot(f"Mail by day, {spelled(sight.window)}", panels)


def tls_plot(sight: Sight, found: Sequence[TlsStanding]) -> Plot:
    """Each domain's TLS sessions by day."""
    from maildns.reports.plots import daily_plot

    panels = [_panel(sight, one.domain, one.by_day) for one in found]
    title = f"TLS sessions by day, {spelled(sight.window)}"
    return daily_plot(title, panels, ("succeeded", "failed"))


def _panel(sight: Sight, title: str, days: Mapping[date, tuple[int, int]]) -> Panel:
    from maildns.reports.plots import Day, Panel

    return Panel(title, [Day(day, *days.get(day, (0, 0))) for day in sight.window.each()])


def senders_plot(sight: Sight, found: Mapping[str, Sequence[Sender]]) -> Plot:
    """The busiest senders of each domain."""
    from maildns.reports.plots import Bar, bar_plot

    groups = []
    for domain, senders in found.items():
        bars = [
            Bar(one.title, str(one.kind), one.tally.passing, one.tally.failing)
            for one in senders[:_SENDERS]
        ]
        others = senders[_SENDERS:]
        if others:
            passing = sum(one.tally.passing for one in others)
            failing = sum(one.tally.failing for one in others)
            bars.append(Bar(f"{len(others)} others", "", passing, failing))
        groups.append((domain, bars))
    return bar_plot(f"Who sent, {spelled(sight.window)}", groups)

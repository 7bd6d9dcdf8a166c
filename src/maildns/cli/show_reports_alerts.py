"""`maildns reports alerts`: each alert with its mend, and how far it is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.text import Text

from maildns.cli.reports_alerts_command import Watch
from maildns.cli.reports_place import Sight
from maildns.cli.show_findings import printable
from maildns.cli.show_reports import console, line, plural

if TYPE_CHECKING:
    from rich.console import Console

    from maildns.cli.reports_alerts_document import ReportsAlertsDocument
    from maildns.reports.alerting import Told


def show(sight: Sight, watch: Watch) -> None:
    """Print the alerts, then what was sent or would be."""
    out = console()
    if not watch.alerts:
        line(f"nothing to tell as of {sight.today}", out, "green")
    for number, remark in enumerate(watch.alerts):
        head = Text(printable(remark.domain), style="bold")
        head.append(f"  {remark.topic}", style="bold red" if remark.urgent else "bold yellow")
        out.print(head, soft_wrap=True)
        line(f"  {remark.says}", out)
        if remark.mend:
            line(f"  mend: {remark.mend}", out)
        for each in remark.evidence:
            line(f"  {each}", out, "dim")
        for way, told in zip(watch.ways, watch.told, strict=True):
            line(f"  {_told(watch, told[number], way.name)}", out, "dim")
        out.print()
    _show_sending(watch, out)


def _told(watch: Watch, one: Told, way: str) -> str:
    if one.last is None:
        return f"not told yet by {way}"
    again = "it is due again" if one.due else "not again for now"
    return f"told by {way} {_ago(watch.now - one.last)} ago; {again}"


def _ago(passed: timedelta) -> str:
    """
    A time that has passed, in the unit that fits.

    >>> _ago(timedelta(minutes=5)), _ago(timedelta(hours=30)), _ago(timedelta(days=9))
    ('5 minutes', '30 hours', '9 days')
    """
    minutes = max(0, int(passed.total_seconds() // 60))
    if minutes < 120:
        return plural(minutes, "minute")
    if minutes < 48 * 60:
        return plural(minutes // 60, "hour")
    return plural(minutes // (24 * 60), "day")


def _show_sending(watch: Watch, out: Console) -> None:
    for one in watch.done:
        count = plural(len(one.alerts), "alert")
        if not one.problem:
            line(f"told by {one.way}: {count} to {one.shown}", out, "green")
    if watch.done or not watch.alerts:
        return
    if not watch.ways:
        line('nobody is told: write [reports.alerts] mail_to = "you@example.com"', out, "dim")
    for way, told in zip(watch.ways, watch.told, strict=True):
        due = sum(one.due for one in told)
        says = f"--send tells {due} of {plural(len(told), 'alert')}" if due else "nothing is due"
        line(f"{way.name} to {way.shown}: {says}", out, "dim")


def document(sight: Sight, watch: Watch) -> ReportsAlertsDocument:
    """The document of *watch*."""
    from maildns.cli.reports_alerts_document import (
        AlertDocument,
        DeliveryDocument,
        ReportsAlertsDocument,
        ToldDocument,
    )
    from maildns.cli.reports_documents import RemarkDocument

    by_way = list(zip(watch.ways, watch.told, strict=True))
    return ReportsAlertsDocument(
        today=sight.today,
        alerts=[
            AlertDocument(
                domain=remark.domain,
                alert=RemarkDocument.of(remark),
                told=[
                    ToldDocument(way=way.name, last=told[at].last, due=told[at].due)
                    for way, told in by_way
                ],
            )
            for at, remark in enumerate(watch.alerts)
        ],
        sent=[
            DeliveryDocument(way=one.way, to=one.shown, alerts=len(one.alerts), problem=one.problem)
            for one in watch.done
        ],
    )

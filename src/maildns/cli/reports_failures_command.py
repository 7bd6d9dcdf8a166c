"""`maildns reports failures`: single messages that failed, as failure reports tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from maildns.cli.common import JsonOption, emit
from maildns.cli.reports_place import (
    DAYS,
    ConfigOption,
    DaysOption,
    Sight,
    StoreOption,
    UntilOption,
    looking,
    spelled,
)

if TYPE_CHECKING:
    from maildns.cli.reports_documents import ReportsFailuresDocument
    from maildns.reports.model import FailureReport

MOST: Final = 1000
_SHOWN: Final = 50


def command(
    domain: Annotated[
        str, typer.Argument(metavar="[DOMAIN]", help="Those about it alone.", show_default=False)
    ] = "",
    *,
    store: StoreOption = "",
    config: ConfigOption = None,
    days: DaysOption = DAYS,
    until: UntilOption = "",
    json: JsonOption = False,
) -> None:
    """
    Show single messages that failed, the newest first, as failure reports tell of them.

    Who wrote to whom was redacted when they came in; of addresses the domains are left.
    """
    from maildns.dnsdata import name
    from maildns.reports.store import queries

    with looking(store, config, days, until) as sight:
        wanted = name(domain) if domain else ""
        with sight.store.reading() as reader:
            found = queries.failure_reports(reader, sight.window, wanted, most=MOST)
        if json:
            emit(_document(sight, found))
        else:
            _show(sight, found)


def _show(sight: Sight, found: Sequence[FailureReport]) -> None:
    from maildns.cli.show_reports import cell, console, line, plural, table
    from maildns.cli.show_reports_summary import stale

    out = console()
    stale(sight, out)
    line(f"{spelled(sight.window)}, {plural(len(found), 'failure report')}", out, "bold")
    if not found:
        return
    shown = table("when", "domain", "source", "failed", "became", "from", "to")
    for one in found[:_SHOWN]:
        shown.add_row(
            f"{one.arrived:%Y-%m-%d %H:%M}" if one.arrived else "",
            cell(one.reported_domain),
            cell(one.source_ip),
            cell(one.identity_alignment or one.auth_failure),
            cell(one.delivery_result),
            cell(one.original_from),
            cell(one.original_to),
        )
    out.print(shown)
    if len(found) > _SHOWN:
        line(f"... and {len(found) - _SHOWN:,} more (--json has all)", out, "dim")
    line("more of a source: maildns reports source IP", out, "dim")


def _document(sight: Sight, found: Sequence[FailureReport]) -> ReportsFailuresDocument:
    from maildns.cli.reports_documents import (
        DaysDocument,
        FailureDocument,
        ReportsFailuresDocument,
    )

    return ReportsFailuresDocument(
        days=DaysDocument.of(sight.window), failures=[FailureDocument.of(one) for one in found]
    )

"""
What people look at: one domain's dashboard, all domains at a glance, what is in quarantine.

Each function takes the connection of `Store.reading` and gives plain values. They read the daily
roll-ups where these know the answer, so they stay quick however many rows there are, and they say
the same after retention has let the rows go. Counts are messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from maildns.reports.model import FailureReport, ReportKind
from maildns.reports.store import schema
from maildns.reports.store.evidence import day_of, moment, within
from maildns.reports.views import Window

_names = schema.domains.c


class DomainSum(NamedTuple):
    """A domain's counts over a window."""

    domain: str
    reports: int
    messages: int
    passed: int
    dkim_aligned: int
    spf_aligned: int
    quarantined: int
    rejected: int
    last_day: date


class SourceSum(NamedTuple):
    """What one source sent over a window."""

    source_ip: str
    messages: int
    passed: int
    dkim_aligned: int
    spf_aligned: int
    quarantined: int
    rejected: int
    first_day: date  # in the window
    last_day: date


class DayResult(NamedTuple):
    """The messages of one day with one result."""

    day: date
    disposition: str
    dkim_aligned: bool
    spf_aligned: bool
    messages: int


class SelectorSum(NamedTuple):
    """Signatures of one DKIM key with one raw result."""

    dkim_domain: str
    selector: str
    result: str
    messages: int
    last_day: date


class ReporterSum(NamedTuple):
    """What one reporter reported over a window; `last_day` tells a silence."""

    reporter: str
    reports: int
    messages: int
    last_day: date


class Held(NamedTuple):
    """Something in quarantine, without its octets."""

    id: int
    reason: str
    source: str
    sender: str
    ip: str
    authentication: str
    octets: int
    received: datetime


class KeptReport(NamedTuple):
    """A report that is kept; `counts` is False for one that conflicts with an earlier one."""

    id: int
    kind: ReportKind
    domain: str
    begin: datetime
    end: datetime
    reporter: str
    report_id: str
    rows: int
    messages: int
    source: str
    authentication: str
    counts: bool
    detailed: bool  # its rows are still there


def summary(connection: Connection, window: Window) -> list[DomainSum]:
    """All domains that reports in *window* are about, the one with most messages first."""
    days = schema.domain_days.c
    sums = [
        func.sum(column)
        for column in (
            days.reports,
            days.messages,
            days.passed,
            days.dkim_aligned,
            days.spf_aligned,
            days.quarantined,
            days.rejected,
        )
    ]
    query = (
        select(days.domain, *sums, func.max(days.day))
        .where(within(days.day, window))
        .group_by(days.domain)
    )
    names = {row.id: row.name for row in connection.execute(select(_names.id, _names.name))}
    told = [
        DomainSum._make((names[id], *map(int, counts), day_of(last)))
        for id, *counts, last in connection.execute(query)
    ]
    return sorted(told, key=lambda one: (-one.messages, one.domain))


def sources(
    connection: Connection, domain: str, window: Window, *, most: int = 100
) -> list[SourceSum]:
    """The *most* sources of *domain* with most messages."""
    days = schema.source_days.c
    messages = func.sum(days.messages)
    query = (
        select(
            days.source_ip,
            messages,
            # passed: one of the two is 1
            func.sum(
                days.messages
                * (days.dkim_aligned + days.spf_aligned - days.dkim_aligned * days.spf_aligned)
            ),
            func.sum(days.messages * days.dkim_aligned),
            func.sum(days.messages * days.spf_aligned),
            _sum_where(days, "quarantine"),
            _sum_where(days, "reject"),
            func.min(days.day),
            func.max(days.day),
        )
        .where(days.domain == _id_of(domain), within(days.day, window))
        .group_by(days.source_ip)
        .order_by(messages.desc(), days.source_ip)
        .limit(most)
    )
    return [
        SourceSum._make((address, *map(int, counts), day_of(first), day_of(last)))
        for address, *counts, first, last in connection.execute(query)
    ]


def _sum_where(days: Any, disposition: str) -> Any:
    wanted = func.sum(days.messages).filter(days.disposition == disposition)
    return func.coalesce(wanted, 0)


def results(connection: Connection, domain: str, window: Window) -> list[DayResult]:
    """The messages of *domain* by day, disposition and aligned results."""
    days = schema.source_days.c
    by = (days.day, days.disposition, days.dkim_aligned, days.spf_aligned)
    query = (
        select(*by, func.sum(days.messages))
        .where(days.domain == _id_of(domain), within(days.day, window))
        .group_by(*by)
        .order_by(*by)
    )
    return [
        DayResult(day_of(day), disposition, bool(dkim), bool(spf), int(messages))
        for day, disposition, dkim, spf, messages in connection.execute(query)
    ]


def new_sources(connection: Connection, domain: str, window: Window) -> dict[str, date]:
    """The sources of *domain* first seen in *window*, in all the store's history, and when."""
    seen = schema.first_seen.c
    query = (
        select(seen.source_ip, seen.day)
        .where(seen.domain == _id_of(domain), within(seen.day, window))
        .order_by(seen.day, seen.source_ip)
    )
    return {address: day_of(day) for address, day in connection.execute(query)}


def selectors(connection: Connection, domain: str, window: Window) -> list[SelectorSum]:
    """The DKIM keys that signed mail of *domain*, by raw result."""
    days = schema.selector_days.c
    by = (days.dkim_domain, days.selector, days.result)
    query = (
        select(*by, func.sum(days.messages), func.max(days.day))
        .where(days.domain == _id_of(domain), within(days.day, window))
        .group_by(*by)
        .order_by(*by)
    )
    return [
        SelectorSum(name, selector, result, int(messages), day_of(last))
        for name, selector, result, messages, last in connection.execute(query)
    ]


def reporters(
    connection: Connection,
    domain: str,
    window: Window,
    kind: ReportKind = ReportKind.AGGREGATE,
) -> list[ReporterSum]:
    """Who reported on *domain*, the one with most messages first."""
    heads = schema.reports.c
    messages = func.sum(heads.messages)
    query = (
        select(heads.reporter, func.count(), messages, func.max(heads.day))
        .where(
            heads.domain == _id_of(domain),
            heads.kind == kind.value,
            heads.number == 0,
            within(heads.day, window),
        )
        .group_by(heads.reporter)
        .order_by(messages.desc(), heads.reporter)
    )
    return [
        ReporterSum(reporter, count, int(total), day_of(last))
        for reporter, count, total, last in connection.execute(query)
    ]


def kept_reports(
    connection: Connection, window: Window, domain: str = "", *, most: int = 1000
) -> list[KeptReport]:
    """The newest reports in *window*, of *domain* or of all, conflicting ones among them."""
    heads = schema.reports.c
    query = (
        select(schema.reports, _names.name)
        .join(schema.domains, _names.id == heads.domain)
        .where(within(heads.day, window))
        .order_by(heads.begins.desc(), heads.id.desc())
        .limit(most)
    )
    if domain:
        query = query.where(_names.name == domain)
    return [
        KeptReport(
            row.id,
            ReportKind(row.kind),
            row.name,
            moment(row.begins),
            moment(row.ends),
            row.reporter,
            row.report_id,
            row.row_count,
            row.messages,
            row.source,
            row.authentication,
            row.number == 0,
            not row.pruned,
        )
        for row in connection.execute(query)
    ]


def row_count(connection: Connection, window: Window) -> int:
    """How many rows the aggregate reports in *window* have, of all domains together."""
    heads = schema.reports.c
    query = select(func.sum(heads.row_count)).where(
        heads.kind == ReportKind.AGGREGATE.value, within(heads.day, window)
    )
    return int(connection.scalar(query) or 0)


def conflicts(connection: Connection, window: Window) -> int:
    """How many reports in *window* say something else than an earlier one of the same id."""
    heads = schema.reports.c
    query = select(func.count()).select_from(schema.reports)
    return int(connection.scalar(query.where(heads.number > 0, within(heads.day, window))) or 0)


def failure_reports(
    connection: Connection, window: Window, domain: str = "", *, most: int = 1000
) -> list[FailureReport]:
    """The newest failure reports in *window*, of *domain* or of all."""
    table = schema.failure_reports.c
    query = (
        select(schema.failure_reports, _names.name)
        .join(schema.domains, _names.id == table.domain)
        .where(within(table.day, window))
        .order_by(table.day.desc(), table.id.desc())
        .limit(most)
    )
    if domain:
        query = query.where(_names.name == domain)
    return [_failure(row) for row in connection.execute(query)]


def _failure(row: Any) -> FailureReport:
    return FailureReport(
        tuple((name, value) for name, value in json.loads(row.feedback)),
        None if row.arrived is None else moment(row.arrived),
        row.source_ip,
        row.name,
        row.auth_failure,
        row.delivery_result,
        row.identity_alignment,
        row.dkim_domain,
        row.dkim_selector,
        row.spf_dns,
        row.original_from,
        row.original_to,
        row.subject,
        row.message_id,
        tuple((name, value) for name, value in json.loads(row.header_fields)),
        bool(row.redacted),
    )


def held(connection: Connection, *, most: int = 1000, id: int | None = None) -> Iterator[Held]:
    """What is in quarantine, the newest first; with *id* that one, or nothing."""
    table = schema.quarantine.c
    query = (
        select(
            table.id,
            table.reason,
            table.source,
            table.sender,
            table.ip,
            table.authentication,
            func.length(table.octets),
            table.received,
        )
        .order_by(table.id.desc())
        .limit(most)
    )
    if id is not None:
        query = query.where(table.id == id)
    for *columns, received in connection.execute(query):
        yield Held._make((*columns, moment(received)))


def held_octets(connection: Connection, id: int) -> bytes | None:
    """The octets of one in quarantine, as they came; None when it is not there."""
    table = schema.quarantine.c
    return connection.scalar(select(table.octets).where(table.id == id))


def _id_of(domain: str) -> Any:
    return select(_names.id).where(_names.name == domain).scalar_subquery()

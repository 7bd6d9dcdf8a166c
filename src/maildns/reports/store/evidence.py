"""
What the store tells those who judge: the ports `Evidence` and `Memory` of `views`.

Where retention has let the details of a day go, its daily counts are told in their place. A day is
that in which the middle of the report's time lies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, case, delete, func, or_, select

from maildns.reports.model import (
    DkimAuth,
    Override,
    PublishedPolicy,
    ReportKind,
    SpfAuth,
    TlsFailure,
)
from maildns.reports.store import schema
from maildns.reports.store.bulk import Bulk
from maildns.reports.store.engine import reading, writing
from maildns.reports.views import DomainDay, KeyUse, Memo, ReportSeen, SourceDay, TlsDay, Window

EPOCH = date(1970, 1, 1).toordinal()
_AT_ONCE = 2_000
_ALIGNED = ("fail", "pass")
_heads, _rows, _kinds, _names = (
    schema.reports.c,
    schema.rows.c,
    schema.evaluations.c,
    schema.domains.c,
)


def day_number(day: date) -> int:
    """Give the days since 1970-01-01."""
    return day.toordinal() - EPOCH


def day_of(number: int) -> date:
    """Give the day that is so many days after 1970-01-01."""
    return date.fromordinal(number + EPOCH)


def moment(seconds: int) -> datetime:
    """Give the time that is so many seconds after 1970-01-01."""
    return datetime.fromtimestamp(seconds, UTC)


def within(column: Any, window: Window) -> Any:
    """Say that *column*, a day, is in *window*."""
    return column.between(day_number(window.since), day_number(window.until))


def counted(kind: ReportKind, window: Window, domain: str) -> list[Any]:
    """Say which heads count: of *kind*, in *window*, of *domain* or of all."""
    said = [_heads.kind == kind.value, _heads.number == 0, within(_heads.day, window)]
    return [*said, _names.name == domain] if domain else said


class StoredEvidence:
    """All that is asked of one, however long it takes, is of one state of the store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def domains(self, window: Window) -> list[str]:
        """The domains that aggregate or TLS reports in *window* are about, sorted."""
        there = [
            select(table.c.day)
            .where(table.c.domain == _names.id, within(table.c.day, window))
            .exists()
            for table in (schema.domain_days, schema.tls_days)
        ]
        return sorted(self._connection.scalars(select(_names.name).where(or_(*there))))

    def last_day(self) -> date | None:
        """The newest day that any report is about; None in an empty store."""
        number = self._connection.scalar(select(func.max(_heads.day)))
        return None if number is None else day_of(number)

    def domain_days(self, window: Window, domain: str = "") -> list[DomainDay]:
        """Daily counts, by domain and day."""
        days = schema.domain_days.c
        query = (
            select(
                _names.name,
                days.day,
                days.messages,
                days.passed,
                days.dkim_aligned,
                days.spf_aligned,
                days.quarantined,
                days.rejected,
            )
            .join_from(schema.domains, schema.domain_days, days.domain == _names.id)
            .where(within(days.day, window), *_of(domain))
            .order_by(_names.name, days.day)
        )
        found = self._connection.execute(query)
        return [DomainDay(name, day_of(day), *counts) for name, day, *counts in found]

    def source_days(
        self, window: Window, domain: str = "", source_ip: str = ""
    ) -> Iterator[SourceDay]:
        """What sources sent, by day; alike messages of one reporter and day are one value."""
        pruned = self._pruned(ReportKind.AGGREGATE, window, domain)
        yield from self._rolled_up(window, domain, source_ip, pruned)
        query = _detailed(window, domain, source_ip)
        found = self._connection.execute(query, execution_options={"yield_per": _AT_ONCE})
        for (name, day, reporter), alike in groupby(found, key=lambda row: tuple(row[:3])):
            if (name, day) not in pruned:
                yield from _summed(name, day_of(day), reporter, alike)

    def reports(self, window: Window, domain: str = "") -> list[ReportSeen]:
        """Which aggregate reports came, by beginning."""
        query = (
            select(
                _names.name,
                _heads.reporter,
                _heads.report_id,
                _heads.begins,
                _heads.ends,
                _heads.messages,
                _heads.published,
                _heads.authentication,
            )
            .join_from(schema.domains, schema.reports, _heads.domain == _names.id)
            .where(*counted(ReportKind.AGGREGATE, window, domain))
            .order_by(_heads.begins, _heads.id)
        )
        return [
            ReportSeen(
                name,
                reporter,
                report_id,
                moment(begins),
                moment(ends),
                messages,
                PublishedPolicy(name, *json.loads(published)),
                authentication,
            )
            for name, reporter, report_id, begins, ends, messages, published, authentication in (
                self._connection.execute(query)
            )
        ]

    def tls_days(self, window: Window, domain: str = "") -> list[TlsDay]:
        """What TLS reports say, by day."""
        pruned = self._pruned(ReportKind.TLS, window, "")
        told = self._tls_rolled_up(window, domain, {day for _, day in pruned})
        told.extend(self._tls_detailed(window, domain, {day for _, day in pruned}))
        return sorted(told, key=lambda one: (one.day, one.domain, one.reporter))

    def key_uses(self, window: Window, domain: str) -> list[KeyUse]:
        """Which DKIM keys signed mail of *domain*, by d= and selector; roll-ups included."""
        days = schema.selector_days.c
        by = (days.dkim_domain, days.selector)
        passed = func.sum(case((days.result == "pass", days.messages), else_=0))
        good = case((days.result == "pass", days.day))
        query = (
            select(
                *by,
                passed,
                func.sum(days.messages) - passed,
                func.coalesce(func.min(good), func.min(days.day)),
                func.coalesce(func.max(good), func.max(days.day)),
            )
            .join_from(schema.domains, schema.selector_days, days.domain == _names.id)
            .where(_names.name == domain, within(days.day, window))
            .group_by(*by)
            .order_by(*by)
        )
        return [
            KeyUse(name, selector, int(good), int(bad), day_of(first), day_of(last))
            for name, selector, good, bad, first, last in self._connection.execute(query)
        ]

    def first_seen(self, domain: str) -> dict[str, date]:
        """The first day of each source address of *domain*, whole history, roll-ups included."""
        seen = schema.first_seen.c
        query = (
            select(seen.source_ip, seen.day)
            .join_from(schema.domains, schema.first_seen, seen.domain == _names.id)
            .where(_names.name == domain)
        )
        return {address: day_of(day) for address, day in self._connection.execute(query)}

    def _pruned(self, kind: ReportKind, window: Window, domain: str) -> set[tuple[str, int]]:
        query = (
            select(_names.name, _heads.day)
            .distinct()
            .join_from(schema.domains, schema.reports, _heads.domain == _names.id)
            .where(*counted(kind, window, domain), _heads.pruned == 1)
        )
        return {(name, day) for name, day in self._connection.execute(query)}

    def _rolled_up(
        self, window: Window, domain: str, source_ip: str, pruned: set[tuple[str, int]]
    ) -> Iterator[SourceDay]:
        if not pruned:
            return
        days = schema.source_days.c
        last = max(day for _, day in pruned)
        query = (
            select(
                _names.name,
                days.day,
                days.source_ip,
                days.messages,
                days.disposition,
                days.dkim_aligned,
                days.spf_aligned,
            )
            .join_from(schema.domains, schema.source_days, days.domain == _names.id)
            .where(within(days.day, window), days.day <= last, *_of(domain))
            .order_by(days.domain, days.day)
        )
        if source_ip:
            query = query.where(days.source_ip == source_ip)
        found = self._connection.execute(query, execution_options={"yield_per": _AT_ONCE})
        for name, day, address, messages, disposition, dkim, spf in found:
            if (name, day) in pruned:
                aligned = _ALIGNED[dkim], _ALIGNED[spf]
                yield SourceDay(
                    name,
                    day_of(day),
                    "",
                    address,
                    messages,
                    disposition,
                    *aligned,
                    name,
                    detailed=False,
                )

    def _tls_detailed(self, window: Window, domain: str, without: set[int]) -> list[TlsDay]:
        policies, failed = schema.tls_policies.c, schema.tls_failures.c
        query = (
            select(
                _heads.id,
                policies.number,
                _names.name,
                _heads.day,
                _heads.reporter,
                policies.type,
                policies.successful,
                policies.failed,
                policies.strings,
                policies.hosts,
            )
            .join_from(schema.reports, schema.tls_policies, policies.report == _heads.id)
            .join(schema.domains, _names.id == policies.domain)
            .where(*counted(ReportKind.TLS, window, domain))
        )
        failures: dict[tuple[int, int], list[TlsFailure]] = {}
        details = (
            select(schema.tls_failures)
            .join_from(schema.reports, schema.tls_failures, failed.report == _heads.id)
            .where(*counted(ReportKind.TLS, window, ""))
        )
        for report, policy, _, *values in self._connection.execute(details):
            failures.setdefault((report, policy), []).append(TlsFailure(*values))
        return [
            TlsDay(
                name,
                day_of(day),
                reporter,
                type,
                successful,
                failing,
                tuple(_listed(strings)),
                tuple(_listed(hosts)),
                tuple(failures.get((report, policy), ())),
            )
            for report, policy, name, day, reporter, type, successful, failing, strings, hosts in (
                self._connection.execute(query)
            )
            if day not in without
        ]

    def _tls_rolled_up(self, window: Window, domain: str, pruned: set[int]) -> list[TlsDay]:
        if not pruned:
            return []
        days = schema.tls_days.c
        query = (
            select(_names.name, days.day, days.policy_type, days.result_type, days.sessions)
            .join_from(schema.domains, schema.tls_days, days.domain == _names.id)
            .where(within(days.day, window), *_of(domain))
            .order_by(_names.name, days.day, days.policy_type)
        )
        found = [row for row in self._connection.execute(query) if row.day in pruned]
        told = []
        for (name, day, type), results in groupby(found, key=lambda row: tuple(row[:3])):
            sessions = {row.result_type: row.sessions for row in results}
            well = sessions.pop("", 0)
            failures = tuple(TlsFailure(result, count) for result, count in sessions.items())
            told.append(
                TlsDay(
                    name,
                    day_of(day),
                    "",
                    type,
                    well,
                    sum(sessions.values()),
                    failures=failures,
                )
            )
        return told


class StoredMemory:
    """Small texts kept beside the reports, each change committed at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def recall(self, kind: str, keys: Iterable[str]) -> dict[str, Memo]:
        """What is remembered under *keys*; those that are not known are left out."""
        memos = schema.memos.c
        wanted = list(dict.fromkeys(keys))
        found: dict[str, Memo] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(wanted), 500):
                some = wanted[start : start + 500]
                query = select(memos.key, memos.text, memos.at)
                kept = connection.execute(query.where(memos.kind == kind, memos.key.in_(some)))
                found.update({key: Memo(text, moment(at)) for key, text, at in kept})
        return found

    def remember(self, kind: str, texts: Mapping[str, str], at: datetime) -> None:
        """Keep *texts* by key, in place of what was there."""
        seconds = int(at.timestamp())
        with writing(self._engine) as connection:
            self._forget(connection, kind, texts)
            bulk = Bulk(connection)
            bulk.insert(schema.memos, ((kind, key, text, seconds) for key, text in texts.items()))
            bulk.close()

    def forget(self, kind: str, keys: Iterable[str]) -> None:
        """Forget what is remembered under *keys*."""
        with writing(self._engine) as connection:
            self._forget(connection, kind, keys)

    def _forget(self, connection: Connection, kind: str, keys: Iterable[str]) -> None:
        memos, unwanted = schema.memos, list(keys)
        for start in range(0, len(unwanted), 500):
            some = unwanted[start : start + 500]
            connection.execute(
                delete(memos).where(and_(memos.c.kind == kind, memos.c.key.in_(some)))
            )


def _of(domain: str) -> list[Any]:
    return [_names.name == domain] if domain else []


def _detailed(window: Window, domain: str, source_ip: str) -> Select[Any]:
    """Rows in the order in which they lie on disk, so that nothing is sorted or gathered."""
    query = (
        select(
            _names.name,
            _heads.day,
            _heads.reporter,
            _rows.source_ip,
            _rows.messages,
            _kinds.disposition,
            _kinds.dkim_aligned,
            _kinds.spf_aligned,
            _kinds.header_from,
            _kinds.envelope_from,
            _kinds.dkim,
            _kinds.spf,
            _kinds.overrides,
        )
        .join_from(schema.domains, schema.reports, _heads.domain == _names.id)
        .join(schema.rows, _rows.report == _heads.id)
        .join(
            schema.evaluations,
            and_(_kinds.report == _heads.id, _kinds.number == _rows.evaluation),
        )
        .where(*counted(ReportKind.AGGREGATE, window, domain))
        .order_by(_heads.domain, _heads.day, _heads.reporter)
    )
    if source_ip:
        days, seen = schema.source_days.c, schema.first_seen.c
        query = query.where(
            _rows.source_ip == source_ip,
            _names.id.in_(
                select(seen.domain).where(seen.source_ip == source_ip, seen.domain == _names.id)
            ),
            select(days.domain)
            .where(
                days.domain == _heads.domain, days.day == _heads.day, days.source_ip == source_ip
            )
            .exists(),
        )
    return query


def _summed(name: str, day: date, reporter: str, alike: Iterable[Row[Any]]) -> Iterator[SourceDay]:
    sums: dict[tuple[Any, ...], int] = {}
    for row in alike:
        key = (row.source_ip, *row[5:])
        sums[key] = sums.get(key, 0) + row.messages
    for (address, *kind), messages in sums.items():
        disposition, dkim, spf, header_from, envelope_from, *raw = kind
        yield SourceDay(
            name,
            day,
            reporter,
            address,
            messages,
            disposition,
            _ALIGNED[dkim],
            _ALIGNED[spf],
            header_from,
            envelope_from,
            *_raw(*raw),
        )


@lru_cache(8192)
def _raw(
    dkim: str, spf: str, overrides: str
) -> tuple[tuple[DkimAuth, ...], tuple[SpfAuth, ...], tuple[Override, ...]]:
    return (
        tuple(DkimAuth(*one) for one in _listed(dkim)),
        tuple(SpfAuth(*one) for one in _listed(spf)),
        tuple(Override(*one) for one in _listed(overrides)),
    )


def _listed(text: str) -> list[Any]:
    read = json.loads(text) if text else []
    return read if isinstance(read, list) else []

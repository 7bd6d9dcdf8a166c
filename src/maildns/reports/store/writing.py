"""One batch of prepared arrivals, written in one transaction: each report once, or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import chain, count, repeat
from operator import add
from typing import Any

from sqlalchemy import Column, Connection, delete, func, select

from maildns.reports.keeping import Kept, Receipt
from maildns.reports.model import ReportKind
from maildns.reports.store import schema
from maildns.reports.store.bulk import Bulk
from maildns.reports.store.preparing import Prepared, PreparedFailure, PreparedReport

_DAY = 86400
_ADDED = ("reports", "messages", "passed", "dkim_aligned", "spf_aligned", "quarantined", "rejected")


class Batch:
    """What is learnt of the store at the start of a transaction, and what the batch adds."""

    def __init__(self, connection: Connection, arrived: Sequence[Prepared]) -> None:
        self.connection = connection
        self.bulk = Bulk(connection)
        self.arrived = arrived
        self.now = int(time.time())
        reports = [one for prepared in arrived for one in prepared.reports]
        failures = [one for prepared in arrived for one in prepared.failures]
        digests = [one.digest for one in arrived]
        self.seen = self._known(schema.arrivals.c.digest, digests)
        self.held = self._known(schema.quarantine.c.digest, digests)
        self.failures = self._known(
            schema.failure_reports.c.content, [one.content for one in failures]
        )
        self.contents = self._contents([one.identity for one in reports])
        names = {one.domain for one in reports} | {one.domain for one in failures}
        names |= {policy[0] for one in reports for policy in one.policies}
        self.domains = self._domains(sorted(names))
        self.next_report = self._next(schema.reports.c.id)
        self.next_failure = self._next(schema.failure_reports.c.id)
        self.next_quarantine = self._next(schema.quarantine.c.id)
        self._new: list[tuple[int, int, Prepared, PreparedReport]] = []  # id, number
        self._new_failures: list[tuple[int, Prepared, PreparedFailure]] = []
        self._new_arrivals: dict[bytes, None] = {}
        self._bad: list[tuple[Any, ...]] = []

    def write(self) -> list[Receipt]:
        """Write everything that is new; one receipt for each report."""
        receipts = [receipt for one in self.arrived for receipt in self._take(one)]
        self._insert_heads()
        counted = [
            (id, one)
            for id, number, _, one in self._new
            if number == 0 and one.kind == ReportKind.AGGREGATE.value
        ]
        self._insert_rows()
        self._insert_tls()
        self._roll_up_sources([one for _, one in counted])
        self._roll_up_domains([one for _, one in counted])
        self._roll_up_tls([one for _, number, _, one in self._new if number == 0 and one.policies])
        self._insert_others()
        self.bulk.close()
        return receipts

    def _take(self, prepared: Prepared) -> Iterator[Receipt]:
        seen = prepared.digest in self.seen
        source = prepared.arrival.source
        if not (prepared.reports or prepared.failures or prepared.faults):
            yield Receipt(Kept.NO_REPORT, source, reason="nothing in it claims to be a report")
            return
        for report in prepared.reports:
            yield self._take_report(prepared, report, seen=seen)
        for failure in prepared.failures:
            yield self._take_failure(prepared, failure, seen=seen)
        if prepared.faults:
            yield self._take_fault(prepared)
            return
        if prepared.digest in self.held:  # a newer program reads what an older one could not
            self.connection.execute(
                delete(schema.quarantine).where(schema.quarantine.c.digest == prepared.digest)
            )
        if not seen:
            self._new_arrivals[prepared.digest] = None

    def _take_report(self, prepared: Prepared, report: PreparedReport, *, seen: bool) -> Receipt:
        said = (prepared.arrival.source, report.reporter, report.report_id, report.domain)
        contents = self.contents.setdefault(report.identity, [])
        if contents and (seen or report.content in contents):
            return Receipt(Kept.KNOWN, *said, reason="kept before")
        self._new.append((self.next_report, len(contents), prepared, report))
        self.next_report += 1
        contents.append(report.content)
        kept = Kept.CONFLICT if len(contents) > 1 else Kept.NEW
        reason = "a report with this id and other content was kept before; that one counts"
        return Receipt(
            kept,
            *said,
            rows=report.row_count,
            messages=report.total,
            reason=reason if kept is Kept.CONFLICT else "",
        )

    def _take_failure(self, prepared: Prepared, failure: PreparedFailure, *, seen: bool) -> Receipt:
        source = prepared.arrival.source
        if seen or failure.content in self.failures:
            return Receipt(Kept.KNOWN, source, domain=failure.domain, reason="kept before")
        self.failures.add(failure.content)
        self._new_failures.append((self.next_failure, prepared, failure))
        self.next_failure += 1
        return Receipt(Kept.NEW, source, domain=failure.domain, rows=1, messages=1)

    def _take_fault(self, prepared: Prepared) -> Receipt:
        arrival, reason = prepared.arrival, prepared.reason
        if arrival.octets and prepared.digest not in self.held:
            self.held.add(prepared.digest)
            who = (arrival.source, arrival.sender, arrival.ip, arrival.authentication)
            self._bad.append(
                (self.next_quarantine, prepared.digest, arrival.octets, reason, *who, self.now)
            )
            self.next_quarantine += 1
        return Receipt(Kept.BAD, arrival.source, reason=reason)

    def _insert_heads(self) -> None:
        self.bulk.insert(schema.reports, (self._head(*one) for one in self._new))

    def _head(
        self, id: int, number: int, prepared: Prepared, one: PreparedReport
    ) -> tuple[Any, ...]:
        arrival = prepared.arrival
        return (
            id,
            one.kind,
            self.domains[one.domain],
            one.day,
            one.begins,
            one.ends,
            one.reporter,
            one.report_id,
            one.head,
            one.published,
            arrival.source,
            arrival.sender,
            arrival.ip,
            arrival.authentication,
            self.now,
            one.row_count,
            one.total,
            one.identity,
            number,
            one.content,
            0,
        )

    def _insert_rows(self) -> None:
        new = [(id, one) for id, _, _, one in self._new if one.evaluations]
        self.bulk.insert(
            schema.evaluations,
            ((id, number, *each) for id, one in new for number, each in enumerate(one.evaluations)),
        )
        self.bulk.insert(
            schema.rows,
            chain.from_iterable(
                zip(repeat(id), count(), one.addresses, one.messages, one.numbers, strict=False)
                for id, one in new
            ),
        )

    def _insert_tls(self) -> None:
        new = [(id, one) for id, _, _, one in self._new if one.policies]
        self.bulk.insert(
            schema.tls_policies,
            (
                (id, number, self.domains[domain], *rest)
                for id, one in new
                for number, (domain, *rest) in enumerate(one.policies)
            ),
        )
        self.bulk.insert(
            schema.tls_failures,
            (
                (id, policy, number, *each)
                for id, one in new
                for number, (policy, each) in enumerate(one.failures)
            ),
        )

    def _roll_up_sources(self, counted: Sequence[PreparedReport]) -> None:
        # In the order of the key, so that what lies together is written together.
        ordered = sorted((self.domains[one.domain], one.day, n) for n, one in enumerate(counted))
        self.bulk.upsert(
            schema.source_days,
            (
                (domain, day, address, *kinds[number], messages)
                for domain, day, one in ((domain, day, counted[n]) for domain, day, n in ordered)
                for kinds in ([each[:3] for each in one.evaluations],)
                for address, number, messages in zip(
                    one.addresses, one.numbers, one.messages, strict=True
                )
            ),
            {"messages": "+"},
        )
        self.bulk.upsert(
            schema.first_seen,
            chain.from_iterable(
                zip(repeat(domain), counted[n].addresses, repeat(day)) for domain, day, n in ordered
            ),
            {"day": "min"},
        )

    def _roll_up_domains(self, counted: Sequence[PreparedReport]) -> None:
        sums: dict[tuple[int, int], tuple[int, ...]] = {}
        selectors: dict[tuple[Any, ...], int] = {}
        for one in counted:
            key = (self.domains[one.domain], one.day)
            added = (1, one.total, *one.counts)
            sums[key] = tuple(map(add, sums[key], added)) if key in sums else added
            for auth, messages in one.selectors.items():
                selector = (*key, *auth)
                selectors[selector] = selectors.get(selector, 0) + messages
        self.bulk.upsert(
            schema.domain_days,
            ((*key, *total) for key, total in sums.items()),
            dict.fromkeys(_ADDED, "+"),
        )
        self.bulk.upsert(
            schema.selector_days,
            ((*key, messages) for key, messages in selectors.items()),
            {"messages": "+"},
        )

    def _roll_up_tls(self, counted: Sequence[PreparedReport]) -> None:
        def sums() -> Iterator[tuple[Any, ...]]:
            for one in counted:
                for domain, type, _, _, successful, _ in one.policies:
                    yield self.domains[domain], one.day, type, "", successful
                for number, failure in one.failures:
                    domain, type = one.policies[number][:2]
                    yield self.domains[domain], one.day, type, failure.result_type, failure.sessions

        self.bulk.upsert(schema.tls_days, sums(), {"sessions": "+"})

    def _insert_others(self) -> None:
        self.bulk.insert(schema.arrivals, ((one, self.now) for one in self._new_arrivals))
        self.bulk.insert(schema.quarantine, self._bad)
        self.bulk.insert(
            schema.failure_reports,
            (
                (
                    id,
                    one.content,
                    self.domains[one.domain],
                    (self.now if one.arrived is None else one.arrived) // _DAY,
                    one.arrived,
                    *one.texts,
                    int(one.redacted),
                    prepared.arrival.source,
                    self.now,
                )
                for id, prepared, one in self._new_failures
            ),
        )

    def _known(self, column: Column[bytes], values: Sequence[bytes]) -> set[bytes]:
        return {value for (value,) in self.bulk.among(column, values)}

    def _contents(self, identities: Sequence[bytes]) -> dict[bytes, list[bytes]]:
        """Give what is kept under each identity, that which counts first."""
        columns = schema.reports.c
        found: dict[bytes, list[bytes]] = {}
        kept = self.bulk.among(columns.identity, identities, columns.number, columns.content)
        for identity, _, content in sorted(kept):
            found.setdefault(identity, []).append(content)
        return found

    def _domains(self, names: Sequence[str]) -> dict[str, int]:
        table = schema.domains
        found: dict[str, int] = dict(self.bulk.among(table.c.name, names, table.c.id))
        missing = [name for name in names if name not in found]
        if missing:
            new = dict(zip(missing, count(self._next(table.c.id)), strict=False))
            self.bulk.insert(table, ((id, name) for name, id in new.items()))
            found.update(new)
        return found

    def _next(self, column: Any) -> int:
        """Give the next id: nobody else writes until we are done."""
        return (self.connection.scalar(select(func.max(column))) or 0) + 1

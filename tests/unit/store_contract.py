"""What any store of reports promises; each database runs it in a class of its own."""

from __future__ import annotations

import csv
import io
import json
import random
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pyarrow.parquet
import pytest
from report_texts import DAY, aggregate, packed, record, some
from sqlalchemy import func, select, text

from maildns import reports
from maildns.errors import InputError, ReportError
from maildns.reports.keeping import Arrival, Kept
from maildns.reports.model import (
    AggregateReport,
    DkimAuth,
    FailureReport,
    PublishedPolicy,
    ReportHead,
    ReportKind,
    Row,
    SpfAuth,
    TlsFailure,
    TlsPolicy,
    TlsReport,
)
from maildns.reports.store import Store, engine, queries, schema
from maildns.reports.store.exporting import COLUMNS, ExportFormat, export_rows
from maildns.reports.store.preparing import (
    Prepared,
    aggregate_columns,
    failure_columns,
    tls_columns,
)
from maildns.reports.views import Window

MAY = Window(date(2026, 5, 1), date(2026, 5, 31))
YEAR = Window(date(2026, 1, 1), date(2026, 12, 31))
BEGIN = datetime(2026, 5, 4, tzinfo=UTC)


def arrival(octets: bytes, source: str = "a file") -> Arrival:
    return Arrival(octets, source)


def kept(store: Store, *texts: bytes) -> list[Kept]:
    return [receipt.kept for receipt in store.keep([arrival(one) for one in texts])]


def roll_ups(store: Store) -> dict[str, object]:
    """The daily counts, and the same counts taken from the rows."""
    counts, rows, heads, kinds = (
        schema.source_days.c,
        schema.rows.c,
        schema.reports.c,
        schema.evaluations.c,
    )
    by = (heads.domain, heads.day, rows.source_ip, kinds.disposition)
    from_rows = (
        select(*by, kinds.dkim_aligned, kinds.spf_aligned, func.sum(rows.messages))
        .join_from(schema.reports, schema.rows, rows.report == heads.id)
        .join(
            schema.evaluations,
            (kinds.report == heads.id) & (kinds.number == rows.evaluation),
        )
        .where(heads.number == 0)
        .group_by(*by, kinds.dkim_aligned, kinds.spf_aligned)
    )
    days = schema.domain_days.c
    with store.reading() as reader:
        return {
            "source_days": sorted(map(tuple, reader.execute(select(*counts)))),
            "from rows": sorted((*row[:6], int(row[6])) for row in reader.execute(from_rows)),
            "messages of days": int(reader.scalar(select(func.sum(days.messages)))),
            "reports of days": int(reader.scalar(select(func.sum(days.reports)))),
            "messages of heads": int(
                reader.scalar(select(func.sum(heads.messages)).where(heads.number == 0))
            ),
            "heads": reader.scalar(select(func.count()).where(heads.number == 0)),
        }


def assert_whole(store: Store) -> None:
    """No report is there in part, and the daily counts are those of the rows."""
    told = roll_ups(store)
    assert told["source_days"] == told["from rows"]
    assert told["messages of days"] == told["messages of heads"]
    assert told["messages of days"] == sum(row[-1] for row in told["from rows"])
    assert told["reports of days"] == told["heads"]


class StoreContract:
    """A subclass gives `where`: the path or URL of an empty store."""

    @pytest.fixture
    def store(self, where):
        with Store(where) as opened:
            yield opened

    def test_a_report_is_told_as_it_was_read(self, store):
        octets = some(7, 40)
        (receipt,) = store.keep([Arrival(packed(octets), "inbox", authentication="pass")])
        read = reports.parse_aggregate(octets)
        assert (receipt.kept, receipt.source, receipt.rows) == (Kept.NEW, "inbox", 40)
        assert receipt.messages == read.messages
        with store.evidence() as evidence:
            told = list(evidence.source_days(YEAR, "example.com"))
            (seen,) = evidence.reports(YEAR)
        expected: Counter[tuple[object, ...]] = Counter()
        for row in read.rows:
            expected[row.source_ip, *row[2:7], row.dkim, row.spf, row.overrides] += row.messages
        assert {(one.source_ip, *one[5:13]): one.messages for one in told} == expected
        assert all(one.detailed for one in told)
        assert seen.published == read.published
        assert (seen.begin, seen.end) == (read.head.begin, read.head.end)
        assert (seen.reporter, seen.report_id) == (read.head.reporter, read.head.report_id)
        assert seen.authentication == "pass"

    @pytest.mark.parametrize(
        "again, reason",
        [
            (aggregate(), "the same octets"),
            (packed(aggregate()), "packed by somebody on the way"),
            (b"From: a@b\r\nContent-Type: text/xml\r\n\r\n" + aggregate(), "by mail this time"),
            (aggregate(reporter="Reporter.Example"), "the reporter's name in other case"),
        ],
    )
    def test_the_same_report_counts_once(self, store, again, reason):
        assert kept(store, aggregate(), again) == [Kept.NEW, Kept.KNOWN], reason
        assert kept(store, again) == [Kept.KNOWN], reason
        with store.reading() as reader:
            assert queries.summary(reader, MAY)[0].messages == 1

    @pytest.mark.parametrize(
        "other, reason",
        [
            ({"report_id": "2"}, "another id"),
            ({"reporter": "other.example"}, "ids are each reporter's own"),
            ({"domain": "example.org"}, "some number by day, for all domains"),
        ],
    )
    def test_another_report_counts_too(self, store, other, reason):
        assert kept(store, aggregate(), aggregate(**other)) == [Kept.NEW, Kept.NEW], reason
        with store.reading() as reader:
            assert sum(one.messages for one in queries.summary(reader, MAY)) == 2

    def test_of_conflicting_reports_the_first_counts_and_both_are_kept(self, store):
        first, other = aggregate(record(count=5)), aggregate(record(count=7))
        assert kept(store, first, other, other) == [Kept.NEW, Kept.CONFLICT, Kept.KNOWN]
        assert kept(store, other, first) == [Kept.KNOWN, Kept.KNOWN]
        with store.reading() as reader:
            assert queries.summary(reader, MAY)[0].messages == 5
            assert queries.conflicts(reader, MAY) == 1
            told = queries.kept_reports(reader, MAY)
        assert sorted((one.counts, one.messages) for one in told) == [(False, 7), (True, 5)]
        assert_whole(store)

    def test_a_bad_one_is_held_with_its_reason_and_the_rest_is_kept(self, store):
        bad = aggregate()[:-30]
        texts = [aggregate(report_id="a"), bad, aggregate(report_id="b"), bad]
        assert kept(store, *texts) == [Kept.NEW, Kept.BAD, Kept.NEW, Kept.BAD]
        (again,) = store.keep([arrival(bad)])
        with store.reading() as reader:
            (held,) = queries.held(reader)
            assert queries.held_octets(reader, held.id) == bad
        assert held.reason
        assert again.reason == held.reason
        assert held.octets == len(bad)
        assert store.forget_bad(held.id)
        assert not store.forget_bad(held.id)

    def test_what_could_not_be_read_once_leaves_quarantine_when_it_can(self, store):
        octets = aggregate()
        digest = Prepared(arrival(octets), b"x" * 16, faults=["not understood yet"])
        list(store.keep_prepared([digest]))
        readable = Prepared(digest.arrival, digest.digest, [aggregate_columns(some_report())])
        assert [one.kept for one in store.keep_prepared([readable])] == [Kept.NEW]
        with store.reading() as reader:
            assert list(queries.held(reader)) == []

    def test_what_no_table_takes_is_held_and_the_rest_is_kept(self, store):
        odd = aggregate_columns(some_report())
        odd.addresses = ["\ud800"]  # half of a character
        batch = [
            Prepared(arrival(b"1"), b"1" * 16, [aggregate_columns(some_report("before"))]),
            Prepared(arrival(b"2"), b"2" * 16, [odd]),
            Prepared(arrival(b"3"), b"3" * 16, [aggregate_columns(some_report("after"))]),
        ]
        receipts = list(store.keep_prepared(batch))
        assert [one.kept for one in receipts] == [Kept.NEW, Kept.BAD, Kept.NEW]
        assert_whole(store)

    def test_what_is_no_report_is_let_go(self, store):
        assert kept(store, b"From: a@b\r\n\r\nhello\r\n") == [Kept.NO_REPORT]

    def test_control_characters_of_the_sender_do_no_harm(self, store):
        odd = Arrival(aggregate(), "file\0\x1b[31m", "a\0@b\ud800", "\0", "\0")
        assert [one.kept for one in store.keep([odd])] == [Kept.NEW]
        with store.reading() as reader:
            assert "\x1b" not in queries.kept_reports(reader, MAY)[0].source

    def test_daily_counts_are_those_of_the_rows(self, store):
        chance = random.Random(5)
        for _ in range(4):
            seeds = [chance.randrange(60) for _ in range(30)]
            store.keep([arrival(some(seed, 20, domains=3, days=5)) for seed in seeds])
        assert_whole(store)

    def test_the_day_is_the_one_that_the_reporter_means(self, store):
        head = ReportHead(
            "tokyo.example", "1", BEGIN - timedelta(hours=9), BEGIN + timedelta(hours=15)
        )
        report = AggregateReport(
            head,
            PublishedPolicy("example.com"),
            (Row("192.0.2.1", 1, "none", "pass", "pass", "example.com"),),
        )
        list(store.keep_prepared([Prepared(arrival(b""), b"", [aggregate_columns(report)])]))
        with store.evidence() as evidence:
            assert [one.day for one in evidence.source_days(MAY)] == [DAY]

    def test_old_details_go_and_counts_stay(self, store):
        octets = [some(seed, 10, domains=2) for seed in range(40)]
        store.keep([arrival(one) for one in octets])
        before = roll_ups(store)
        last = date(2026, 1, 11)
        assert store.prune(last) == 20
        assert store.prune(last) == 0
        after = roll_ups(store)
        assert after["source_days"] == before["source_days"]
        assert len(after["from rows"]) < len(before["from rows"])
        with store.evidence() as evidence:
            told = list(evidence.source_days(YEAR))
            assert sum(one.messages for one in told) == before["messages of heads"]
            assert {one.detailed for one in told if one.day < last} == {False}
            assert {one.detailed for one in told if one.day >= last} == {True}
        assert set(kept(store, *octets)) == {Kept.KNOWN}

    def test_sources_are_told_alone_wherever_they_sent(self, store):
        store.keep(
            [
                arrival(aggregate(record("192.0.2.9", 3), record(), domain=name, report_id=id))
                for name, id in [("a.example", "1"), ("b.example", "2"), ("b.example", "3")]
            ]
        )
        store.keep([arrival(aggregate(domain="c.example"))])
        with store.evidence() as evidence:
            told = list(evidence.source_days(MAY, source_ip="192.0.2.9"))
            assert [(one.domain, one.messages) for one in told] == [
                ("a.example", 3),
                ("b.example", 6),
            ]
            assert evidence.first_seen("a.example") == {"192.0.2.1": DAY, "192.0.2.9": DAY}

    def test_what_was_remembered_goes_with_the_reports_of_its_time(self, store):
        memory = store.memory()
        memory.remember("ptr", {"192.0.2.1": "old.example"}, BEGIN)
        memory.remember("ptr", {"192.0.2.2": "new.example"}, BEGIN + timedelta(days=9))
        store.prune(DAY + timedelta(days=5))
        assert list(memory.recall("ptr", ["192.0.2.1", "192.0.2.2"])) == ["192.0.2.2"]

    def test_uses_of_keys_are_counted_and_outlive_details(self, store):
        later = DAY + timedelta(days=9)
        for day, dkim in [(DAY, "fail"), (DAY + timedelta(days=2), "pass"), (later, "pass")]:
            text = aggregate(record(count=5, dkim=dkim), day=day, report_id=f"{day}")
            store.keep([arrival(text)])
        store.keep([arrival(aggregate(record(dkim="fail", selector="s2"), report_id="x"))])
        wanted = [
            ("example.com", "s1", 10, 5, DAY + timedelta(days=2), later),
            ("example.com", "s2", 0, 1, DAY, DAY),
        ]
        with store.evidence() as evidence:
            assert evidence.key_uses(YEAR, "example.com") == wanted
            assert evidence.key_uses(YEAR, "other.example") == []
        store.prune(later + timedelta(days=1))
        with store.evidence() as evidence:
            assert evidence.key_uses(YEAR, "example.com") == wanted

    def test_a_dashboard_says_what_the_reports_say(self, store):
        store.keep(
            [
                arrival(
                    aggregate(
                        record("192.0.2.1", 10),
                        record("192.0.2.2", 4, "fail", "pass"),
                        record("192.0.2.3", 6, "fail", "fail", "reject", selector="s2"),
                    )
                ),
                arrival(
                    aggregate(
                        record("192.0.2.1", 5, "pass", "fail"),
                        record("192.0.2.4", 1, "fail", "fail", "quarantine"),
                        report_id="2",
                        reporter="other.example",
                        day=DAY + timedelta(days=40),
                    )
                ),
            ]
        )
        with store.reading() as reader:
            (all_of_it,) = queries.summary(reader, YEAR)
            may = queries.sources(reader, "example.com", MAY)
            top = queries.sources(reader, "example.com", YEAR, most=1)
            later = Window(date(2026, 6, 1), date(2026, 6, 30))
            new = queries.new_sources(reader, "example.com", later)
            selectors = queries.selectors(reader, "example.com", MAY)
            reporters = queries.reporters(reader, "example.com", YEAR)
            results = queries.results(reader, "example.com", later)
        june = DAY + timedelta(days=40)
        assert all_of_it == ("example.com", 2, 26, 19, 15, 14, 1, 6, june)
        assert [one[:7] for one in may] == [
            ("192.0.2.1", 10, 10, 10, 10, 0, 0),
            ("192.0.2.3", 6, 0, 0, 0, 0, 6),
            ("192.0.2.2", 4, 4, 0, 4, 0, 0),
        ]
        assert top == [("192.0.2.1", 15, 15, 15, 10, 0, 0, DAY, june)]
        assert new == {"192.0.2.4": june}
        assert selectors == [
            ("example.com", "s1", "fail", 4, DAY),
            ("example.com", "s1", "pass", 10, DAY),
            ("example.com", "s2", "fail", 6, DAY),
        ]
        assert reporters == [("reporter.example", 1, 20, DAY), ("other.example", 1, 6, june)]
        assert results == [(june, "none", True, False, 5), (june, "quarantine", False, False, 1)]

    def test_tls_reports_are_told_by_policy(self, store):
        failure = TlsFailure("certificate-expired", 3, "192.0.2.1", "mx.example.com")
        report = TlsReport(
            ReportHead("google", "t1", BEGIN, BEGIN + timedelta(seconds=86399)),
            (
                TlsPolicy("sts", "example.com", ("version: STSv1",), ("mx",), 90, 3, (failure,)),
                TlsPolicy("tlsa", "example.org", (), (), 7, 0),
            ),
        )
        prepared = Prepared(arrival(b"{}"), b"t" * 16, [tls_columns(report)])
        (receipt,) = store.keep_prepared([prepared])
        assert (receipt.kept, receipt.rows, receipt.messages) == (Kept.NEW, 2, 100)
        with store.evidence() as evidence:
            told = evidence.tls_days(MAY)
            assert evidence.domains(MAY) == ["example.com", "example.org"]
            assert evidence.last_day() == DAY
            assert evidence.tls_days(MAY, "example.org") == told[1:]
        assert told[0] == (
            "example.com",
            DAY,
            "google",
            "sts",
            90,
            3,
            ("version: STSv1",),
            ("mx",),
            (failure,),
        )
        assert store.prune(date(2026, 6, 1)) == 1
        with store.evidence() as evidence:
            (kept_counts, _) = evidence.tls_days(MAY)
        assert kept_counts[4:6] == (90, 3)
        assert kept_counts.failures == (TlsFailure("certificate-expired", 3),)

    def test_a_failure_report_is_told_as_it_was_read(self, store):
        report = FailureReport(
            (("feedback-type", "auth-failure"),),
            BEGIN,
            "192.0.2.1",
            "example.com",
            "dkim",
            subject="hello\0",
            header_fields=(("From", "a@example.com"),),
        )
        one = Prepared(arrival(b"mail"), b"f" * 16, failures=[failure_columns(report)])
        again = Prepared(arrival(b"other way"), b"g" * 16, failures=[failure_columns(report)])
        receipts = list(store.keep_prepared([one, again]))
        assert [receipt.kept for receipt in receipts] == [Kept.NEW, Kept.KNOWN]
        with store.reading() as reader:
            (told,) = queries.failure_reports(reader, MAY, "example.com")
        assert told.feedback == report.feedback
        assert told.header_fields == report.header_fields
        assert (told.arrived, told.subject, told.redacted) == (BEGIN, "hello", True)

    def test_two_who_write_at_once_count_each_report_once(self, store, where):
        texts = [some(seed, 5) for seed in range(150)]
        receipts: list[Kept] = []

        def write(order: list[bytes]) -> None:
            with Store(where) as mine:
                for start in range(0, len(order), 10):
                    receipts.extend(kept(mine, *order[start : start + 10]))

        threads = [threading.Thread(target=write, args=(order,)) for order in (texts, texts[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Counter(receipts) == {Kept.NEW: 150, Kept.KNOWN: 150}
        assert_whole(store)

    @pytest.mark.parametrize("format", list(ExportFormat))
    def test_an_export_has_each_row_of_each_report_that_counts(self, store, format):
        store.keep([arrival(aggregate(record(), record("192.0.2.2", 3, "fail"), domain="=1+1"))])
        store.keep([arrival(aggregate(record(count=9), domain="=1+1"))])  # conflicts
        out = io.BytesIO()
        with store.reading() as reader:
            assert export_rows(reader, MAY, format, out) == 2
        rows = read_export(format, out.getvalue())
        assert set(rows[0]) == set(COLUMNS)
        assert [row["source_ip"] for row in rows] == ["192.0.2.1", "192.0.2.2"]
        assert [int(row["messages"]) for row in rows] == [1, 3]
        formula = "'=1+1" if format is ExportFormat.CSV else "=1+1"
        assert {row["domain"] for row in rows} == {formula}

    def test_what_was_remembered_is_recalled_until_forgotten(self, store):
        memory = store.memory()
        memory.remember("name", {"192.0.2.1": "mx.example", "192.0.2.2": ""}, BEGIN)
        memory.remember("name", {"192.0.2.1": "mail.example"}, BEGIN + timedelta(days=1))
        memory.remember("alert", {"192.0.2.1": "x"}, BEGIN)
        told = memory.recall("name", ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
        assert told["192.0.2.1"] == ("mail.example", BEGIN + timedelta(days=1))
        assert set(told) == {"192.0.2.1", "192.0.2.2"}
        memory.forget("name", ["192.0.2.1"])
        assert set(memory.recall("name", ["192.0.2.1", "192.0.2.2"])) == {"192.0.2.2"}
        assert set(memory.recall("alert", ["192.0.2.1"])) == {"192.0.2.1"}

    def test_a_store_of_a_newer_program_is_refused(self, store, where):
        later = engine.open_engine(where)
        with engine.writing(later) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        later.dispose()
        with pytest.raises(InputError, match="newer maildns") as told:
            Store(where)
        assert told.value.hint.startswith("update maildns")


def some_report(report_id: str = "x") -> AggregateReport:
    row = Row(
        "192.0.2.1",
        2,
        "none",
        "pass",
        "fail",
        "example.com",
        dkim=(DkimAuth("example.com", "s1", "pass"),),
        spf=(SpfAuth("example.com", "mfrom", "fail"),),
    )
    head = ReportHead("reporter.example", report_id, BEGIN, BEGIN + timedelta(days=1))
    return AggregateReport(head, PublishedPolicy("example.com", "none"), (row,))


def read_export(format: ExportFormat, octets: bytes) -> list[dict[str, object]]:
    if format is ExportFormat.CSV:
        return list(csv.DictReader(io.StringIO(octets.decode(), newline="")))
    if format is ExportFormat.JSON_LINES:
        return [json.loads(line) for line in octets.splitlines()]
    return pyarrow.parquet.read_table(io.BytesIO(octets)).to_pylist()


__all__ = ["ReportError", "ReportKind", "StoreContract", "aggregate_columns", "some_report"]

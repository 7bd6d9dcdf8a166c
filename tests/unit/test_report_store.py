"""The store of reports in SQLite, and what is SQLite's alone."""

from __future__ import annotations

import sqlite3
import stat
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from report_texts import some
from store_contract import StoreContract, aggregate_columns, some_report

from maildns.errors import InputError, ReportError, UsageError
from maildns.reports.keeping import Arrival, Kept
from maildns.reports.store import Store, schema


@pytest.fixture
def where(tmp_path):
    return tmp_path / "reports.sqlite"


class TestSqlite(StoreContract):
    pass


def test_the_versions_lead_to_the_schema(where):
    with Store(where) as store, store.reading() as reader:
        assert compare_metadata(MigrationContext.configure(reader), schema.metadata) == []


def test_the_file_is_its_owners_alone(where):
    with Store(where) as store:
        store.keep([Arrival(some(1, 3), "x")])
        files = sorted(where.parent.iterdir())
        assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_a_reader_sees_one_state_while_others_write(where):
    with Store(where) as store, store.evidence() as evidence:
        assert evidence.last_day() is None
        store.keep([Arrival(some(1, 3), "x")])
        assert evidence.last_day() is None


def other_program(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE reports (x)")
    connection.close()


REFUSED = [
    (lambda path: path.write_bytes(b"no database at all" * 100), "cannot open", "a text"),
    (other_program, "another program", "a database with tables of the same name"),
    (lambda path: path.mkdir(), "cannot open", "a folder"),
]


@pytest.mark.parametrize("make, said, reason", REFUSED)
def test_what_is_no_store_is_refused_and_left_alone(where, make, said, reason):
    make(where)
    before = where.read_bytes() if where.is_file() else b""
    with pytest.raises(InputError, match=said):
        Store(where)
    assert (where.read_bytes() if where.is_file() else b"") == before, reason


def test_a_store_in_no_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        Store(tmp_path / "nowhere" / "reports.sqlite")


@pytest.mark.parametrize("url", ["mysql://host/x", "postgresql://[::1/x"])
def test_another_kind_of_url_is_refused(url):
    with pytest.raises(UsageError):
        Store(url)


def test_a_password_is_never_told():
    with pytest.raises(InputError) as told:
        Store("postgresql://me:secret@127.0.0.1:1/x")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("messages", [-1, 10**12 + 1])
def test_a_count_beyond_belief_is_refused(messages):
    report = some_report()
    with pytest.raises(ReportError, match="messages"):
        aggregate_columns(replace(report, rows=(report.rows[0]._replace(messages=messages),)))


def test_a_batch_is_of_bounded_size(where):
    with Store(where) as store:
        given = (Arrival(some(seed, 2), "x") for seed in range(2500))
        assert {one.kept for one in store.keep(given)} == {Kept.NEW}

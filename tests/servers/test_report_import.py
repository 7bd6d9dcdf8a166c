"""Importing reports in processes that are killed, and into both kinds of store."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import postgresql_server
import pytest
from report_texts import aggregate, packed, some
from sqlalchemy import select
from store_contract import roll_ups

from maildns.errors import InputError
from maildns.reports.importing import import_reports
from maildns.reports.keeping import Arrival, Kept
from maildns.reports.store import Store, queries, schema

pytestmark = pytest.mark.server
REPORTS, KILLS = 5000, 6
IMPORTER = """
import os, sys
from pathlib import Path
from maildns.reports.importing import import_reports
from maildns.reports.store import Store

folder, where, workers = sys.argv[1:]
with Store(where) as store:
    for receipt in import_reports([Path(folder)], store, workers=int(workers)):
        for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            print("worker", child)
        print(receipt.kept.name, receipt.report_id, flush=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("reports")
    for seed in range(REPORTS):
        (made / f"{seed % 7}").mkdir(exist_ok=True)
        (made / f"{seed % 7}" / f"{seed}.xml.gz").write_bytes(packed(some(seed, 3, domains=4)))
    return made


@pytest.fixture(scope="module")
def server():
    with postgresql_server.running() as socket:
        yield socket


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request, tmp_path):
    if request.param == "sqlite":
        yield str(tmp_path / "reports.sqlite")
        return
    with postgresql_server.database(request.getfixturevalue("server"), "reports") as url:
        yield url


def run_and_kill(command, after_lines: int, then_seconds: float) -> list[str]:
    """Kill the importer some time after it told of so many reports; give all that it told."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told: list[str] = []

    def listen() -> None:
        told.extend(line.rstrip("\n") for line in process.stdout if line.endswith("\n"))

    listener = threading.Thread(target=listen)
    listener.start()
    until = time.monotonic() + 60
    while len(told) < after_lines and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(then_seconds)
    process.kill()
    process.wait(10)
    listener.join(10)
    process.stdout.close()
    return told


def is_alive(pid: int) -> bool:
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] != "Z"


def test_an_importer_that_is_killed_loses_nothing_and_doubles_nothing(folder, where, tmp_path):
    program = tmp_path / "importer.py"
    program.write_text(IMPORTER)
    chance = random.Random()
    promised: set[str] = set()
    pids: set[int] = set()
    for kill in range(KILLS):
        command = [sys.executable, str(program), str(folder), where, str(kill % 2)]
        told = run_and_kill(command, chance.randrange(1, 2500), chance.random() / 2)
        pids |= {int(line.split()[1]) for line in told if line.startswith("worker")}
        promised |= {line.split()[1] for line in told if line.startswith(("NEW", "KNOWN"))}
        with Store(where) as store:
            assert promised <= report_ids(store).keys(), "a report that was promised is not there"
            assert_whole_or_empty(store)
    with Store(where) as store:
        receipts = Counter(receipt.kept for receipt in import_reports([folder], store))
        assert set(receipts) <= {Kept.NEW, Kept.KNOWN}
        assert sum(receipts.values()) == REPORTS
        assert report_ids(store) == Counter(f"id-{seed}" for seed in range(REPORTS))
        assert_whole_or_empty(store)
    until = time.monotonic() + 20
    while any(map(is_alive, pids)) and time.monotonic() < until:
        time.sleep(0.1)
    assert pids
    assert not [pid for pid in pids if is_alive(pid)], "a worker outlives who started it"


def report_ids(store) -> Counter[str]:
    with store.reading() as reader:
        return Counter(reader.scalars(select(schema.reports.c.report_id)))


def assert_whole_or_empty(store) -> None:
    if report_ids(store):
        told = roll_ups(store)
        assert told["source_days"] == told["from rows"]
        assert told["messages of days"] == told["messages of heads"]
        assert told["reports of days"] == told["heads"]


def test_workers_keep_what_one_process_keeps_in_the_same_order(folder, tmp_path):
    some_of_it = [folder / "0", Arrival(aggregate(), "by hand"), folder / "1"]
    told = []
    for workers in (0, 2):
        with Store(tmp_path / f"{workers}.sqlite") as store:
            told.append(list(import_reports(some_of_it, store, workers=workers)))
    assert told[0] == told[1]
    assert len(told[0]) > 1000


def test_a_file_that_cannot_be_read_does_not_end_the_rest(tmp_path):
    reports = tmp_path / "in"
    (reports / "deep" / "er").mkdir(parents=True)
    (reports / "deep" / "er" / "a.xml").write_bytes(aggregate(report_id="a"))
    (reports / "broken.xml.gz").write_bytes(packed(aggregate())[:100])
    (reports / "dangling.xml").symlink_to("nowhere")
    (reports / "circle").symlink_to(reports)
    (reports / ".hidden").write_bytes(aggregate(report_id="hidden"))
    (reports / "note.txt").write_text("From here on: nothing.\n")
    os.mkfifo(reports / "pipe")
    counted = []
    with Store(tmp_path / "reports.sqlite") as store:
        receipts = list(import_reports([reports], store, progress=counted.append))
        with store.reading() as reader:
            held = list(queries.held(reader))
    told = {receipt.source.removeprefix(f"{reports}/"): receipt.kept for receipt in receipts}
    assert told == {
        "broken.xml.gz": Kept.BAD,
        "deep/er/a.xml": Kept.NEW,
        "note.txt": Kept.NO_REPORT,
    }
    assert [one.source for one in held] == [f"{reports}/broken.xml.gz"]
    assert counted == [1, 2, 3]


def test_a_path_that_is_not_there_is_told_before_anything_is_done(tmp_path):
    with (
        Store(tmp_path / "reports.sqlite") as store,
        pytest.raises(InputError, match="no such file"),
    ):
        import_reports([tmp_path, tmp_path / "nothing"], store)


def test_a_file_that_vanishes_meanwhile_gets_a_receipt(tmp_path):
    with Store(tmp_path / "reports.sqlite") as store:
        (receipt,) = import_reports(iter([tmp_path / "gone.xml"]), store)
        assert (receipt.kept, receipt.reason.split(":")[0]) == (
            Kept.BAD,
            "the file cannot be read",
        )

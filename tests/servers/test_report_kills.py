"""Whoever takes reports in may be killed before any step: no report is lost, none is there twice."""

from __future__ import annotations

import mailbox
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import killing
import postgresql_server
import pytest
from dovecot import running_dovecot
from intake import Talk
from report_texts import aggregate
from sqlalchemy import select

from maildns.reports.store import Store, queries, schema

pytestmark = pytest.mark.server
MOST_STEPS = 200
RUA = "dmarc@example.com"
NO_REPORT = b"From: ann@example.org\nSubject: lunch?\n\nAt one.\n"


def mail(report_id: str, octets: bytes | None = None) -> bytes:
    body = aggregate(report_id=report_id) if octets is None else octets
    head = "From: noreply@reporter.example\nSubject: Report\nContent-Type: text/xml\n\n"
    return head.encode() + body


def broken(report_id: str) -> bytes:
    return mail(report_id, aggregate(report_id=report_id)[:-40])


@pytest.fixture(scope="module")
def server():
    with postgresql_server.running() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request, tmp_path):
    if request.param == "sqlite":
        yield str(tmp_path / "reports.sqlite")
    else:
        name = f"kills_{os.getpid()}_{time.monotonic_ns()}"
        with postgresql_server.database(request.getfixturevalue("server"), name) as url:
            yield url


@pytest.fixture(scope="module")
def dovecot():
    with running_dovecot({"ann": "correct horse"}) as running:
        yield running


@dataclass
class Situation:
    """What lies where reports come from, and how it must look in the end."""

    place: Path
    more: dict = field(default_factory=dict)

    def fill(self, ids: list[str]) -> None: ...

    def check(self) -> None: ...


def listed(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


class Folder(Situation):
    kind = "folder"

    def fill(self, ids):
        inside = self.place / "in"
        inside.mkdir(parents=True)
        for one in ids[:-1]:
            (inside / f"{one}.eml").write_bytes(mail(one))
        box = mailbox.mbox(inside / "several.mbox")
        for octets in (mail(ids[-1]), mail(ids[0])):
            box.add(octets)
        box.close()
        (inside / "broken.eml").write_bytes(broken(f"{ids[0]}-broken"))
        (inside / "lunch.eml").write_bytes(NO_REPORT)

    def check(self):
        names = {one: listed(self.place / one) for one in ("in", "done", "bad")}
        assert names["in"] == []
        assert names["bad"] == ["broken.eml", "lunch.eml"]
        assert "several.mbox" in names["done"]
        assert len(names["done"]) == 4


class InMaildir(Situation):
    kind = "maildir"

    def fill(self, ids):
        for folder in ("new", "cur", "tmp"):
            (self.place / folder).mkdir(parents=True)
        for one in ids:
            (self.place / "new" / one).write_bytes(mail(one))
        (self.place / "cur" / "again:2,S").write_bytes(mail(ids[0]))
        (self.place / "new" / "broken").write_bytes(broken(f"{ids[0]}-broken"))
        (self.place / "new" / "lunch").write_bytes(NO_REPORT)

    def check(self):
        assert listed(self.place / "new") == []
        flags = sorted(one.partition(":2,")[2] for one in listed(self.place / "cur"))
        assert flags == ["FP", "FP", "PS", "PS", "PS", "PS", "PS"]


class InMbox(Situation):
    kind = "mbox"

    def fill(self, ids):
        self.place.mkdir()
        box = mailbox.mbox(self.place / "mbox")
        for octets in (*map(mail, ids), mail(ids[0]), broken(f"{ids[0]}-broken"), NO_REPORT):
            box.add(octets)
        box.close()


@dataclass
class InMailbox(Situation):
    kind = "imap"
    dovecot: object = None

    def fill(self, ids):
        name = self.more["folder"]
        with self.dovecot.client("ann") as client:
            client.create(name)
        octets = (*map(mail, ids), mail(ids[0]), broken(f"{ids[0]}-broken"), NO_REPORT)
        self.dovecot.append("ann", *octets, folder=name)

    def check(self):
        name = self.more["folder"]
        if self.more["move_to"]:
            assert len(self.dovecot.flags("ann", self.more["move_to"])) == 5
            assert sorted(self.dovecot.flags("ann", name)) == [
                r"MaildnsBad \Flagged",
                r"MaildnsNoReport \Flagged",
            ]
        else:
            assert Counter(self.dovecot.flags("ann", name)) == {
                r"MaildnsKept \Seen": 5,
                r"MaildnsBad \Flagged": 1,
                r"MaildnsNoReport \Flagged": 1,
            }


def counted(where: str, run: str) -> tuple[Counter, int]:
    """The reports of *run* in the store, each with how often it is there; and its bad ones."""
    with Store(where) as store, store.reading() as reader:
        ids = Counter(
            one
            for one in reader.scalars(select(schema.reports.c.report_id))
            if one.startswith(f"{run}-")
        )
        marks = f"{run}-0-broken".encode()
        held = [queries.held_octets(reader, one.id) for one in queries.held(reader)]
        return ids, sum(marks in octets for octets in held)


def steps(where: str, kind: str = "") -> Iterator[int]:
    """
    The steps to be killed before.

    Each of them; where that takes long, every fourth, from another one each time this is run.
    """
    slow = "://" in where or kind == "imap that moves"
    yield from range(random.randrange(1, 5), MOST_STEPS, 4) if slow else range(1, MOST_STEPS)
    pytest.fail("it has no end")


def make(kind: str, run: str, tmp_path: Path, request) -> Situation:
    place = tmp_path / f"place-{run}"
    if kind in {"folder", "maildir", "mbox"}:
        return {"folder": Folder, "maildir": InMaildir, "mbox": InMbox}[kind](place)
    dovecot = request.getfixturevalue("dovecot")
    folder = f"In{run}x{time.monotonic_ns()}"
    more = {
        "host": "localhost",
        "user": "ann",
        "password": "correct horse",
        "port": dovecot.tls,
        "ca_file": dovecot.authority,
        "folder": folder,
        "move_to": f"Done{folder}" if kind == "imap that moves" else "",
        "batch": 4,
    }
    return InMailbox(place, more, dovecot)


@pytest.mark.parametrize("kind", ["folder", "maildir", "mbox", "imap", "imap that moves"])
def test_a_fetch_may_be_killed_before_any_step(kind, where, tmp_path, request):
    with Store(where):
        pass  # its making is another matter
    for number in steps(where, kind):
        run = f"r{number}"
        ids = [f"{run}-{one}" for one in range(4)]
        situation = make(kind, run, tmp_path, request)
        situation.fill(ids)
        given = (situation.kind, where, situation.place, situation.more)
        code = killing.killed_fetch(*given, number)
        assert code in {0, killing.KILLED}
        if code == killing.KILLED:
            killing.fetch(*given)
        told, bad = counted(where, run)
        assert told == dict.fromkeys(ids, 1), f"killed before step {number}"
        assert bad == 1
        situation.check()
        if code == 0:
            break
    assert number > 15, "the steps were not counted"


class Sender:
    """A mail server with a queue: what was not acknowledged is brought again."""

    def __init__(self, path: str, ids: list[str]) -> None:
        self.path = path
        self.queue = list(ids)
        self.acknowledged: list[str] = []

    def bring(self) -> None:
        """Bring all that waits, until the connection breaks."""
        with suppress(OSError):
            for one in list(self.queue):
                connection = socket.socket(socket.AF_UNIX)
                connection.settimeout(20)
                with Talk(connection) as client:
                    connection.connect(self.path)
                    if client.begin("LHLO me", RUA)[:3] != "354":
                        return
                    client.send(mail(one).replace(b"\n", b"\r\n") + b".\r\n")
                    if client.hear()[:3] == "250":
                        self.queue.remove(one)
                        self.acknowledged.append(one)


def started(where: str, path: str, fatal: int = 0):
    process = killing.receiver(where, path, [RUA], fatal)
    until = time.monotonic() + 20
    while process.is_alive() and time.monotonic() < until:
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(path)
            break
        time.sleep(0.01)
    return process


def test_an_intake_may_be_killed_before_any_step(where, tmp_path):
    with Store(where):
        pass
    path = f"{tmp_path}/lmtp"
    for number in steps(where):
        run = f"r{number}"
        ids = [f"{run}-{one}" for one in range(3)]
        sender = Sender(path, ids)
        process = started(where, path, number)
        sender.bring()
        if not sender.queue:
            process.terminate()  # its end has steps too
        process.join(20)
        told, _ = counted(where, run)
        assert set(sender.acknowledged) <= set(told), "what was acknowledged is not there"
        assert process.exitcode in {0, killing.KILLED}
        finished = process.exitcode == 0
        if not finished:
            # whoever starts it again finds the socket of the dead
            process = started(where, path)
            sender.bring()
            process.terminate()
            process.join(20)
            assert process.exitcode == 0
        assert sender.queue == []
        told, _ = counted(where, run)
        assert told == dict.fromkeys(ids, 1), f"killed before step {number}"
        if finished:
            break
    assert number > 15, "the steps were not counted"

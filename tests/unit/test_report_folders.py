"""Folders, Maildir and mbox as sources: what is brought, what becomes of it, and when."""

import os
import time
from pathlib import Path

import pytest
from file_keeper import FileKeeper, mail, report

from maildns.errors import InputError
from maildns.reports.keeping import Arrival, Kept
from maildns.reports.sources import Brought, DropFolder, Fate, Maildir, Mbox, fate_of, take_in
from maildns.reports.sources.taking import BATCH_OCTETS


@pytest.fixture
def keeper(tmp_path):
    return FileKeeper(tmp_path / "kept")


@pytest.fixture
def drop(tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def moving(drop, **more):
    return DropFolder(drop, done=drop / "done", bad=drop / "bad", **more)


def below(folder):
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir())


# --- folders ------------------------------------------------------------------------------

LEFT_ALONE = [
    (".hidden", "hidden names are drafts of programs"),
    ("a.xml.tmp", "a temporary name"),
    ("a.xml.part", "a download under way"),
    ("a.xml.crdownload", "that of a browser"),
    ("a.xml~", "the copy of an editor"),
    ("a.xml.swp", "that of another editor"),
]


@pytest.mark.parametrize("name, reason", LEFT_ALONE)
def test_what_is_being_written_is_left_alone(drop, keeper, name, reason):
    (drop / name).write_bytes(report("a"))
    assert list(take_in(moving(drop), keeper)) == [], reason
    assert below(drop) == [name]


def test_files_in_folders_below_are_kept_and_then_moved(drop, keeper):
    (drop / "google" / "today").mkdir(parents=True)
    (drop / "google" / "today" / "a.xml").write_bytes(report("a"))
    (drop / "b.xml").write_bytes(report("b"))
    (drop / "bad.xml").write_bytes(b"broken")
    (drop / "holiday.jpg").write_bytes(b"\xff\xd8")
    kept = [receipt.kept for receipt in take_in(moving(drop), keeper)]
    assert sorted(kept) == [Kept.BAD, Kept.NEW, Kept.NEW, Kept.NO_REPORT]
    assert below(drop) == ["bad/bad.xml", "bad/holiday.jpg", "done/a.xml", "done/b.xml"]
    assert list(take_in(moving(drop), keeper)) == []


def test_without_a_place_to_move_to_the_files_stay(drop, keeper):
    (drop / "a.xml").write_bytes(report("a"))
    assert [one.kept for one in take_in(DropFolder(drop), keeper)] == [Kept.NEW]
    assert [one.kept for one in take_in(DropFolder(drop), keeper)] == [Kept.KNOWN]
    assert below(drop) == ["a.xml"]


def test_nothing_is_moved_while_the_store_is_down(drop, keeper):
    (drop / "a.xml").write_bytes(report("a"))
    keeper.down = True
    with pytest.raises(OSError, match="full"):
        list(take_in(moving(drop), keeper))
    assert below(drop) == ["a.xml"]


def test_a_name_that_is_taken_in_done_gets_a_number(drop, keeper):
    for name in ("x", "y", "z"):
        (drop / name).mkdir()
        (drop / name / "report.xml").write_bytes(report(name))
    list(take_in(moving(drop), keeper))
    assert below(drop) == ["done/report.xml", "done/report.xml.1", "done/report.xml.2"]


def test_a_file_that_was_changed_just_now_waits(drop, keeper):
    (drop / "a.xml").write_bytes(report("a"))
    assert list(take_in(moving(drop, quiet_seconds=60), keeper)) == []
    os.utime(drop / "a.xml", (time.time() - 61,) * 2)
    assert len(list(take_in(moving(drop, quiet_seconds=60), keeper))) == 1


def test_a_link_is_followed_within_the_folder_and_not_out_of_it(drop, keeper, tmp_path):
    (tmp_path / "secret").write_bytes(report("secret"))
    (drop / "out").symlink_to(tmp_path / "secret")
    (drop / "gone").symlink_to(drop / "nowhere")
    (drop / "loop").symlink_to(drop)
    (drop / "a.xml").write_bytes(report("a"))
    (drop / "in").symlink_to(drop / "a.xml")
    receipts = {Path(one.source).name: one for one in take_in(DropFolder(drop), keeper)}
    assert receipts["out"].reason == "this link leads out of the folder"
    assert keeper.names == ["a"]
    assert sorted(receipts) == ["a.xml", "in", "loop", "out"]


def test_a_pipe_is_neither_waited_for_nor_moved(drop, keeper):
    os.mkfifo(drop / "pipe")
    (drop / "link").symlink_to(drop / "pipe")
    assert [one.reason for one in take_in(moving(drop), keeper)] == ["this is no regular file"]


def test_a_file_that_is_too_large_is_told_and_left(drop, keeper):
    (drop / "large.xml").write_bytes(report("large") * 10)
    (drop / "small.xml").write_bytes(report("small"))
    large, small = take_in(moving(drop, max_octets=100), keeper)
    assert (large.kept, large.reason) == (Kept.BAD, "it has more than 100 octets")
    assert small.kept == Kept.NEW
    assert below(drop) == ["done/small.xml", "large.xml"]


def test_a_folder_that_is_not_there_is_said(tmp_path, keeper):
    with pytest.raises(InputError, match="no such folder"):
        list(take_in(DropFolder(tmp_path / "nowhere"), keeper))


# --- the loop -----------------------------------------------------------------------------


class Heap:
    """A source of *octets*; remembers what it was told to let go of."""

    def __init__(self, octets):
        self.octets = octets
        self.released = []

    def bring(self):
        for number, octets in enumerate(self.octets):
            yield Brought(str(number), Arrival(octets, f"heap#{number}"))

    def release(self, settled):
        self.released.extend((one.key, fate) for one, fate in settled)


def test_batches_are_bounded_in_number(keeper):
    list(take_in(Heap([report(str(n)) for n in range(7)]), keeper, batch=3))
    assert keeper.batches == [3, 3, 1]


def test_batches_are_bounded_in_octets(keeper):
    half = report("a") + b" " * (BATCH_OCTETS // 2)
    list(take_in(Heap([half, half, half, report("b")]), keeper))
    assert keeper.batches == [1, 1, 2]


def test_an_original_that_nobody_spoke_of_is_not_let_go_of():
    class Silent:
        def keep(self, arrivals):
            return []

    heap = Heap([report("a")])
    assert list(take_in(heap, Silent())) == []
    assert heap.released == [("0", Fate.UNKNOWN)]
    assert fate_of([]) is Fate.UNKNOWN


def test_what_authentication_says_comes_with_the_arrival(keeper):
    list(take_in(Heap([report("a")]), keeper, authenticate=lambda arrival, helo: "pass"))
    assert [one.authentication for one in keeper.arrivals] == ["pass"]


# --- Maildir ------------------------------------------------------------------------------


@pytest.fixture
def maildir(tmp_path):
    folder = tmp_path / "Maildir"
    for one in ("tmp", "new", "cur"):
        (folder / one).mkdir(parents=True)
    return folder


def test_a_message_of_a_maildir_is_marked_and_not_read_again(maildir, keeper):
    (maildir / "new" / "1.host").write_bytes(mail("a"))
    (maildir / "new" / "2.host").write_bytes(b"From: a@example.com\n\nhello\n")
    (maildir / "new" / "3.host").write_bytes(b"broken")
    (maildir / "cur" / "4.host:2,RS").write_bytes(mail("seen-by-somebody"))
    (maildir / "tmp" / "5.host").write_bytes(mail("under-way"))
    (maildir / "cur" / "6.host:2,PS").write_bytes(mail("before"))
    kept = [one.kept for one in take_in(Maildir(maildir), keeper)]
    assert kept == [Kept.NEW, Kept.NO_REPORT, Kept.BAD, Kept.NEW]
    assert below(maildir) == [
        "cur/1.host:2,PS",
        "cur/2.host:2,FP",
        "cur/3.host:2,FP",
        "cur/4.host:2,PRS",
        "cur/6.host:2,PS",
        "tmp/5.host",
    ]
    assert list(take_in(Maildir(maildir), keeper)) == []


def test_a_message_that_a_mail_program_takes_away_meanwhile_is_no_fault(maildir, keeper):
    (maildir / "new" / "1.host").write_bytes(mail("a"))
    source = Maildir(maildir)
    (one,) = source.bring()
    (maildir / "new" / "1.host").rename(maildir / "cur" / "1.host:2,S")
    source.release([(one, Fate.KEPT)])
    assert [one.kept for one in take_in(source, keeper)] == [Kept.NEW]
    assert below(maildir) == ["cur/1.host:2,PS"]


def test_nothing_is_marked_while_the_store_is_down(maildir, keeper):
    (maildir / "new" / "1.host").write_bytes(mail("a"))
    keeper.down = True
    with pytest.raises(OSError, match="full"):
        list(take_in(Maildir(maildir), keeper))
    assert below(maildir) == ["new/1.host"]


def test_what_is_no_maildir_is_said(tmp_path, keeper):
    with pytest.raises(InputError, match="no Maildir"):
        list(take_in(Maildir(tmp_path), keeper))


# --- mbox ---------------------------------------------------------------------------------


def mbox(*messages):
    return b"".join(b"From x@y Fri Jan 15 08:00:00 2027\n" + one + b"\n" for one in messages)


def test_the_messages_of_an_mbox_are_read_and_the_file_stays(tmp_path, keeper):
    file = tmp_path / "inbox"
    file.write_bytes(mbox(mail("a"), b"Subject: hello\n\nno report\n", mail("b")))
    before = file.read_bytes()
    kept = [one.kept for one in take_in(Mbox(file), keeper)]
    assert kept == [Kept.NEW, Kept.NO_REPORT, Kept.NEW]
    assert next(one.kept for one in take_in(Mbox(file), keeper)) == Kept.KNOWN
    assert file.read_bytes() == before
    assert keeper.arrivals[0].source == f"{file}#1"


def test_an_mbox_in_a_folder_moves_when_all_its_messages_are_kept(drop, keeper):
    (drop / "good").write_bytes(mbox(*(mail(f"m{n}") for n in range(5))))
    (drop / "mixed").write_bytes(mbox(mail("x"), b"Subject: broken\n\n\n", mail("y")))
    source = moving(drop)
    for _ in take_in(source, keeper, batch=2):
        assert not (drop / "done" / "good").exists() or len(keeper.names) >= 5
    assert below(drop) == ["bad/mixed", "done/good"]
    assert len(keeper.names) == 7


def test_a_message_that_is_too_large_does_not_end_the_mbox(drop, keeper):
    (drop / "box").write_bytes(mbox(mail("a"), mail("b") + b"x" * 2000, mail("c"), b"x" * 2000))
    kept = [one.kept for one in take_in(moving(drop, max_octets=1000), keeper)]
    assert sorted(kept) == [Kept.BAD, Kept.BAD, Kept.NEW, Kept.NEW]
    assert below(drop) == ["bad/box"]

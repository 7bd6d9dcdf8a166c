"""`maildns reports fetch`: from folders, Maildirs and mbox files, each report once, and who sent it."""

from __future__ import annotations

import json
import mailbox
import os
from pathlib import Path

import pytest
from cli import run_cli
from report_texts import aggregate
from signed_mail import sign, zone
from sqlalchemy import select

from maildns.reports.store import Store, schema

CONFIG = """\
[domain."example.com"]
[reports]
store = "reports.db"
[[reports.folder]]
path = "drop"
done = "done"
bad = "bad"
quiet_seconds = 0
[[reports.maildir]]
path = "Maildir"
[[reports.mbox]]
path = "box"
"""
LUNCH = b"From: ann@example.org\r\nSubject: lunch?\r\n\r\nAt one.\r\n"


def mail(report_id: str, *, signed: bool = True) -> bytes:
    head = b"From: noreply@signed.example\r\nSubject: Report\r\nContent-Type: text/xml\r\n\r\n"
    octets = head + aggregate(report_id=report_id).replace(b"\n", b"\r\n")
    return sign(octets) if signed else octets


@pytest.fixture
def here(tmp_path):
    """A config with a report in each place, signed, and one that nobody signed."""
    (tmp_path / "maildns.toml").write_text(CONFIG)
    (tmp_path / "world.zone").write_text(zone())
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.eml").write_bytes(mail("in-folder"))
    (tmp_path / "drop" / "bare.xml").write_bytes(aggregate(report_id="bare"))
    (tmp_path / "drop" / "cut.eml").write_bytes(mail("cut")[:-60])
    (tmp_path / "drop" / "lunch.eml").write_bytes(LUNCH)
    for folder in ("new", "cur", "tmp"):
        (tmp_path / "Maildir" / folder).mkdir(parents=True)
    (tmp_path / "Maildir" / "new" / "1").write_bytes(mail("in-maildir").replace(b"\r\n", b"\n"))
    (tmp_path / "Maildir" / "new" / "2").write_bytes(mail("unsigned", signed=False))
    box = mailbox.mbox(tmp_path / "box")
    box.add(mail("in-mbox").replace(b"\r\n", b"\n"))
    box.add(mail("in-folder").replace(b"\r\n", b"\n"))
    box.close()
    return tmp_path


def fetch(here: Path, *options: object):
    world = ("--world", here / "world.zone")
    return run_cli("reports", "fetch", "--config", here / "maildns.toml", *world, *options)


def authentication(here: Path) -> dict[str, str]:
    with Store(here / "reports.db") as store, store.reading() as reader:
        table = schema.reports.c
        return dict(reader.execute(select(table.report_id, table.authentication)).all())


def state(here: Path) -> list[str]:
    kept = ("drop", "done", "bad", "Maildir")
    return sorted(
        str(one.relative_to(here))
        for top in kept
        for one in (here / top).rglob("*")
        if one.is_file()
    )


def test_each_report_comes_in_once_with_who_sent_it(here):
    result = fetch(here)
    assert result.code == 1, "one is broken"
    assert authentication(here) == {
        "in-folder": "pass",
        "bare": "",
        "in-maildir": "pass",
        "unsigned": "",
        "in-mbox": "pass",
    }
    assert state(here) == [
        "Maildir/cur/1:2,PS",
        "Maildir/cur/2:2,PS",
        "bad/cut.eml",
        "bad/lunch.eml",
        "done/a.eml",
        "done/bare.xml",
    ]
    assert f"{here}/drop: 2 new reports, 0 known already, 1 in quarantine, 1 without" in result.out
    assert f"{here}/Maildir: 2 new reports, 0 known already\n" in result.out
    assert f"{here}/box: 1 new report, 1 known already\n" in result.out
    assert "maildns reports quarantine list" in result.out
    again = fetch(here)
    assert again.code == 0
    assert f"{here}/drop: 0 new reports, 0 known already\n" in again.out
    assert f"{here}/box: 0 new reports, 2 known already\n" in again.out


def test_a_dry_run_changes_nothing(here):
    before = state(here)
    result = fetch(here, "--dry-run")
    assert result.code == 1
    assert state(here) == before
    assert not (here / "reports.db").exists()
    assert (
        f"{here}/drop: 2 reports to be taken in, then moved to done, 1 cannot be read" in result.out
    )
    assert f"{here}/Maildir: 2 reports to be taken in, then marked as seen\n" in result.out
    assert f"{here}/box: 2 reports to be taken in, then left as it is\n" in result.out
    assert result.out.endswith("nothing was kept, moved or marked\n")


def test_a_place_that_fails_does_not_keep_the_others_from_being_gone_through(here):
    (here / "Maildir" / "new" / "1").unlink()
    config = here / "maildns.toml"
    config.write_text(CONFIG.replace('path = "drop"', 'path = "nowhere"'))
    result = fetch(here, "--json")
    told = json.loads(result.out)
    assert result.code == 2
    assert [one["new"] for one in told["places"]] == [0, 1, 2]
    assert "there is no such folder" in told["places"][0]["error"]
    assert [one["error"] for one in told["places"][1:]] == ["", ""]
    assert "there is no such folder" in result.err


def test_a_mailbox_without_its_password_is_an_error_of_the_config(here):
    config = here / "maildns.toml"
    imap = '[[reports.imap]]\nhost = "127.0.0.1"\nuser = "u"\npassword = { file = "no" }\n'
    config.write_text(CONFIG + imap)
    result = fetch(here, "--json")
    told = json.loads(result.out)
    assert result.code == 2
    assert told["places"][0]["place"] == "u at 127.0.0.1, INBOX"
    assert f"maildns.toml:16: cannot read {here}/no" in told["places"][0]["error"]
    assert told["places"][1]["new"] == 2


def test_files_that_somebody_still_writes_are_told_and_left(here):
    config = here / "maildns.toml"
    config.write_text(CONFIG.replace("quiet_seconds = 0", "quiet_seconds = 600"))
    result = fetch(here)
    assert "4 files left, for they were changed a moment ago" in result.out
    assert len(list((here / "drop").iterdir())) == 4


def test_nobody_is_asked_who_sent_it_where_that_is_not_wanted(here):
    assert fetch(here, "--no-authenticate").code == 1
    assert set(authentication(here).values()) == {""}


def test_without_any_place_it_says_how_to_name_one(here):
    (here / "maildns.toml").write_text('[domain."example.com"]\n')
    result = fetch(here)
    assert result.code == 2
    assert "names no place to fetch from" in result.err
    assert "[[reports.imap]]" in result.err


def test_a_name_that_cannot_be_shown_harms_nobody_and_its_file_is_moved(here):
    (here / "drop" / "x\x1b[31m.xml").write_bytes(b"<feedback><report_metadata>")
    (here / "drop" / os.fsdecode(b"gr\xfc\xdfe.xml")).write_bytes(aggregate(report_id="latin-1"))
    result = fetch(here)
    assert "\x1b" not in result.out
    assert "x[31m.xml" in result.out
    assert list((here / "drop").iterdir()) == []
    assert "latin-1" in authentication(here)

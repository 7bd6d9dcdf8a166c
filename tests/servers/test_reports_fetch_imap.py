"""`maildns reports fetch` from a real Dovecot: who sent each report, and what becomes of the mail."""

from __future__ import annotations

import json

import pytest
from cli import run_cli
from dovecot import running_dovecot
from report_texts import aggregate
from signed_mail import sign, zone
from sqlalchemy import select

from maildns.reports.store import Store, schema

pytestmark = pytest.mark.server
PASSWORD = "correct horse"
CONFIG = """\
[domain."example.com"]
[[reports.imap]]
host = "localhost"
port = {port}
user = "{user}"
password = {password}
ca_file = "{authority}"
{more}
"""


@pytest.fixture(scope="module")
def dovecot():
    with running_dovecot(dict.fromkeys(["ann", "bob", "eve"], PASSWORD)) as running:
        yield running


def mail(report_id: str, *, signed: bool = True) -> bytes:
    head = b"From: noreply@signed.example\r\nSubject: Report\r\nContent-Type: text/xml\r\n\r\n"
    octets = head + aggregate(report_id=report_id).replace(b"\n", b"\r\n")
    return sign(octets) if signed else octets


def fetch(folder, dovecot, user, *options, more="", password='{ command = ["cat", "pw"] }'):
    (folder / "pw").write_text(f"{PASSWORD}\n")
    (folder / "world.zone").write_text(zone())
    text = CONFIG.format(
        port=dovecot.tls, user=user, password=password, authority=dovecot.authority, more=more
    )
    (folder / "maildns.toml").write_text(text)
    options = ("--config", folder / "maildns.toml", "--world", folder / "world.zone", *options)
    return run_cli("reports", "fetch", *options)


def test_reports_come_with_who_sent_them_and_the_mail_is_moved(dovecot, tmp_path):
    dovecot.append("ann", mail("signed"), mail("unsigned", signed=False), mail("cut")[:-90])
    dry = fetch(tmp_path, dovecot, "ann", "--dry-run", more='move_to = "Done"')
    assert "2 reports to be taken in, then moved to Done, 1 cannot be read" in dry.out
    assert dovecot.flags("ann") == [""] * 3
    result = fetch(tmp_path, dovecot, "ann", more='move_to = "Done"')
    assert result.code == 1
    assert "ann at localhost, INBOX: 2 new reports, 0 known already, 1 in quarantine" in result.out
    with Store(tmp_path / "reports.db") as store, store.reading() as reader:
        table = schema.reports.c
        told = dict(reader.execute(select(table.report_id, table.authentication)).all())
    assert told == {"signed": "pass", "unsigned": ""}
    assert len(dovecot.flags("ann", "Done")) == 2
    assert dovecot.flags("ann") == [r"MaildnsBad \Flagged"]
    again = fetch(tmp_path, dovecot, "ann", more='move_to = "Done"')
    assert (again.code, "0 new reports, 0 known already" in again.out) == (0, True)


def test_a_dry_run_marks_nothing_not_even_what_is_too_large(dovecot, tmp_path):
    dovecot.append("bob", mail("large") + b"x" * 9000, mail("small"))
    result = fetch(tmp_path, dovecot, "bob", "--dry-run", more="max_octets = 5000")
    assert result.code == 1
    assert "more than 5000 octets" in result.out
    assert dovecot.flags("bob") == [""] * 2
    assert not (tmp_path / "reports.db").exists()


def test_a_refused_password_is_told_and_shown_nowhere(dovecot, tmp_path):
    (tmp_path / "wrong").write_text("not the one")
    result = fetch(tmp_path, dovecot, "eve", "--json", password='{ file = "wrong" }')
    told = json.loads(result.out)
    assert result.code == 2
    assert told["places"][0]["may_retry"] is False
    assert "not the one" not in result.out + result.err
    assert "uthentication failed" in result.err


def test_a_server_that_is_down_may_be_there_later(dovecot, tmp_path):
    class Elsewhere:
        tls, authority = 1, dovecot.authority

    result = fetch(tmp_path, Elsewhere, "eve", "--json")
    told = json.loads(result.out)
    assert result.code == 3
    assert told["places"][0]["may_retry"] is True

"""Reports are fetched from a real Dovecot: each once, and no mail is lost or left unmarked."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from dovecot import running_dovecot, write_certificate
from file_keeper import FileKeeper, mail

from maildns.errors import MailboxError, UsageError
from maildns.reports.keeping import Kept
from maildns.reports.sources import take_in
from maildns.reports.sources.imap import ImapAccount, ImapMailbox

pytestmark = pytest.mark.server

PASSWORD = "correct horse"
NO_REPORT = b"From: a@example.com\r\nSubject: lunch?\r\n\r\nAt one.\r\n"
BROKEN = b"From: a@example.com\r\nSubject: report\r\n\r\nbroken\r\n"
USERS = [f"user{n}" for n in range(20)]


@pytest.fixture(scope="module")
def dovecot():
    with running_dovecot(dict.fromkeys(USERS, PASSWORD)) as running:
        yield running


@pytest.fixture(scope="module")
def spare():
    """Each test has a mailbox of its own."""
    return iter(USERS)


@pytest.fixture
def user(spare):
    return next(spare)


@pytest.fixture
def keeper(tmp_path):
    return FileKeeper(tmp_path / "kept")


def account(dovecot, user, **more):
    made = ImapAccount(
        "localhost", user, PASSWORD, dovecot.tls, ca_file=dovecot.authority, timeout_seconds=10
    )
    return replace(made, **more)


def fetch(account, keeper, **more):
    with ImapMailbox(account, sleep=lambda seconds: None) as mailbox:
        return [receipt.kept for receipt in take_in(mailbox, keeper, **more)]


MIXED = (mail("a"), NO_REPORT, BROKEN, mail("b"), mail("a"))


def test_mail_is_marked_by_what_became_of_it_and_not_fetched_again(dovecot, user, keeper):
    dovecot.append(user, *MIXED)
    before = account(dovecot, user)
    assert fetch(before, keeper) == [Kept.NEW, Kept.NO_REPORT, Kept.BAD, Kept.NEW, Kept.KNOWN]
    assert dovecot.flags(user) == [
        r"MaildnsKept \Seen",
        r"MaildnsNoReport \Flagged",
        r"MaildnsBad \Flagged",
        r"MaildnsKept \Seen",
        r"MaildnsKept \Seen",
    ]
    assert fetch(before, keeper) == []
    dovecot.append(user, mail("c"))
    assert fetch(before, keeper) == [Kept.NEW]
    assert keeper.names == ["a", "b", "c"]
    assert keeper.arrivals[0].source.startswith("imap://localhost/INBOX#")


def test_octets_come_as_they_were_delivered(dovecot, user, keeper):
    # DKIM covers them: what a mail parser writes anew would not verify
    odd = (
        b"From: a@b.example\r\nX: a\r\n\tb  c\r\nSubject: =?x\r\n\r\n.\r\n..\r\n\r\n \t\r\n\xff\r\n"
    )
    dovecot.append(user, odd)
    fetch(account(dovecot, user), keeper)
    assert [one.octets for one in keeper.arrivals] == [odd]


def test_kept_mail_moves_to_a_folder_that_is_made(dovecot, user, keeper):
    dovecot.append(user, *MIXED)
    fetch(account(dovecot, user, move_to="Reports.2026 & älter", bad_to="Bad"), keeper)
    assert dovecot.flags(user) == [r"MaildnsNoReport \Flagged"]
    assert len(dovecot.flags(user, "Reports.2026 &- &AOQ-lter")) == 3
    assert len(dovecot.flags(user, "Bad")) == 1


def test_mail_that_somebody_else_marked_as_deleted_is_neither_fetched_nor_expunged(
    dovecot, user, keeper
):
    dovecot.append(user, mail("theirs"), flags=r"(\Deleted)")
    dovecot.append(user, *MIXED)
    fetch(account(dovecot, user, delete=True), keeper)
    assert dovecot.flags(user) == [
        r"\Deleted",
        r"MaildnsNoReport \Flagged",
        r"MaildnsBad \Flagged",
    ]
    assert keeper.names == ["a", "b"]


def test_nothing_is_marked_while_the_store_is_down(dovecot, user, keeper):
    dovecot.append(user, *MIXED)
    keeper.down = True
    with pytest.raises(OSError, match="full"):
        fetch(account(dovecot, user), keeper)
    assert dovecot.flags(user) == [""] * 5
    keeper.down = False
    assert len(fetch(account(dovecot, user), keeper)) == 5


def test_a_mail_that_is_too_large_is_told_flagged_and_not_fetched(dovecot, user, keeper):
    dovecot.append(user, mail("large") + b"x" * 3000 + b"\n", mail("small"))
    small = account(dovecot, user, max_octets=2000)
    assert fetch(small, keeper) == [Kept.BAD, Kept.NEW]
    assert dovecot.flags(user) == [r"MaildnsBad \Flagged", r"MaildnsKept \Seen"]
    assert keeper.names == ["small"]


def test_many_mails_are_fetched_in_batches(dovecot, user, keeper):
    dovecot.append(user, *(mail(f"m{n}") for n in range(30)))
    with ImapMailbox(account(dovecot, user, batch=7)) as mailbox:
        assert len(list(take_in(mailbox, keeper, batch=4))) == 30
        assert mailbox.waiting == 30
    assert max(keeper.batches) == 4
    assert dovecot.flags(user) == [r"MaildnsKept \Seen"] * 30


def test_tls_may_begin_within_the_connection_and_be_left_out_on_loopback(dovecot, keeper, user):
    dovecot.append(user, mail("a"))
    starttls = account(dovecot, user, port=dovecot.plain, starttls=True)
    assert fetch(starttls, keeper) == [Kept.NEW]
    dovecot.append(user, mail("b"))
    plain = account(dovecot, user, port=dovecot.plain, host="127.0.0.1", insecure=True)
    assert fetch(plain, keeper) == [Kept.NEW]


# --- what is refused ------------------------------------------------------------------------


def test_a_wrong_password_is_said_without_it(dovecot, user, keeper):
    with pytest.raises(MailboxError, match=r"(?i)authentication failed") as caught:
        fetch(account(dovecot, user, password="not this one"), keeper)
    assert "not this one" not in str(caught.value)
    assert PASSWORD not in repr(account(dovecot, user))


def test_a_certificate_that_nobody_vouches_for_is_refused(dovecot, user, keeper, tmp_path):
    write_certificate(tmp_path)
    for more in ({}, {"port": dovecot.plain, "starttls": True}):
        strange = account(dovecot, user, ca_file=str(tmp_path / "certificate.pem"), **more)
        with pytest.raises(MailboxError, match="certificate is not good"):
            fetch(strange, keeper)


def test_a_server_without_tls_never_sees_the_password(keeper):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        wanting = ImapAccount("localhost", "u", PASSWORD, port, starttls=True, timeout_seconds=5)
        heard = []

        def talk():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"* OK [CAPABILITY IMAP4rev1] plain\r\n")
                while octets := connection.recv(4096):
                    heard.append(octets)
                    tag = octets.split()[0]
                    if b"CAPABILITY" in octets:
                        connection.sendall(b"* CAPABILITY IMAP4rev1\r\n")
                    connection.sendall(tag + b" OK done\r\n")

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        with pytest.raises(MailboxError, match="offers no STARTTLS"):
            fetch(wanting, keeper)
        thread.join(5)
    assert PASSWORD.encode() not in b"".join(heard)
    assert b"LOGIN" not in b"".join(heard)


def test_a_folder_that_is_not_there_is_said(dovecot, user, keeper):
    with pytest.raises(MailboxError, match="Mailbox doesn't exist"):
        fetch(account(dovecot, user, folder="Nowhere"), keeper)


IMPOSSIBLE = [
    ({"host": "mail.example.com", "insecure": True}, "to this machine alone", "plain over the net"),
    ({"folder": 'INBOX"\r\nA1 LOGOUT'}, "control character", "a command within a name"),
    ({"password": "a\nb"}, "control character", "two lines of a file"),
    ({"move_to": "Done", "delete": True}, "moved or deleted", "both"),
]


@pytest.mark.parametrize("more, words, reason", IMPOSSIBLE)
def test_what_cannot_be_is_refused_before_anything_is_sent(more, words, reason):
    given = {"host": "localhost", "user": "u", "password": "p", **more}
    with pytest.raises(UsageError, match=words):
        ImapAccount(**given)


# --- connections that break -----------------------------------------------------------------


class Cutting:
    """A keeper during whose work every connection of Dovecot's is cut, a few times."""

    def __init__(self, keeper, dovecot, times):
        self.keeper, self.dovecot, self.times = keeper, dovecot, times

    def keep(self, arrivals):
        receipts = self.keeper.keep(arrivals)
        if self.times:
            self.times -= 1
            self.dovecot.stop()
            self.dovecot.start()
        return receipts


def test_a_connection_that_breaks_is_made_again_and_nothing_is_fetched_twice(keeper):
    with running_dovecot({"u": PASSWORD}) as own:
        own.append("u", *(mail(f"m{n}") for n in range(12)))
        receipts = fetch(account(own, "u", batch=4), Cutting(keeper, own, 2), batch=4)
        assert receipts == [Kept.NEW] * 12
        assert own.flags("u") == [r"MaildnsKept \Seen"] * 12


def test_a_server_that_is_gone_is_said_after_a_few_attempts(keeper):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    slept = []
    gone = ImapAccount("127.0.0.1", "u", PASSWORD, port, timeout_seconds=2)
    with pytest.raises(MailboxError, match="cannot be reached") as caught:
        list(ImapMailbox(gone, sleep=slept.append).bring())
    assert caught.value.may_retry
    assert slept == [1, 2, 4]


PROGRAM = """
import sys
import time
from pathlib import Path
from file_keeper import FileKeeper
from maildns.reports.sources import take_in
from maildns.reports.sources.imap import ImapAccount, ImapMailbox

folder, port, authority, user = sys.argv[1:]
account = ImapAccount("localhost", user, sys.stdin.readline(), int(port), ca_file=authority, batch=5)


class Slow(FileKeeper):
    # takes its time, as a store on a slow disk

    def keep(self, arrivals):
        time.sleep(0.01)
        receipts = super().keep(arrivals)
        time.sleep(0.01)
        return receipts


with ImapMailbox(account) as mailbox:
    for receipt in take_in(mailbox, Slow(Path(folder)), batch=5):
        pass
"""


def test_a_fetch_that_is_killed_again_and_again_loses_nothing_and_keeps_nothing_twice(
    dovecot, user, tmp_path
):
    names = sorted(f"m{n:03}" for n in range(300))
    dovecot.append(user, *map(mail, names))
    helpers = Path(sys.modules["file_keeper"].__file__).parent
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "kept"), str(dovecot.tls)]
    command += [dovecot.authority, user]
    chance = random.Random(7)
    killed = 0
    for _ in range(40):
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(helpers)},
        )
        process.stdin.write(PASSWORD.encode())
        process.stdin.close()
        # from well before it is connected to far into its work
        deadline = time.monotonic() + chance.uniform(0.2, 0.7)
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        killed += 1
    keeper = FileKeeper(tmp_path / "kept")
    assert killed >= 2
    assert set(fetch(account(dovecot, user), keeper)) <= {Kept.NEW, Kept.KNOWN}
    assert keeper.names == names
    log = (tmp_path / "kept" / ".log").read_text().split()
    assert len(log) == len(set(log))
    assert dovecot.flags(user) == [r"MaildnsKept \Seen"] * 300


def test_a_literal_larger_than_was_asked_for_is_not_read(keeper):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
                while octets := connection.recv(4096):
                    tag = octets.split()[0]
                    if b"FETCH" in octets:
                        connection.sendall(b"* 1 FETCH (UID 1 BODY[] {99999999999}\r\n" + b"x" * 9)
                    elif b"SEARCH" in octets:
                        connection.sendall(b"* SEARCH 1\r\n")
                    elif b"SELECT" in octets:
                        connection.sendall(b"* OK [PERMANENTFLAGS (\\*)] x\r\n")
                    elif b"CAPABILITY" in octets:
                        connection.sendall(b"* CAPABILITY IMAP4rev1\r\n")
                    connection.sendall(tag + b" OK done\r\n")

        threading.Thread(target=talk, daemon=True).start()
        port = server.getsockname()[1]
        given = ImapAccount("127.0.0.1", "u", "p", port, insecure=True, timeout_seconds=5)
        with pytest.raises(MailboxError, match="99999999999 octets at once"):
            fetch(given, keeper)

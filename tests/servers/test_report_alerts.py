"""Alerts told to real listeners on loopback: a mail server, a web server, a program."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
import time
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from pki import make, server_context

from maildns.reports.alerting import weighed
from maildns.reports.config import AlertSettings
from maildns.reports.remarks import Remark, Topic
from maildns.reports.store import Store
from maildns.reports.telling import by_command, by_mail, by_webhook, tell

pytestmark = pytest.mark.server

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
ALERTS = [
    Remark(
        Topic.JUMP,
        "example.com",
        "messages that fail DMARC",
        "800 messages that fail DMARC on 2026-05-30; 3 a day are usual ä",
        "look who sent them",
        date(2026, 5, 30),
        urgent=True,
    )
]
PASSWORD = "open sesame"


# --- mail -----------------------------------------------------------------------------


class Inbox:
    """What an SMTP server took, and what it is asked to refuse."""

    def __init__(self):
        self.mails, self.refused, self.slow = [], set(), 0.0

    async def recipient(self, server, session, envelope, address, rcpt_options):
        if address in self.refused:
            return "550 5.1.1 nobody here by that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def data(self, server, session, envelope):
        await asyncio.sleep(self.slow)
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, parsed, session))
        return "250 taken"


def logged_in(server, session, envelope, mechanism, data):
    good = data.password == PASSWORD.encode()
    return AuthResult(success=good, handled=False)


@pytest.fixture
def mail_server():
    """Start SMTP servers, each on a free port; they stop with the test."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers = []

    def start(inbox, wrapped=None, **options):
        hooks = SimpleNamespace(handle_RCPT=inbox.recipient, handle_DATA=inbox.data)
        opening = loop.create_server(
            lambda: SMTP(hooks, loop=loop, hostname="mx.test", **options),
            "127.0.0.1",
            0,
            ssl=wrapped,
        )
        server = asyncio.run_coroutine_threadsafe(opening, loop).result(5)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start

    async def end():
        for server in servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(end(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def settings(port, **more):
    given = {
        "mail_to": ("admin@example.com", "second@example.net"),
        "mail_from": "maildns@example.com",
        "smtp_security": "none",
    }
    return AlertSettings(**{**given, "smtp_port": port, **more})


def test_a_mail_server_takes_the_alerts(mail_server):
    inbox = Inbox()
    port = mail_server(inbox)
    assert by_mail(settings(port), ALERTS) == ""
    ((sender, to, mail, _),) = inbox.mails
    assert (sender, to) == ("maildns@example.com", ["admin@example.com", "second@example.net"])
    assert mail["Subject"].startswith("maildns: example.com: 800 messages that fail DMARC")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert mail["Message-ID"].endswith("@example.com>")
    assert "usual ä" in mail.get_content()


def test_a_recipient_that_is_refused_is_told(mail_server):
    inbox = Inbox()
    port = mail_server(inbox)
    inbox.refused = {"second@example.net"}
    assert by_mail(settings(port), ALERTS) == (
        "127.0.0.1 refuses second@example.net: 550 5.1.1 nobody here by that name"
    )
    inbox.refused = {"admin@example.com", "second@example.net"}
    assert "refuses admin@example.com" in by_mail(settings(port), ALERTS)


def tls():
    return server_context((make("localhost", names=("localhost",)),))


def test_opportunistic_tls_takes_any_certificate(mail_server):
    inbox = Inbox()
    port = mail_server(inbox, tls_context=tls())
    assert by_mail(settings(port, smtp_security="opportunistic"), ALERTS) == ""
    assert inbox.mails[0][3].ssl is not None


def test_asked_for_tls_wants_a_good_certificate(mail_server):
    inbox = Inbox()
    port = mail_server(inbox, tls_context=tls())
    assert "certificate" in by_mail(settings(port, smtp_security="starttls"), ALERTS).lower()
    assert inbox.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_good_certificate_carries_the_password(mail_server, monkeypatch, tmp_path, security):
    made = make("localhost", names=("localhost",), authority=True)
    (tmp_path / "trusted.pem").write_text(made.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    inbox = Inbox()
    context = server_context((made,))
    whole = security == "tls"
    port = mail_server(
        inbox,
        wrapped=context if whole else None,
        tls_context=None if whole else context,
        authenticator=logged_in,
        auth_require_tls=not whole,
    )
    ways = settings(
        port,
        smtp_host="localhost",
        smtp_security=security,
        smtp_user="me",
        smtp_password=PASSWORD,
    )
    assert by_mail(ways, ALERTS) == ""
    assert len(inbox.mails) == 1


def test_asked_for_tls_sends_nothing_where_none_is_offered(mail_server):
    inbox = Inbox()
    port = mail_server(inbox)
    assert "STARTTLS" in by_mail(settings(port, smtp_security="starttls"), ALERTS)
    assert inbox.mails == []


def test_a_password_is_in_no_message(mail_server):
    inbox = Inbox()
    port = mail_server(inbox, authenticator=logged_in, auth_require_tls=False)
    good = settings(port, smtp_user="me", smtp_password=PASSWORD)
    assert by_mail(good, ALERTS) == ""
    problem = by_mail(settings(port, smtp_user="me", smtp_password="wrong word"), ALERTS)
    assert "535" in problem
    assert "wrong word" not in problem


def test_a_mail_server_that_is_not_there_is_told():
    assert by_mail(settings(1), ALERTS, timeout=2) == "127.0.0.1:1: Connection refused"


def test_a_mail_server_that_says_nothing_is_left(mail_server):
    inbox = Inbox()
    port = mail_server(inbox)
    inbox.slow = 60
    before = time.monotonic()
    assert "no answer in time" in by_mail(settings(port), ALERTS, timeout=0.5)
    assert time.monotonic() - before < 30


# --- webhook --------------------------------------------------------------------------


class Hook(BaseHTTPRequestHandler):
    """Notes what is posted and answers as its server says."""

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.server.posted.append((self.path, self.headers, json.loads(self.rfile.read(length))))
        time.sleep(self.server.slow)
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.posted, server.status, server.slow = [], 200, 0
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def url(hook):
    return f"http://127.0.0.1:{hook.server_port}/hooks/s3cret"


def test_a_webhook_is_given_json(hook):
    assert by_webhook(url(hook), ALERTS) == ""
    ((path, headers, body),) = hook.posted
    assert (path, headers["Content-Type"]) == ("/hooks/s3cret", "application/json")
    assert body["alerts"][0]["subject"] == "messages that fail DMARC"
    assert body["text"].startswith("maildns: example.com:")


ANSWERS = [(204, ""), (302, "302"), (404, "404"), (500, "500")]


@pytest.mark.parametrize("status, said", ANSWERS)
def test_a_webhook_that_does_not_take_it_is_told_without_its_secret(hook, status, said):
    hook.status = status
    problem = by_webhook(url(hook), ALERTS)
    assert said in problem
    assert bool(problem) is bool(said)
    assert "s3cret" not in problem
    assert len(hook.posted) == 1  # nobody is followed elsewhere


def test_a_webhook_that_says_nothing_is_left(hook):
    hook.slow = 5
    assert by_webhook(url(hook), ALERTS, timeout=1) == "127.0.0.1: no answer in time"


NOWHERE = ["http://127.0.0.1:1/s3cret", "http://127.0.0.1:99999/s3cret", "nonsense s3cret"]


@pytest.mark.parametrize("place", NOWHERE)
def test_a_webhook_that_is_nowhere_is_told_without_its_secret(place):
    problem = by_webhook(place, ALERTS, timeout=2)
    assert problem
    assert "s3cret" not in problem


# --- command --------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path):
    """Write a program of this shell text and give its path."""

    def write(text):
        path = tmp_path / "tell"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return write


def test_a_program_is_given_json_and_its_arguments_as_they_are(program, tmp_path):
    out = tmp_path / "out"
    words = (program('printf "%s\\n" "$@" > "$1.args"; cat > "$1"'), str(out), "$(id); *", "ä b")
    assert by_command(words, ALERTS) == ""
    assert json.loads(out.read_text())["alerts"][0]["domain"] == "example.com"
    assert Path(f"{out}.args").read_text().splitlines()[1:] == ["$(id); *", "ä b"]


FAILURES = [
    ("echo no such room >&2; exit 3", "ended with 3: no such room", "it says why"),
    ("exit 1", "ended with 1", "it says nothing"),
    ('printf "\\033[2Jx" >&2; exit 1', "ended with 1: [2Jx", "nothing that moves a cursor"),
    ("yes x | head -c 5000000 >&2; exit 1", "ended with 1: x x x", "it says far too much"),
    ("kill -9 $$", "ended with -9", "it was killed"),
]


@pytest.mark.parametrize("text, said, reason", FAILURES)
def test_a_program_that_fails_is_told(program, text, said, reason):
    problem = by_command((program(text),), ALERTS)
    assert said in problem, reason
    assert len(problem) < 500


def test_a_program_that_reads_nothing_is_fine(program):
    assert by_command((program("exit 0"),), ALERTS * 5000) == ""


def test_a_program_that_does_not_end_is_stopped_with_all_it_started(program, tmp_path):
    pid = tmp_path / "pid"
    words = (program(f"sleep 60 & echo $! > {pid}; wait"),)
    assert "did not end within" in by_command(words, ALERTS, timeout=3)
    child = int(pid.read_text())
    for _ in range(50):
        if not Path(f"/proc/{child}").exists() or "Z" in _state(child):
            break
        time.sleep(0.1)
    else:
        pytest.fail("what the program started goes on")


def _state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2]
    except OSError:
        return "Z"


def test_a_program_that_is_not_there_is_told():
    assert "cannot be started: No such file" in by_command(("/nowhere/tell",), ALERTS)
    assert "cannot be started" in by_command(("a\0b",), ALERTS)


# --- all of it ------------------------------------------------------------------------


def test_what_was_told_by_one_way_is_not_told_again_while_another_fails(
    tmp_path, mail_server, hook, program
):
    inbox = Inbox()
    out = tmp_path / "out"
    ways = settings(
        mail_server(inbox),
        webhook=url(hook),
        command=(program('cat >> "$1"'), str(out)),
        quiet=timedelta(days=7),
    )
    hook.status = 503
    with Store(tmp_path / "reports.db") as store:
        memory = store.memory()
        first = tell(ALERTS, ways, memory, now=NOW)
        assert [(one.way, bool(one.problem)) for one in first] == [
            ("mail", False), ("webhook", True), ("command", False),
        ]  # fmt: skip
        hook.status = 200
        again = tell(ALERTS, ways, memory, now=NOW + timedelta(hours=1))
        assert [(one.way, one.problem) for one in again] == [("webhook", "")]
        assert tell(ALERTS, ways, memory, now=NOW + timedelta(hours=2)) == []
        assert len(tell(ALERTS, ways, memory, now=NOW + timedelta(days=8))) == 3
        (told,) = weighed(ALERTS, "mail", memory, NOW + timedelta(days=8), timedelta(days=7))
        assert not told.due
    assert (len(inbox.mails), len(hook.posted)) == (2, 3)
    assert out.read_text().count('"version": 1') == 2


def test_an_endless_answer_ends_at_a_deadline(tmp_path):
    import socket

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    ended = threading.Event()

    def drip():
        connection, _ = listener.accept()
        with connection:
            while not ended.wait(0.1):
                try:
                    connection.sendall(b"220-still here\r\n")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    with Store(tmp_path / "reports.db") as store:
        before = time.monotonic()
        (told,) = tell(ALERTS, settings(port), store.memory(), now=NOW, timeout=1)
    ended.set()
    thread.join()
    listener.close()
    assert told.problem
    assert time.monotonic() - before < 30

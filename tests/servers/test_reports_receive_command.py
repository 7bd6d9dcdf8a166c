"""`maildns reports receive`: mail from a real Postfix, TLS reports by HTTPS, signals, and kills."""

from __future__ import annotations

import gzip
import os
import random
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import postgresql_server
import pytest
from cli import run_cli
from dovecot import free_port, write_certificate
from intake import RUA, Talk
from postfix import running_postfix
from report_texts import aggregate
from signed_mail import zone
from sqlalchemy import select
from tls_report import tls_report

from maildns.cli.reports_serving import HttpsService
from maildns.reports.config import HttpsSettings, Listening
from maildns.reports.store import Store, schema

pytestmark = pytest.mark.server
SIGNED = "signed.example"
SPF = f'{SIGNED}. TXT "v=spf1 ip4:192.0.2.1 -all"\n'
CONFIG = """\
[domain."example.com"]
dmarc = {{ reports_to = ["{rua}"] }}
tls_rpt = ["tls@example.com", "https://example.com/tlsrpt"]
[reports]
store = "{store}"
[reports.intake]
listen = "{listen}"
{more}
"""


def mail(report_id: str, sender: str = f"noreply@{SIGNED}") -> bytes:
    head = f"From: {sender}\r\nSubject: Report\r\nContent-Type: text/xml\r\n\r\n"
    return head.encode() + aggregate(report_id=report_id).replace(b"\n", b"\r\n")


@pytest.fixture(scope="module")
def server():
    with postgresql_server.running() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    if request.param == "sqlite":
        yield str(tmp_path / "reports.db")
    else:
        name = f"receive_{os.getpid()}_{time.monotonic_ns()}"
        with postgresql_server.database(request.getfixturevalue("server"), name) as url:
            yield url


class Receiver:
    """The command, in a process of its own."""

    def __init__(self, config: Path, *options: str, **environment: str) -> None:
        command = [sys.executable, "-m", "maildns.cli.main", "reports", "receive"]
        self.process = subprocess.Popen(
            [*command, "--config", str(config), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )
        self.told: list[str] = []

    def until(self, words: str) -> str:
        """Read what it tells up to a line with *words*; that line."""
        for line in self.process.stdout:
            self.told.append(line.rstrip("\n"))
            if words in line:
                return line
        return pytest.fail(f"{words!r} is not in {self.told}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=40)
        self.told += rest.splitlines()
        return self.process.returncode


@contextmanager
def receiving(config: Path, *options: str, **environment: str):
    receiver = Receiver(config, *options, **environment)
    try:
        receiver.until("keeping reports in")
        yield receiver
    finally:
        if receiver.process.poll() is None:
            receiver.process.kill()
        with suppress(ValueError):
            receiver.process.communicate(timeout=10)


def write_config(folder: Path, store: str = "reports.db", listen: str = "", more: str = "") -> Path:
    path = folder / "maildns.toml"
    listen = listen or f"127.0.0.1:{free_port()}"
    path.write_text(CONFIG.format(rua=RUA, store=store, listen=listen, more=more))
    return path


def heads(store: str) -> list:
    with Store(store) as opened, opened.reading() as reader:
        table = schema.reports.c
        return list(
            reader.execute(select(table.report_id, table.sender, table.ip, table.authentication))
        )


def port_of(receiver: Receiver) -> int:
    return int(next(one for one in receiver.told if "mail by" in one).rpartition(":")[2])


# --- a real Postfix ---------------------------------------------------------------------------


def test_postfix_hands_reports_over_with_where_they_came_from(store, tmp_path):
    (tmp_path / "world.zone").write_text(
        zone().replace('"v=spf1 -all"', '"v=spf1 ip4:192.0.2.1 -all"') + SPF
    )
    port = free_port()
    config = write_config(tmp_path, store, f"127.0.0.1:{port}")
    options = ("--world", str(tmp_path / "world.zone"))
    with receiving(config, *options) as receiver, running_postfix(RUA, port) as postfix:
        bring = {"sender": f"bounce@{SIGNED}", "recipient": RUA}
        postfix.send(mail("good"), xclient="192.0.2.1", **bring)
        postfix.send(mail("forged"), xclient="203.0.113.9", **bring)
        postfix.send(mail("good"), xclient="192.0.2.1", **bring)
        postfix.wait_until_empty()
        assert receiver.end() == 0
    # one and the same report, and both mails are answered: nothing stays behind
    told = {one[0]: one for one in heads(store)}
    assert set(told) == {"good", "forged"}
    assert told["good"][2:] == ("192.0.2.1", "pass")
    assert told["forged"][2:] == ("203.0.113.9", "fail")
    assert told["good"].sender == f"bounce@{SIGNED}"
    kinds = Counter(one.partition(":")[0] for one in receiver.told)
    assert (kinds["new"], kinds["known"]) == (2, 1)


def test_postfix_keeps_what_a_receiver_that_is_killed_did_not_acknowledge(store, tmp_path):
    ids = [f"id-{number:03}" for number in range(200)]
    port = free_port()
    config = write_config(tmp_path, store, f"127.0.0.1:{port}")
    chance = random.Random()
    kills = 0
    with running_postfix(RUA, port) as postfix:
        postfix.send(*map(mail, ids), sender=f"bounce@{SIGNED}", recipient=RUA)
        while postfix.queue() and kills < 12:
            with receiving(config, "--no-authenticate", "--quiet") as receiver:
                postfix.flush()
                time.sleep(chance.uniform(0.0, 0.4))
                receiver.process.kill()
            kills += 1
        with receiving(config, "--no-authenticate", "--quiet") as receiver:
            postfix.wait_until_empty()
            assert receiver.end() == 0
    assert kills > 1
    assert Counter(one[0] for one in heads(store)) == dict.fromkeys(ids, 1)


# --- HTTPS ------------------------------------------------------------------------------------


def test_tls_reports_are_taken_over_https(tmp_path):
    write_certificate(tmp_path)
    port = free_port()
    more = f"""
[reports.https]
listen = "127.0.0.1:{port}"
path = "/in/tlsrpt"
certificate = "certificate.pem"
key = "key.pem"
max_octets = 100000
"""
    config = write_config(tmp_path, more=more)
    with receiving(config, "--no-authenticate") as receiver:
        assert f"taking TLS reports on https://127.0.0.1:{port}/in/tlsrpt" in receiver.told
        context = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
        url = f"https://localhost:{port}/in/tlsrpt"
        packed = {"content-type": "application/tlsrpt+gzip"}
        with httpx.Client(verify=context, trust_env=False) as client:
            answers = [
                client.post(url, content=gzip.compress(tls_report()), headers=packed).status_code,
                client.post(url, content=b"x" * 100_001, headers=packed).status_code,
                client.post(url, content=b"{}", headers={"content-type": "text/html"}).status_code,
                client.get(url).status_code,
                client.get(f"https://localhost:{port}/").status_code,
            ]
        assert answers == [200, 413, 415, 405, 404]
        assert receiver.end() == 0
    assert [one[0] for one in heads(str(tmp_path / "reports.db"))] == ["id-1"]


def test_a_web_server_may_be_given_the_factory(tmp_path):
    config = write_config(tmp_path)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "maildns.reports.endpoint:application"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--log-level", "warning"],
        env={**os.environ, "MAILDNS_CONFIG": str(config)},
    )
    try:
        headers = {"content-type": "application/tlsrpt+json"}
        until = time.monotonic() + 30
        answer = None
        while answer is None and time.monotonic() < until:
            with suppress(httpx.TransportError), httpx.Client(trust_env=False) as client:
                url = f"http://127.0.0.1:{port}/tlsrpt"
                answer = client.post(url, content=tls_report(), headers=headers)
            time.sleep(0.1)
        assert answer is not None
        assert (answer.status_code, answer.text) == (200, "kept\n")
    finally:
        process.terminate()
        process.wait(20)
    assert [one[0] for one in heads(str(tmp_path / "reports.db"))] == ["id-1"]


def test_a_renewed_certificate_is_shown_over_https(tmp_path):
    async def nothing(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    write_certificate(tmp_path)
    files = {"certificate": tmp_path / "certificate.pem", "key": tmp_path / "key.pem"}
    service = HttpsService(HttpsSettings((Listening("127.0.0.1", 0),), **files), nothing)
    (where,) = service.start()
    try:
        shown = []
        for _ in range(2):
            shown.append(ssl.get_server_certificate((where.host, where.port), timeout=10))
            write_certificate(tmp_path)
            service.renew()
    finally:
        service.stop()
    assert shown[0] != shown[1]


# --- signals, and what is told ----------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_says_goodbye_to_who_is_there(tmp_path, number):
    config = write_config(tmp_path, listen="127.0.0.1:0")
    with receiving(config, "--no-authenticate") as receiver:
        with Talk(socket.create_connection(("127.0.0.1", port_of(receiver)), 10)) as client:
            client.hear()
            receiver.process.send_signal(number)
            assert client.hear()[:3] == "421"
        rest, _ = receiver.process.communicate(timeout=30)
        assert receiver.process.returncode == 0
        assert "ending" in rest


def test_it_tells_systemd_when_it_is_ready(tmp_path):
    config = write_config(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(20)
        with receiving(config, NOTIFY_SOCKET=str(tmp_path / "notify")) as receiver:
            assert notified.recv(100) == b"READY=1"
            assert receiver.end() == 0
            assert notified.recv(100) == b"STOPPING=1"


def test_it_says_what_it_listens_for_and_what_came(tmp_path):
    config = write_config(tmp_path, listen="127.0.0.1:0")
    with receiving(config, "--no-authenticate") as receiver:
        port = port_of(receiver)
        assert f"for {RUA}, tls@example.com" in receiver.told
        with Talk(socket.create_connection(("127.0.0.1", port), 10)) as client:
            client.begin("LHLO me", RUA)
            client.send(mail("told") + b".\r\n")
            assert client.hear()[:3] == "250"
        said = receiver.until("new:")
        assert said.startswith("new: reporter.example for example.com, 1 row (lmtp://127.0.0.1/")
        assert receiver.end() == 0


def test_while_the_store_cannot_be_written_mail_is_kept_by_its_sender_and_the_reason_told(tmp_path):
    config = write_config(tmp_path, listen="127.0.0.1:0")
    with receiving(config, "--no-authenticate") as receiver:
        with Store(tmp_path / "reports.db") as opened, opened._engine.connect() as connection:
            connection.exec_driver_sql("DROP TABLE reports")
            connection.commit()
        with Talk(socket.create_connection(("127.0.0.1", port_of(receiver)), 10)) as client:
            client.begin("LHLO me", RUA)
            client.send(mail("x") + b".\r\n")
            assert client.hear()[:3] == "451"
        assert "no such table" in receiver.until("could not be kept")
        assert receiver.end() == 0


NOTHING = [
    ("", "asks for nothing to listen for", "neither"),
    ("[reports.https]\nmax_octets = 5000\n", "asks for nothing to listen for", "mounted elsewhere"),
    ('[reports.intake]\ncertificate = "no.pem"\n', "cannot read the certificate", "no such file"),
]


@pytest.mark.parametrize("text, words, reason", NOTHING)
def test_what_cannot_be_listened_for_is_said_at_once(tmp_path, text, words, reason):
    path = tmp_path / "maildns.toml"
    path.write_text(f'[domain."example.com"]\ndmarc = {{ reports_to = "{RUA}" }}\n{text}')
    result = run_cli("reports", "receive", "--config", path)
    assert (result.code, words in result.err) == (2, True), reason


def test_without_addresses_it_takes_nothing(tmp_path):
    path = tmp_path / "maildns.toml"
    path.write_text('[domain."example.com"]\n[reports.intake]\n')
    result = run_cli("reports", "receive", "--config", path)
    assert result.code == 2
    assert "no address to take reports for" in result.err
    assert "reports_to" in result.err


def test_smtp_takes_mail_over_tls_alone_where_that_is_asked_for(tmp_path):
    write_certificate(tmp_path)
    (tmp_path / "world.zone").write_text(
        zone() + 'signed.example. TXT "v=spf1 ip4:127.0.0.1 -all"\n'
    )
    more = (
        'protocol = "smtp"\ncertificate = "certificate.pem"\nkey = "key.pem"\nrequire_tls = true\n'
    )
    config = write_config(tmp_path, listen="127.0.0.1:0", more=more)
    with receiving(config, "--world", str(tmp_path / "world.zone")) as receiver:
        with smtplib.SMTP("127.0.0.1", port_of(receiver), timeout=20) as client:
            client._host = "localhost"
            client.ehlo()
            assert client.mail("a@b.example")[0] == 530
            client.starttls(
                context=ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
            )
            assert client.sendmail(f"a@{SIGNED}", [RUA], mail("tls")) == {}
        assert receiver.end() == 0
    ((_, sender, ip, authentication),) = heads(str(tmp_path / "reports.db"))
    # loopback is a server of ours, which did not say where the mail came from
    assert (sender, ip, authentication) == (f"a@{SIGNED}", "", "")

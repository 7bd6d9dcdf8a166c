"""A real Postfix with a folder of its own, which hands report mail over to an intake of ours."""

from __future__ import annotations

import shutil
import smtplib
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from dovecot import free_port
from programs import needed

from maildns.lab.internet import postfix as lab

# As docs/howto/receive-reports.md says it.
HANDS_OVER = """\
relay_domains = example.com
relay_recipient_maps = static:all
transport_maps = inline:{{ {{ {recipient} = lmtp:inet:127.0.0.1:{port} }} }}
lmtp_send_xforward_command = yes
"""
# Of the tests alone: what could not be delivered is tried again at once.
IMPATIENT = """\
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
lmtp_destination_concurrency_limit = 1
smtpd_authorized_xclient_hosts = 127.0.0.1
"""


@dataclass
class Postfix:
    folder: Path
    port: int

    def send(self, *mails: bytes, sender: str, recipient: str, xclient: str = "") -> None:
        """Bring *mails*, as the host *xclient* would if it is given."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            client.ehlo("reporter.example")
            if xclient:
                assert client.docmd(f"XCLIENT ADDR={xclient} NAME=[UNAVAILABLE]")[0] == 220
                client.ehlo("reporter.example")
            for octets in mails:
                assert client.sendmail(sender, [recipient], octets) == {}

    def queue(self) -> list[str]:
        """The files of mails that were not handed over yet."""
        waiting = ("maildrop", "incoming", "active", "deferred")
        return [
            file.name
            for one in waiting
            for file in (self.folder / "queue" / one).rglob("*")
            if file.is_file()
        ]

    def flush(self) -> None:
        """Try all of the queue again now."""
        command = [needed("postqueue"), "-c", str(self.folder), "-f"]
        subprocess.run(command, check=False, capture_output=True)

    def wait_until_empty(self, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while self.queue():
            if time.monotonic() > until:
                pytest.fail(f"mail stays in the queue: {self.log()[-2000:]}")
            self.flush()
            time.sleep(0.3)

    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text() if file.exists() else ""


@contextmanager
def running_postfix(recipient: str, lmtp_port: int):
    needed("postfix")
    folder = Path(tempfile.mkdtemp(prefix="maildns-postfix-"))
    folder.chmod(0o755)
    port = free_port()
    main = lab._MAIN.format(
        folder=folder, daemons=lab.MASTER.parent, name="mx.example.com", interfaces="127.0.0.1"
    )
    main += HANDS_OVER.format(recipient=recipient, port=lmtp_port) + IMPATIENT
    (folder / "main.cf").write_text(main)
    services = f"lmtp unix - - n - - lmtp\n127.0.0.1:{port} inet n - n - - smtpd\n"
    (folder / "master.cf").write_text(lab._SERVICES + services)
    lab._make_queue(folder)
    command = [str(lab.MASTER), "-c", str(folder), "-d"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        made = Postfix(folder, port)
        _wait_for(made, process)
        yield made
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(made: Postfix, process: subprocess.Popen) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError, smtplib.SMTPException), smtplib.SMTP("127.0.0.1", made.port):
            return
        time.sleep(0.1)
    pytest.fail(f"Postfix did not start: {made.log()[-2000:]}")

"""
How fast report mail is taken in by LMTP, down to the committed report, beside aiosmtpd that keeps nothing.

    python benchmarks/reports_intake.py

Medians of five runs that take turns: 1,000 mails of ten rows each, brought by one connection and by
ten. The limit is that keeping a report in SQLite, disk included, leaves ten connections a quarter of
the speed that aiosmtpd has when its handler throws all away.
"""

from __future__ import annotations

import base64
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit"))
from aiosmtpd.controller import Controller
from dovecot import free_port
from intake import running_intake
from report_texts import packed, some

from maildns.reports.store import Store

HELPERS = sys.path[0]
MAILS, RUNS, SHARE = 1000, 5, 0.25
CLIENT = """
import socket, sys, threading, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from intake import RUA, Talk

folder, port, clients, greeting = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
mails = [file.read_bytes() for file in sorted(folder.iterdir())]

def bring(part):
    with Talk(socket.create_connection(("127.0.0.1", port))) as talk:
        talk.hear()
        talk.say(greeting)
        for octets in part:
            talk.say("MAIL FROM:<reporter@signed.example>")
            talk.say(f"RCPT TO:<{RUA}>")
            talk.say("DATA")
            talk.send(octets + b".\\r\\n")
            assert talk.hear()[:3] == "250"

begun = time.perf_counter()
threads = [threading.Thread(target=bring, args=(mails[n::clients],)) for n in range(clients)]
for one in threads:
    one.start()
for one in threads:
    one.join()
print(time.perf_counter() - begun)
"""


def write_mails(folder: Path) -> None:
    head = (
        "From: reporter@signed.example\r\nSubject: Report\r\nMIME-Version: 1.0\r\n"
        "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    for seed in range(MAILS):
        body = base64.encodebytes(packed(some(seed, 10))).replace(b"\n", b"\r\n")
        (folder / f"{seed:05}").write_bytes(head.encode() + body)


def brought(folder: Path, port: int, clients: int, greeting: str) -> float:
    """Mails in a second."""
    command = [sys.executable, "-c", CLIENT, HELPERS, folder, port, clients, greeting]
    told = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return MAILS / float(told.stdout)


@contextmanager
def keeping():
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "reports.db") as store:
        with running_intake(store) as running:
            yield running.port
        assert sum(one.kept == "new" for one in running.receipts) in {0, MAILS}


async def thrown_away(*_):
    return "250 thrown away"


@contextmanager
def throwing_away():
    port = free_port()
    handler = type("ThrownAway", (), {"handle_DATA": thrown_away})()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def main() -> int:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_mails(folder)
        missed = False
        for clients in (1, 10):
            ours, theirs = [], []
            for _ in range(RUNS):
                with keeping() as port:
                    ours.append(brought(folder, port, clients, "LHLO bench"))
                with throwing_away() as port:
                    theirs.append(brought(folder, port, clients, "EHLO bench"))
                time.sleep(0.1)
            kept, thrown = statistics.median(ours), statistics.median(theirs)
            share = kept / thrown
            missed |= clients > 1 and share < SHARE
            print(
                f"{clients:2} connections: {kept:6,.0f} mails/s committed, aiosmtpd that keeps "
                f"nothing {thrown:6,.0f} mails/s: {share:.0%} of it"
            )
    print(f"limit: {SHARE:.0%} with ten connections; {'missed' if missed else 'met'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

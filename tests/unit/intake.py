"""An intake of report mail that runs in a thread of its own, on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from maildns.reports.config import IntakeSettings, Listening
from maildns.reports.sources.committing import Committer
from maildns.reports.sources.intake import Intake

RUA = "dmarc@example.com"
ADDRESSES = frozenset({RUA, "tls@example.com", "ruf@example.net"})
LOOPBACK = (Listening("127.0.0.1", 0),)


@dataclass
class Running:
    intake: Intake
    loop: asyncio.AbstractEventLoop
    receipts: list = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.intake.listening[0].port

    def stop(self) -> None:
        """Stop as the command does."""
        asyncio.run_coroutine_threadsafe(self.intake.stop(), self.loop).result(60)

    def deliver(self, octets: bytes, *recipients: str) -> list[str]:
        """Bring a mail as LMTP or SMTP does; the codes of the answers."""
        lmtp = self.intake.settings.lmtp
        recipients = recipients or (RUA,)
        with self.talk() as client:
            client.begin("LHLO client" if lmtp else "EHLO client", *recipients)
            client.send(octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            answers = [client.hear()[:3] for _ in recipients[: None if lmtp else 1]]
            client.say("QUIT")
            return answers

    def talk(self, *, timeout: float = 10) -> Talk:
        return Talk(socket.create_connection(("127.0.0.1", self.port), timeout=timeout))


class Talk:
    """A client that says what it likes."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.file = connection.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.connection.close()

    def hear(self) -> str:
        """One answer, all its lines; empty when the connection has ended."""
        lines = []
        while line := self.file.readline():
            lines.append(line.decode())
            if line[3:4] != b"-":
                break
        return "".join(lines).rstrip()

    def say(self, line: str | bytes) -> str:
        octets = line.encode() if isinstance(line, str) else line
        self.connection.sendall(octets + b"\r\n")
        return self.hear()

    def send(self, octets: bytes) -> None:
        self.connection.sendall(octets)

    def flood(self, octets: bytes, pause: float = 0.0) -> int:
        """Say *octets* until nobody listens any more, for half a minute at most; how often."""
        until = time.monotonic() + 30
        times = 0
        with suppress(OSError):
            while time.monotonic() < until:
                self.send(octets)
                times += 1
                time.sleep(pause)
        assert time.monotonic() < until, "it was listened to all the time"
        return times

    def begin_tls(self, authority: Path) -> None:
        """After the 220 to STARTTLS."""
        context = ssl.create_default_context(cafile=str(authority))
        self.file.close()
        self.connection = context.wrap_socket(self.connection, server_hostname="localhost")
        self.file = self.connection.makefile("rb")

    def begin(self, greeting: str = "LHLO client", *recipients: str) -> str:
        """Up to DATA."""
        self.hear()
        self.say(greeting)
        self.say("MAIL FROM:<reporter@signed.example>")
        for one in recipients or (RUA,):
            self.say(f"RCPT TO:<{one}>")
        return self.say("DATA")


@contextmanager
def running_intake(keeper, authenticate=None, **more):
    settings = IntakeSettings(**{"addresses": ADDRESSES, "listen": LOOPBACK, **more})
    receipts: list = []
    committer = Committer(keeper, authenticate, receipts.append)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        intake = Intake(settings, committer)
        asyncio.run_coroutine_threadsafe(intake.start(), loop).result(10)
        running = Running(intake, loop, receipts)
        try:
            yield running
        finally:
            running.stop()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        committer.close()

"""
The intake of report mail: SMTP from the world, or LMTP from a mail server of one's own.

A mail is answered with 250 when its reports are committed (or are in quarantine, if nobody can read
them), with 550 when nothing in it claims to be a report, and with 451 when it could not be kept.

    async with Intake(settings, Committer(store, authenticate)) as intake:
        ...
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import os
import secrets
import socket
import ssl
import stat
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self

from maildns.errors import InputError, UsageError
from maildns.reports.config import IntakeSettings, Listening
from maildns.reports.keeping import Arrival
from maildns.reports.sources.admission import Admission
from maildns.reports.sources.certificate import ServerCertificate
from maildns.reports.sources.committing import Committer, why_not_kept
from maildns.reports.sources.taking import Fate, fate_of

try:
    from maildns.reports.sources.conversation import Conversation, Delivered
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.startswith("maildns"):
        raise
    raise UsageError(
        f"taking mail in needs {missing.name}, which is not installed",
        hint="pip install 'maildns[reports]'",
    ) from missing

_log: Final = logging.getLogger(__name__)
_HELD_MAILS: Final = 8  # of the largest size, in memory at a time
_STOP_SECONDS: Final = 30.0
_SETTLE_SECONDS: Final = 0.02
_SOCKET_MODE: Final = 0o666  # who may enter its folder may deliver, as on a port of loopback

_ANSWERS: Final = {
    Fate.KEPT: "250 2.0.0 the report is safe",
    Fate.BAD: "250 2.0.0 it is kept, though its report cannot be read",
    Fate.NO_REPORT: "550 5.6.0 nothing in this mail is a report, and only reports are read here",
    Fate.UNKNOWN: "451 4.3.0 it could not be kept, try again later",
}


class Intake:
    """
    Takes report mail for the addresses of *settings*, and has it kept by *committer*.

    Use it as an asynchronous context, or `start` and `stop` it. Raises `InputError` for a
    certificate that cannot be used, `UsageError` when there is no address to take reports for.
    """

    def __init__(self, settings: IntakeSettings, committer: Committer) -> None:
        if not settings.addresses:
            raise UsageError(
                "there is no address to take reports for",
                hint="name one: dmarc.reports_to or tls_rpt of a domain, or addresses of "
                "[reports.intake]",
            )
        self.settings = settings
        self.listening: list[Listening] = []
        self._committer = committer
        self._name = settings.name or socket.gethostname()
        self._certificate: ServerCertificate | None = None
        if settings.certificate is not None:
            self._certificate = ServerCertificate(settings.certificate, settings.key)
        self._admission = Admission(
            settings.max_connections, settings.connections_per_client, settings.mails_per_minute
        )
        self._conversations: set[Conversation] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._servers: list[asyncio.Server] = []
        self._held = 0
        self._numbers = itertools.count(1)
        self._run = secrets.token_hex(4)
        # aiosmtpd tells its logger what clients say, and of whom mail is.
        logging.getLogger("mail.log").disabled = True

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """
        Listen; `listening` says where, with the ports that were chosen.

        Raises `InputError` for a place that is taken or not allowed; nothing listens then.
        """
        try:
            for where in self.settings.listen:
                await self._listen(where)
        except BaseException:
            await self.stop()
            raise

    async def _listen(self, where: Listening) -> None:
        loop = asyncio.get_running_loop()
        make = partial(Conversation, self, self._name, loop)
        try:
            if where.is_unix:
                server = await loop.create_unix_server(make, sock=unix_socket(where.host))
                self.listening.append(where)
            else:
                server = await loop.create_server(make, where.host, where.port)
                port = server.sockets[0].getsockname()[1]
                self.listening.append(Listening(where.host, port))
        except OSError as error:
            raise cannot_listen(where, error) from None
        self._servers.append(server)

    async def stop(self) -> None:
        """Listen no more, let mails that are under way be answered, and end all conversations."""
        for server in self._servers:
            server.close()
        _remove_sockets(self.listening)
        self._servers, self.listening = [], []
        await asyncio.sleep(
            _SETTLE_SECONDS
        )  # those that knocked a moment ago come in, and are told
        for one in list(self._conversations):
            one.end_soon()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), _STOP_SECONDS)
        for one in list(self._conversations):
            one.abort()

    # --- what conversations ask -----------------------------------------------------------

    def enter(self, conversation: Conversation) -> bool:
        """Whether one more may come in."""
        if not self._admission.enter(conversation.client, trusted=conversation.is_trusted):
            return False
        self._conversations.add(conversation)
        self._empty.clear()
        return True

    def leave(self, conversation: Conversation) -> None:
        """A conversation has ended."""
        if conversation in self._conversations:
            self._conversations.remove(conversation)
            self._admission.leave(conversation.client)
        if not self._conversations:
            self._empty.set()

    def may_bring(self, client: str) -> bool:
        """Whether *client* may bring a mail now."""
        return self._admission.may_bring(client)

    def hold(self, octets: int) -> bool:
        """Count octets of mails under way, less when negative; False when it is too much."""
        self._held += octets
        return self._held <= _HELD_MAILS * self.settings.max_octets

    def tls_context(self) -> ssl.SSLContext | None:
        """What STARTTLS begins with."""
        return None if self._certificate is None else self._certificate.context()

    def is_trusted(self, address: str) -> bool:
        """Whether a mail server of ours is at *address*; empty is a unix socket."""
        if not address:
            return True
        ip = ip_address(address.partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return ip.is_loopback or any(ip in network for network in self.settings.trusted)

    async def deliver(self, mail: Delivered) -> str:
        """Keep *mail*; the answer to it."""
        protocol = "lmtp" if self.settings.lmtp else "smtp"
        source = (
            f"{protocol}://{mail.client}/{mail.recipients[0]}#{self._run}-{next(self._numbers)}"
        )
        arrival = Arrival(mail.octets, source, mail.sender, mail.ip)
        keeping = self._committer.keep(arrival, mail.helo)
        (outcome,) = await asyncio.gather(keeping, return_exceptions=True)
        if isinstance(outcome, BaseException):  # whatever it is: the mail is not lost, but not ours
            _log.error("a mail could not be kept: %s", why_not_kept(outcome))
            return _ANSWERS[Fate.UNKNOWN]
        return _ANSWERS[fate_of(outcome)]


def cannot_listen(where: Listening, error: OSError) -> InputError:
    """What to tell when *where* is taken, or not allowed."""
    return InputError(
        f"cannot listen on {where}: {error.strerror or error}",
        hint="choose another place, or allow this one: ports below 1024 are for root and for "
        "CAP_NET_BIND_SERVICE",
    )


def unix_socket(path: str) -> socket.socket:
    """A socket at *path*, in place of one that nobody serves any more; raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        taken = probe.connect_ex(path) == 0
    if taken:
        raise OSError(errno.EADDRINUSE, "something listens there already")
    if _is_socket(path):
        Path(path).unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
        Path(path).chmod(_SOCKET_MODE)
    except OSError:
        made.close()
        raise
    return made


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False


def _remove_sockets(listening: list[Listening]) -> None:
    for where in listening:
        if where.is_unix and _is_socket(where.host):
            Path(where.host).unlink(missing_ok=True)

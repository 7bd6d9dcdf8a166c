"""
One connection of the intake: SMTP (RFC 5321) or LMTP (RFC 2033), as far as taking reports needs.

The connection, its lines and STARTTLS are aiosmtpd's. What a mail is made of is read here, for there
a line without an end is collected without end, and LMTP is answered once for all recipients. AUTH
is not offered: nobody sends through this.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from aiosmtpd.smtp import SMTP, TLSSetupException

from maildns.reports.sources.admission import client_of
from maildns.reports.sources.commands import (
    CommandError,
    check_mail_parameters,
    comparable,
    forwarded,
    path_of,
)

if TYPE_CHECKING:
    import ssl

    from maildns.reports.config import IntakeSettings

_log: Final = logging.getLogger(__name__)
_END: Final = b"\r\n.\r\n"
_CHUNK: Final = 1 << 16
_MOST_STRANGERS: Final = 20  # recipients that are not ours, before the client has to go
_MOST_FAULTS: Final = 50
_GRACE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """A mail as it was delivered; `ip` is empty where a server of ours did not say who brought it."""

    octets: bytes
    client: str
    ip: str
    helo: str
    sender: str
    recipients: tuple[str, ...]


class Host(Protocol):
    """What a conversation needs of the intake that it belongs to."""

    settings: IntakeSettings

    def enter(self, conversation: Conversation) -> bool:
        """Whether one more may come in."""
        ...

    def leave(self, conversation: Conversation) -> None:
        """A conversation has ended."""
        ...

    def may_bring(self, client: str) -> bool:
        """Whether the client may bring a mail now."""
        ...

    def hold(self, octets: int) -> bool:
        """Count octets of mails under way, less when negative; False when it is too much."""
        ...

    async def deliver(self, mail: Delivered) -> str:
        """Keep a mail; the answer to it."""
        ...

    def tls_context(self) -> ssl.SSLContext | None:
        """What STARTTLS begins with."""
        ...

    def is_trusted(self, address: str) -> bool:
        """Whether a mail server of ours is there."""
        ...


@dataclass(slots=True)
class _Transaction:
    """A mail that is being announced."""

    sender: str | None = None
    recipients: list[str] = field(default_factory=list)
    forwarded: dict[str, str] = field(default_factory=dict)


class Conversation(SMTP):
    """The server's side of one connection of *host*, at the address *unix_path* if that is given."""

    line_length_limit = 4096  # of what is read as a line, which commands are
    command_size_limit = 2048

    def __init__(self, host: Host, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.host = host
        self.is_busy = False  # a mail is being taken or kept
        self.peer = ""
        self.client = ""
        self.is_trusted = False
        self._ends = False
        self._is_refused = False
        self._greeting = ""
        self._strangers = 0
        self._faults = 0
        self._held = 0  # octets of the mail that is being read
        self._mail = _Transaction()
        self._deadline: asyncio.TimerHandle | None = None
        settings = host.settings
        super().__init__(
            object(),
            data_size_limit=settings.max_octets,
            enable_SMTPUTF8=True,
            hostname=name,
            ident="LMTP maildns" if settings.lmtp else "ESMTP maildns",
            tls_context=host.tls_context(),
            timeout=settings.timeout,
            loop=loop,
        )
        self.command_size_limits = defaultdict(lambda: self.command_size_limit)
        commands: dict[str, Callable[[str | None], Any]] = {
            "NOOP": self._noop,
            "RSET": self._rset,
            "VRFY": self._vrfy,
            "QUIT": self.smtp_QUIT,
            "MAIL": self._mail_from,
            "RCPT": self._rcpt_to,
            "DATA": self._data,
            "XFORWARD": self._xforward,
        }
        if settings.lmtp:
            commands["LHLO"] = self._ehlo  # RFC 2033 section 4.1: and neither HELO nor EHLO
        else:
            commands |= {"HELO": self._helo, "EHLO": self._ehlo}
        if self.tls_context is not None:
            commands["STARTTLS"] = self._starttls
        self._smtp_methods = commands

    # --- the connection -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or begin anew within TLS."""
        self._greeting = ""  # RFC 3207 section 4.2: all that was said before is forgotten
        if self._original_transport is not None:
            super().connection_made(transport)
            return
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        self.is_trusted = self.host.is_trusted(self.peer)
        self.client = client_of(self.peer)
        if not self.host.enter(self):
            self._is_refused = True
            plain = cast("asyncio.Transport", transport)
            plain.write(b"421 4.3.2 too many connections, try again later\r\n")
            plain.close()
            return
        self._deadline = self.loop.call_later(self.host.settings.session_seconds, self.abort)
        super().connection_made(transport)
        if self._handler_coroutine is not None:
            self._handler_coroutine.add_done_callback(_looked_at)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if not self._is_refused:
            super().data_received(data)

    def eof_received(self) -> bool | None:
        """Nothing more comes: what is not complete by now never is."""
        return False if self._is_refused else super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of all that belongs to it."""
        if self._is_refused:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self.host.leave(self)
        if self.transport is not None:
            super().connection_lost(error)

    def abort(self) -> None:
        """End it now, in the middle of whatever it is."""
        for transport in (self.transport, self._original_transport):
            if transport is not None:
                cast("asyncio.Transport", transport).abort()

    def _timeout_cb(self) -> None:
        """The client has been silent for too long: tell it, and do not wait for it to listen."""
        self.say_goodbye("421 4.4.2 nothing was said for too long")

    def say_goodbye(self, words: str) -> None:
        """End the conversation from our side."""
        transport = cast("asyncio.Transport | None", self.transport)
        if transport is None:
            return
        if not transport.is_closing():
            transport.write(f"{words}\r\n".encode())
            transport.close()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
        self.loop.call_later(_GRACE_SECONDS, self.abort)

    async def handle_exception(self, error: Exception) -> str:
        """Answer what nobody foresaw; nothing that a client said is repeated."""
        if not isinstance(error, TLSSetupException | ConnectionError):
            _log.error("a conversation failed: %s", type(error).__name__)
        return "451 4.3.0 something went wrong here, try again later"

    async def _answer(self, words: str) -> None:
        """Answer, and count faults: who makes too many has to go."""
        self._faults += words[0] == "5"
        await self.push(words)
        if self._faults > _MOST_FAULTS:
            self.say_goodbye("421 4.7.0 too many faults")

    # --- commands -------------------------------------------------------------------------

    def _set_post_data_state(self) -> None:
        self.envelope = self._create_envelope()
        self._mail = _Transaction()

    def _set_rset_state(self) -> None:
        self._set_post_data_state()

    async def _helo(self, argument: str | None) -> None:
        await self._greeted(argument, [self.hostname])

    async def _ehlo(self, argument: str | None) -> None:
        said = [self.hostname, f"SIZE {self.host.settings.max_octets}", "8BITMIME", "SMTPUTF8"]
        said.append("ENHANCEDSTATUSCODES")
        if self.tls_context is not None and self._tls_protocol is None:
            said.append("STARTTLS")
        if self.is_trusted:
            said.append("XFORWARD ADDR HELO")
        await self._greeted(argument, said)

    async def _greeted(self, argument: str | None, said: list[str]) -> None:
        if not argument:
            await self._answer("501 5.5.4 say who you are")
            return
        self._set_rset_state()
        self._greeting = argument if argument.isprintable() else "?"
        if self.session is not None:
            self.session.extended_smtp = len(said) > 1  # which allows for longer commands
        lines = [f"250-{line}" for line in said[:-1]]
        await self.push("\r\n".join([*lines, f"250 {said[-1]}"]))

    async def _noop(self, _argument: str | None) -> None:
        await self.push("250 2.0.0 yes")

    async def _rset(self, _argument: str | None) -> None:
        self._set_rset_state()
        await self.push("250 2.0.0 forgotten")

    async def _vrfy(self, _argument: str | None) -> None:
        await self._answer("252 2.5.0 send a mail and see")

    async def _starttls(self, argument: str | None) -> None:
        if self._tls_protocol is not None:
            await self._answer("503 5.5.1 TLS is there already")
            return
        await super().smtp_STARTTLS(argument or "")

    async def _xforward(self, argument: str | None) -> None:
        if not self.is_trusted:
            await self._answer("550 5.7.0 this is for servers of ours")
        elif self._mail.sender is not None:
            await self._answer("503 5.5.1 not within a mail")
        else:
            try:
                self._mail.forwarded |= forwarded(argument or "")
            except CommandError as error:
                await self._answer(str(error))
            else:
                await self.push("250 2.0.0 heard")

    async def _mail_from(self, argument: str | None) -> None:
        try:
            self._mail.sender = self._sender_of(argument or "")
        except CommandError as error:
            await self._answer(str(error))
        else:
            await self.push("250 2.1.0 heard")

    def _sender_of(self, argument: str) -> str:
        if not self._greeting:
            raise CommandError("503 5.5.1 say hello first")
        if self.host.settings.require_tls and self._tls_protocol is None:
            raise CommandError("530 5.7.0 begin TLS first (STARTTLS)")
        if self._mail.sender is not None:
            raise CommandError("503 5.5.1 one mail at a time")
        sender, parameters = path_of("FROM", argument)
        check_mail_parameters(parameters, self.host.settings.max_octets)
        if not (self.is_trusted or self.host.may_bring(self.client)):
            raise CommandError("450 4.7.1 too many mails, try again later")
        return sender

    async def _rcpt_to(self, argument: str | None) -> None:
        try:
            self._mail.recipients.append(self._recipient_of(argument or ""))
        except CommandError as error:
            await self._answer(str(error))
        else:
            await self.push("250 2.1.5 heard")
        if self._strangers >= _MOST_STRANGERS and not self.is_trusted:
            self.say_goodbye("421 4.7.0 too many addresses that are not here")

    def _recipient_of(self, argument: str) -> str:
        settings = self.host.settings
        if self._mail.sender is None:
            raise CommandError("503 5.5.1 say MAIL first")
        address, parameters = path_of("TO", argument)
        if parameters:
            raise CommandError("555 5.5.4 a parameter is not known here")
        if comparable(address) not in settings.addresses:
            self._strangers += 1
            raise CommandError("550 5.1.1 no reports are taken for this address")
        if len(self._mail.recipients) >= settings.max_recipients:
            raise CommandError("452 4.5.3 too many recipients")
        return address

    # --- the mail -------------------------------------------------------------------------

    async def _data(self, argument: str | None) -> None:
        if argument:
            await self._answer("501 5.5.4 DATA stands alone")
            return
        if not self._mail.recipients:
            # RFC 2033 section 4.2: with no recipient left there is nothing to answer afterwards
            await self._answer("503 5.5.1 there is no recipient")
            return
        await self.push("354 go on, and end with a dot")
        self.is_busy = True
        try:
            words = await self._taken()
            answers = len(self._mail.recipients) if self.host.settings.lmtp else 1
            self._set_post_data_state()
            for _ in range(answers):
                await self._answer(words)
        finally:
            self.is_busy = False
        if self._ends and self.transport is not None:
            self.say_goodbye("421 4.3.2 this ends here")

    def end_soon(self) -> None:
        """End the conversation, after the answer to the mail that is under way."""
        self._ends = True
        if not self.is_busy:
            self.say_goodbye("421 4.3.2 the intake ends, try again later")

    async def _taken(self) -> str:
        """Read the mail and have it kept; the answer to it."""
        try:
            octets = await self._read()
            mail = self._mail
            delivered = Delivered(
                octets,
                self.client or "unix",
                mail.forwarded.get("ADDR", "") if self.is_trusted else self.peer,
                mail.forwarded.get("HELO", "") if self.is_trusted else self._greeting,
                mail.sender or "",
                tuple(mail.recipients),
            )
            # While it is being kept the client has nothing to say.
            self._reset_timeout(self.host.settings.session_seconds)
            return await self.host.deliver(delivered)
        except CommandError as error:
            return str(error)
        finally:
            self.host.hold(-self._held)
            self._held = 0
            if self.transport is not None:
                self._reset_timeout()

    async def _read(self) -> bytes:
        """Read up to the dot; raises `CommandError` for a mail that is too much."""
        most = self.host.settings.max_octets
        buffer = bytearray(b"\r\n")  # so that a dot on the first line is seen
        end = -1
        while end < 0:
            chunk = await self._chunk()
            self._held += len(chunk)
            has_room = self.host.hold(len(chunk))
            start = max(0, len(buffer) - len(_END) + 1)
            buffer += chunk
            end = buffer.find(_END, start)
            if (end if end >= 0 else len(buffer)) - 2 > most:
                await self._throw_away(buffer, end)
                raise CommandError(f"552 5.3.4 a mail has at most {most} octets here")
            if not has_room:
                await self._throw_away(buffer, end)
                raise CommandError("451 4.3.1 too much mail at once, try again later")
        # What comes before we answered is no command: nobody was told that it may (RFC 2920).
        self._ends = self._ends or len(buffer) > end + len(_END)
        del buffer[end + 2 :]
        # RFC 5321 section 4.5.2: a dot that a line begins with was doubled
        return bytes(buffer.replace(b"\r\n.", b"\r\n")[2:])

    async def _throw_away(self, buffer: bytearray, end: int) -> None:
        """Read on to the dot, but not without end: then the client has to go."""
        left = self.host.settings.max_octets
        while end < 0:
            del buffer[: -len(_END) + 1]
            if left < 0:
                self._ends = True
                return
            chunk = await self._chunk()
            left -= len(chunk)
            buffer += chunk
            end = buffer.find(_END)

    async def _chunk(self) -> bytes:
        chunk = await self._reader.read(_CHUNK)
        if not chunk:
            raise ConnectionResetError
        self._reset_timeout()
        return chunk


def _looked_at(task: asyncio.Task[None]) -> None:
    """Take note of how a conversation ended, so that nobody complains that nobody did."""
    if not task.cancelled():
        task.exception()

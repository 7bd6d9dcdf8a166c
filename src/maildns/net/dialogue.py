"""
What is said to a mail server up to TLS, and how its words are taken: no socket is touched here.

A dialogue is a generator. It yields the octets to send and is sent what came back, nothing where
the server has closed; so the same dialogue runs over a blocking socket, under asyncio, and in a
test, over a list. Whoever drives it keeps the time; what a server may say in the clear is bounded
here. No mail is sent, and no recipient is named.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from maildns.dnsdata import name
from maildns.errors import MaildnsError, RecordSyntaxError
from maildns.net.talk import Stage

R = TypeVar("R")
Dialogue: TypeAlias = Generator[bytes, bytes, R]  # to send; what came; how it ended

MAX_REPLY_OCTETS: Final = 64 * 1024  # of all replies before TLS; a real EHLO has about 300
MAX_SHOWN: Final = 500  # characters of a reply that are kept

_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)


class TalkEnds(MaildnsError):
    """
    The dialogue ends here, at the fault of the server.

    With `may_retry` it may be otherwise later; without, that is how the server is.
    """

    def __init__(self, problem: str, *, may_retry: bool = False, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.may_retry = may_retry
        self.hint = hint


@dataclass(slots=True)
class Opening:
    """
    What a server has said up to now; it fills while the dialogue goes on.

    `code` is that of an SMTP banner. `starttls` is None where the dialogue has not come so far,
    `talked_on` says that the server sent more in the clear after it had agreed to TLS.
    `farewell` are the last octets to send, if the connection still takes them.
    """

    stage: Stage = Stage.GREETING
    code: int = 0
    banner: str = ""
    greeting_name: str = ""
    extensions: tuple[str, ...] = ()
    starttls: bool | None = None
    talked_on: bool = False
    farewell: bytes = b""


class Lines:
    """Lines to and from a server; raises `TalkEnds` when it closes or talks without end."""

    def __init__(self) -> None:
        self.waiting = bytearray()
        self._to_send = b""
        self._searched = 0
        self._received = 0

    def say(self, line: str) -> None:
        """Send *line* before more is received."""
        self._to_send += f"{line}\r\n".encode("ascii")

    def line(self) -> Dialogue[bytes]:
        """The next line, without its end."""
        while (end := self.waiting.find(b"\n", self._searched)) < 0:
            self._searched = len(self.waiting)
            to_send, self._to_send = self._to_send, b""
            self._take((yield to_send))
        line = bytes(self.waiting[:end])
        del self.waiting[: end + 1]
        self._searched = 0
        return line.removesuffix(b"\r")

    def _take(self, octets: bytes) -> None:
        if not octets:
            raise TalkEnds("it closed the connection", may_retry=True)
        self._received += len(octets)
        if self._received > MAX_REPLY_OCTETS:
            raise TalkEnds("it talks without end before TLS", hint="this is not a mail server")
        self.waiting += octets


def printable(text: str) -> str:
    """*text* of a server as it can be shown: without control characters, and not without end."""
    return "".join(char if char.isprintable() else "·" for char in text[:MAX_SHOWN])


def _text(octets: bytes) -> str:
    return printable(octets.decode("utf-8", "replace"))


def own_name(own_address: str) -> str:
    """What to say in EHLO: this host's full name, else its address (RFC 5321 section 4.1.3)."""
    with suppress(RecordSyntaxError):
        own = name(socket.gethostname())
        if "." in own and own.isascii():
            return own
    text = own_address.partition("%")[0]
    return f"[IPv6:{text}]" if ":" in text else f"[{text}]"


# --- SMTP -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reply:
    code: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.code} {' '.join(self.lines)[:120]}".rstrip()


def smtp_opening(opening: Opening, greeting: str) -> Dialogue[None]:
    """Bring an SMTP server to where TLS begins (RFC 3207 section 4); *greeting* is for EHLO."""
    lines = Lines()
    banner = yield from _reply(lines)
    opening.code, opening.banner = banner.code, printable(" ".join(banner.lines))
    opening.farewell = b"QUIT\r\n"
    _expect(banner, 220, "greets with")
    opening.stage = Stage.HELLO
    lines.say(f"EHLO {greeting}")
    hello = yield from _reply(lines)
    _expect(hello, 250, "answers EHLO with")
    opening.greeting_name = hello.lines[0].partition(" ")[0]  # RFC 5321 section 4.1.1.1
    opening.extensions = tuple(line.upper() for line in hello.lines[1:])
    opening.starttls = any(line.partition(" ")[0] == "STARTTLS" for line in opening.extensions)
    if not opening.starttls:
        raise TalkEnds(
            "it does not offer STARTTLS",
            hint="give the server a certificate and turn TLS on for incoming mail; "
            "a firewall that inspects SMTP may hide STARTTLS too",
        )
    opening.stage = Stage.STARTTLS
    lines.say("STARTTLS")
    _expect((yield from _reply(lines)), 220, "answers STARTTLS with")
    _nothing_more(opening, lines)


def _reply(lines: Lines) -> Dialogue[_Reply]:
    """Read one reply, which may have many lines (RFC 5321 section 4.2)."""
    texts: list[str] = []
    while True:
        match = _REPLY_LINE.fullmatch((yield from lines.line()))
        if match is None:
            raise TalkEnds(
                "what answers there does not speak SMTP",
                hint="mail servers take mail at port 25; at 465 TLS starts at once",
            )
        texts.append(_text(match[3] or b""))
        if match[2] != b"-":
            return _Reply(int(match[1]), tuple(texts))


def _expect(reply: _Reply, code: int, doing: str) -> None:
    if reply.code != code:
        # RFC 5321 section 4.2.1: with 4 it may be otherwise later
        raise TalkEnds(f"it {doing} {reply}", may_retry=reply.code // 100 == 4)


def _nothing_more(opening: Opening, lines: Lines) -> None:
    opening.farewell = b""
    if lines.waiting:  # RFC 3207 section 6: what came in the clear must not be trusted
        opening.talked_on = True
        raise TalkEnds("it talks on in the clear after STARTTLS")
    opening.stage = Stage.TLS


# --- IMAP and POP3 --------------------------------------------------------------------


def imap_opening(opening: Opening, _greeting: str = "") -> Dialogue[None]:
    """Bring an IMAP server to where TLS begins (RFC 9051 section 6.2.1)."""
    lines = Lines()
    opening.banner = _text((yield from lines.line()))
    if not opening.banner.upper().startswith(("* OK", "* PREAUTH")):
        busy = opening.banner.upper().startswith("* BYE")
        raise TalkEnds(f"it greets with {opening.banner[:120]}", may_retry=busy)
    opening.stage, opening.farewell = Stage.HELLO, b"z LOGOUT\r\n"
    told = yield from _imap(lines, "a CAPABILITY", "CAPABILITY")
    words = [word for line in told if line[:13] == "* CAPABILITY " for word in line[13:].split()]
    opening.extensions = tuple(dict.fromkeys(words))
    opening.starttls = "STARTTLS" in words
    if not opening.starttls:
        raise TalkEnds("it does not offer STARTTLS")
    opening.stage = Stage.STARTTLS
    yield from _imap(lines, "b STARTTLS", "STARTTLS")
    _nothing_more(opening, lines)


def _imap(lines: Lines, command: str, doing: str) -> Dialogue[list[str]]:
    """Send *command*; the lines that came before its answer, upper case."""
    lines.say(command)
    told: list[str] = []
    while True:
        line = _text((yield from lines.line())).upper()
        if line.startswith(f"{command[0].upper()} "):
            break
        told.append(line)
    if line[2:4] != "OK":
        raise TalkEnds(f"it answers {doing} with {line[:120]}")
    return told


def pop3_opening(opening: Opening, _greeting: str = "") -> Dialogue[None]:
    """Bring a POP3 server to where TLS begins (RFC 2595 section 4)."""
    lines = Lines()
    opening.banner = _text((yield from lines.line()))
    if not opening.banner.startswith("+OK"):
        raise TalkEnds(f"it greets with {opening.banner[:120]}")
    opening.stage, opening.farewell = Stage.HELLO, b"QUIT\r\n"
    lines.say("CAPA")
    told: list[str] = []
    if (yield from lines.line()).startswith(b"+OK"):  # RFC 2449: CAPA itself may be unknown
        while (line := (yield from lines.line())) != b".":
            told.append(_text(line).upper())
    opening.extensions = tuple(told)
    opening.starttls = "STLS" in told
    if not opening.starttls:
        raise TalkEnds("it does not offer STARTTLS")
    opening.stage = Stage.STARTTLS
    lines.say("STLS")
    agreed = _text((yield from lines.line()))
    if not agreed.startswith("+OK"):
        raise TalkEnds(f"it answers STLS with {agreed[:120]}")
    _nothing_more(opening, lines)


OPENINGS: Final[dict[str, Callable[[Opening, str], Dialogue[None]]]] = {
    "smtp": smtp_opening,
    "imap": imap_opening,
    "pop3": pop3_opening,
}

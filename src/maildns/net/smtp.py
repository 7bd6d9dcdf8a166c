"""
Looking at the certificate that a live mail server shows: SMTP up to STARTTLS, then TLS.

Nothing is verified and no mail is sent: the certificate is only looked at. One deadline
holds for the whole conversation, however slowly the server talks, and what it may say
before TLS is bounded.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Final

from maildns.dnsdata import name
from maildns.errors import MaildnsError, RecordSyntaxError
from maildns.net.reach import NotReached, in_words, reach, seconds_left

MAX_REPLY_OCTETS: Final = 64 * 1024  # of all replies before TLS; a real EHLO has about 300
IMPLICIT_TLS_PORTS: Final = frozenset({465, 993, 995, 443})  # RFC 8314 section 3.3 and its kin
TIMEOUT_SECONDS: Final = 15.0

_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_DER = 2  # _ssl.ENCODING_DER, which the public module has no name for


class MailServerError(MaildnsError):
    """
    A live mail server does not show a certificate.

    With `may_retry` it could not be known: nobody answered, or not now. Without, the
    server has answered and that is how it is.
    """

    def __init__(self, problem: str, *, may_retry: bool = False, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.may_retry = may_retry
        self.hint = hint


@dataclass(frozen=True, slots=True)
class _Reply:
    code: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        text = "".join(char if char.isprintable() else "·" for char in " ".join(self.lines))
        return f"{self.code} {text[:120]}".rstrip()


def fetch_chain(
    host: str,
    port: int = 25,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    address: str | None = None,
    helo: str | None = None,
    implicit_tls: bool | None = None,
) -> list[bytes]:
    """
    Fetch the certificates that *host* sends, in DER, the server's own first.

    The connection goes to *address* where it is given, and *host* is the name that is asked
    for in TLS. With *implicit_tls*, which port 465 has by itself, TLS starts at once. Where Python keeps the issuers to itself, the
    first stands alone.

    Raises `MailServerError` when the server cannot be reached in time, does not speak SMTP,
    or does not offer STARTTLS; `RecordSyntaxError` when *host* is no name.
    """
    deadline = time.monotonic() + timeout_seconds
    host = host if _is_address(host) else name(host)
    where = f"{address or host} port {port}"
    connection = _connect(address or host, port, deadline, where)
    with closing(connection):
        if not (port in IMPLICIT_TLS_PORTS if implicit_tls is None else implicit_tls):
            _start_tls(_Conversation(connection, deadline, where), helo)
        return _shake_hands(connection, host, deadline, where)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


# --- getting there --------------------------------------------------------------------


def _connect(host: str, port: int, deadline: float, where: str) -> socket.socket:
    try:
        return reach(host, port, deadline)
    except NotReached as error:
        if error.may_retry:
            raise _unreachable(where, error.problem) from None
        raise MailServerError(f"{where}: {error.problem}", hint="is the name right?") from None


def _unreachable(where: str, reason: str) -> MailServerError:
    hint = "is it running, and does a firewall let you through?"
    if where.endswith(" port 25"):
        hint = "many networks block port 25 outwards: try it from the mail server itself"
    return MailServerError(f"{where}: {reason}", may_retry=True, hint=hint)


# --- SMTP up to STARTTLS --------------------------------------------------------------


class _Conversation:
    """Lines to and from the server, with a bound on time and octets."""

    def __init__(self, connection: socket.socket, deadline: float, where: str) -> None:
        self.connection = connection
        self.deadline = deadline
        self.where = where
        self.waiting = bytearray()
        self._searched = 0
        self._received = 0

    def say(self, line: str) -> _Reply:
        """Send a command and read its reply."""
        try:
            self.connection.settimeout(max(seconds_left(self.deadline), 0.001))
            self.connection.sendall(f"{line}\r\n".encode("ascii"))
        except OSError as error:
            raise _unreachable(self.where, in_words(error)) from None
        return self.reply()

    def reply(self) -> _Reply:
        """Read one reply, which may have many lines (RFC 5321 section 4.2)."""
        lines = []
        while True:
            line = self._line()
            match = _REPLY_LINE.fullmatch(line)
            if match is None:
                raise MailServerError(
                    f"{self.where}: what answers there does not speak SMTP",
                    hint="mail servers take mail at port 25; at 465 TLS starts at once",
                )
            lines.append((match[3] or b"").decode("utf-8", "replace"))
            if match[2] != b"-":
                return _Reply(int(match[1]), tuple(lines))

    def _line(self) -> bytes:
        while (end := self.waiting.find(b"\n", self._searched)) < 0:
            self._searched = len(self.waiting)
            self._receive()
        line = bytes(self.waiting[:end])
        del self.waiting[: end + 1]
        self._searched = 0
        return line.removesuffix(b"\r")

    def _receive(self) -> None:
        left = seconds_left(self.deadline)
        if not left:
            raise _unreachable(self.where, "it did not answer in time")
        try:
            self.connection.settimeout(left)
            octets = self.connection.recv(16 * 1024)
        except OSError as error:
            raise _unreachable(self.where, in_words(error)) from None
        if not octets:
            raise _unreachable(self.where, "it closed the connection")
        self._received += len(octets)
        if self._received > MAX_REPLY_OCTETS:
            problem = f"{self.where}: it talks without end before TLS"
            raise MailServerError(problem, hint="this is not a mail server")
        self.waiting += octets


def _start_tls(conversation: _Conversation, helo: str | None) -> None:
    """Bring the server to where TLS begins (RFC 3207 section 4)."""
    _expect(conversation, conversation.reply(), 220, "greets with")
    greeting = helo or _own_name(conversation.connection)
    hello = conversation.say(f"EHLO {greeting}")
    _expect(conversation, hello, 250, "answers EHLO with")
    if not any(line.split(" ")[0].upper() == "STARTTLS" for line in hello.lines[1:]):
        raise MailServerError(
            f"{conversation.where}: it does not offer STARTTLS",
            hint="give the server a certificate and turn TLS on for incoming mail; "
            "a firewall that inspects SMTP may hide STARTTLS too",
        )
    _expect(conversation, conversation.say("STARTTLS"), 220, "answers STARTTLS with")
    if conversation.waiting:  # RFC 3207 section 6: what came in the clear must not be trusted
        raise MailServerError(f"{conversation.where}: it talks on in the clear after STARTTLS")


def _expect(conversation: _Conversation, reply: _Reply, code: int, doing: str) -> None:
    if reply.code != code:
        # RFC 5321 section 4.2.1: with 4 it may be otherwise later
        problem = f"{conversation.where}: it {doing} {reply}"
        raise MailServerError(problem, may_retry=reply.code // 100 == 4)


def _own_name(connection: socket.socket) -> str:
    """What to say in EHLO: this host's full name, else its address (RFC 5321 section 4.1.3)."""
    with suppress(RecordSyntaxError):
        own = name(socket.gethostname())
        if "." in own and own.isascii():
            return own
    text = str(connection.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{text}]" if ":" in text else f"[{text}]"


# --- TLS ------------------------------------------------------------------------------


def _shake_hands(connection: socket.socket, host: str, deadline: float, where: str) -> list[bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is looked at, not relied upon
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # weak keys are to be seen too
    try:
        # RFC 7672 section 8.1: SNI is the TLSA base domain
        tls = context.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)
    except (OSError, ValueError) as error:
        raise _no_handshake(where, error) from None
    with closing(tls):
        tls.settimeout(max(seconds_left(deadline), 0.001))
        try:
            tls.do_handshake()
        except TimeoutError:
            raise _unreachable(where, "TLS did not come about in time") from None
        except (OSError, ValueError) as error:
            raise _no_handshake(where, error) from None
        chain = _chain_of(tls)
    if not chain:
        raise MailServerError(f"{where}: it shows no certificate")
    return chain


def _no_handshake(where: str, error: Exception) -> MailServerError:
    why = getattr(error, "reason", None) or str(error) or type(error).__name__
    return MailServerError(
        f"{where}: TLS does not come about: {str(why)[:120].replace('_', ' ').lower()}",
        hint="look into the mail server's log: has it a certificate and its key?",
    )


def _chain_of(tls: ssl.SSLSocket) -> list[bytes]:
    """All certificates that were sent; the leaf alone where Python does not give the others."""
    public = getattr(tls, "get_unverified_chain", None)  # from Python 3.13 on
    if public is not None:
        return [bytes(der) for der in public()]
    inner = getattr(getattr(tls, "_sslobj", None), "get_unverified_chain", None)
    if inner is not None:
        return [certificate.public_bytes(_DER) for certificate in inner() or ()]
    leaf = tls.getpeercert(binary_form=True)
    return [leaf] if leaf else []

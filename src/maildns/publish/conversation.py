"""
Talking to one name server by TCP, each message signed with TSIG where there is a key (RFC 8945).

A fault is told with its mend: whether the server does not know the key, does not
believe the signature, or has another clock are three different mends.
"""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Self

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.tsig
import dns.update

from maildns.errors import PublishError, RecordSyntaxError, UsageError
from maildns.net.convert import name_to_dns

ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224")


class QuietKey(dns.tsig.Key):
    """A TSIG key that does not show its secret, as dnspython's own does."""

    def __repr__(self) -> str:
        return f"<TSIG key {self.name}, {self.algorithm}>"


class NoReply(PublishError):
    """Nothing, or nothing that can be read, came back; whether *sent* says how far it got."""

    def __init__(self, problem: str, *, sent: bool, hint: str = "") -> None:
        super().__init__(problem, may_retry=True, hint=hint)
        self.sent = sent


def signing_key(key_name: str, secret: bytes, algorithm: str) -> QuietKey | None:
    """
    The TSIG key; None when there is no name.

    Raises `UsageError` for a name without a secret or a wrong algorithm; MD5 and
    SHA-1 are refused (RFC 8945 section 6).
    """
    if not key_name:
        if secret:
            raise UsageError("a TSIG secret needs the name of its key", hint="give key_name")
        return None
    if not secret:
        raise UsageError(f"the TSIG key {key_name!r} has no secret")
    wanted = algorithm.lower().rstrip(".")
    if wanted not in ALGORITHMS:
        raise UsageError(
            f"{algorithm!r} is not a TSIG algorithm to rely on",
            hint="make a key with `tsig-keygen -a hmac-sha256`; HMAC-MD5 and HMAC-SHA1 are not used",
        )
    try:
        return QuietKey(name_to_dns(key_name.lower()), secret, wanted)
    except (RecordSyntaxError, UsageError):
        raise UsageError(f"{key_name!r} is not the name of a TSIG key") from None


@dataclass
class Conversation:
    """
    One connection to one server, opened at the first message and again when it was closed.

    Raises `NoReply` when no connection or no reply comes within `timeout_seconds`,
    `PublishError` when the server refuses the key.
    """

    server: str
    port: int
    timeout_seconds: float
    key: QuietKey | None = None
    source: str = ""
    _socket: socket.socket | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """The server, for people."""
        host = f"[{self.server}]" if ":" in self.server else self.server
        return f"name server {host}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the next message opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, query: dns.message.Message) -> dns.message.Message:
        """Put a question; once more on a new connection when the server had closed the old one."""
        reused = self._socket is not None
        try:
            return self._carry(query)
        except NoReply as error:
            closed = isinstance(error.__cause__, OSError | EOFError)
            if not reused or not closed or isinstance(error.__cause__, TimeoutError):
                raise
            return self._carry(query)

    def tell(self, update: dns.update.UpdateMessage) -> dns.message.Message:
        """Put an update, once, on a connection of its own."""
        self.close()
        return self._carry(update)

    def _carry(self, query: dns.message.Message) -> dns.message.Message:
        if self.key is not None:
            query.use_tsig(self.key, algorithm=self.key.algorithm)
        try:
            wire = query.to_wire(max_size=65_535)
        except dns.exception.TooBig:
            raise PublishError(
                "the change is larger than one message to a name server may be",
                hint="publish fewer records at a time",
            ) from None
        sent = False
        try:
            connection = self._connect()
            connection.sendall(struct.pack("!H", len(wire)) + wire)
            sent = True
            octets = self._receive(connection)
        except (OSError, EOFError) as error:
            self.close()
            raise self._no_reply(error, sent=sent) from error
        return self._read(query, octets)

    def _connect(self) -> socket.socket:
        if self._socket is None:
            origin = (self.source, 0) if self.source else None
            self._socket = socket.create_connection(
                (self.server, self.port), self.timeout_seconds, origin
            )
        return self._socket

    def _receive(self, connection: socket.socket) -> bytes:
        until = time.monotonic() + self.timeout_seconds
        (length,) = struct.unpack("!H", _read_exactly(connection, 2, until))
        return _read_exactly(connection, length, until)

    def _no_reply(self, error: Exception, *, sent: bool) -> NoReply:
        if isinstance(error, TimeoutError):
            problem = f"{self.label} did not answer within {self.timeout_seconds:g} s"
        elif isinstance(error, ConnectionRefusedError):
            problem = f"{self.label} does not accept TCP connections"
        elif isinstance(error, EOFError):
            problem = f"{self.label} closed the connection without an answer"
        else:
            words = getattr(error, "strerror", None) or str(error)
            problem = f"{self.label} cannot be reached: {words}"
        hint = "check its address, its port, and that TCP passes the firewall"
        return NoReply(problem, sent=sent, hint=hint)

    def _read(self, query: dns.message.Message, octets: bytes) -> dns.message.Message:
        key_name = self.key.name.to_text(omit_final_dot=True) if self.key else ""
        try:
            reply = dns.message.from_wire(octets, keyring=self.key, request_mac=query.mac or b"")
        except dns.tsig.PeerBadKey:
            raise PublishError(
                f"{self.label} does not know the key {key_name!r}",
                hint="check the key's name and algorithm, and that the server has loaded it",
            ) from None
        except (dns.tsig.PeerBadSignature, dns.tsig.PeerBadTruncation):
            raise PublishError(
                f"{self.label} does not accept the signature of the key {key_name!r}",
                hint="check the key's secret and algorithm; they must be the server's own",
            ) from None
        except (dns.tsig.PeerBadTime, dns.tsig.BadTime):
            raise PublishError(
                f"the clocks of {self.label} and of this machine are too far apart",
                may_retry=True,
                hint="set both by NTP; TSIG allows five minutes (RFC 8945 section 10)",
            ) from None
        except (dns.exception.DNSException, ValueError) as error:
            return self._unverified(query, octets, error)
        if not query.is_response(reply):
            raise NoReply(f"{self.label} answered something else", sent=True)
        if self.key is not None and not reply.had_tsig:
            return self._unverified(query, octets, None)
        return reply

    def _unverified(
        self, query: dns.message.Message, octets: bytes, error: Exception | None
    ) -> dns.message.Message:
        """A refusal may come unsigned and is passed on; anything else cannot be believed."""
        self.close()
        try:
            reply = dns.message.from_wire(octets, keyring=False)
        except (dns.exception.DNSException, ValueError):
            raise NoReply(f"{self.label} sent what is not a DNS message", sent=True) from error
        refuses = reply.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}
        if refuses and not reply.had_tsig and query.is_response(reply):
            return reply
        raise NoReply(
            f"the answer of {self.label} is not signed with the key it was asked with",
            sent=True,
            hint="check that it is the server itself that answers, and the key's secret",
        ) from error


def _read_exactly(connection: socket.socket, count: int, until: float) -> bytes:
    octets = bytearray()
    while len(octets) < count:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        part = connection.recv(count - len(octets))
        if not part:
            raise EOFError
        octets += part
    return bytes(octets)

"""
Carrying one query to one server and its reply back: the only code here that opens a socket.

Every fault on the way is a `Failure` with words for people, never an exception.
A datagram that is not the answer (another sender, another id, garbage) is
ignored until the time is up, so a forged one cannot drown the true one
(RFC 5452 section 9).
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import dns.asyncquery
import dns.exception
import dns.message
import dns.query

from maildns.net.lookup import Failure, Reply, Send
from maildns.net.servers import Server, Transport

if TYPE_CHECKING:
    import httpx

MAX_MESSAGE_OCTETS = 65_535  # RFC 8484 section 6
# What a machine without IPv6 says when it is asked to send there.
NO_WAY = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_DOH_HEADERS = {
    "content-type": "application/dns-message",
    "accept": "application/dns-message",
    "accept-encoding": "identity",
}
_FAULTS = (dns.exception.DNSException, OSError, EOFError, ValueError, RuntimeError)


class Exchanger:
    """
    Sends queries; keeps the HTTPS connections of one resolver.

    *ca_file* names the certificates to trust for TLS and HTTPS in place of the
    system's.
    """

    def __init__(self, ca_file: str = "") -> None:
        self._verify: str | bool = ca_file or True
        self._https: httpx.Client | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close kept connections; it may be used again afterwards."""
        with self._lock:
            if self._https is not None:
                self._https.close()
                self._https = None

    def exchange(self, send: Send, timeout_seconds: float) -> Reply:
        """Carry *send* out while the caller waits, for at most *timeout_seconds*."""
        try:
            return self._exchange(send, timeout_seconds)
        except dns.message.Truncated:
            return Failure(f"{send.server}: the answer is cut short", truncated=True)
        except _FAULTS as error:
            return failure(send.server, error, timeout_seconds)
        except Exception as error:  # those of httpx, which is only imported when used
            if type(error).__module__.partition(".")[0] not in {"httpx", "httpcore", "h2"}:
                raise
            return failure(send.server, error, timeout_seconds)

    def _exchange(self, send: Send, timeout_seconds: float) -> Reply:
        server, query = send.server, send.query
        if send.transport is Transport.UDP:
            return dns.query.udp(
                query,
                server.host,
                timeout_seconds,
                server.port,
                ignore_unexpected=True,
                ignore_errors=True,
                raise_on_truncation=True,
            )
        if send.transport is Transport.TCP:
            return dns.query.tcp(query, server.host, timeout_seconds, server.port)
        if send.transport is Transport.TLS:
            return dns.query.tls(
                query,
                _address(server),
                timeout_seconds,
                server.port,
                server_hostname=server.tls_name,
                verify=self._verify,
            )
        return self._by_https(send, timeout_seconds)

    def _by_https(self, send: Send, timeout_seconds: float) -> Reply:
        """RFC 8484 section 4.1, with httpx; a redirect is not followed."""
        start = time.monotonic()
        until = start + timeout_seconds
        posting = self._session().stream(
            "POST",
            send.server.url,
            content=send.query.to_wire(),
            headers=_DOH_HEADERS,
            timeout=timeout_seconds,
        )
        with posting as response:
            if response.status_code != 200:
                return Failure(f"{send.server}: HTTP status {response.status_code}")
            octets = bytearray()
            for part in response.iter_raw():
                octets += part
                if len(octets) > MAX_MESSAGE_OCTETS:
                    return Failure(f"{send.server}: more than a DNS message can hold")
                if time.monotonic() > until:
                    raise TimeoutError
        reply = dns.message.from_wire(bytes(octets))
        if not send.query.is_response(reply):
            return Failure(f"{send.server}: answered something else")
        reply.time = time.monotonic() - start
        return reply

    def _session(self) -> httpx.Client:
        with self._lock:
            if self._https is None:
                import httpx

                self._https = httpx.Client(http2=True, verify=self._ssl_context())
            return self._https

    def _ssl_context(self) -> ssl.SSLContext:
        cafile = self._verify if isinstance(self._verify, str) else None
        return ssl.create_default_context(cafile=cafile)

    async def exchange_async(self, send: Send, timeout_seconds: float) -> Reply:
        """Like `exchange`, under asyncio."""
        try:
            return await self._exchange_async(send, timeout_seconds)
        except dns.message.Truncated:
            return Failure(f"{send.server}: the answer is cut short", truncated=True)
        except _FAULTS as error:
            return failure(send.server, error, timeout_seconds)

    async def _exchange_async(self, send: Send, timeout_seconds: float) -> Reply:
        server, query = send.server, send.query
        if send.transport is Transport.UDP:
            return await dns.asyncquery.udp(
                query,
                server.host,
                timeout_seconds,
                server.port,
                ignore_unexpected=True,
                ignore_errors=True,
                raise_on_truncation=True,
            )
        if send.transport is Transport.TCP:
            return await dns.asyncquery.tcp(query, server.host, timeout_seconds, server.port)
        # TLS and HTTPS in a thread: their connections are kept, and loops come and go.
        return await asyncio.to_thread(self.exchange, send, timeout_seconds)


def _address(server: Server) -> str:
    """The address behind a host name, by the system's own means."""
    return str(socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[0][4][0])


def failure(server: Server, error: Exception, timeout_seconds: float) -> Failure:
    """What *error*, met on the way to *server*, says to a person."""
    if isinstance(error, dns.exception.Timeout | TimeoutError) or "Timeout" in type(error).__name__:
        return Failure(f"{server}: no answer within {timeout_seconds:.3g} s")
    words = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        words = error.strerror
        if ":" in server.host and error.errno in NO_WAY:
            words = "no way to IPv6 from here"
    return Failure(f"{server}: {words[:200]}")

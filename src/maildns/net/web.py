"""
Fetching a document over HTTPS from a server that is not trusted with anything.

One deadline holds from the connection to the last octet, however slowly it talks; no cache or proxy
is asked, and of a body no more is read than was asked for. That is why the standard library's reader
of HTTP runs here over a stream of ours: the time limits of other clients begin anew with every octet.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from urllib.parse import urljoin, urlsplit

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.net.reach import NotReached, in_words, reach, seconds_left

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from _typeshed import WriteableBuffer

MAX_WIRE_OCTETS: Final = 1 << 20  # with headers, and a body in the smallest of chunks
MAX_REDIRECTS: Final = 3

_NO_SUCH_NAME: Final = frozenset({62, 64})  # OpenSSL: another host name, another address
_EXPIRED: Final = frozenset({9, 10})  # OpenSSL: not yet valid, has expired


class FetchResult(StrEnum):
    """How the fetch ended."""

    FETCHED = "fetched"
    INVALID = "invalid"  # what is served there is not what it should be
    REFUSED = "refused"  # the server answered, but not as it must: certificate, redirect, status
    UNREACHABLE = "unreachable"  # it cannot be known now


class WebFault(Exception):
    """
    The fetch ends here: with what result, and why.

    `about` is "certificate" where the server's own is not trusted, "size" where the body is larger
    than was asked for.
    """

    def __init__(self, result: FetchResult, reason: str, about: str = "") -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason
        self.about = about


class Wanted(NamedTuple):
    """What to ask for, in words; the type of content that is asked for, how large it may get, and where."""

    what: str
    accept: str
    max_octets: int
    host: str = ""
    path: str = "/"


# --- the connection -------------------------------------------------------------------


def connect(
    host: str, place: str, port: int, deadline: float, authorities_pem: str | None
) -> ssl.SSLSocket:
    """TLS with *place*, which proves to be *host* (RFC 8461 section 3.3)."""
    try:
        plain = reach(place, port, deadline)
    except NotReached as error:
        result = FetchResult.UNREACHABLE if error.may_retry else FetchResult.REFUSED
        raise WebFault(result, f"{place}: {error.problem}") from None
    plain.settimeout(max(seconds_left(deadline), 0.001))
    secure = ssl.create_default_context(cadata=authorities_pem)
    secure.hostname_checks_common_name = False  # RFC 8461 section 3.3: a DNS-ID, RFC 6125
    try:
        connection = secure.wrap_socket(
            plain,
            server_hostname=host,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,  # a body that was cut off is not taken for a whole one
        )
    except (OSError, ValueError) as error:
        plain.close()
        raise WebFault(FetchResult.REFUSED, f"{host}: TLS cannot begin: {error}") from None
    try:
        connection.do_handshake()
    except (OSError, ValueError) as error:
        connection.close()
        raise _no_handshake(host, error) from None
    return connection


def _no_handshake(host: str, error: Exception) -> WebFault:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _NO_SUCH_NAME:
            reason = f"the certificate does not name {host}"
        elif error.verify_code in _EXPIRED:
            reason = "the certificate has expired, or is not valid yet"
        else:
            reason = f"the certificate is not trusted: {error.verify_message}"
        return WebFault(FetchResult.REFUSED, f"{host}: {reason}", "certificate")
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        why = str(error.reason or error).replace("_", " ").lower()
        return WebFault(FetchResult.REFUSED, f"{host}: TLS does not come about: {why[:120]}")
    words = in_words(error) if isinstance(error, OSError) else str(error)
    return WebFault(FetchResult.UNREACHABLE, f"{host}: TLS does not come about: {words}")


class _Stream(io.RawIOBase):
    """What a server says, until the deadline and up to a number of octets."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self.connection = connection
        self.deadline = deadline
        self.octets_left = MAX_WIRE_OCTETS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        left = seconds_left(self.deadline)
        if not left:
            raise TimeoutError
        self.connection.settimeout(left)
        got = self.connection.recv_into(buffer)
        self.octets_left -= got
        if self.octets_left < 0:
            raise WebFault(FetchResult.REFUSED, "the server talks without end")
        return got

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Let the standard library read from here as from a socket."""
        return io.BufferedReader(self)


# --- the request ----------------------------------------------------------------------


def get(
    connection: ssl.SSLSocket,
    wanted: Wanted,
    deadline: float,
    judge_head: Callable[[HTTPResponse], None],
) -> bytes:
    """
    The body of the answer, before the *deadline* on the clock `time.monotonic`.

    Raises `WebFault` where it does not come about, or *judge_head* does: it sees status and headers
    before the body is read.
    """
    from http.client import HTTPException, HTTPResponse, IncompleteRead

    host = wanted.host
    request = (
        f"GET {wanted.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: maildns\r\n"
        f"Accept: {wanted.accept}\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"
    )
    try:
        connection.settimeout(max(seconds_left(deadline), 0.001))
        connection.sendall(request.encode("ascii"))
        # All that the reader does with its "socket" is to make a file of it.
        stream = cast("socket.socket", _Stream(connection, deadline))
        with closing(HTTPResponse(stream, method="GET")) as response:
            response.begin()
            judge_head(response)
            return _body(response, wanted)
    except OSError as error:
        raise WebFault(FetchResult.UNREACHABLE, f"{host}: {in_words(error)}") from None
    except IncompleteRead:
        raise WebFault(FetchResult.UNREACHABLE, _cut_off(wanted)) from None
    except (HTTPException, ValueError) as error:
        problem = f"{host}: what answers there does not speak HTTP: {type(error).__name__}"
        raise WebFault(FetchResult.REFUSED, problem) from None


def judge_status(response: HTTPResponse) -> None:
    """Raise `WebFault` unless what is asked for is served: only 200 will do."""
    if response.status != 200:
        may_retry = response.status >= 500 or response.status == 429
        result = FetchResult.UNREACHABLE if may_retry else FetchResult.REFUSED
        raise WebFault(result, f"the server answers with the status {response.status}")


def judge_encoding(response: HTTPResponse, allowed: Collection[str] = ("identity",)) -> None:
    """Raise `WebFault` where the body is encoded in another way than *allowed*."""
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if encoding not in allowed:
        raise WebFault(FetchResult.REFUSED, "the server compresses, which it was not asked to")


def _body(response: HTTPResponse, wanted: Wanted) -> bytes:
    body = b""
    while len(body) <= wanted.max_octets:
        piece = response.read(wanted.max_octets + 1 - len(body))
        if not piece:
            break
        body += piece
    if len(body) > wanted.max_octets:
        problem = f"{wanted.what} is larger than {wanted.max_octets} octets, and read no further"
        raise WebFault(FetchResult.REFUSED, problem, "size")
    if response.length:
        raise WebFault(FetchResult.UNREACHABLE, _cut_off(wanted))
    return body


def _cut_off(wanted: Wanted) -> str:
    return f"{wanted.what} ends before its announced length"


# --- a document anywhere ----------------------------------------------------------------


class Place(NamedTuple):
    """The host, port and path that an `https:` address names."""

    host: str
    port: int
    path: str


def place_of(url: str) -> Place | None:
    """
    Where *url* leads; None where that is not `https:`, or names no host.

    >>> place_of("https://example.com/logo.svg?v=2")
    Place(host='example.com', port=443, path='/logo.svg?v=2')
    """
    try:
        parts = urlsplit(url)
        if parts.scheme.lower() != "https" or parts.username is not None:
            return None
        host, port = name(parts.hostname or ""), parts.port or 443
    except (ValueError, RecordSyntaxError):
        return None
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    fits = path.isascii() and path.isprintable() and " " not in path
    return Place(host, port, path) if fits and "." in host else None


@dataclass(frozen=True, slots=True)
class Fetched:
    """
    What came of the fetch of the document at `url`.

    `body` is what was served, and `final_url` where it stood after redirects; `reason` says why there
    is none, `about` what that is about, see `WebFault`.
    """

    result: FetchResult
    url: str
    body: bytes = b""
    reason: str = ""
    about: str = ""
    final_url: str = ""


class _Redirect(WebFault):
    """The document stands elsewhere."""

    def __init__(self, location: str) -> None:
        super().__init__(FetchResult.REFUSED, f"the server redirects to {location[:200]}")
        self.location = location


def fetch_document(
    url: str,
    addresses: Mapping[str, Sequence[str]],
    wanted: Wanted,
    *,
    timeout_seconds: float,
    authorities_pem: str | None = None,
    encodings: Collection[str] = ("identity",),
) -> Fetched:
    """
    Fetch the document at *url*, as *wanted* but for its host and path.

    *addresses* are those of each host that may be connected to, tried in turn: nothing is looked up,
    and a redirect to a host that is not there cannot be followed. At most `MAX_REDIRECTS` are, and
    over HTTPS alone. The certificate must be issued by an authority that the system trusts (or by one
    of *authorities_pem*). A server's faults are results.
    """
    deadline = time.monotonic() + timeout_seconds
    at = url
    for _ in range(MAX_REDIRECTS + 1):
        try:
            body = _fetch_once(at, addresses, wanted, deadline, (authorities_pem, encodings))
        except _Redirect as redirect:
            at = _joined(at, redirect.location)
        except WebFault as fault:
            moved = "" if at == url else f"redirected to {_printable(at)}: "
            return Fetched(fault.result, url, b"", moved + fault.reason, fault.about, at)
        else:
            return Fetched(FetchResult.FETCHED, url, body, final_url=at)
    problem = f"the server redirects more than {MAX_REDIRECTS} times"
    return Fetched(FetchResult.REFUSED, url, b"", problem, final_url=at)


def _joined(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        return location  # which leads nowhere, and is said so


def _fetch_once(
    url: str,
    addresses: Mapping[str, Sequence[str]],
    wanted: Wanted,
    deadline: float,
    manner: tuple[str | None, Collection[str]],
) -> bytes:
    place = place_of(url)
    if place is None:
        raise WebFault(FetchResult.REFUSED, "that is not an https address of a host")
    found = addresses.get(place.host, ())
    if not found:
        problem = f"the address of {place.host} was not asked for, and it is not looked up"
        raise WebFault(FetchResult.UNREACHABLE, problem)
    authorities_pem, encodings = manner

    def judge_head(response: HTTPResponse) -> None:
        location = response.getheader("Location")
        if 300 <= response.status < 400 and location:
            raise _Redirect(_printable(location))
        judge_status(response)
        judge_encoding(response, encodings)

    here = wanted._replace(host=place.host, path=place.path)
    fault = WebFault(FetchResult.UNREACHABLE, f"{place.host} did not answer")
    for number, address in enumerate(found):
        # What is left is shared among the addresses that are left.
        until = time.monotonic() + seconds_left(deadline) / (len(found) - number)
        try:
            with closing(connect(place.host, address, place.port, until, authorities_pem)) as one:
                return get(one, here, until, judge_head)
        except WebFault as error:
            if error.result is not FetchResult.UNREACHABLE:
                raise
            fault = error
    raise fault


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:200]

"""
Fetching an MTA-STS policy over HTTPS, as a careful sender does (RFC 8461 section 3.3).

The server is not trusted with anything: one deadline holds from the search for its address to
the last octet, however slowly it talks; no redirect is followed, no cache or proxy is asked,
and of a body no more is read than a policy may have. That is why the standard library's reader
of HTTP runs here over a stream of ours: the time limits of other clients begin anew with every
octet.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, cast

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.net.reach import NotReached, in_words, reach, seconds_left
from maildns.protocols.mtasts import StsPolicy, parse_policy, policy_url

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from _typeshed import WriteableBuffer

TIMEOUT_SECONDS: Final = 60.0  # RFC 8461 section 3.3
MAX_POLICY_OCTETS: Final = 64 * 1024  # RFC 8461 section 3.3
MAX_WIRE_OCTETS: Final = 1 << 20  # with headers, and a body in the smallest of chunks
PATH: Final = "/.well-known/mta-sts.txt"  # RFC 8461 section 3.2

_CUT_OFF: Final = "the policy ends before its announced length"
_NO_SUCH_NAME: Final = frozenset({62, 64})  # OpenSSL: another host name, another address
_EXPIRED: Final = frozenset({9, 10})  # OpenSSL: not yet valid, has expired


class FetchResult(StrEnum):
    """How the fetch ended; a sender goes on with the policy it remembers unless it is `FETCHED`."""

    FETCHED = "fetched"  # there is a policy, and it is well formed
    INVALID = "invalid"  # what is served there is no policy
    REFUSED = "refused"  # the server answered, but not as it must: certificate, redirect, status
    UNREACHABLE = "unreachable"  # it cannot be known now


@dataclass(frozen=True, slots=True)
class FetchedPolicy:
    """
    What came of the fetch of the policy at `url`.

    `text` is what was served, `reason` says why it is not used, `report_as` is the result
    type that a sender reports (RFC 8460 section 4.3.2.2), and `notes` are faults that senders may
    overlook.
    """

    result: FetchResult
    url: str
    policy: StsPolicy | None = None
    text: str = ""
    reason: str = ""
    report_as: str = ""
    notes: tuple[str, ...] = ()


class _Fault(Exception):
    """The fetch ends here: with what result, why, and how a sender reports it."""

    def __init__(
        self, result: FetchResult, reason: str, report_as: str = "sts-policy-fetch-error"
    ) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason
        self.report_as = report_as


def fetch_policy(
    domain: str,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    address: str | None = None,
    port: int = 443,
    authorities_pem: str | None = None,
) -> FetchedPolicy:
    """
    Fetch the MTA-STS policy of *domain*.

    The certificate must be issued by an authority that the system trusts (or by one of
    *authorities_pem*) and name `mta-sts.<domain>`, also where the connection goes to another
    *address* or *port*. Whether there is a TXT record
    that announces the policy is not asked: see `mtasts.record_lookup`. Raises `RecordSyntaxError`
    when *domain* is no name; a server's faults are results.
    """
    url = policy_url(domain)
    host = f"mta-sts.{name(domain)}"
    deadline = time.monotonic() + timeout_seconds
    try:
        with closing(
            _connect(host, address or host, port, deadline, authorities_pem)
        ) as connection:
            body, notes = _get(connection, host, deadline)
    except _Fault as fault:
        return FetchedPolicy(fault.result, url, reason=fault.reason, report_as=fault.report_as)
    return _read_policy(url, body, notes)


def _read_policy(url: str, body: bytes, notes: tuple[str, ...]) -> FetchedPolicy:
    try:
        text = body.decode("utf-8")
        policy = parse_policy(text)
    except (UnicodeDecodeError, RecordSyntaxError) as error:
        shown = body.decode("utf-8", "replace")
        reason = error.problem if isinstance(error, RecordSyntaxError) else "it is not UTF-8 text"
        return FetchedPolicy(
            FetchResult.INVALID, url, None, shown, reason, "sts-policy-invalid", notes
        )
    return FetchedPolicy(FetchResult.FETCHED, url, policy, text, notes=notes)


# --- the connection -------------------------------------------------------------------


def _connect(
    host: str, place: str, port: int, deadline: float, authorities_pem: str | None
) -> ssl.SSLSocket:
    """TLS with *place*, which proves to be *host* (RFC 8461 section 3.3)."""
    try:
        plain = reach(place, port, deadline)
    except NotReached as error:
        result = FetchResult.UNREACHABLE if error.may_retry else FetchResult.REFUSED
        raise _Fault(result, f"{place}: {error.problem}") from None
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
        raise _Fault(FetchResult.REFUSED, f"{host}: TLS cannot begin: {error}") from None
    try:
        connection.do_handshake()
    except (OSError, ValueError) as error:
        connection.close()
        raise _no_handshake(host, error) from None
    return connection


def _no_handshake(host: str, error: Exception) -> _Fault:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _NO_SUCH_NAME:
            reason = f"the certificate does not name {host}"
        elif error.verify_code in _EXPIRED:
            reason = "the certificate has expired, or is not valid yet"
        else:
            reason = f"the certificate is not trusted: {error.verify_message}"
        return _Fault(FetchResult.REFUSED, f"{host}: {reason}", "sts-webpki-invalid")
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        why = str(error.reason or error).replace("_", " ").lower()
        return _Fault(FetchResult.REFUSED, f"{host}: TLS does not come about: {why[:120]}")
    words = in_words(error) if isinstance(error, OSError) else str(error)
    return _Fault(FetchResult.UNREACHABLE, f"{host}: TLS does not come about: {words}")


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
            raise _Fault(FetchResult.REFUSED, "the server talks without end")
        return got

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Let the standard library read from here as from a socket."""
        return io.BufferedReader(self)


# --- the request ----------------------------------------------------------------------


def _get(connection: ssl.SSLSocket, host: str, deadline: float) -> tuple[bytes, tuple[str, ...]]:
    from http.client import HTTPException, HTTPResponse, IncompleteRead

    request = (
        f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: maildns\r\n"
        "Accept: text/plain\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"
    )
    try:
        connection.settimeout(max(seconds_left(deadline), 0.001))
        connection.sendall(request.encode("ascii"))
        # All that the reader does with its "socket" is to make a file of it.
        stream = cast("socket.socket", _Stream(connection, deadline))
        with closing(HTTPResponse(stream, method="GET")) as response:
            response.begin()
            notes = _judge_head(response)
            return _body(response), notes
    except OSError as error:
        raise _Fault(FetchResult.UNREACHABLE, f"{host}: {in_words(error)}") from None
    except IncompleteRead:
        raise _Fault(FetchResult.UNREACHABLE, _CUT_OFF) from None
    except (HTTPException, ValueError) as error:
        problem = f"{host}: what answers there does not speak HTTP: {type(error).__name__}"
        raise _Fault(FetchResult.REFUSED, problem) from None


def _judge_head(response: HTTPResponse) -> tuple[str, ...]:
    # RFC 8461 section 3.3: redirects are not followed, and only 200 will do.
    if 300 <= response.status < 400:
        raise _Fault(FetchResult.REFUSED, "the server redirects, which senders do not follow")
    if response.status != 200:
        may_retry = response.status >= 500 or response.status == 429
        result = FetchResult.UNREACHABLE if may_retry else FetchResult.REFUSED
        raise _Fault(result, f"the server answers with the status {response.status}")
    if (response.getheader("Content-Encoding") or "identity").strip().lower() != "identity":
        raise _Fault(FetchResult.REFUSED, "the server compresses, which it was not asked to")
    kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    if kind == "text/plain":
        return ()
    # RFC 8461 section 3.3: a SHOULD, so some senders refuse it and some do not.
    shown = "".join(char for char in kind if char.isprintable())[:60]
    return (f"the content type is {shown or 'missing'}, not text/plain: some senders refuse that",)


def _body(response: HTTPResponse) -> bytes:
    body = b""
    while len(body) <= MAX_POLICY_OCTETS:
        piece = response.read(MAX_POLICY_OCTETS + 1 - len(body))
        if not piece:
            break
        body += piece
    if len(body) > MAX_POLICY_OCTETS:
        problem = f"the policy is larger than {MAX_POLICY_OCTETS} octets; senders read no more"
        raise _Fault(FetchResult.REFUSED, problem)
    if response.length:
        raise _Fault(FetchResult.UNREACHABLE, _CUT_OFF)
    return body

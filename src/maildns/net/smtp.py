"""
Looking at the certificate that a live mail server shows: SMTP up to STARTTLS, then TLS.

Nothing is verified and no mail is sent: the certificate is only looked at. One deadline
holds for the whole conversation, however slowly the server talks, and what it may say
before TLS is bounded.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from contextlib import closing, suppress
from typing import Final

from maildns.dnsdata import name
from maildns.errors import MaildnsError
from maildns.net.dialogue import Dialogue, Opening, R, TalkEnds, own_name, smtp_opening
from maildns.net.handshake import looking_context, shake_hands
from maildns.net.reach import NotReached, in_words, reach, seconds_left
from maildns.net.talk import TlsShown

IMPLICIT_TLS_PORTS: Final = frozenset({465, 993, 995, 443})  # RFC 8314 section 3.3 and its kin
TIMEOUT_SECONDS: Final = 15.0


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
    if implicit_tls is None:
        implicit_tls = port in IMPLICIT_TLS_PORTS
    connection = _connect(address or host, port, deadline, where)
    with closing(connection):
        greeting = helo or own_name(str(connection.getsockname()[0]))
        opening = Opening()
        try:
            shown = _drive(_look(opening, host, greeting, implicit_tls), connection, deadline)
        except TalkEnds as end:
            hint = end.hint or (_hint(where) if end.may_retry and not opening.code else "")
            problem = f"{where}: {end.problem}"
            raise MailServerError(problem, may_retry=end.may_retry, hint=hint) from None
        finally:
            with suppress(OSError):
                connection.settimeout(max(seconds_left(deadline), 0.001))
                connection.sendall(opening.farewell)
    return list(shown.chain_der)


def _look(opening: Opening, host: str, greeting: str, implicit_tls: bool) -> Dialogue[TlsShown]:
    if not implicit_tls:
        yield from smtp_opening(opening, greeting)
    return (yield from shake_hands(opening, looking_context(), host))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _connect(host: str, port: int, deadline: float, where: str) -> socket.socket:
    try:
        return reach(host, port, deadline)
    except NotReached as error:
        problem = f"{where}: {error.problem}"
        if error.may_retry:
            raise MailServerError(problem, may_retry=True, hint=_hint(where)) from None
        raise MailServerError(problem, hint="is the name right?") from None


def _hint(where: str) -> str:
    if where.endswith(" port 25"):
        return "many networks block port 25 outwards: try it from the mail server itself"
    return "is it running, and does a firewall let you through?"


def _drive(dialogue: Dialogue[R], connection: socket.socket, deadline: float) -> R:
    """Carry *dialogue* to its end over *connection*, before *deadline*."""
    try:
        to_send = next(dialogue)
        while True:
            to_send = dialogue.send(_exchange(connection, to_send, deadline))
    except StopIteration as stop:
        found: R = stop.value
        return found
    except OSError as error:
        raise TalkEnds(in_words(error), may_retry=True) from None


def _exchange(connection: socket.socket, to_send: bytes, deadline: float) -> bytes:
    connection.settimeout(max(seconds_left(deadline), 0.001))
    connection.sendall(to_send)
    left = seconds_left(deadline)
    if not left:
        raise TimeoutError
    connection.settimeout(left)
    return connection.recv(16 * 1024)

"""
Reaching a server by TCP before a deadline, with the failure told in words.

The deadline holds for finding the address too: the system's resolver has no time limit of
its own, so it is not waited for.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, TypeAlias

from maildns.errors import MaildnsError

_Place: TypeAlias = tuple[socket.AddressFamily, Any]  # and what `socket.connect` takes


class NotReached(MaildnsError):
    """
    There is no connection.

    With `may_retry` nobody answered now; without, the name is known to have no address.
    """

    def __init__(self, problem: str, *, may_retry: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.may_retry = may_retry


def reach(host: str, port: int, deadline: float) -> socket.socket:
    """
    Connect to *host*, a name or an address, before *deadline* on the clock `time.monotonic`.

    Of several addresses the first that answers is taken; each gets its share of the time.
    Raises `NotReached`.
    """
    places = _places(host, port, deadline)
    reason = "no address"
    for number, (family, place) in enumerate(places):
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(max(seconds_left(deadline) / (len(places) - number), 0.05))
        try:
            connection.connect(place)
        except OSError as error:
            connection.close()
            reason = in_words(error)
        else:
            return connection
    raise NotReached(reason, may_retry=True)


def seconds_left(deadline: float) -> float:
    """How long it is until *deadline*; never less than nothing."""
    return max(deadline - time.monotonic(), 0.0)


def in_words(error: OSError) -> str:
    """What a socket's error says to a person."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return error.strerror or str(error) or type(error).__name__


def _places(host: str, port: int, deadline: float) -> list[_Place]:
    found: list[_Place] = []
    faults: list[socket.gaierror] = []

    def look() -> None:
        try:
            for family, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((family, place))
        except socket.gaierror as error:
            faults.append(error)
        except (OSError, UnicodeError):
            faults.append(socket.gaierror(socket.EAI_NONAME, "not a host name"))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(seconds_left(deadline))
    if thread.is_alive():
        raise NotReached("its address could not be found in time", may_retry=True)
    if faults:
        known = faults[0].errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)}
        problem = "it has no address" if known else faults[0].strerror or str(faults[0])
        raise NotReached(problem, may_retry=not known)
    return list(dict.fromkeys(found))

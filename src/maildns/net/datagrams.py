"""
A few UDP sockets that carry the queries of thousands of inquiries.

A reply counts when it comes from the address that was asked, to the port that asked, with the id
and the question of the query: ids are random, and so are the ports (RFC 5452 section 9).

Datagrams of one length to one server go out by one system call, where the system can (Linux):
it takes longer than all else that is done to send a query.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Generic, Protocol, TypeVar

from maildns.net.servers import Server

SOCKETS = 4  # for each server that is asked often, and for all others of an address family
MAX_OCTETS = 4096  # far more than is asked for (RFC 9715); what is larger is taken for cut short
_BUFFER_OCTETS = 1024 * 1024
_MOST_AT_ONCE = 64  # replies taken from one socket before the others have their turn

_DRAWN = struct.Struct("!2048H")  # random ids
_UDP_SEGMENT = 103  # linux/udp.h: cut what is sent into datagrams of this length
_LENGTH = struct.Struct("=H")
_CANNOT_CUT = {errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP}
MAX_TOGETHER = 64  # datagrams by one call: UDP_MAX_SEGMENTS of Linux before 6.7


class Waiting(Protocol):
    """What waits for a reply: `body` is sent, behind an id, to whom `peer` spells as `Route.peer`."""

    body: bytes
    peer: str


T = TypeVar("T", bound=Waiting)


@dataclass(slots=True, eq=False)
class Channel(Generic[T]):
    """One socket, and what waits for a reply at it, by id."""

    socket: socket.socket
    connected: bool
    pending: dict[int, T] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Route(Generic[T]):
    """The sockets for a server; its address and how `recvfrom` spells it, where they are not connected."""

    server: Server
    channels: list[Channel[T]]
    address: tuple[str, int] | None
    peer: str


class Datagrams(Generic[T]):
    """
    Sockets, opened as they are needed.

    A server of *often* has connected sockets of its own. `send` is told what waits for the
    reply, and `received` gives it back.
    """

    def __init__(self, often: tuple[Server, ...]) -> None:
        self._often = set(often)
        self._channels: dict[object, list[Channel[T]]] = {}
        self._selector = selectors.DefaultSelector()
        self._random: list[int] = []
        # How many `send` may be given at once.
        self.together = MAX_TOGETHER if sys.platform == "linux" else 1

    def close(self) -> None:
        """Close all sockets."""
        for channels in self._channels.values():
            for channel in channels:
                channel.socket.close()
        self._channels.clear()
        self._selector.close()

    def watch(self, other: socket.socket) -> None:
        """Let `received` return, too, when *other* can be read."""
        self._selector.register(other, selectors.EVENT_READ, None)

    def route(self, server: Server) -> Route[T]:
        """The way to *server*, to be kept by who asks it again."""
        if server in self._often:
            return Route(server, self._channels.setdefault(server, []), None, "")
        channels = self._channels.setdefault(":" in server.host, [])
        address = (server.host, server.port)
        return Route(server, channels, address, f"{ip_address(server.host)} {server.port}")

    def send(self, route: Route[T], waiting: Sequence[T]) -> tuple[Channel[T], list[int]]:
        """
        Send the bodies of *waiting*, of one length and at most `together`, each with an id.

        What is returned names their places. Raises `OSError` where that cannot be,
        `BlockingIOError` where it cannot be now; then none of them was sent.
        """
        channels = route.channels
        if len(channels) < SOCKETS:
            channels.append(self._open(route))
        drawn = self._draw(len(waiting) + 1)
        channel = channels[drawn.pop() % len(channels)]
        pending = channel.pending
        for at, one in enumerate(waiting):
            while drawn[at] in pending:
                drawn[at] = self._draw(1)[0]
            one.peer = route.peer
            pending[drawn[at]] = one
        try:
            self._carry(route, channel.socket, drawn, waiting)
        except OSError:
            for identity in drawn:
                del pending[identity]
            raise
        return channel, drawn

    def _carry(
        self, route: Route[T], by: socket.socket, identities: list[int], waiting: Sequence[T]
    ) -> None:
        octets = [
            identity.to_bytes(2, "big") + one.body
            for identity, one in zip(identities, waiting, strict=True)
        ]
        if len(octets) == 1:
            if route.address is None:
                by.send(octets[0])
            else:
                by.sendto(octets[0], route.address)
            return
        cut = (socket.IPPROTO_UDP, _UDP_SEGMENT, _LENGTH.pack(len(octets[0])))
        try:
            by.sendmsg(octets, [cut], 0, route.address)
        except OSError as error:
            if error.errno not in _CANNOT_CUT:
                raise
            self.together = 1
            raise BlockingIOError(errno.EAGAIN, "datagrams cannot be sent together") from error

    def received(self, seconds: float) -> Iterator[tuple[Channel[T], int, T, bytes]]:
        """
        What came within *seconds*: its place, what waits there, and the octets, the id among them.

        Each stays in its place until it is taken from `Channel.pending`.
        """
        for key, _ in self._selector.select(seconds):
            if key.data is not None:
                yield from _drain(key.data)

    def _open(self, route: Route[T]) -> Channel[T]:
        family = socket.AF_INET6 if ":" in route.server.host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            opened.settimeout(0)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)
            if route.address is None:
                opened.connect((route.server.host, route.server.port))
        except OSError:
            opened.close()
            raise
        channel: Channel[T] = Channel(opened, route.address is None)
        self._selector.register(opened, selectors.EVENT_READ, channel)
        return channel

    def _draw(self, count: int) -> list[int]:
        """So many random numbers of 16 bits."""
        if len(self._random) < count:
            self._random.extend(_DRAWN.unpack(os.urandom(_DRAWN.size)))
        drawn = self._random[-count:]
        del self._random[-count:]
        return drawn


def _drain(channel: Channel[T]) -> Iterator[tuple[Channel[T], int, T, bytes]]:
    pending = channel.pending
    connected = channel.connected
    receive, receive_from = channel.socket.recv, channel.socket.recvfrom
    sender: Any = None
    for _ in range(_MOST_AT_ONCE):
        try:
            if connected:
                octets = receive(MAX_OCTETS)
            else:
                octets, sender = receive_from(MAX_OCTETS)
        except BlockingIOError:
            return
        except OSError:  # told of an earlier datagram that nobody took
            continue
        identity = octets[0] << 8 | octets[1] if len(octets) > 1 else -1
        waiting = pending.get(identity)
        if waiting is None:
            continue
        # As `Route.peer` spells whom it was sent to.
        if connected or waiting.peer == f"{sender[0]} {sender[1]}":
            yield channel, identity, waiting, octets

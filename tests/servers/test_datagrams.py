"""Many queries by one system call: they arrive as if each had been sent by itself."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from itertools import pairwise

import pytest

from maildns.net.datagrams import MAX_TOGETHER, Datagrams
from maildns.net.servers import Server

pytestmark = pytest.mark.server


@dataclass(eq=False)
class Query:
    """What waits for a reply, as `Datagrams` wants it."""

    body: bytes
    peer: str = ""


class Echo:
    """A server that sends back what comes, in capitals behind the id."""

    def __init__(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.settimeout(2)
        self.server = Server(host, self.socket.getsockname()[1])

    def take(self, count: int) -> list[bytes]:
        """So many datagrams, each answered."""
        taken = []
        for _ in range(count):
            octets, sender = self.socket.recvfrom(65535)
            self.socket.sendto(octets[:2] + octets[2:].upper(), sender)
            taken.append(octets)
        return taken


@pytest.fixture(params=["127.0.0.1", "::1"])
def echo(request):
    try:
        made = Echo(request.param)
    except OSError:
        pytest.skip("this machine has no IPv6")
    yield made
    made.socket.close()


@pytest.fixture(params=["connected", "not connected"])
def datagrams(request, echo):
    """A server that is asked often has connected sockets, another one has not."""
    made: Datagrams[Query] = Datagrams((echo.server,) if request.param == "connected" else ())
    yield made
    made.close()


@pytest.mark.parametrize("count", [1, 2, MAX_TOGETHER])
def test_each_arrives_by_itself_and_gets_its_own_reply(echo, datagrams, count):
    queries = [Query(b"query %02d" % number) for number in range(count)]
    channel, places = datagrams.send(datagrams.route(echo.server), queries)
    assert len(set(places)) == count
    sent = [place.to_bytes(2, "big") + one.body for place, one in zip(places, queries, strict=True)]
    assert sorted(echo.take(count)) == sorted(sent)
    got = {}
    for at, place, one, octets in datagrams.received(2):
        assert at is channel
        got[place] = octets[2:]
        assert channel.pending.pop(place) is one
    assert got == {place: one.body.upper() for place, one in zip(places, queries, strict=True)}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux sends several at once")
def test_what_the_system_does_not_send_together_is_sent_one_by_one(echo, datagrams):
    """As with a network card or a kernel that cannot; here the datagrams are too large for it."""
    route = datagrams.route(echo.server)
    queries = [Query(bytes([number]) * 40_000) for number in range(3)]
    with pytest.raises(BlockingIOError):
        datagrams.send(route, queries)
    assert datagrams.together == 1
    assert not any(channel.pending for channel in route.channels)
    for one in queries:
        datagrams.send(route, [one])
    assert [octets[2:] for octets in echo.take(3)] == [one.body for one in queries]


def test_ids_cannot_be_foreseen(echo, datagrams):
    """Neither one from another, nor the port from them (RFC 5452 section 9.2)."""
    route = datagrams.route(echo.server)
    places: list[int] = []
    ports = set()
    for _ in range(100):
        channel, taken = datagrams.send(route, [Query(b"q") for _ in range(20)])
        places += taken
        ports.add(channel.socket.getsockname()[1])
    steps = {second - first for first, second in pairwise(places)}
    assert len(steps) > len(places) * 0.9
    assert len(ports) == len(route.channels) == 4

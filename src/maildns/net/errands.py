"""
The questions of the bulk driver, on their way to name servers and back.

An errand sets out as one datagram. Where the reply is plain it is done; else it is taken over by
the steps that every other lookup takes (`Resolver.steps`), which want a datagram more, or a
connection: that one goes by a thread, for it is rare.
"""

from __future__ import annotations

import socket
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from maildns.ask import Answer, DirectQuestion, Outcome, Question, Seen
from maildns.errors import UsageError
from maildns.net import wire
from maildns.net.datagrams import MAX_OCTETS, Channel, Datagrams, Route
from maildns.net.quick import Asked, Manner, understand
from maildns.net.resolver import Resolver, Steps
from maildns.net.servers import Server, Transport, parse_server

if TYPE_CHECKING:
    from maildns.net.lookup import Reply, Send

THREADS = 16  # for what does not go by UDP
LONGEST_TURN_SECONDS = 1.0
FULL_SECONDS = 0.005  # after which a socket that was full is tried again
MAX_WAYS = 10_000  # servers asked by themselves that are remembered
_ROOT = Question(".", "SOA")
_ASKING = wire.RECURSION_WANTED | wire.AUTHENTIC  # RFC 6840 section 5.7
_ANYHOW = Manner("")


@dataclass(slots=True, eq=False)
class Errand(Asked):
    """
    A question on its way; `waiters` are those who want the answer, known to the driver alone.

    `section` is empty where it cannot set out as one datagram.
    """

    seconds: float  # that a server has
    route: Route[Errand] | None = None  # of that datagram
    body: bytes = b""
    waiters: list[Any] = field(default_factory=list)
    steps: Steps | None = None
    send: Send | None = None  # what the steps want next
    sent: float = 0.0
    until: float = 0.0
    peer: str = ""

    @property
    def goes_to(self) -> Server | None:
        """The server that is being asked."""
        if self.send is not None:
            return self.send.server
        return None if self.route is None else self.route.server


class _Way(NamedTuple):
    """How a server is asked, and the way there."""

    manner: Manner
    route: Route[Errand]
    seconds: float
    head: bytes  # of its queries, behind the id
    tail: bytes


_Timer: TypeAlias = "tuple[float, Channel[Errand], int, Errand]"


class Errands:
    """All errands of one run; *resolver* says how they are done, at most *in_flight* at once."""

    def __init__(self, resolver: Resolver, in_flight: int) -> None:
        self._resolver = resolver
        self._in_flight = in_flight
        self._rules = resolver.rules()
        self._datagrams: Datagrams[Errand] = Datagrams(self._rules.servers)
        self._elsewhere: _Elsewhere | None = None
        self._types: dict[str, int] = {}
        self._ways: dict[tuple[str, str], _Way | None] = {}
        self._to_send: deque[Errand] = deque()
        self._flying = 0
        self._timers: defaultdict[float, deque[_Timer]] = defaultdict(
            deque
        )  # by how long a server has
        self._settled: list[tuple[Errand, Answer]] = []
        self._parked: list[
            tuple[Errand, bytes, float]
        ] = []  # until it is known whether it validates
        self._main = self._main_server()
        self._probe = self._start_probe()

    def close(self) -> None:
        """Stop all that is still on its way."""
        self._datagrams.close()
        if self._elsewhere is not None:
            self._elsewhere.close()

    @property
    def congested(self) -> bool:
        """Whether as much waits to be sent as may be on its way."""
        return len(self._to_send) >= self._in_flight

    def start(self, question: Question) -> Errand:
        """Send for the answer; raises `UsageError` for a question that cannot be put."""
        number = self._types.get(question.rrtype) or self._type(question.rrtype)
        way = self._direct(question) if isinstance(question, DirectQuestion) else self._main
        section = wire.question_to_wire(question[0], number)
        if section is None or way is None:
            errand = Errand(question, b"", _ANYHOW, self._resolver.seconds_for(question))
        else:
            body = way.head + section + way.tail
            errand = Errand(question, section, way.manner, way.seconds, way.route, body)
        self._to_send.append(errand)
        return errand

    def turn(self, seconds: float) -> list[tuple[Errand, Answer]]:
        """Send what may be sent, wait for at most *seconds*; the errands that are done."""
        self._flush()
        settled = self._settled
        for channel, identity, errand, octets in self._datagrams.received(self._patience(seconds)):
            answer = None
            if errand.send is None and self._probe is None:
                answer = _at_once(errand, octets, time.monotonic())
            if answer is not None:
                settled.append((errand, answer))
            elif not self._arrived(errand, octets):
                continue
            del channel.pending[identity]
            self._flying -= 1
        if self._elsewhere is not None:
            for errand, reply in self._elsewhere.replies():
                self._step(errand, reply)
        self._expire(time.monotonic())
        settled, self._settled = self._settled, []
        return settled

    # --- setting out --------------------------------------------------------------

    def _main_server(self) -> _Way | None:
        """The server that is asked first; None where none is reached by UDP, or all is validated."""
        rules = self._rules
        if self._resolver.validates:
            return None
        if not rules.servers or rules.servers[0].transport is not Transport.UDP:
            return None
        server = rules.servers[0]
        manner = Manner(
            str(server),
            recursive=rules.recursive,
            authoritative=rules.authoritative,
            trusted=rules.recursive and rules.trusts(server),
            validates=rules.validating.get(server),
        )
        ends = wire.query_ends(_ASKING if rules.recursive else 0)
        return _Way(manner, self._datagrams.route(server), self._resolver.timeout_seconds, *ends)

    def _direct(self, question: DirectQuestion) -> _Way | None:
        """The way to a server asked by itself; None for one by TCP."""
        key = (question.server, question.transport)
        if key in self._ways:
            return self._ways[key]
        try:
            transport = Transport(question.transport)
        except ValueError:
            raise UsageError(f"{question.transport!r} is not a transport") from None
        server = parse_server(question.server, transport, self._resolver.direct_port)
        way = None
        if server.transport is Transport.UDP:
            manner = Manner(str(server), direct=True, recursive=False, authoritative=True)
            seconds = self._resolver.seconds_for(question)
            ends = wire.query_ends(0, dnssec_ok=True)
            way = _Way(manner, self._datagrams.route(server), seconds, *ends)
        if len(self._ways) >= MAX_WAYS:
            self._ways.clear()
        self._ways[key] = way
        return way

    def _type(self, rrtype: str) -> int:
        from maildns.net.lookup import record_type

        self._types[rrtype] = number = int(record_type(rrtype))
        return number

    def _flush(self) -> None:
        """Send what there is room for; what is alike goes together."""
        alike: dict[tuple[Route[Errand], int], list[Errand]] = {}
        room = self._in_flight - self._flying
        to_send, together = self._to_send, self._datagrams.together
        while to_send and room > 0:
            errand = to_send.popleft()
            route = errand.route
            if route is None or errand.send is not None:
                route = self._route(errand)
                if route is None:
                    continue
            room -= 1
            kind = (route, len(errand.body))
            group = alike.get(kind)
            if group is None or len(group) >= together:
                if group is not None:
                    self._fly(route, group)
                alike[kind] = group = []
            group.append(errand)
        for (route, _), group in alike.items():
            self._fly(route, group)

    def _route(self, errand: Errand) -> Route[Errand] | None:
        """Where the datagram that its steps want goes; None when they want none, or have to begin."""
        send = errand.send
        if send is None:
            self._begin(errand)
            return None
        if send.transport is not Transport.UDP:
            self._go_elsewhere(errand, send)
            return None
        errand.body = send.query.to_wire()[2:]
        return self._datagrams.route(send.server)

    def _fly(self, route: Route[Errand], errands: list[Errand]) -> None:
        """Send datagrams; they wait for the next turn when the socket is full."""
        try:
            channel, identities = self._datagrams.send(route, errands)
        except BlockingIOError:
            self._to_send.extendleft(reversed(errands))
            return
        except OSError as error:
            for errand in errands:
                self._fail(errand, route.server, error)
            return
        now = time.monotonic()
        for errand, identity in zip(errands, identities, strict=True):
            errand.sent = now
            errand.until = until = now + errand.seconds
            self._timers[errand.seconds].append((until, channel, identity, errand))
        self._flying += len(errands)

    def _go_elsewhere(self, errand: Errand, send: Send) -> None:
        if self._elsewhere is None:
            self._elsewhere = _Elsewhere(self._resolver)
            self._datagrams.watch(self._elsewhere.wakes)
        self._elsewhere.carry(errand, send)

    # --- coming back --------------------------------------------------------------

    def _arrived(self, errand: Errand, octets: bytes) -> bool:
        """Take a reply; false for one that is none, which is ignored (RFC 5452 section 9)."""
        if errand.send is not None:
            reply = _read(errand.send, octets, (time.monotonic() - errand.sent) * 1000)
            if reply is not None:
                self._step(errand, reply)
            return reply is not None
        if not errand.section or not wire.is_reply(octets, errand.section):
            return False
        now = time.monotonic()
        if errand is self._probe:
            self._probed(validates=octets[3] & (wire.RCODE | wire.AUTHENTIC) == wire.AUTHENTIC)
        elif self._probe is not None and not errand.manner.direct:
            self._parked.append((errand, octets, now))
        else:
            return self._judge(errand, octets, now)
        return True

    def _judge(self, errand: Errand, octets: bytes, now: float) -> bool:
        """Understand a reply at once, or let it be the first of the steps; false when it is none."""
        answer = _at_once(errand, octets, now)
        if answer is not None:
            self._settled.append((errand, answer))
            return True
        steps = self._resolver.steps(errand.question)
        reply = _read(next(steps), octets, (now - errand.sent) * 1000)
        if reply is None:
            steps.close()
            return False  # the true one may still come
        errand.steps = steps
        self._step(errand, reply)
        return True

    def _begin(self, errand: Errand) -> None:
        """Let the steps say what is sent."""
        errand.steps = self._resolver.steps(errand.question)
        self._step(errand, None)

    def _step(self, errand: Errand, reply: Reply | None) -> None:
        """Take the steps on: with a reply, or with None to the first of them."""
        if errand.steps is None:
            errand.steps = self._resolver.steps(errand.question)
            next(errand.steps)  # which was sent already
        try:
            # A generator that is new takes None alone.
            errand.send = errand.steps.send(cast("Reply", reply))
        except StopIteration as stop:
            errand.steps = errand.send = None
            self._settled.append((errand, stop.value))
        else:
            self._to_send.appendleft(errand)

    def _fail(self, errand: Errand, server: Server | None, error: Exception) -> None:
        """Nothing came back, or nothing could be sent."""
        from maildns.net.exchange import failure
        from maildns.net.lookup import Failure

        fault = failure(server, error, errand.seconds) if server else Failure(str(error))
        if errand is self._probe:
            self._probed(validates=False)
        elif isinstance(error, TimeoutError) and errand.waiters:
            self._step(errand, fault)
        elif errand.manner.direct or not errand.waiters:
            unreachable = Answer(
                errand.question, Outcome.UNREACHABLE, detail=fault.detail, seen=Seen(at=time.time())
            )
            self._settled.append((errand, unreachable))
        else:
            self._step(errand, fault)

    def _expire(self, now: float) -> None:
        """Give up what was not answered in time."""
        for timers in self._timers.values():
            while timers:
                until, channel, identity, errand = timers[0]
                silent = channel.pending.get(identity) is errand and errand.until == until
                if silent and until > now:
                    break
                timers.popleft()
                if silent:
                    del channel.pending[identity]
                    self._flying -= 1
                    self._fail(errand, errand.goes_to, TimeoutError())

    def _patience(self, seconds: float) -> float:
        """How long there is nothing to do but wait."""
        if self._settled:
            return 0.0
        if self._to_send and self._flying < self._in_flight:
            return min(seconds, FULL_SECONDS)
        now = time.monotonic()
        heads = [timers[0][0] - now for timers in self._timers.values() if timers]
        return max(0.0, min([seconds, LONGEST_TURN_SECONDS, *heads]))

    # --- whether the server validates ---------------------------------------------

    def _start_probe(self) -> Errand | None:
        """Ask for the SOA of the root, which is signed: silence means "not signed" only of one that validates."""
        way = self._main
        if way is None or not way.manner.trusted or way.manner.validates is not None:
            return None
        body = way.head + wire.ROOT_SOA + way.tail
        errand = Errand(_ROOT, wire.ROOT_SOA, way.manner, way.seconds, way.route, body)
        self._to_send.append(errand)
        return errand

    def _probed(self, *, validates: bool) -> None:
        self._probe = None
        if self._main is not None:
            self._main.manner.learn(validates=validates)
            self._rules.validating[self._main.route.server] = validates
        parked, self._parked = self._parked, []
        for errand, octets, now in parked:
            if not self._judge(errand, octets, now):
                self._fail(errand, errand.goes_to, ValueError("the reply makes no sense"))


class _Elsewhere:
    """Threads for what goes by connections; a socket tells when one is done."""

    def __init__(self, resolver: Resolver) -> None:
        self._exchanger = resolver.exchanger
        self._pool = ThreadPoolExecutor(THREADS, "maildns-bulk")
        self._done: SimpleQueue[tuple[Errand, Future[Reply]]] = SimpleQueue()
        self.wakes, self._wake = socket.socketpair()
        self.wakes.settimeout(0)
        self._wake.settimeout(0)

    def close(self) -> None:
        """Wait for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.wakes.close()
        self._wake.close()

    def carry(self, errand: Errand, send: Send) -> None:
        """Carry *send* out."""
        future = self._pool.submit(self._exchanger.exchange, send, errand.seconds)
        future.add_done_callback(lambda done: self._came(errand, done))

    def replies(self) -> Iterator[tuple[Errand, Reply]]:
        """What came back since."""
        with suppress(BlockingIOError):
            while self.wakes.recv(4096):
                pass
        with suppress(Empty):
            while True:
                errand, done = self._done.get_nowait()
                yield errand, done.result()

    def _came(self, errand: Errand, done: Future[Reply]) -> None:
        self._done.put((errand, done))
        with suppress(OSError):  # full, so that it wakes anyway; or closed, and nobody waits
            self._wake.send(b".")


def _at_once(errand: Errand, octets: bytes, now: float) -> Answer | None:
    """The answer, where *octets*, come at *now*, are a plain reply to the errand."""
    section = errand.section
    if not section or len(octets) >= MAX_OCTETS or not wire.is_reply(octets, section):
        return None
    return understand(errand, octets, (now - errand.sent) * 1000, time.time())


def _read(send: Send, octets: bytes, milliseconds: float) -> Reply | None:
    """What dnspython makes of *octets*, which bear the right id; None where they are no reply to *send*."""
    import dns.exception
    import dns.message

    from maildns.net.lookup import Failure

    cut = Failure(f"{send.server}: the answer is cut short", truncated=True)
    send.query.id = int.from_bytes(octets[:2], "big")
    try:
        reply = dns.message.from_wire(octets, raise_on_truncation=True)
    except dns.message.Truncated as truncated:
        return cut if send.query.is_response(truncated.kwargs["message"]) else None
    except (dns.exception.DNSException, ValueError):
        return cut if len(octets) >= MAX_OCTETS else None
    reply.time = milliseconds / 1000
    return reply if send.query.is_response(reply) else None

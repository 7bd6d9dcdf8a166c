"""
Talking to live mail servers under asyncio: SMTP, IMAP or POP3 up to TLS, and what TLS shows.

No mail is sent and no recipient named. One connection per address is open at a time, each talk
has a deadline, and who was visited once is not visited again: thousands of domains share the mail
hosts of one provider. A certificate that is not trusted costs a second connection, since OpenSSL
shows nothing of what it refuses.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from maildns.net.dialogue import OPENINGS, Dialogue, Opening, TalkEnds, own_name
from maildns.net.handshake import (
    WEAK_CIPHERS,
    Distrusted,
    cipher_context,
    has_roots,
    looking_context,
    old_context,
    shake_hands,
    trusting_context,
)
from maildns.net.talk import NO_ROOTS, Reached, Stage, Talk, TlsShown, Visit, silent
from maildns.protocols.dane.certificate import certificate_names, shown_certificate

TIMEOUT_SECONDS: Final = 12.0  # some servers keep back their greeting for six, to catch robots
CONNECT_SECONDS: Final = 6.0  # time for three tries of TCP
ENOUGH_SILENCE: Final = 8  # networks that do not answer at a port, when none ever does
MAX_PARALLEL: Final = 200  # talks at the same time
MAX_REMEMBERED: Final = 20_000  # talks that are told again; some 6 KB each

_NO_ROUTE: Final = {errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
_FAREWELLS: Final = {"smtp": b"QUIT\r\n", "imap": b"z LOGOUT\r\n", "pop3": b"QUIT\r\n"}


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """
    How servers are talked to.

    `timeout_seconds` is for one conversation, `connect_seconds` of it for its connection. With `deep`, up to four more are had with each
    address, to learn which lesser TLS it would agree to. `authorities_pem` are the roots that are
    trusted, those of the system where it is None; `helo` is what to say in EHLO.
    """

    timeout_seconds: float = TIMEOUT_SECONDS
    connect_seconds: float = CONNECT_SECONDS
    deep: bool = False
    authorities_pem: str | None = None
    helo: str = ""
    max_parallel: int = MAX_PARALLEL


@dataclass(slots=True)
class _Course:
    """One connection and how it went, filled as it goes."""

    opening: Opening = field(default_factory=Opening)
    reached: Reached = Reached.NO_ANSWER
    tls: TlsShown | None = None
    distrust: Distrusted | None = None
    failure: str = ""
    temporary: bool = False
    timed_out: bool = False

    @property
    def unanswered(self) -> bool:
        """Nothing came back, not even a refusal."""
        return self.timed_out and self.reached is Reached.NO_ANSWER

    def ends(self, failure: str, *, temporary: bool) -> None:
        self.failure, self.temporary = failure, temporary


class _Silence:
    """
    Which ports nobody ever answers at, so that a network that blocks one is soon known.

    It takes `ENOUGH_SILENCE` networks of one address family, without a single answer from any.
    """

    def __init__(self) -> None:
        self._answered: set[tuple[int, int]] = set()
        self._silent: dict[tuple[int, int], set[bytes]] = {}

    def remember(self, visit: Visit, course: _Course) -> None:
        """Take note of how a connection to the place of *visit* went."""
        family, network = _network(visit.address)
        if (visit.port, family) in self._answered:
            return
        if course.unanswered:
            self._silent.setdefault((visit.port, family), set()).add(network)
        elif course.reached in {Reached.YES, Reached.REFUSED}:
            self._answered.add((visit.port, family))

    def holds(self, visit: Visit) -> bool:
        """Whether it is no use to visit that port."""
        family, _ = _network(visit.address)
        key = (visit.port, family)
        return key not in self._answered and len(self._silent.get(key, ())) >= ENOUGH_SILENCE


def _network(address: str) -> tuple[int, bytes]:
    """The family of *address*, and what it has in common with its neighbours."""
    one = ipaddress.ip_address(address)
    return one.version, one.packed[: 2 if one.version == 4 else 4]


@dataclass(slots=True)
class _Turn:
    """Whose turn it is at one address, and how many want it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class LiveProber:
    """
    Talks to real servers; a `Prober` for one event loop.

    Raises `UsageError` at once when there is no certificate in the authorities of *options*.
    """

    def __init__(self, options: ProbeOptions | None = None) -> None:
        self.options = options or ProbeOptions()
        self._trusting = trusting_context(self.options.authorities_pem)
        self._distrust: Distrusted | None = None
        if self.options.authorities_pem is None and not has_roots(ssl.get_default_verify_paths()):
            # Without roots every server would look untrusted; nobody can know.
            self._trusting = looking_context()
            self._distrust = Distrusted("this machine has no list of trusted roots", NO_ROOTS)
        self._places = asyncio.Semaphore(self.options.max_parallel)
        self._turns: dict[str, _Turn] = {}
        self._talks: dict[Visit, asyncio.Task[Talk]] = {}
        self._silence = _Silence()

    async def talk(self, visit: Visit, deadline: float) -> Talk:
        """Pay *visit*, or tell what came of it the first time."""
        try:
            async with asyncio.timeout_at(deadline + 0.2):  # a talk keeps the deadline itself
                return await self._once(visit, deadline)
        except TimeoutError:
            return silent(visit, "its turn did not come in time")

    async def _once(self, visit: Visit, deadline: float) -> Talk:
        """The talk that all who ask share; one that ended for want of another's time is had anew."""
        while True:
            task = self._talks.get(visit)
            if task is None:
                self._forget()
                task = asyncio.create_task(self._turn(visit, deadline))
                self._talks[visit] = task
            found = await asyncio.shield(task)
            forgotten = self._talks.get(visit) is not task
            if not forgotten or asyncio.get_running_loop().time() >= deadline:
                return found

    def _forget(self) -> None:
        """Let go of the oldest talk when there are too many to remember."""
        if len(self._talks) >= MAX_REMEMBERED:
            oldest = next(iter(self._talks))
            if self._talks[oldest].done():
                del self._talks[oldest]

    async def _turn(self, visit: Visit, deadline: float) -> Talk:
        """Wait for the address to be free and for a place."""
        turn = self._turns.setdefault(visit.address, _Turn())
        turn.wanted += 1
        try:
            async with asyncio.timeout_at(deadline):
                await turn.lock.acquire()
            try:
                async with self._places:
                    found = await self._pay(visit, deadline)
            finally:
                turn.lock.release()
        except TimeoutError:
            found = silent(visit, "its turn did not come in time")
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[visit.address]
        if found.temporary and asyncio.get_running_loop().time() >= deadline:
            self._talks.pop(visit, None)  # who comes later has more time
        return found

    async def _pay(self, visit: Visit, deadline: float) -> Talk:
        if self._silence.holds(visit):
            failure = f"nobody in {ENOUGH_SILENCE} networks answers at port {visit.port} from here"
            return silent(visit, failure)
        at, started = time.time(), time.monotonic()
        course = await self._converse(visit, self._trusting, deadline)
        milliseconds = (time.monotonic() - started) * 1000
        # Who had less time than a connection may take has not been silent yet.
        if not course.unanswered or milliseconds >= self.options.connect_seconds * 1000:
            self._silence.remember(visit, course)
        distrust = course.distrust or self._distrust
        if course.distrust is not None:
            course = await self._converse(visit, looking_context(), deadline)
        talk = _told(visit, course, distrust)
        if self.options.deep and talk.tls is not None:
            talk = await self._look_deeper(visit, talk, deadline)
        return replace(talk, milliseconds=milliseconds, at=at)

    async def _converse(self, visit: Visit, context: ssl.SSLContext, deadline: float) -> _Course:
        """One connection, from its beginning to TLS."""
        course = _Course()
        last = min(deadline, asyncio.get_running_loop().time() + self.options.timeout_seconds)
        try:
            async with asyncio.timeout_at(last):
                await self._drive(visit, context, course)
        except Distrusted as end:
            course.distrust = end
            course.ends(end.problem, temporary=False)
        except TalkEnds as end:
            course.ends(end.problem, temporary=end.may_retry)
        except ConnectionRefusedError as error:
            course.reached = Reached.REFUSED
            course.ends(_in_words(error), temporary=False)
        except OSError as error:
            course.timed_out = isinstance(error, TimeoutError)
            if error.errno in _NO_ROUTE:
                course.reached = Reached.NO_ROUTE
            course.ends(_in_words(error), temporary=True)
        return course

    async def _drive(self, visit: Visit, context: ssl.SSLContext, course: _Course) -> None:
        async with _connected(visit, course, self.options.connect_seconds) as (reader, writer):
            own = str(writer.get_extra_info("sockname")[0])
            dialogue = _dialogue(visit, context, course.opening, self.options.helo or own_name(own))
            try:
                to_send = next(dialogue)
                while True:
                    writer.write(to_send)
                    await writer.drain()
                    to_send = dialogue.send(await reader.read(16 * 1024))
            except StopIteration as stop:
                course.tls = stop.value

    async def _look_deeper(self, visit: Visit, talk: Talk, deadline: float) -> Talk:
        """Ask for the lesser TLS that a good server refuses, a connection for each kind."""
        old = await self._agreed(visit, old_context(), deadline)
        offers = (WEAK_CIPHERS, "kRSA:@SECLEVEL=0")
        poor = [await self._agreed(visit, cipher_context(one), deadline) for one in offers]
        other = await self._agreed(visit, _other_keys(talk.tls), deadline)
        first = talk.tls.chain_der[0] if talk.tls else b""
        shown = other[0] if other and other[0].chain_der[0] != first else None
        known = [one for one in poor if one is not None]
        return replace(
            talk,
            old_versions=None if old is None else tuple(one.version for one in old),
            poor_ciphers=tuple(tls.cipher for one in known for tls in one) if known else None,
            other_tls=None if shown is None else _named(shown),
        )

    async def _agreed(
        self, visit: Visit, context: ssl.SSLContext | None, deadline: float
    ) -> tuple[TlsShown, ...] | None:
        """What the server agreed to under *context*: nothing, or one; None where nobody knows."""
        if context is None:
            return None
        course = await self._converse(visit, context, deadline)
        if course.tls is not None:
            return (course.tls,)
        # A server may refuse by closing, too; only a time-out leaves it open.
        refused = course.opening.stage is Stage.TLS and not course.timed_out
        return () if refused else None


def _dialogue(
    visit: Visit, context: ssl.SSLContext, opening: Opening, greeting: str
) -> Dialogue[TlsShown]:
    if not visit.implicit_tls:
        yield from OPENINGS[visit.way](opening, greeting)
    name = visit.server_name or visit.host
    return (yield from shake_hands(opening, context, name, _FAREWELLS[visit.way]))


@asynccontextmanager
async def _connected(
    visit: Visit, course: _Course, seconds: float
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that is closed at the end, with the last words said if they can be."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(visit.address, visit.port)
    course.reached = Reached.YES
    try:
        yield reader, writer
    finally:
        writer.write(course.opening.farewell)
        # What the network does not take at once is not waited for.
        if writer.transport.get_write_buffer_size():
            writer.transport.abort()
        writer.close()
        await asyncio.sleep(0)


def _told(visit: Visit, course: _Course, distrust: Distrusted | None) -> Talk:
    opening, tls = course.opening, course.tls
    if tls is not None:
        tls = _named(tls)
        if distrust is not None:
            tls = replace(tls, distrust=distrust.problem, distrust_code=distrust.code)
    in_tls = opening.stage is Stage.TLS
    return Talk(
        visit.host,
        visit.address,
        visit.port,
        course.reached,
        banner=opening.banner,
        extensions=opening.extensions,
        greeting_name=opening.greeting_name,
        starttls=opening.starttls,
        tls=tls,
        tls_failure=course.failure if in_tls else "",
        failure=course.failure,
        temporary=course.temporary,
        service=visit.service,
        stage=opening.stage,
        banner_code=opening.code,
        talked_on=opening.talked_on,
    )


def _named(tls: TlsShown) -> TlsShown:
    return replace(tls, names=_names(tls.chain_der[0]))


@lru_cache(maxsize=4096)
def _names(leaf_der: bytes) -> tuple[str, ...]:
    leaf = shown_certificate(leaf_der)
    return () if leaf is None else tuple(certificate_names(leaf))


def _other_keys(tls: TlsShown | None) -> ssl.SSLContext | None:
    """A context that wants the kind of key that *tls* did not show: ECDSA for RSA, or RSA."""
    leaf = None if tls is None else shown_certificate(tls.chain_der[0])
    if leaf is None:
        return None
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        key = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return cipher_context(
        f"{'aECDSA' if isinstance(key, rsa.RSAPublicKey) else 'aRSA'}:@SECLEVEL=0"
    )


def _in_words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if error.errno in _NO_ROUTE:
        return f"this machine has no way to such addresses: {os.strerror(error.errno or 0).lower()}"
    # asyncio's own words name the address once more
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__

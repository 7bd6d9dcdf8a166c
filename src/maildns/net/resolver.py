"""
The live world: questions answered by real name servers.

A `Resolver` is a world like `maildns.World`: it answers, and never raises for a
DNS failure. What replies mean stands in `maildns.net.lookup`, how servers are
spelled in `maildns.net.servers`. dnspython is imported at the first question.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from maildns.ask import Answer, DirectQuestion, Outcome, Question
from maildns.errors import UsageError
from maildns.net.cache import Cache
from maildns.net.servers import Server, Transport, parse_server, system_resolver

if TYPE_CHECKING:
    from concurrent.futures import Future

    from maildns.net.chain import Trust
    from maildns.net.exchange import Exchanger
    from maildns.net.lookup import Reply, Rules, Send

MAX_PARALLEL = 32  # questions on the way at once, within one call
DIRECT_SECONDS = 2.0  # that a server asked by itself has, twice

Steps: TypeAlias = "Generator[Send, Reply, Answer]"


class Resolver:
    """
    Asks name servers: the given ones, or the system's.

    Each of *servers* is spelled as in `maildns.net.servers`; *transport* holds for
    those that do not say. A question is put to one server after the other, *tries*
    times round, each time for *timeout_seconds*; one call of `answer` takes at most
    about *deadline_seconds*. The AD bit is believed over loopback, TLS and HTTPS, from
    all servers when *trusted* is true, from none when it is false. With
    *authoritative*, only answers with authority count and recursion is not asked for.

    A `DirectQuestion` goes to the server that it names, on *direct_port* where it names none,
    as `maildns.net.direct` says.

    With *validate* the signatures are checked here, from the root's keys down or from *anchors*,
    DS records in presentation form (`maildns.net.validation`); "auto" does so where the AD bit of
    no server is believed. *wall_clock* tells the seconds since 1970 that they are judged by.

    Answers are cached for their TTL, and a question that is on its way is not asked
    again; `forget` empties the cache. Threads may share a resolver.

    Raises `UsageError` for a server or an anchor that is not spelled right, for numbers that make no
    sense, and where *validate* meets servers that are not asked to recurse.
    """

    def __init__(  # noqa: PLR0913 - the knobs of one resolver, each given by name
        self,
        *,
        servers: Sequence[str] = (),
        transport: str = "udp",
        timeout_seconds: float = 3.0,
        tries: int = 2,
        deadline_seconds: float = 20.0,
        trusted: bool | None = None,
        recursive: bool = True,
        authoritative: bool = False,
        ca_file: str = "",
        direct_port: int = 53,
        validate: bool | Literal["auto"] = False,
        anchors: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if isinstance(servers, str):
            raise UsageError("servers is a list of texts, not one text")
        if timeout_seconds <= 0 or deadline_seconds <= 0 or tries < 1:
            raise UsageError("timeout_seconds, deadline_seconds and tries are greater than zero")
        self._made_of = {
            "servers": tuple(servers),
            "transport": transport,
            "timeout_seconds": timeout_seconds,
            "tries": tries,
            "deadline_seconds": deadline_seconds,
            "trusted": trusted,
            "recursive": recursive,
            "authoritative": authoritative,
            "ca_file": ca_file,
            "direct_port": direct_port,
            "validate": validate,
            "anchors": tuple(anchors),
        }
        self.servers, self._trusted = _chosen(servers, transport, trusted)
        self.timeout_seconds = timeout_seconds
        self.deadline_seconds = deadline_seconds
        self._tries = tries
        self._recursive = recursive and not authoritative
        self._authoritative = authoritative
        self._ca_file = ca_file
        self.direct_port = direct_port
        self._clock = clock
        self._lock = threading.Lock()
        self._cache = Cache()
        self._in_flight: dict[Question, Future[Answer]] = {}
        self._validating: dict[Server, bool] = {}
        self._exchanger: Exchanger | None = None
        self._trust = self._trust_of(validate, anchors, wall_clock)

    def __repr__(self) -> str:
        return f"Resolver(servers={[str(server) for server in self.servers]})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process is given one that asks in the same way and knows nothing yet."""
        return (_made_of, (self._made_of,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close kept connections."""
        if self._exchanger is not None:
            self._exchanger.close()

    def forget(self) -> None:
        """Empty the cache, for instance after something was published."""
        with self._lock:
            self._cache.clear()
            self._validating.clear()
        if self._trust is not None:
            self._trust.forget()

    @property
    def validates(self) -> bool:
        """Whether signatures are checked here."""
        return self._trust is not None

    def _trust_of(
        self,
        validate: bool | Literal["auto"],
        anchors: Sequence[str],
        wall_clock: Callable[[], float],
    ) -> Trust | None:
        """What validation rests on; None where it is not wanted."""
        if validate == "auto":
            rules = self.rules()
            validate = self._recursive and not any(map(rules.trusts, self.servers))
        if not validate:
            return None
        if not self._recursive:
            raise UsageError("only what recursive servers answer can be validated here")
        from maildns.net.chain import Trust

        return Trust(anchors, wall_clock) if anchors else Trust(clock=wall_clock)

    # --- answering ----------------------------------------------------------------

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """
        One answer for each question, in order; they are asked in parallel.

        Raises `UsageError` for a record type that does not exist.
        """
        until = self._clock() + self.deadline_seconds
        found = {question: self._cached(question) for question in questions}
        missing = [question for question, answer in found.items() if answer is None]
        if len(missing) == 1:
            found[missing[0]] = self._answer_one(missing[0], until)
        elif missing:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(len(missing), MAX_PARALLEL)) as pool:
                answers = pool.map(lambda question: self._answer_one(question, until), missing)
                found.update(zip(missing, answers, strict=True))
        return [_told(found[question]) for question in questions]

    async def answer_async(self, questions: Sequence[Question]) -> list[Answer]:
        """Like `answer`, under asyncio."""
        until = self._clock() + self.deadline_seconds
        found = {question: self._cached(question) for question in questions}
        missing = [question for question, answer in found.items() if answer is None]
        import asyncio

        gate = asyncio.Semaphore(MAX_PARALLEL)

        async def one(question: Question) -> Answer:
            async with gate:
                return await self._answer_one_async(question, until)

        answers = await asyncio.gather(*(one(question) for question in missing))
        found.update(zip(missing, answers, strict=True))
        return [_told(found[question]) for question in questions]

    def _answer_one(self, question: Question, until: float) -> Answer:
        future, ours = self._join(question)
        if not ours:
            try:
                return future.result(timeout=max(0.0, until - self._clock()))
            except TimeoutError:
                return late(question)
        answer = _given_up(question)
        try:
            answer = self._resolve(question, until)
        finally:
            self._settle(question, future, answer)
        return answer

    async def _answer_one_async(self, question: Question, until: float) -> Answer:
        future, ours = self._join(question)
        if not ours:
            import asyncio

            try:
                waiting = asyncio.shield(asyncio.wrap_future(future))
                return await asyncio.wait_for(waiting, max(0.0, until - self._clock()))
            except TimeoutError:
                return late(question)
        answer = _given_up(question)
        try:
            answer = await self._resolve_async(question, until)
        finally:
            self._settle(question, future, answer)
        return answer

    def _resolve(self, question: Question, until: float) -> Answer:
        steps, exchanger = self._start(question)
        try:
            send = next(steps)
            while True:
                seconds = self._time_for(question, until)
                reply = exchanger.exchange(send, seconds) if seconds > 0 else _no_time(send)
                send = steps.send(reply)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer

    async def _resolve_async(self, question: Question, until: float) -> Answer:
        steps, exchanger = self._start(question)
        try:
            send = next(steps)
            while True:
                seconds = self._time_for(question, until)
                if seconds > 0:
                    reply = await exchanger.exchange_async(send, seconds)
                else:
                    reply = _no_time(send)
                send = steps.send(reply)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer

    def _start(self, question: Question) -> tuple[Steps, Exchanger]:
        return self.steps(question), self.exchanger

    def steps(self, question: Question) -> Steps:
        """How *question* is put, step by step; raises `UsageError` for one that cannot be."""
        from maildns.net.direct import direct_lookup
        from maildns.net.lookup import lookup

        if isinstance(question, DirectQuestion):
            return direct_lookup(question, self.direct_port)
        if self._trust is None:
            return lookup(question, self.rules())
        from maildns.net.validation import validated_lookup

        return validated_lookup(question, self.rules(), self._trust)

    @property
    def exchanger(self) -> Exchanger:
        """What carries the steps out."""
        from maildns.net.exchange import Exchanger

        with self._lock:
            if self._exchanger is None:
                self._exchanger = Exchanger(self._ca_file)
            return self._exchanger

    def rules(self) -> Rules:
        """How questions are put to the servers."""
        from maildns.net.lookup import Rules

        return Rules(
            servers=self.servers,
            tries=self._tries,
            recursive=self._recursive,
            authoritative=self._authoritative,
            trusted=self._trusted,
            validating=self._validating,
        )

    def seconds_for(self, question: Question) -> float:
        """How long a server has to answer *question*, each time."""
        direct = isinstance(question, DirectQuestion)
        return min(self.timeout_seconds, DIRECT_SECONDS) if direct else self.timeout_seconds

    def _time_for(self, question: Question, until: float) -> float:
        return min(self.seconds_for(question), until - self._clock())

    # --- the cache ----------------------------------------------------------------

    def _cached(self, question: Question) -> Answer | None:
        with self._lock:
            return self._cache.get(question, self._clock())

    def _join(self, question: Question) -> tuple[Future[Answer], bool]:
        """The question's place in the air; true when it is ours to ask."""
        from concurrent.futures import Future

        with self._lock:
            future = self._in_flight.get(question)
            if future is not None:
                return future, False
            future = self._in_flight[question] = Future()
            return future, True

    def _settle(self, question: Question, future: Future[Answer], answer: Answer) -> None:
        """Keep *answer* for its TTL and give it to all who wait for it."""
        with self._lock:
            self._in_flight.pop(question, None)
            self._cache.keep(question, answer, self._clock())
        future.set_result(answer)


def _made_of(settings: dict[str, Any]) -> Resolver:
    return Resolver(**settings)


def _chosen(
    servers: Sequence[str], transport: str, trusted: bool | None
) -> tuple[tuple[Server, ...], bool | None]:
    try:
        kind = Transport(transport)
    except ValueError:
        raise UsageError(
            f"{transport!r} is not a transport", hint="say udp, tcp, tls or https"
        ) from None
    if servers:
        return tuple(parse_server(text, kind) for text in servers), trusted
    system = system_resolver(transport=kind)
    return system.servers, (True if system.trust_ad and trusted is None else trusted)


def _told(answer: Answer | None) -> Answer:
    if answer is None:
        raise AssertionError("a question was left without an answer")
    return answer


def _given_up(question: Question) -> Answer:
    """What those who wait are told when the one who asks was stopped."""
    return Answer(question, Outcome.UNREACHABLE, detail="given up before an answer came")


def late(question: Question) -> Answer:
    """What is said of a question that there was no time for."""
    return Answer(question, Outcome.UNREACHABLE, detail="no answer before the deadline")


def _no_time(send: Send) -> Reply:
    from maildns.net.lookup import Failure

    return Failure(f"{send.server}: not asked, the deadline has passed")

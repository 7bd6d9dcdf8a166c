"""
The bulk driver: thousands of inquiries at once, in one thread, over a few UDP sockets.

No task, no future and no library's message stand behind a question: a datagram goes out, and what
comes back is understood at once (`maildns.net.errands`). The answers are those that `Resolver`
gives, by the same rules. Inquiries share a cache, and what is on its way for one of them is not
asked again for another.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic

from maildns.ask import Answer, Inquiry, Question, Questions, R
from maildns.errors import UsageError
from maildns.net.cache import Cache
from maildns.net.drivers import MAX_ROUNDS
from maildns.net.errands import Errand, Errands
from maildns.net.resolver import Resolver, late

WINDOW = 200  # inquiries at once
IN_FLIGHT = 200  # queries on the way at once: what the buffer of one socket holds for sure
DEADLINE_SECONDS = 15.0
MAX_CACHED = 100_000


def run_bulk(
    inquiries: Iterable[Inquiry[R]],
    resolver: Resolver,
    *,
    window: int = WINDOW,
    in_flight: int = IN_FLIGHT,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Iterator[tuple[int, R]]:
    """
    Run *inquiries*, as many as *window* at once; yield each verdict, with its number, when it is had.

    They ask as *resolver* would: its servers, times, tries and trust. At most *in_flight* queries
    are on the way at once. An inquiry that is not done after *deadline_seconds* gets
    `UNREACHABLE` for whatever it still asks, and so comes to its end; it stops no other.

    *inquiries* are taken as there is room, so there may be more than fit into memory. Raises what
    one of them raises, which ends them all; `UsageError` for a question that cannot be put, for an
    inquiry that does not end, and for numbers that make no sense.
    """
    batches = run_in_batches(
        inquiries,
        resolver,
        window=window,
        in_flight=in_flight,
        deadline_seconds=deadline_seconds,
    )
    for batch in batches:
        yield from batch


def run_in_batches(
    inquiries: Iterable[Inquiry[R]],
    resolver: Resolver,
    *,
    window: int = WINDOW,
    in_flight: int = IN_FLIGHT,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Iterator[list[tuple[int, R]]]:
    """Like `run_bulk`; those that are done at the same moment come together."""
    if window < 1 or in_flight < 1 or deadline_seconds <= 0:
        raise UsageError("window, in_flight and deadline_seconds are greater than zero")
    running: _Running[R] = _Running(Errands(resolver, in_flight), window, deadline_seconds)
    try:
        yield from running.run(inquiries)
    finally:
        running.close()


@dataclass(slots=True, eq=False)
class _Task(Generic[R]):
    """One inquiry, and the `questions` of its present round, of which `missing` lack an answer."""

    index: int
    inquiry: Inquiry[R]
    until: float
    questions: Questions = ()
    answers: list[Answer | None] = field(default_factory=list)
    missing: int = 0
    rounds: int = 0
    late: bool = False
    ended: bool = False


class _Running(Generic[R]):
    """The inquiries of one run."""

    def __init__(self, errands: Errands, window: int, deadline_seconds: float) -> None:
        self._errands = errands
        self._window = window
        self._deadline_seconds = deadline_seconds
        self._cache = Cache(MAX_CACHED)
        self._on_way: dict[Question, Errand] = {}
        self._tasks: deque[_Task[R]] = deque()  # in the order of their deadlines
        self._active = 0
        self._done: list[tuple[int, R]] = []

    def close(self) -> None:
        """Stop what has not ended."""
        self._errands.close()
        for task in self._tasks:
            task.inquiry.close()

    def run(self, inquiries: Iterable[Inquiry[R]]) -> Iterator[list[tuple[int, R]]]:
        """The verdicts, as they come."""
        coming = enumerate(inquiries)
        more = True
        while more or self._active:
            while more and self._active < self._window and not self._errands.congested:
                more = self._admit(next(coming, None))
            if self._active:
                settled = self._errands.turn(self._patience())
                now = time.monotonic()
                for errand, answer in settled:
                    self._settle(errand, answer, now)
                self._hurry(now)
            if self._done:
                done, self._done = self._done, []
                yield done

    def _admit(self, numbered: tuple[int, Inquiry[R]] | None) -> bool:
        """Start an inquiry; false when there is none left."""
        if numbered is None:
            return False
        index, inquiry = numbered
        task = _Task(index, inquiry, time.monotonic() + self._deadline_seconds)
        self._tasks.append(task)
        self._active += 1
        self._advance(task, first=True)
        return True

    def _advance(self, task: _Task[R], *, first: bool = False) -> None:
        """Take an inquiry as far as what is known carries it."""
        inquiry = task.inquiry
        try:
            questions = next(inquiry) if first else inquiry.send(_whole(task.answers))
            while not self._ask(task, questions):
                questions = inquiry.send(_whole(task.answers))
        except StopIteration as stop:
            task.ended = True
            self._active -= 1
            self._done.append((task.index, stop.value))

    def _ask(self, task: _Task[R], questions: Questions) -> bool:
        """Find the answers, or send for them; true when one must be waited for."""
        task.rounds += 1
        if task.rounds > MAX_ROUNDS:
            raise UsageError(f"the inquiry asked {MAX_ROUNDS} times and did not end")
        now = time.monotonic()
        cached, on_way = self._cache.get, self._on_way
        task.questions = questions
        task.answers = answers = []
        missing = 0
        for place, question in enumerate(questions):
            answer = cached(question, now)
            if answer is None and task.late:
                answer = late(question)
            answers.append(answer)
            if answer is None:
                errand = on_way.get(question)
                if errand is None:
                    on_way[question] = errand = self._errands.start(question)
                errand.waiters.append((task, place))
                missing += 1
        task.missing = missing
        return missing > 0

    def _settle(self, errand: Errand, answer: Answer, now: float) -> None:
        """Give an answer to all who wait for it."""
        if self._on_way.pop(errand.question, None) is None:
            return
        self._cache.keep(errand.question, answer, now)
        for task, place in errand.waiters:
            task.answers[place] = answer
            task.missing -= 1
            if not task.missing:
                self._advance(task)

    def _patience(self) -> float:
        while self._tasks and self._tasks[0].ended:
            self._tasks.popleft()
        if self._done or not self._tasks:
            return 0.0
        return max(0.0, self._tasks[0].until - time.monotonic())

    def _hurry(self, now: float) -> None:
        """Tell those whose time is up that there is no answer."""
        while self._tasks and (self._tasks[0].ended or self._tasks[0].until <= now):
            task = self._tasks.popleft()
            if task.ended:
                continue
            task.late = True
            for place, question in enumerate(task.questions):
                if task.answers[place] is None:
                    self._on_way[question].waiters.remove((task, place))
                    task.answers[place] = late(question)
            self._advance(task)


def _whole(answers: list[Answer | None]) -> list[Answer]:
    """The answers of a round that is complete."""
    return [answer for answer in answers if answer is not None]

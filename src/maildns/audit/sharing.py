"""
Many domains checked by several processes, for one alone is busy with judging what came.

What a process hands over is small: the results as plain values, and the replies as they came. The
answers, and the facts made of them, are made again from the replies where someone looks at them.
"""

from __future__ import annotations

import gc
import marshal
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar, cast

import maildns.audit.checks as _registered  # noqa: F401 - its import registers the checks
from maildns.ask import Answer, Inquiry, Outcome, Question
from maildns.audit.facts import Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.registry import judge
from maildns.audit.result import Evidence, Result, Status
from maildns.audit.selectors import common_selectors
from maildns.errors import MaildnsError
from maildns.finding import Fix
from maildns.frozen import unlocked
from maildns.net.bulk import IN_FLIGHT, run_in_batches
from maildns.net.drivers import run
from maildns.net.quick import pack, unpack
from maildns.net.resolver import Resolver
from maildns.protocols.dmarc.older import registered_domain

T = TypeVar("T")

WORTH_A_PROCESS = 150  # domains; starting one costs as much as checking some dozens
MAX_PROCESSES = 8


class Audit:
    """A domain, checked: its `results` by topic, and the `facts` they rest on."""

    def __init__(self, domain: str, results: Mapping[str, list[Result]], facts: Facts) -> None:
        self.domain = domain
        self._results = results
        self._facts = facts

    def __repr__(self) -> str:
        return f"Audit({self.domain!r})"

    @property
    def results(self) -> Mapping[str, list[Result]]:
        """What each check came to, by topic."""
        return self._results

    @property
    def facts(self) -> Facts:
        """All that was known when it was judged."""
        return self._facts


@dataclass(frozen=True, slots=True)
class Job:
    """How domains are checked."""

    resolver: Resolver
    scope: Scope
    now: datetime
    deadline_seconds: float
    in_flight: int = IN_FLIGHT

    def check(self, names: Iterable[str]) -> Iterator[list[Audit]]:
        """Check them in this process; those that are done at the same moment come together."""
        return self.run(self.inquiry(one) for one in names)

    def run(self, inquiries: Iterable[Inquiry[T]]) -> Iterator[list[T]]:
        """The verdicts of *inquiries*, in the order in which they are had."""
        batches = run_in_batches(
            inquiries,
            self.resolver,
            in_flight=self.in_flight,
            deadline_seconds=self.deadline_seconds,
        )
        return ([verdict for _, verdict in batch] for batch in batches)

    def inquiry(self, name: str) -> Inquiry[Audit]:
        """What is done for one of them; judged at once, while what came is at hand."""
        facts = Facts((yield from gather(name, self.scope)), self.now)
        return Audit(facts.domain, judge(facts), facts)


def processes_for(domains: int) -> int:
    """How many processes are worth it for so many domains."""
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(usable, MAX_PROCESSES, domains // WORTH_A_PROCESS))


def shared(job: Job, names: Sequence[str], processes: int) -> Iterator[Audit]:
    """
    Check *names* by so many *processes*, and yield each as it is done.

    Each takes the next name as it has room, so that all are done at the same time. Raises what one
    of them raised, and `MaildnsError` when one is killed. None of them outlives the iterator.
    """
    # A fork of several threads may hold locks for ever; where there is but one, it is the fastest.
    alone = sys.platform == "linux" and threading.active_count() == 1
    context: Any = get_context("fork" if alone else "spawn")
    if alone:
        _load()
    part = Job(
        job.resolver, job.scope, job.now, job.deadline_seconds, max(1, job.in_flight // processes)
    )
    taken = context.Value("Q", 0)
    running: dict[Connection, Any] = {}
    try:
        for _ in range(processes):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(theirs, part, names, taken), daemon=True)
            process.start()
            theirs.close()
            running[ours] = process
        while running:
            for ready in wait(list(running)):
                yield from _received(job, cast("Connection", ready), running)
    finally:
        for connection, process in running.items():
            connection.close()
            process.terminate()
            process.join()


def _load() -> None:
    """Read what each process would else have to read for itself."""
    registered_domain("example.com")
    common_selectors()


def _received(job: Job, connection: Connection, running: dict[Connection, Any]) -> Iterator[Audit]:
    try:
        said = _unwrapped(connection.recv_bytes())
    except EOFError:
        process = running.pop(connection)
        connection.close()
        process.join()
        if process.exitcode:
            raise MaildnsError(
                f"a process that checks domains was ended from outside ({process.exitcode});"
                " is there too little memory?"
            ) from None
        return
    if isinstance(said, BaseException):
        raise said
    for one in said:
        yield _Delivered(job, *one)


def _work(connection: Connection, job: Job, names: Sequence[str], taken: Any) -> None:
    """What another process does; *taken* counts those of *names* that somebody has begun."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that started it ends it
    # What was there before is here to stay, and what comes is mostly freed without a collector.
    gc.freeze()
    gc.set_threshold(400_000, 20, 100)
    try:
        for batch in job.run(_delivery(job, one) for one in _next(names, taken)):
            connection.send_bytes(_wrapped(batch))
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 - raised where it is read
        connection.send_bytes(_PICKLED + pickle.dumps(error))


def _next(names: Sequence[str], taken: Any) -> Iterator[str]:
    while True:
        with taken.get_lock():
            at = taken.value
            taken.value = at + 1
        if at >= len(names):
            return
        yield names[at]


def _delivery(job: Job, name: str) -> Inquiry[tuple[Any, ...]]:
    """Check a domain and pack what came of it, while it is at hand."""
    return _packed((yield from job.inquiry(name)))


# --- handing over ---------------------------------------------------------------------


# `marshal` is several times as fast, and knows plain values alone; both ends are the same Python.
_PLAIN, _PICKLED = b"m", b"p"
_NO_REFERENCES = 2  # a version of `marshal` that looks for no value that it has seen


def _wrapped(value: Any) -> bytes:
    try:
        return _PLAIN + marshal.dumps(value, _NO_REFERENCES)
    except ValueError:
        return _PICKLED + pickle.dumps(value, 5)


def _unwrapped(octets: bytes) -> Any:
    if octets.startswith(_PLAIN):
        return marshal.loads(memoryview(octets)[1:])  # noqa: S302 - from a process of our own
    return pickle.loads(memoryview(octets)[1:])  # noqa: S301 - the same


def _packed(audit: Audit) -> tuple[Any, ...]:
    """
    *audit* as plain values.

    A piece of evidence stands as its number among the answers; others have numbers below zero.
    """
    answers = list(audit.facts.dns.answers.values())
    number = {id(answer): at for at, answer in enumerate(answers)}
    others: list[Evidence] = []
    results = {topic: _rows(found, number, others) for topic, found in audit.results.items()}
    # Wrapped each by itself: what nobody looks at is never read, and the rest just then.
    return (
        audit.domain,
        _wrapped(results),
        _wrapped(pack(answers)),
        _wrapped(others) if others else b"",
    )


def _rows(
    results: Iterable[Result], number: dict[int, int], others: list[Evidence]
) -> list[tuple[Any, ...]]:
    rows = []
    for result in results:
        which = []
        for one in result.evidence:
            at = number.get(id(one))
            which.append(_other(one, number, others) if at is None else at)
        fix = result.fix
        row = (
            result.rule,
            _WORDS[result.status],
            result.subject,
            result.says,
            which,
            None if fix is None else (fix.says, fix.record, fix.owner, fix.rrtype),
            result.note,
        )
        rows.append(row)
    return rows


def _other(one: Evidence, number: dict[int, int], others: list[Evidence]) -> int:
    """A number for what is none of the answers; they are counted down from -1."""
    others.append(one)
    number[id(one)] = at = -len(others)
    return at


class _Shown:
    """What results rest on, made whole when someone looks; it knows no result, which knows it."""

    def __init__(self, answers: bytes, others: bytes) -> None:
        self._packed = answers, others

    @cached_property
    def answers(self) -> list[Answer]:
        """All answers that there were."""
        return unpack(_unwrapped(self._packed[0]))

    @cached_property
    def others(self) -> list[Evidence]:
        """What is no answer among them."""
        found: list[Evidence] = _unwrapped(self._packed[1])
        return found

    def evidence(self, number: int) -> Evidence:
        """The piece of evidence that rows count as *number*."""
        return self.answers[number] if number >= 0 else self.others[-1 - number]


class _Delivered(Audit):
    """An audit that another process made; it is made whole as far as someone looks."""

    def __init__(
        self, job: Job, domain: str, results: bytes, answers: bytes, others: bytes
    ) -> None:
        self.domain = domain
        self._job = job
        self._rows = results
        self._shown = _Shown(answers, others)

    @cached_property
    def results(self) -> Mapping[str, list[Result]]:
        """What each check came to, by topic."""
        shown = self._shown
        return {
            topic: [_delivered(shown, row) for row in found]
            for topic, found in _unwrapped(self._rows).items()
        }

    @cached_property
    def facts(self) -> Facts:
        """All that was known when it was judged, gathered again from the answers that there were."""
        job = self._job
        return Facts(run(gather(self.domain, job.scope), _Had(self._shown.answers)), job.now)


class _DeliveredResult(Result):
    """A result whose evidence is made whole when someone looks."""

    __slots__ = ("shown", "which")

    shown: _Shown
    which: list[int]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What it rests on."""
        return tuple(map(self.shown.evidence, self.which))

    def __reduce__(self) -> tuple[Any, ...]:
        whole = (self.rule, self.status, self.subject, self.says, self.evidence, self.fix)
        return (Result, (*whole, self.note))


_draft_result = unlocked(_DeliveredResult)


def _delivered(shown: _Shown, row: tuple[Any, ...]) -> Result:
    made = _draft_result()
    made.rule, word, made.subject, made.says, made.which, fix, made.note = row
    made.status = _STATUSES[word]
    made.fix = Fix(*fix) if fix else None
    made.shown = shown
    made.__class__ = _DeliveredResult
    result: Result = made
    return result


_STATUSES = {status.value: status for status in Status}
_WORDS = {status: status.value for status in Status}


class _Had:
    """A world of the answers that there were."""

    def __init__(self, answers: list[Answer]) -> None:
        self._known = {answer.question: answer for answer in answers}

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order."""
        return [
            self._known.get(one) or Answer(one, Outcome.UNREACHABLE, detail="it was not asked")
            for one in questions
        ]

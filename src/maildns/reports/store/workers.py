"""
Reading reports in other processes, while this one writes.

The order stays, so that of two conflicting reports the same one counts each time. A worker ends
with us, however we end: it waits on a pipe of which we hold the only other end.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from subprocess import DEVNULL, Popen
from threading import Condition, Thread
from typing import Self

from maildns.reports.keeping import Arrival
from maildns.reports.limits import LIMITS
from maildns.reports.store.preparing import Prepared, prepare

_FILES = 64  # in one job
# What waits for a worker must fit its pipe, or we would wait for it while it waits for us.
_JOB_OCTETS = 32 << 10
_AHEAD = 50_000  # rows that wait to be written, about
_COLLECTED_AFTER = 100_000
_QUEUED = 2  # jobs of one worker: the one it does and the next

Waiting = Arrival | Path


def read_file(path: Path) -> Arrival:
    """
    Read the file at *path*, not more of it than a report may have.

    Raises OSError when it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        # Python sets aside as much memory as it is asked for: ask for what is there.
        size = min(os.fstat(file.fileno()).st_size, LIMITS.input_octets) + 1
        octets = file.read(size) or b""
        return Arrival(octets if len(octets) < size else octets + file.readall()[:1], str(path))


def prepare_waiting(waiting: Waiting) -> Prepared:
    """Read what *waiting* holds; never raises for what is in it, or for a file that cannot be read."""
    if isinstance(waiting, Arrival):
        return prepare(waiting)
    try:
        return prepare(read_file(waiting))
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
        return Prepared(Arrival(b"", str(waiting)), b"", faults=[reason])


def prepare_all(waiting: Iterable[Waiting], workers: int) -> Iterator[Prepared]:
    """
    Read all of *waiting*, in its order, in so many *workers*; 0 for this process alone.

    With workers, *waiting* is gone through in a thread, some way ahead.
    """
    if workers <= 0:
        yield from map(prepare_waiting, waiting)
        return
    with _Pool(workers) as pool, _Ahead(pool.run(_jobs(waiting))) as ahead:
        yield from ahead


def _jobs(waiting: Iterable[Waiting]) -> Iterator[list[Waiting]]:
    """Many small ones together; what is large is a job of its own, and done here."""
    job: list[Waiting] = []
    octets = 0
    for one in waiting:
        size = len(str(one)) if isinstance(one, Path) else len(one.octets) + len(one.source)
        if job and (octets + size > _JOB_OCTETS or len(job) >= _FILES):
            yield job
            job, octets = [], 0
        job.append(one)
        octets += size
    if job:
        yield job


def _is_small(job: list[Waiting]) -> bool:
    return len(job) > 1 or isinstance(job[0], Path) or len(job[0].octets) <= _JOB_OCTETS


class _Ahead:
    """
    Takes from an iterator in a thread, while the one who wants it is busy writing.

    Without it the workers would wait during each transaction: their pipes hold little.
    """

    def __init__(self, source: Iterator[Prepared]) -> None:
        self._source = source
        self._there: deque[Prepared] = deque()
        self._weight = 0
        self._error: BaseException | None = None
        self._ended = self._unwanted = False
        self._changed = Condition()
        self._thread = Thread(target=self._take, daemon=True)

    def __enter__(self) -> Iterator[Prepared]:
        self._thread.start()
        return self._give()

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._unwanted = True
            self._changed.notify_all()
        self._thread.join()

    def _take(self) -> None:
        try:
            for one in self._source:
                if not self._put(one):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, one: Prepared) -> bool:
        """Put *one* there, and wait while much is; False when nobody wants more."""
        with self._changed:
            self._there.append(one)
            self._weight += one.weight
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._weight < _AHEAD or self._unwanted)
            return not self._unwanted

    def _give(self) -> Iterator[Prepared]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._there or self._ended)
                some = list(self._there)
                self._there.clear()
                self._weight = 0
                self._changed.notify_all()
            if not some and self._error is not None:
                raise self._error
            if not some:
                return
            yield from some


class _Pool:
    """Some processes, each with a pipe of its own."""

    def __init__(self, workers: int) -> None:
        self._processes: list[Popen[bytes]] = []
        self._pipes: list[Connection] = []
        for _ in range(workers):
            ours, theirs = Pipe()
            with theirs:
                self._processes.append(_started(theirs.fileno()))
            self._pipes.append(ours)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.terminate()
            process.wait()

    def run(self, jobs: Iterator[list[Waiting]]) -> Iterator[Prepared]:
        """Hand out *jobs* in turn, and give what comes back in their order."""
        queued: deque[tuple[int, list[Waiting]]] = deque()
        turn = 0
        for job in jobs:
            if len(queued) >= _QUEUED * len(self._pipes):
                yield from self._result(*queued.popleft())
            queued.append((turn, job))
            if _is_small(job):
                with suppress(OSError):  # a worker that is gone: `_result` sees it too
                    self._pipes[turn].send(job)
            turn = (turn + 1) % len(self._pipes)
        while queued:
            yield from self._result(*queued.popleft())

    def _result(self, worker: int, job: list[Waiting]) -> Iterator[Prepared]:
        if _is_small(job):
            with suppress(EOFError, OSError):
                yield from self._pipes[worker].recv()
                return
        yield from map(prepare_waiting, job)


def _started(handle: int) -> Popen[bytes]:
    """
    Start a process that works for whoever holds the other end of the pipe *handle*.

    It runs nothing but this module: a forked one would hold our store's file open, and one that
    `multiprocessing` spawns loads the program that we are part of, too.
    """
    code = f"import {__name__} as workers; workers.work({handle})"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-P", "-c", code]
    return Popen(command, stdin=DEVNULL, pass_fds=[handle], env=paths)  # noqa: S603 - ourselves


def work(handle: int) -> None:
    """Read what comes through the pipe *handle*, until nobody holds its other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who writes says when to stop
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER)  # hardly anything here is in a cycle
    with suppress(EOFError, OSError), Connection(handle) as pipe:
        while True:
            pipe.send([prepare_waiting(one) for one in pipe.recv()])

"""
Taking reports in with a process that kills itself before a chosen step.

A step is whatever could leave something half done: an original is brought, the store begins and
commits, an original is let go of, a file is renamed, a command is sent to an IMAP server. Processes
are forked from one that has imported everything, so that hundreds of them take seconds.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path

from maildns.reports.config import IntakeSettings, Listening
from maildns.reports.sources import DropFolder, Maildir, Mbox, take_in
from maildns.reports.sources.committing import Committer
from maildns.reports.sources.imap import ImapAccount, ImapMailbox
from maildns.reports.sources.intake import Intake
from maildns.reports.store import Store

KILLED = -signal.SIGKILL
_EVENTS = {"os.rename", "os.link", "os.remove", "imaplib.send"}
_FORK = multiprocessing.get_context("forkserver")
_FORK.set_forkserver_preload(["killing", "maildns.reports.store.keeper", "imap_tools"])


class Steps:
    """Counts steps, and kills the process before the one numbered *fatal*."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Let what the system and the store do be steps too."""
        from sqlalchemy import Engine, event

        event.listen(Engine, "begin", lambda connection: self())
        event.listen(Engine, "commit", lambda connection: self())
        sys.addaudithook(lambda name, arguments: self() if name in _EVENTS else None)


class SteppingKeeper:
    def __init__(self, keeper, step):
        self.keeper, self.step = keeper, step

    def keep(self, arrivals):
        arrivals = list(arrivals)
        self.step()
        receipts = self.keeper.keep(arrivals)
        self.step()
        return receipts


class SteppingSource:
    def __init__(self, source, step):
        self.source, self.step = source, step

    def bring(self):
        for one in self.source.bring():
            self.step()
            yield one

    def release(self, settled):
        self.step()
        self.source.release(settled)
        self.step()


def source_of(kind: str, place: Path, more: dict):
    if kind == "folder":
        return nullcontext(DropFolder(place / "in", done=place / "done", bad=place / "bad"))
    if kind == "maildir":
        return nullcontext(Maildir(place))
    if kind == "mbox":
        return nullcontext(Mbox(place / "mbox"))
    return ImapMailbox(ImapAccount(**more))


def fetch(kind: str, where: str, place: Path, more: dict, step=lambda: None) -> None:
    """Take in what is there."""
    with Store(where) as store, source_of(kind, place, more) as source:
        keeper, stepping = SteppingKeeper(store, step), SteppingSource(source, step)
        for _ in take_in(stepping, keeper, batch=3):
            step()


def _fetch(kind: str, where: str, place: Path, more: dict, fatal: int) -> None:
    step = Steps(fatal)
    step.watch()
    fetch(kind, where, place, more, step)


def killed_fetch(kind: str, where: str, place: Path, more: dict, fatal: int) -> int:
    """Take in what is there, and be killed before step *fatal*; the exit code."""
    process = _FORK.Process(target=_fetch, args=(kind, where, place, more, fatal))
    process.start()
    process.join(60)
    return process.exitcode


def _receive(where: str, path: str, addresses: list[str], fatal: int) -> None:
    step = Steps(fatal)
    ended = []

    async def serve(store) -> None:
        settings = IntakeSettings(frozenset(addresses), (Listening(path, 0),))
        committer = Committer(
            SteppingKeeper(store, step),
            authenticate=lambda arrival, helo: step() or "",
            tell=lambda receipt: step(),
        )
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        async with Intake(settings, committer):
            await stop.wait()
        committer.close()
        ended.append(True)

    with Store(where) as store:
        step.watch()
        asyncio.run(serve(store))
    assert ended


def receiver(where: str, path: str, addresses: list[str], fatal: int = 0):
    """An intake at the unix socket *path*, in a process that is killed before step *fatal*."""
    process = _FORK.Process(target=_receive, args=(where, path, addresses, fatal))
    process.start()
    return process

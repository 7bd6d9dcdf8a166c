"""
Importing reports: from files, folders, or whatever brings arrivals, into a store.

    from maildns.reports.importing import import_reports
    from maildns.reports.store import Store

    with Store("maildns-reports.sqlite") as store:
        for receipt in import_reports([Path("reports/")], store):
            ...
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from maildns.errors import InputError
from maildns.reports.keeping import Arrival, Receipt

if TYPE_CHECKING:
    from maildns.reports.store.preparing import Prepared


class PreparedKeeper(Protocol):
    """Keeps reports that were read before; `Store` does."""

    def keep_prepared(self, arrived: Iterable[Prepared]) -> Iterator[Receipt]:
        """Keep *arrived*; a receipt is given once it is safe."""
        ...


def import_reports(
    brought: Iterable[Path | Arrival],
    store: PreparedKeeper,
    *,
    progress: Callable[[int], None] | None = None,
    workers: int = 0,
) -> Iterator[Receipt]:
    """
    Keep what *brought* holds: files, folders with all below them, and arrivals of other sources.

    One receipt for each report, given once it is committed; a bad one does not end the rest. Nothing
    happens until the receipts are asked for, and the whole is never in memory. *progress* is told
    how many files and arrivals have been taken up. With *workers*, other processes read while this
    one writes.

    Raises InputError for a path that is not there, when *brought* is a list or tuple; of another
    iterable such a path gets a receipt that says so.
    """
    from maildns.reports.store.workers import prepare_all

    if isinstance(brought, list | tuple):
        for one in brought:
            if isinstance(one, Path) and not one.exists():
                raise InputError("there is no such file or folder", path=one)
    waiting = _told(_each(brought), progress)
    return store.keep_prepared(prepare_all(waiting, workers))


def files_under(path: Path) -> Iterator[Path]:
    """
    Give *path* if it is a file, else all files below it, sorted folder by folder.

    What is neither, such as a pipe, is left out; so are hidden names, and links to folders, which
    may lead in circles. A folder that cannot be read is given itself: whoever opens it says why.
    """
    if not path.is_dir():
        yield path
        return
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError:
        yield path
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from files_under(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def _each(brought: Iterable[Path | Arrival]) -> Iterator[Path | Arrival]:
    for one in brought:
        if isinstance(one, Arrival):
            yield one
        elif one.is_dir():
            yield from files_under(one)
        elif not one.exists() or stat.S_ISREG(one.stat().st_mode):
            yield one


def _told(
    waiting: Iterator[Path | Arrival], progress: Callable[[int], None] | None
) -> Iterator[Path | Arrival]:
    for number, one in enumerate(waiting, start=1):
        yield one
        if progress is not None:
            progress(number)

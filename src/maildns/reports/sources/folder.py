"""A folder into which somebody drops files: reports, mails, mbox files."""

from __future__ import annotations

import errno
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from maildns.errors import InputError
from maildns.reports.keeping import Arrival, Kept, Receipt
from maildns.reports.sources.mbox import Mbox
from maildns.reports.sources.opening import MAX_OCTETS, read_regular
from maildns.reports.sources.taking import Brought, Fate

_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".draft", ".swp")
_MBOX = b"From "
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # as of a FAT file system


class DropFolder:
    """
    The files in *path* and below; those that are kept go to *done*, the others to *bad*.

    Without *done*, or *bad*, they stay where they are; both must be on the same file system as
    *path*. What bears a name that programs give to unfinished files is left alone, and so is what
    was changed within the last *quiet_seconds*; `warm` says how many those were. A link is followed as long as it leads to a file
    within *path*. A file is moved only once all that it holds is safe on disk.
    """

    def __init__(
        self,
        path: Path,
        *,
        done: Path | None = None,
        bad: Path | None = None,
        quiet_seconds: float = 0.0,
        max_octets: int = MAX_OCTETS,
    ) -> None:
        self.path = path
        self.done = done
        self.bad = bad
        self.quiet_seconds = quiet_seconds
        self.max_octets = max_octets
        self.warm = 0
        self._fates: dict[str, Fate] = {}

    def bring(self) -> Iterator[Brought | Receipt]:
        """Each file, sorted folder by folder; raises `InputError` when *path* cannot be read."""
        if not self.path.is_dir():
            raise InputError("there is no such folder", path=self.path)
        own = {os.path.realpath(one) for one in (self.done, self.bad) if one is not None}
        within = os.path.realpath(self.path)
        for file in _files(self.path, own):
            if not os.path.realpath(file).startswith(within.rstrip("/") + "/"):
                yield Receipt(Kept.BAD, str(file), reason="this link leads out of the folder")
            elif self._is_warm(file):
                self.warm += 1
            else:
                yield from self._of(file)

    def _is_warm(self, file: Path) -> bool:
        try:
            return file.stat().st_mtime > time.time() - self.quiet_seconds
        except OSError:
            return True  # it was there a moment ago: somebody is busy

    def _of(self, file: Path) -> Iterator[Brought | Receipt]:
        try:
            if _is_mbox(file):
                yield from self._of_mbox(file)
                return
            octets = read_regular(file, self.max_octets)
        except InputError as error:
            yield Receipt(Kept.BAD, str(file), reason=error.problem)
        else:
            yield Brought(str(file), Arrival(octets, str(file)))

    def _of_mbox(self, file: Path) -> Iterator[Brought | Receipt]:
        for one in Mbox(file, max_octets=self.max_octets).bring():
            if isinstance(one, Receipt):
                self._fates[str(file)] = Fate.BAD
            yield one

    def release(self, settled: Sequence[tuple[Brought, Fate]]) -> None:
        """Move what is settled; a name that is taken there gets a number."""
        for brought, fate in settled:
            worst = max(self._fates.pop(brought.key, Fate.KEPT), fate)
            if not brought.last:
                self._fates[brought.key] = worst
                continue
            home = {Fate.KEPT: self.done, Fate.UNKNOWN: None}.get(worst, self.bad)
            if home is not None:
                _move(Path(brought.key), home)


def _files(folder: Path, own: set[str]) -> Iterator[Path]:
    """The files below *folder*, without hidden ones and those of the folders *own*."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"cannot read it: {error.strerror}", path=folder) from None
    for entry in entries:
        if entry.name.startswith(".") or entry.name.endswith(("~", *_UNFINISHED)):
            continue
        if entry.is_dir(follow_symlinks=False):
            if os.path.realpath(entry.path) not in own:
                yield from _files(Path(entry.path), own)
        elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _is_mbox(file: Path) -> bool:
    if not file.is_file():  # a pipe is not opened
        return False
    try:
        with file.open("rb") as opened:
            return opened.read(len(_MBOX)) == _MBOX
    except OSError as error:
        raise InputError(f"cannot read it: {error.strerror}", path=file) from None


def _move(file: Path, home: Path) -> None:
    """
    Move *file* into *home*, never over another; raises `InputError`.

    However it is interrupted, the file is there, and moved wholly when that is done again.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        _link(file, home)
    except FileNotFoundError:
        return  # somebody else took it away
    except OSError as error:
        raise InputError(
            f"cannot move it to {home}: {error.strerror}",
            path=file,
            hint="the folders must be on one file system, and this program may write in both",
        ) from None


def _link(file: Path, home: Path) -> None:
    """Give *file* a name in *home*, then take its own: a link is never made over another file."""
    for target in _names(home, file.name):
        try:
            os.link(file, target, follow_symlinks=False)
        except FileExistsError:
            if not _is_same(file, target):
                continue
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _replace(file, _reserved(home, file.name))
            return
        file.unlink()
        return


def _is_same(file: Path, target: Path) -> bool:
    """Whether they are one file: then a move was interrupted here."""
    try:
        return os.path.samestat(file.lstat(), target.lstat())
    except OSError:
        return False


def _replace(file: Path, target: Path) -> None:
    try:
        file.replace(target)
    except OSError:
        with suppress(OSError):
            target.unlink()
        raise


def _names(home: Path, name: str) -> Iterator[Path]:
    yield home / name
    for number in itertools.count(1):
        yield home / f"{name}.{number}"


def _reserved(home: Path, name: str) -> Path:
    """An empty file of our own in *home*, to be replaced: two programs never choose the same."""
    for target in _names(home, name):
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            continue
        return target
    raise AssertionError  # names have no end

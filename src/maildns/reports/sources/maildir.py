"""
A Maildir: one file for each message, in new/ and cur/, with flags in its name.

Taking a message in is one rename, as every program that reads a Maildir does it: into cur/, with
the flag P ("passed on") which says that its report was taken over, and S where nobody need look at
it, F where somebody should. What bears P is not looked at again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from maildns.errors import InputError
from maildns.reports.keeping import Arrival, Kept, Receipt
from maildns.reports.sources.opening import MAX_OCTETS, read_regular
from maildns.reports.sources.taking import Brought, Fate

_TAKEN = "P"
_FLAGS = {Fate.KEPT: "PS", Fate.BAD: "FP", Fate.NO_REPORT: "FP"}


class Maildir:
    """
    The messages of a Maildir that were not taken in yet.

    A kept one is marked as seen; what is bad or no report is flagged for people and otherwise left
    as it is. Nothing is deleted. A message longer than *max_octets* is not read.
    """

    def __init__(self, path: Path, *, max_octets: int = MAX_OCTETS) -> None:
        self.path = path
        self.max_octets = max_octets

    def bring(self) -> Iterator[Brought | Receipt]:
        """Each message, those in new/ first; raises `InputError` when this is no Maildir."""
        for folder in ("new", "cur"):
            for name in self._names(folder):
                yield from self._message(self.path / folder / name)

    def _names(self, folder: str) -> list[str]:
        try:
            entries = list(os.scandir(self.path / folder))
        except OSError as error:
            raise InputError(
                f"this is no Maildir: {folder}/ cannot be read: {error.strerror}", path=self.path
            ) from None
        names = [entry.name for entry in entries]
        return sorted(one for one in names if one[0] != "." and _TAKEN not in _flags_of(one))

    def _message(self, file: Path) -> Iterator[Brought | Receipt]:
        try:
            octets = read_regular(file, self.max_octets)
        except InputError as error:
            if os.path.lexists(file):  # a mail program may have renamed it meanwhile
                yield Receipt(Kept.BAD, str(file), reason=error.problem)
        else:
            yield Brought(str(file), Arrival(octets, str(file)))

    def release(self, settled: Sequence[tuple[Brought, Fate]]) -> None:
        """Mark what is settled; raises `InputError` where this program may not rename."""
        for brought, fate in settled:
            if fate is Fate.UNKNOWN:
                continue
            file = Path(brought.key)
            unique = file.name.partition(":2,")[0]
            flags = "".join(sorted({*_flags_of(file.name), *_FLAGS[fate]}))
            try:
                file.replace(self.path / "cur" / f"{unique}:2,{flags}")
            except FileNotFoundError:
                continue  # a mail program renamed it meanwhile; next time it is known
            except OSError as error:
                problem = f"cannot mark it as taken in: {error.strerror}"
                raise InputError(problem, path=file) from None


def _flags_of(name: str) -> str:
    """
    The flags in a file's name.

    >>> _flags_of("1700000000.M1P2.host:2,FS")
    'FS'
    """
    return name.partition(":2,")[2]

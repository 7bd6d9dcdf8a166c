"""Mail in one file, message after message (RFC 4155): read, and never changed."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from maildns.errors import InputError
from maildns.reports.keeping import Arrival, Kept, Receipt
from maildns.reports.sources.opening import MAX_OCTETS
from maildns.reports.sources.taking import Brought, Fate


class Mbox:
    """
    The messages of an mbox file, which is left as it is: who keeps knows what was there before.

    A message longer than *max_octets* is not read. Raises `InputError` when the file cannot be
    read.
    """

    def __init__(self, path: Path, *, max_octets: int = MAX_OCTETS) -> None:
        self.path = path
        self.max_octets = max_octets

    def bring(self) -> Iterator[Brought | Receipt]:
        """Each message, in its order; the last is marked as such."""
        if not self.path.is_file():
            raise InputError("there is no such mbox file", path=self.path)
        try:
            with closing(mailbox.mbox(self.path, create=False)) as box:
                yield from self._messages(box)
        except (OSError, mailbox.Error) as error:
            words = getattr(error, "strerror", None) or str(error)
            raise InputError(f"cannot read it: {words}", path=self.path) from None

    def _messages(self, box: mailbox.mbox) -> Iterator[Brought | Receipt]:
        waiting: Brought | None = None
        for number, key in enumerate(box.iterkeys(), start=1):
            source = f"{self.path}#{number}"
            with closing(box.get_file(key)) as file:
                octets = file.read(self.max_octets + 1)
            if len(octets) > self.max_octets:
                reason = f"the message has more than {self.max_octets} octets"
                yield Receipt(Kept.BAD, source, reason=reason)
                continue
            if waiting is not None:
                yield waiting
            waiting = Brought(str(self.path), Arrival(octets, source), last=False)
        if waiting is not None:
            yield replace(waiting, last=True)

    def release(self, settled: Sequence[tuple[Brought, Fate]]) -> None:
        """Nothing to do."""

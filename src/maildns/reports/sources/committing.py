"""
Between those who are called (mail, HTTPS) and who keeps: many at once become few transactions.

Whoever awaits `Committer.keep` may say that a report is safe once it returns, and not before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from maildns.errors import MaildnsError
from maildns.reports.cleaning import clean
from maildns.reports.keeping import Arrival, Keeper, Receipt
from maildns.reports.sources.taking import BATCH_COUNT, BATCH_OCTETS, Authenticate, receipts_of

_AUTHENTICATING = 8  # at a time: it waits for the DNS


@dataclass(slots=True, eq=False)
class _Waiting:
    arrival: Arrival
    receipts: list[Receipt] = field(default_factory=list)
    is_kept: bool = False


class Committer:
    """
    Keeps arrivals, in one thread, those that wait at the same time together.

    *authenticate* says who sent a mail, in other threads. *tell* is called in the thread that keeps,
    with each receipt.
    """

    def __init__(
        self,
        keeper: Keeper,
        authenticate: Authenticate | None = None,
        tell: Callable[[Receipt], None] | None = None,
    ) -> None:
        self._keeper = keeper
        self._authenticate = authenticate
        self._tell = tell
        self._waiting: deque[_Waiting] = deque()
        self._keeping = ThreadPoolExecutor(1, "maildns-keep")
        self._asking = ThreadPoolExecutor(_AUTHENTICATING, "maildns-authenticate")

    async def keep(self, arrival: Arrival, helo: str = "") -> list[Receipt]:
        """
        Keep *arrival*; its receipts, once they are safe on disk.

        Raises what the keeper raises; then nothing of it is kept. It is kept even if whoever waits is
        cancelled: a report that is brought again is known.
        """
        if self._authenticate is not None:
            asked = self._asking.submit(self._authenticate, arrival, helo)
            arrival = replace(arrival, authentication=await asyncio.wrap_future(asked))
        one = _Waiting(arrival)
        self._waiting.append(one)
        return await asyncio.shield(asyncio.wrap_future(self._keeping.submit(self._kept, one)))

    def close(self) -> None:
        """Return when all that was begun is kept; nothing can be kept afterwards."""
        self._asking.shutdown(cancel_futures=True)
        self._keeping.shutdown()

    def _kept(self, one: _Waiting) -> list[Receipt]:
        if not one.is_kept:
            self._keep_with(one)
        return one.receipts

    def _keep_with(self, one: _Waiting) -> None:
        """Keep *one* and others that wait; those stay where they are when that fails."""
        self._waiting.remove(one)
        batch, octets = [one], len(one.arrival.octets)
        while self._waiting and len(batch) < BATCH_COUNT:
            octets += len(self._waiting[0].arrival.octets)
            if octets > BATCH_OCTETS:
                break
            batch.append(self._waiting.popleft())
        arrivals = [each.arrival for each in batch]
        try:
            receipts = self._keeper.keep(arrivals)
        except BaseException:
            self._waiting.extendleft(reversed(batch[1:]))
            raise
        for each, told in zip(batch, receipts_of(arrivals, receipts), strict=True):
            each.receipts, each.is_kept = told, True
        if self._tell is not None:
            for receipt in receipts:
                self._tell(receipt)


_DATABASES = {"sqlite3", "psycopg"}


def why_not_kept(error: BaseException) -> str:
    """
    What to tell the operator of a failure to keep: in one line, without what was to be kept.

    >>> why_not_kept(OSError(28, "No space left on device"))
    'No space left on device'
    """
    if isinstance(error, MaildnsError):
        return clean(str(error), 500)
    cause = getattr(error, "orig", None) or error  # SQLAlchemy wraps, and shows all parameters
    # What a database says itself names no values in its first line.
    told = cause is not error or type(cause).__module__.partition(".")[0] in _DATABASES
    words = getattr(cause, "strerror", None) or (str(cause).partition("\n")[0] if told else "")
    return clean(words, 200) or type(error).__name__

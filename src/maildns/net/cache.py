"""Answers kept for as long as they may be (RFC 1035 section 7.4, RFC 2308, RFC 9520)."""

from __future__ import annotations

from maildns.ask import Answer, Question, told_again

MAX_CACHED = 20_000
MAX_CACHE_SECONDS = 86_400  # RFC 8767 section 4: a day is enough
FAILURE_CACHE_SECONDS = 2.0  # RFC 9520 section 3.2: at least one second


class Cache:
    """
    Answers by their questions; the oldest make room when there are more than *most*.

    `now` is always of the same clock, in seconds. Who shares it between threads locks it.
    """

    def __init__(self, most: int = MAX_CACHED) -> None:
        self._most = most
        self._kept: dict[Question, tuple[Answer, float, float]] = {}  # with since, until

    def get(self, question: Question, now: float) -> Answer | None:
        """The answer, its TTL run down; None when there is none that still lives."""
        kept = self._kept.get(question)
        if kept is None:
            return None
        answer, since, until = kept
        if now >= until:
            return None
        ttl, passed = answer.ttl_seconds, int(now - since)
        if not ttl or not passed:
            return answer
        return told_again(answer, question, max(0, ttl - passed))

    def keep(self, question: Question, answer: Answer, now: float) -> None:
        """Keep *answer* for its TTL; one that says that nothing can be known, for a moment."""
        seconds = FAILURE_CACHE_SECONDS if answer.failed else answer.ttl_seconds or 0
        if seconds <= 0:
            return
        seconds = min(seconds, MAX_CACHE_SECONDS)
        kept = self._kept
        kept[question] = answer, now, now + seconds
        while len(kept) > self._most:
            del kept[next(iter(kept))]

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

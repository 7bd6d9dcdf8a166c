"""Answers kept for as long as they may be (RFC 1035 section 7.4, RFC 2308, RFC 9520)."""

from __future__ import annotations

from typing import TypeAlias

from maildns.ask import Answer, Question, told_again

MAX_CACHED = 20_000
MAX_CACHE_SECONDS = 86_400  # RFC 8767 section 4: a day is enough
FAILURE_CACHE_SECONDS = 2.0  # RFC 9520 section 3.2: at least one second


_Kept: TypeAlias = dict[Question, tuple[Answer, float, float]]  # with since, until


class Cache:
    """
    Answers by their questions, at most *most*; the older half makes room as a whole.

    What is asked for again counts as new. `now` is always of the same clock, in seconds. Who
    shares it between threads locks it.
    """

    # One dict that loses its first key again and again looks for it ever longer: so there are two.
    def __init__(self, most: int = MAX_CACHED) -> None:
        self._half = max(1, most // 2)
        self._newer: _Kept = {}
        self._older: _Kept = {}

    def get(self, question: Question, now: float) -> Answer | None:
        """The answer, its TTL run down; None when there is none that still lives."""
        kept = self._newer.get(question)
        if kept is None:
            kept = self._older.get(question) if self._older else None
            if kept is None:
                return None
            self._put(question, kept)
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
        if seconds > 0:
            self._put(question, (answer, now, now + min(seconds, MAX_CACHE_SECONDS)))

    def _put(self, question: Question, kept: tuple[Answer, float, float]) -> None:
        if len(self._newer) >= self._half:
            self._older, self._newer = self._newer, {}
        self._newer[question] = kept

    def clear(self) -> None:
        """Forget everything."""
        self._newer.clear()
        self._older.clear()

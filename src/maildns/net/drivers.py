"""
Drivers: they carry an inquiry's questions to a world and its answers back.

An inquiry that asks without end is stopped: `MAX_ROUNDS` bounds the times it
may yield, far above what any RFC allows a receiver.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from maildns.ask import Answer, Inquiry, Question, R
from maildns.errors import UsageError

MAX_ROUNDS = 10_000


class BlockingWorld(Protocol):
    """Answers questions while the caller waits; never raises for a DNS failure."""

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order."""
        ...


class AsyncWorld(Protocol):
    """Answers questions under asyncio; never raises for a DNS failure."""

    async def answer_async(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order."""
        ...


def run(inquiry: Inquiry[R], world: BlockingWorld) -> R:
    """
    Carry *inquiry* to its verdict, answering from *world*.

    Raises what the inquiry raises; `UsageError` when it does not come to an end.
    """
    try:
        questions = next(inquiry)
        for _ in range(MAX_ROUNDS):
            questions = inquiry.send(world.answer(questions))
    except StopIteration as stop:
        verdict: R = stop.value
        return verdict
    inquiry.close()
    raise UsageError(f"the inquiry asked {MAX_ROUNDS} times and did not end")


async def run_async(inquiry: Inquiry[R], world: AsyncWorld) -> R:
    """Like `run`, awaiting the answers."""
    try:
        questions = next(inquiry)
        for _ in range(MAX_ROUNDS):
            questions = inquiry.send(await world.answer_async(questions))
    except StopIteration as stop:
        verdict: R = stop.value
        return verdict
    inquiry.close()
    raise UsageError(f"the inquiry asked {MAX_ROUNDS} times and did not end")

"""Several inquiries side by side: what they ask at the same time is asked together, and once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maildns.ask import Answer, Inquiry, Question, Questions


class Together:
    """
    Runs inquiries in step and remembers the answers, so that nothing is asked twice.

    The rounds are as many as the longest of them needs, not the sum.
    """

    def __init__(self) -> None:
        self.known: dict[Question, Answer] = {}

    def run(self, inquiries: Sequence[Inquiry[Any]]) -> Inquiry[list[Any]]:
        """The verdicts of *inquiries*, in their order; raises what one of them raises."""
        verdicts: list[Any] = [None] * len(inquiries)
        waiting: dict[int, Questions] = {}
        for at, inquiry in enumerate(inquiries):
            self._advance(at, inquiry, None, waiting, verdicts)
        while waiting:
            yield from self._ask([one for asked in waiting.values() for one in asked])
            for at, asked in list(waiting.items()):
                del waiting[at]
                self._advance(at, inquiries[at], asked, waiting, verdicts)
        return verdicts

    def _ask(self, questions: Questions) -> Inquiry[None]:
        new = tuple(one for one in dict.fromkeys(questions) if one not in self.known)
        if new:
            self.known.update(zip(new, (yield new), strict=True))

    def _advance(
        self,
        at: int,
        inquiry: Inquiry[Any],
        asked: Questions | None,
        waiting: dict[int, Questions],
        verdicts: list[Any],
    ) -> None:
        """Take one inquiry as far as what is known carries it."""
        try:
            if asked is None:
                asked = next(inquiry)
            while all(one in self.known for one in asked):
                asked = inquiry.send([self.known[one] for one in asked])
        except StopIteration as stop:
            verdicts[at] = stop.value
        else:
            waiting[at] = asked

"""Zones as their publishers hold them, seen as a world: what a view shows that has no resolver."""

from __future__ import annotations

from collections.abc import Sequence

from maildns.ask import Answer, Outcome, Question
from maildns.net.drivers import BlockingWorld
from maildns.net.world import follow
from maildns.plan.contents import ZoneContents
from maildns.publish.contract import Publisher


class ZoneWorld:
    """
    The zones that *readers* hold; every other name as the *outer* world shows it.

    A name without records of the asked type is `NO_DATA`, even where it does not exist:
    a publisher is asked for record sets, not for names.
    """

    def __init__(self, readers: Sequence[Publisher], outer: BlockingWorld) -> None:
        self.readers = readers
        self.outer = outer

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order; those for one zone are read together."""
        known = self._look(questions)
        return [
            follow(lambda asked: known.get(asked) or self._look([asked])[asked], question)
            for question in questions
        ]

    def _look(self, questions: Sequence[Question]) -> dict[Question, Answer]:
        answers: dict[Question, Answer] = {}
        for reader in self.readers:
            mine = [one for one in questions if one not in answers and reader.zone_of(one.name)]
            if mine:
                contents = reader.read({(one.name, one.rrtype) for one in mine})
                answers.update({one: _answer(one, contents) for one in mine})
        rest = [one for one in questions if one not in answers]
        if rest:
            answers.update(zip(rest, self.outer.answer(rest), strict=True))
        return answers


def _answer(question: Question, contents: ZoneContents) -> Answer:
    key = (question.name, question.rrtype)
    if key in contents.unknown:
        return Answer(question, Outcome.UNREACHABLE, detail=contents.unknown[key])
    rrset = contents.get(*key) or contents.aliases.get(question.name)
    if rrset is None:
        return Answer(question, Outcome.NO_DATA)
    return Answer(question, Outcome.FOUND, rrset.records, rrset.ttl_seconds)

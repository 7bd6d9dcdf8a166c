"""
What a replay needs of the DNS, asked ahead: together, and bounded however many names were forged.

Whoever forges mail from a million invented subdomains would otherwise have each of them looked up,
one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from maildns.ask import Answer, Outcome, Question
from maildns.dnsdata import is_within, name
from maildns.errors import RecordSyntaxError
from maildns.net.drivers import BlockingWorld
from maildns.net.world import GivingUp, World
from maildns.protocols.dmarc.treewalk import policy_question, walk_names
from maildns.reports.views import SourceDay

MOST_NAMES = 500
AT_ONCE = 200


def foreseen(
    world: BlockingWorld | None, domain: str, rows: Iterable[SourceDay]
) -> BlockingWorld | None:
    """*world*, asked ahead for *rows* where asking takes time: a pretended world is left as it is."""
    if world is None or isinstance(world, Foresight | World):
        return world
    return Foresight(world, domain, rows)


class Foresight:
    """
    A world that knows what was asked ahead for the names of most mail, and asks no more.

    A name that it did not ask for exists and has no record of its own, as most do. It may be given
    to several replays of the same rows.
    """

    def __init__(self, world: BlockingWorld, domain: str, rows: Iterable[SourceDay]) -> None:
        live = GivingUp(world)
        wanted = list(dict.fromkeys(_questions(domain, _names(domain, rows))))
        self._known: dict[Question, Answer] = {}
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            self._known.update(zip(some, live.answer(some), strict=True))

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order."""
        return [self._known.get(one) or Answer(one, Outcome.NO_DATA) for one in questions]


def _names(domain: str, rows: Iterable[SourceDay]) -> list[str]:
    """The names in and below *domain* that mail is from or proves, those of most mail that passes first."""
    passing: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for row in rows:
        signed = {one.domain for one in row.dkim if one.result == "pass"}
        sent = {one.domain for one in row.spf if one.result == "pass"}
        for each in {row.header_from} | signed | sent:
            if is_within(each, domain):
                counted[each] += row.messages
                passing[each] += row.messages if row.passes else 0
    ranked = sorted(counted, key=lambda each: (-passing[each], -counted[each], each))
    return [domain, *ranked[:MOST_NAMES]]


def _questions(domain: str, names: Iterable[str]) -> Iterator[Question]:
    for each in names:
        try:
            start = name(each)
        except RecordSyntaxError:  # what stands in From: need be no name
            continue
        yield from map(policy_question, walk_names(start))
        if start != domain:
            yield Question(start, "A")  # whether it exists, for np

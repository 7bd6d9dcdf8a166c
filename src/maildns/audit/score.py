"""
The score and the grade: what a list of results comes to, explained line by line.

It starts at 100. Each rule that is broken takes its points once, however many names break it:
25 for `bad`, 5 for `warn`, unless the profile says otherwise; a domain that does not exist has none. What could not be known takes
nothing and is counted beside the grade; where nothing at all could be known there is no grade.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from maildns.audit.result import Result, Status

POINTS: Final[Mapping[Status, int]] = {Status.BAD: 25, Status.WARN: 5}
# Where nothing is left that mail could rest on.
ALL_POINTS: Final = frozenset({"zone-domain-missing"})
GRADES: Final = ("A", "B", "C", "D", "F")
_LEAST: Final = (("A", 90), ("B", 80), ("C", 50), ("D", 25))


@dataclass(frozen=True, slots=True)
class Deduction:
    """What one broken rule takes, with the first result that breaks it."""

    points: int
    result: Result


@dataclass(frozen=True, slots=True)
class Score:
    """
    The outcome for one domain.

    `grade` is empty where nothing could be known. `counts` says how many results have each status,
    of those that count; `unsure` how many of the unknown ones count.
    """

    points: int
    grade: str
    deductions: tuple[Deduction, ...]
    counts: Mapping[Status, int]

    @property
    def unsure(self) -> int:
        """How many checks could not be made."""
        return self.counts[Status.UNKNOWN]


def score(results: Iterable[Result], points: Mapping[str, int] | None = None) -> Score:
    """
    Add up *results*; *points* by rule id take the place of the usual ones.

    >>> from maildns.audit.result import Result
    >>> bad = Result("spf-pass-all", Status.BAD, "example.com", "every host may send")
    >>> score([bad, bad]).points, score([bad, bad]).grade
    (75, 'C')
    """
    counts = dict.fromkeys(Status, 0)
    taken: dict[str, Deduction] = {}
    for result in results:
        if result.note:
            continue
        counts[result.status] += 1
        usual = POINTS.get(result.status)
        if usual is None:
            continue
        usual = 100 if result.rule in ALL_POINTS else usual
        amount = usual if points is None else points.get(result.rule, usual)
        before = taken.get(result.rule)
        if before is None or before.points < amount:
            taken[result.rule] = Deduction(amount, result)
    deductions = tuple(sorted(taken.values(), key=lambda one: -one.points))
    left = max(0, 100 - sum(one.points for one in deductions))
    known = counts[Status.OK] + counts[Status.WARN] + counts[Status.BAD]
    grade = _grade(left, counts[Status.BAD]) if known else ""
    return Score(left, grade, deductions, counts)


def _grade(points: int, bad: int) -> str:
    """The letter; with anything bad B at best, however few its points."""
    grade = next((letter for letter, least in _LEAST if points >= least), "F")
    return "B" if bad and grade == "A" else grade


def is_worse(grade: str, least: str) -> bool:
    """
    Whether *grade* is worse than *least*; no grade is worse than any.

    >>> is_worse("C", "B"), is_worse("A", "B")
    (True, False)
    """
    return not grade or GRADES.index(grade) > GRADES.index(least)

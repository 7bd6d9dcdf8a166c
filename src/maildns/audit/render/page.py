"""
One page for people: the grade, what took from it, the mends, and every result with its evidence.

It is a single file that asks nothing of any server and runs no script; it can be printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from maildns._version import __version__
from maildns.audit.assessment import Assessment
from maildns.audit.evidence import Shown, all_shown
from maildns.audit.mend import Mend
from maildns.audit.registry import TOPICS
from maildns.audit.result import Result, Status
from maildns.audit.score import Deduction
from maildns.dnsdata import unicode_name
from maildns.pages import inline_hash, page_environment

_STYLES: Final = {
    Status.OK: "ok",
    Status.WARN: "warn",
    Status.BAD: "bad",
    Status.UNKNOWN: "unknown",
    Status.NOT_APPLICABLE: "na",
}


@dataclass(frozen=True, slots=True)
class _Row:
    result: Result
    word: str
    style: str
    anchor: str  # the rule's id on its first row
    evidence: Sequence[Shown]


@dataclass(frozen=True, slots=True)
class _Topic:
    title: str
    summary: str
    rows: Sequence[_Row]


@dataclass(frozen=True, slots=True)
class _Domain:
    title: str
    anchor: str
    grade: str
    points: int
    sums: Sequence[tuple[str, str, int]]
    deductions: Sequence[Deduction]
    mends: Sequence[Mend]
    topics: Sequence[_Topic]


def html(assessments: Sequence[Assessment]) -> str:
    """
    The page of *assessments*, of which there is at least one, all by the same profile.

    Everything from outside is escaped, and the page's own policy lets no script run.
    """
    environment = page_environment("maildns.audit.render")
    domains = [_domain(one, at) for at, one in enumerate(assessments, 1)]
    title = f"Mail check of {domains[0].title}"
    if len(domains) > 1:
        title = f"Mail check of {len(domains)} domains"
    return environment.get_template("page.html.j2").render(
        title=title,
        profile=assessments[0].profile,
        domains=domains,
        at=assessments[0].at.strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        sentence=_sentence,
        style_hash=inline_hash(environment, "page.css"),
    )


def _domain(one: Assessment, number: int) -> _Domain:
    seen: set[str] = set()
    counts = one.score.counts
    return _Domain(
        title=unicode_name(one.domain),
        anchor=f"r{number}",
        grade=one.score.grade,
        points=one.score.points,
        sums=[(str(s), _STYLES[s], counts[s]) for s in _by_rank() if counts[s]],
        deductions=one.score.deductions,
        mends=one.mends,
        topics=[_topic(topic, results, seen) for topic, results in one.results.items() if results],
    )


def _by_rank() -> list[Status]:
    return sorted(Status, key=lambda status: -status.rank)


def _topic(topic: str, results: Sequence[Result], seen: set[str]) -> _Topic:
    counted = [one.status for one in results if not one.note]
    summary = ", ".join(f"{counted.count(s)} {s}" for s in _by_rank() if s in counted)
    ordered = sorted(results, key=lambda one: (one.note, -one.status.rank))
    return _Topic(TOPICS[topic], summary, [_row(result, seen) for result in ordered])


def _row(result: Result, seen: set[str]) -> _Row:
    remark = result.note and result.status is not Status.UNKNOWN
    anchor = "" if result.rule in seen else result.rule
    seen.add(result.rule)
    return _Row(
        result,
        "note" if remark else str(result.status),
        "remark" if remark else _STYLES[result.status],
        anchor,
        all_shown(result.evidence),
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

"""Markdown, for issues, wikis and pull requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from maildns.audit.assessment import Assessment
from maildns.audit.registry import TOPICS
from maildns.audit.result import Result, Status
from maildns.dnsdata import absolute, unicode_name

_ACTIVE: Final = re.compile(r"([\\`*_{}\[\]<>#|~!])")
_MARKS: Final = {
    Status.OK: "✓ ok",
    Status.WARN: "▲ warn",
    Status.BAD: "✗ **bad**",
    Status.UNKNOWN: "? unknown",
    Status.NOT_APPLICABLE: "– not applicable",
}


def markdown(assessments: Iterable[Assessment]) -> str:
    """A section for each domain: the grade and what took from it, the mends, every result."""
    return "\n".join(line for one in assessments for line in _domain(one)).rstrip("\n") + "\n"


def _domain(one: Assessment) -> Iterator[str]:
    grade = (
        f"grade {one.score.grade}, {one.score.points} of 100" if one.known else "cannot be known"
    )
    yield f"## {escaped(unicode_name(one.domain))}: {grade}\n"
    yield f"Profile {one.profile}: {escaped(one.profile.title)}. {_counts(one)}.\n"
    for deduction in one.score.deductions:
        result = deduction.result
        says = f"{escaped(result.subject)}: {escaped(result.says)}"
        yield f"- −{deduction.points}: {says} (`{result.rule}`)"
    if one.score.deductions:
        yield ""
    if one.mends:
        yield "### Publish instead\n"
        yield "```zone"
        for mend in one.mends:
            yield f"{absolute(mend.name)} {mend.rdata.rrtype} {mend.rdata}"
        yield "```\n"
    for topic, results in one.results.items():
        if results:
            yield f"### {TOPICS[topic]}\n"
            yield "| | subject | says | rule |"
            yield "|---|---|---|---|"
            yield from (_row(result) for result in results)
            yield ""


def _row(result: Result) -> str:
    mark = "note" if result.note and result.status is Status.OK else _MARKS[result.status]
    return f"| {mark} | {escaped(result.subject)} | {escaped(result.says)} | `{result.rule}` |"


def _counts(one: Assessment) -> str:
    counts = one.score.counts
    return ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])


def escaped(text: str) -> str:
    r"""
    *text* on one line, with nothing in it that Markdown or HTML would take for markup.

    >>> escaped("a|b <script>")
    'a\\|b \\<script\\>'
    """
    line = "".join(char if char.isprintable() else " " for char in text)
    return _ACTIVE.sub(r"\\\1", line)

"""
Parity: every view shows the same mail records; only addresses may differ.

A resolver in the office that knows the domain's MX but not its DKIM key makes good
mail fail for the people next door to the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from maildns.ask import Answer, Question
from maildns.dnsdata import Txt
from maildns.plan.proof import Check, Result
from maildns.plan.wanted import Kind

if TYPE_CHECKING:
    from maildns.plan.making import Staged

MAY_DIFFER = frozenset({Kind.ADDRESS, Kind.PTR})


def prove_parity(stages: Sequence[Staged]) -> Iterator[Check]:
    """Compare each further view, as planned, with the first one."""
    if len(stages) < 2:
        return
    first, *others = stages
    questions = [
        Question(*key)
        for key in dict.fromkeys(wish.key for wish in first.wishes if wish.kind not in MAY_DIFFER)
    ]
    reference = first.overlay().answer(questions)
    for other in others:
        shown = other.overlay().answer(questions)
        for expected, found in zip(reference, shown, strict=True):
            yield _compare(other.scene.view, expected, found)


def _compare(view: str, expected: Answer, found: Answer) -> Check:
    question = expected.question
    claim = f"{question.rrtype} is the same as in public"
    if expected.failed or found.failed:
        why = expected.detail or found.detail or "no answer"
        return Check(question.name, claim, Result.UNKNOWN, why, view)
    if _content(expected) == _content(found):
        count = len(found.records)
        evidence = f"{count} record" + ("" if count == 1 else "s")
        return Check(question.name, claim, Result.OK, evidence, view)
    evidence = f"public has {_shown(expected)}; {view} has {_shown(found)}"
    return Check(question.name, claim, Result.BAD, evidence, view)


def _content(answer: Answer) -> set[object]:
    """What an answer says; how a text is cut into strings does not matter."""
    return {record.joined if isinstance(record, Txt) else record for record in answer.records}


def _shown(answer: Answer) -> str:
    return ", ".join(str(record) for record in answer.records) or "nothing"

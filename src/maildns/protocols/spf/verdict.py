"""How an SPF evaluation ends, what limits it, and how a policy is chosen (RFC 7208)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from maildns import dnsdata
from maildns.ask import Answer, Outcome
from maildns.errors import RecordSyntaxError
from maildns.protocols.spf.record import SpfRecord, SpfResult, is_spf, parse

_FOUND = Outcome.FOUND

MAX_LOOKUPS = 10  # RFC 7208 section 4.6.4: terms that ask, over the whole evaluation
MAX_VOIDS = 2  # the same: lookups that find nothing
MAX_MX = 10  # the same: mail exchangers of one mx mechanism
MAX_PTR = 10  # the same: names of the client


class Step(NamedTuple):
    """
    One term tried, and whether it matched; `cost` is its lookups.

    `found` is what it found: words, or the answer itself, which `answer` puts into words.
    """

    depth: int
    domain: str
    term: str
    found: str | Answer
    cost: int
    matched: bool

    @property
    def answer(self) -> str:
        """What was found, in words."""
        return self.found if isinstance(self.found, str) else shown(self.found)

    def __str__(self) -> str:
        sign = "match" if self.matched else "no match"
        return f"{'  ' * self.depth}{self.domain}: {self.term}: {self.answer} ({sign})"


def shown(answer: Answer) -> str:
    """The question and what came of it, at most ten records."""
    if not answer.found:
        return f"{answer.question}: {answer.outcome.value}"
    return f"{answer.question}: " + ", ".join(str(record) for record in answer.records[:10])


class SpfVerdict(NamedTuple):
    """
    How an evaluation ended.

    `domain` is the domain that was checked; `term` the text of the top-level term
    that decided, empty where none matched. `explanation` is the publisher's text
    for a `fail`, empty where there is none. `problem` says in words why the
    result is a temperror or permerror, or why there was nothing to check.
    """

    result: SpfResult
    domain: str = ""
    explanation: str = ""
    trace: Sequence[Step] = ()
    lookups: int = 0
    void_lookups: int = 0
    problem: str = ""
    term: str = ""


class Stop(Exception):
    """The evaluation ends here, at any depth, with this result; it never leaves this package."""

    def __init__(self, result: SpfResult, problem: str) -> None:
        super().__init__(problem)
        self.result = result
        self.problem = problem


def select(answer: Answer) -> SpfRecord | None:
    """
    Choose the SPF record among the TXT records of *answer* (RFC 7208 sections 4.4, 4.5).

    None where there is none.

    Raises `Stop`, which its callers in this package catch: temperror where the answer is
    not known, permerror for several records or a record with a fault.
    """
    text = select_text(answer)
    if text is None:
        return None
    try:
        return parse(text)
    except RecordSyntaxError as error:
        raise faulty(answer, error) from None


def select_text(answer: Answer) -> str | None:
    """Choose as `select` does, without reading the text."""
    if answer.outcome is not _FOUND and answer.failed:
        problem = f"the TXT records of {answer.question.name} cannot be known"
        raise Stop(SpfResult.TEMPERROR, f"{problem}: {answer.detail or answer.outcome}")
    found = None
    for record in answer.records:
        if isinstance(record, dnsdata.Txt) and is_spf(text := record.text):
            if found is not None:
                count = len(spf_texts(answer))
                problem = f"{answer.question.name} has {count} SPF records; one is allowed"
                raise Stop(SpfResult.PERMERROR, problem)
            found = text
    return found


def faulty(answer: Answer, error: RecordSyntaxError) -> Stop:
    """The end of an evaluation that comes to a record with a fault (RFC 7208 section 4.6)."""
    at = error.source[error.span[0] : error.span[1]][:60]
    problem = f"the SPF record of {answer.question.name} is wrong at {at!r}: {error.problem}"
    return Stop(SpfResult.PERMERROR, problem)


def spf_texts(answer: Answer) -> list[str]:
    """The texts of *answer* that are SPF records (RFC 7208 section 4.5)."""
    return [
        text
        for record in answer.records
        if isinstance(record, dnsdata.Txt) and is_spf(text := record.text)
    ]

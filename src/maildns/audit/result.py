"""
What a check of a live domain comes to: a status, the words, the evidence, the mend.

Every result belongs to a rule of the registry (`maildns.finding`), also where all is well, so
that a profile can say which rules count. A result that could not be had is `UNKNOWN`, never
`BAD`: silence is no evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from maildns.ask import Answer
from maildns.finding import Finding, Fix, Rule, Severity
from maildns.frozen import unlocked


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"  # works today, or for most
    BAD = "bad"  # mail is lost, refused or can be forged because of it
    UNKNOWN = "unknown"  # could not be known
    NOT_APPLICABLE = "not applicable"  # nothing to check here, or not asked for

    @property
    def rank(self) -> int:
        """A number to sort by; greater wants attention sooner."""
        return _RANKS[self]


# To look a member up in its class costs more than to use it.
_OK, _UNKNOWN, _NOT_APPLICABLE = Status.OK, Status.UNKNOWN, Status.NOT_APPLICABLE
_INFO = Severity.INFO
_RANKS = {
    Status.NOT_APPLICABLE: 0,
    Status.OK: 1,
    Status.UNKNOWN: 2,
    Status.WARN: 3,
    Status.BAD: 4,
}
_OF_SEVERITY = {
    Severity.INFO: Status.OK,
    Severity.WARN: Status.WARN,
    Severity.ERROR: Status.BAD,
}


@dataclass(frozen=True, slots=True)
class Observation:
    """Evidence that is no DNS answer: what was looked at, what it showed, and when."""

    what: str
    shows: str
    milliseconds: float = 0.0
    at: float = 0.0


Evidence: TypeAlias = Answer | Observation


@dataclass(frozen=True, slots=True)
class Result:
    """
    One check, made: `rule` is its id, `subject` the name or address that it is about.

    `note` marks what is good to know and counts for nothing.
    """

    rule: str
    status: Status
    subject: str
    says: str
    evidence: tuple[Evidence, ...] = ()
    fix: Fix | None = None
    note: bool = False


_draft = unlocked(Result)


def _made(
    rule: str,
    status: Status,
    subject: str,
    says: str,
    evidence: tuple[Evidence, ...],
    *,
    fix: Fix | None = None,
    note: bool = False,
) -> Result:
    """A result; some dozens are made for each domain."""
    draft = _draft()
    draft.rule = rule
    draft.status = status
    draft.subject = subject
    draft.says = says
    draft.evidence = evidence
    draft.fix = fix
    draft.note = note
    draft.__class__ = Result
    made: Result = draft
    return made


def ok(rule: Rule, subject: str, says: str, *evidence: Evidence) -> Result:
    """The rule is kept; *says* tells what was seen."""
    return _made(rule.id, _OK, subject, says, evidence)


def broken(
    rule: Rule, subject: str, says: str = "", *evidence: Evidence, fix: Fix | None = None
) -> Result:
    """The rule is broken: `BAD`, `WARN` or a note, by its severity."""
    severity, says = rule.severity, says or rule.title
    status, note = _OF_SEVERITY[severity], severity is _INFO
    return _made(rule.id, status, subject, says, evidence, fix=fix, note=note)


def unknown(rule: Rule, subject: str, says: str, *evidence: Evidence) -> Result:
    """It could not be known; *says* tells why."""
    return _made(rule.id, _UNKNOWN, subject, says, evidence)


def not_applicable(rule: Rule, subject: str, says: str, *evidence: Evidence) -> Result:
    """There is nothing to check, or it was not asked for; *says* tells why."""
    return _made(rule.id, _NOT_APPLICABLE, subject, says, evidence)


def of_findings(
    findings: Iterable[Finding], *evidence: Evidence, subject: str = ""
) -> Iterator[Result]:
    """
    What `lint` of a protocol found, as results.

    *subject* is for findings that were made without one, so that those of one text serve for
    every domain that publishes it.
    """
    for finding in findings:
        about, severity = subject or finding.subject, finding.severity
        status, note = _OF_SEVERITY[severity], severity is _INFO
        yield _made(finding.rule, status, about, finding.says, evidence, fix=finding.fix, note=note)

"""
Findings: what is wrong or risky, said once, with a stable id and the mend.

Each rule stands once in the registry, beside the code that finds it, with its
severity, the section it rests on and its help text; the docs page, `maildns
rule ID` and every machine-readable output come from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is; in order: `info` < `warn` < `error`."""

    INFO = "info"  # good to know
    WARN = "warn"  # works today, or for most; mend it soon
    ERROR = "error"  # mail is lost, refused or can be forged because of it

    @property
    def rank(self) -> int:
        """A number to compare by; greater is worse."""
        return ("info", "warn", "error").index(self.value)


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One thing that can be wrong.

    `title` is the fault in a few words; `help` says what it does to mail and how
    to mend it; `reference` is the section it rests on; `bad` and `good` are
    records that break and keep it (they are tests, too), empty where a rule is
    not about a single record.
    """

    id: str
    severity: Severity
    title: str
    help: str
    reference: str
    bad: str = ""
    good: str = ""

    def finding(
        self,
        subject: str,
        says: str = "",
        *,
        fix: Fix | None = None,
        severity: Severity | None = None,
        span: tuple[int, int] | None = None,
    ) -> Finding:
        """Make the finding that *subject* breaks this rule; *says* tells the particulars."""
        return Finding(
            rule=self.id,
            severity=severity or self.severity,
            subject=subject,
            says=says or self.title,
            fix=fix,
            reference=self.reference,
            span=span,
        )


@dataclass(frozen=True, slots=True)
class Fix:
    """
    The mend: in words, and where it can be told, the whole record to publish instead.

    `owner` and `rrtype` say where the record stands, where that is not the place that was judged.
    """

    says: str
    record: str | None = None
    owner: str = ""
    rrtype: str = ""

    def __str__(self) -> str:
        if self.record is None:
            return self.says
        place = f"{self.owner}. {self.rrtype} " if self.owner else ""
        return f"{self.says}: {place}{self.record}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule; `span` is the place within the record's text, where there is one."""

    rule: str
    severity: Severity
    subject: str
    says: str
    fix: Fix | None = None
    reference: str = ""
    span: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"{self.severity}: {self.subject}: {self.says} [{self.rule}]"


_RULES: dict[str, Rule] = {}


def rule(
    id: str,
    severity: Severity,
    title: str,
    *,
    help: str,
    reference: str,
    bad: str = "",
    good: str = "",
) -> Rule:
    """Register a rule and return it; raises `ValueError` when the id is taken."""
    if id in _RULES:
        raise ValueError(f"there are two rules with the id {id!r}")
    _RULES[id] = Rule(id, severity, title, " ".join(help.split()), reference, bad, good)
    return _RULES[id]


def registered_rules() -> dict[str, Rule]:
    """All rules of the modules imported so far, by id, sorted; `maildns.rules` imports them all."""
    return dict(sorted(_RULES.items()))


def worst(findings: list[Finding]) -> Severity | None:
    """The highest severity among *findings*; None when there are none."""
    return max((finding.severity for finding in findings), key=lambda s: s.rank, default=None)

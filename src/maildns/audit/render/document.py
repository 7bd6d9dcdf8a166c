"""What `maildns check --json` prints, as models."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from maildns.audit.assessment import Assessment
from maildns.audit.evidence import Shown, all_shown
from maildns.audit.mend import Mend, mend_of
from maildns.audit.profiles import Profile
from maildns.audit.result import Result, Status
from maildns.audit.score import Deduction
from maildns.documents import Document
from maildns.finding import registered_rules


class EvidenceDocument(Document):
    """What a result rests on."""

    what: str = Field(description="The question, or what was looked at.")
    shows: list[str] = Field(description="The records that came back, or how it ended.")
    server: str = Field("", description="The name server asked; empty where none was.")
    rcode: str = Field("", description="Its response code.")
    dnssec: str = Field("", description="secure, insecure or bogus; empty: nobody has said.")
    ttl_seconds: int | None = Field(None, description="The TTL of the answer.")
    milliseconds: float | None = Field(None, description="How long it took.")
    at: dt.datetime | None = Field(None, description="When it was seen.")

    @classmethod
    def of(cls, shown: Shown) -> EvidenceDocument:
        """The document of *shown*."""
        return cls(
            what=shown.what,
            shows=list(shown.shows),
            server=shown.server,
            rcode=shown.rcode,
            dnssec=shown.dnssec,
            ttl_seconds=shown.ttl_seconds,
            milliseconds=None if shown.milliseconds is None else round(shown.milliseconds, 1),
            at=shown.at,
        )


class MendDocument(Document):
    """A record to publish."""

    name: str = Field(description="The name that it stands at.")
    type: str = Field(description="Its type.")
    value: str = Field(description="Its data, as a zone file has it.")
    ttl_seconds: int | None = Field(None, description="The TTL of what stands there today.")
    rule: str = Field(description="The rule that asks for it.")

    @classmethod
    def of(cls, mend: Mend) -> MendDocument:
        """The document of *mend*."""
        return cls(
            name=mend.name,
            type=mend.rdata.rrtype,
            value=str(mend.rdata),
            ttl_seconds=mend.ttl_seconds,
            rule=mend.rule,
        )


class ResultDocument(Document):
    """One check, made."""

    topic: str = Field(description="zone, dnssec, mx, addresses, smtp, tls, dane, spf ...")
    rule: str = Field(description="The rule's id; see `maildns rule ID`.")
    status: Status = Field(description="How it ended.")
    counts: bool = Field(description="Whether it counts for the score and the exit code.")
    subject: str = Field(description="The name or address that it is about.")
    says: str = Field(description="What was seen, or is wrong.")
    reference: str = Field("", description="The section that the rule rests on.")
    fix: str = Field("", description="The mend in words; may be empty.")
    mend: MendDocument | None = Field(
        None, description="The record to publish, if one can be told."
    )
    evidence: list[EvidenceDocument] = Field(description="What it rests on.")

    @classmethod
    def of(cls, topic: str, result: Result) -> ResultDocument:
        """The document of *result*."""
        rule = registered_rules().get(result.rule)
        mend = mend_of(result)
        return cls(
            topic=topic,
            rule=result.rule,
            status=result.status,
            counts=not result.note,
            subject=result.subject,
            says=result.says,
            reference=rule.reference if rule else "",
            fix=result.fix.says if result.fix else "",
            mend=MendDocument.of(mend) if mend else None,
            evidence=[EvidenceDocument.of(one) for one in all_shown(result.evidence)],
        )


class DeductionDocument(Document):
    """What one broken rule takes from the score."""

    points: int = Field(description="How much.")
    rule: str = Field(description="The rule.")
    subject: str = Field(description="The first name that breaks it.")
    says: str = Field(description="What is wrong there.")

    @classmethod
    def of(cls, deduction: Deduction) -> DeductionDocument:
        """The document of *deduction*."""
        result = deduction.result
        return cls(
            points=deduction.points, rule=result.rule, subject=result.subject, says=result.says
        )


class ProfileDocument(Document):
    """Whose rules count."""

    name: str = Field(description="Its name, for --profile.")
    date: dt.date = Field(description="Of what day the rules are.")
    title: str = Field(description="Whose rules they are.")
    sources: list[str] = Field(description="Where they are written.")

    @classmethod
    def of(cls, profile: Profile) -> ProfileDocument:
        """The document of *profile*."""
        return cls(
            name=profile.name,
            date=profile.date,
            title=profile.title,
            sources=list(profile.sources),
        )


class DomainDocument(Document):
    """One domain, checked."""

    domain: str = Field(description="Its name, with A-labels.")
    at: dt.datetime = Field(description="The time that expiry was judged by.")
    grade: str = Field(description="A, B, C, D or F; empty where nothing could be known.")
    points: int = Field(description="From 100 down to 0.")
    deductions: list[DeductionDocument] = Field(description="What took the missing points.")
    counts: dict[str, int] = Field(description="How many results that count have each status.")
    results: list[ResultDocument] = Field(description="Every result, by topic.")
    mends: list[MendDocument] = Field(description="Every record to publish, each once.")

    @classmethod
    def of(cls, one: Assessment) -> DomainDocument:
        """The document of one assessment."""
        return cls(
            domain=one.domain,
            at=one.at,
            grade=one.score.grade,
            points=one.score.points,
            deductions=[DeductionDocument.of(each) for each in one.score.deductions],
            counts={str(status): count for status, count in one.score.counts.items()},
            results=[ResultDocument.of(topic, result) for topic, result in one.all()],
            mends=[MendDocument.of(mend) for mend in one.mends],
        )


class CheckDocument(Document):
    """What `maildns check --json` prints."""

    kind: Literal["check"] = "check"
    version: Literal[1] = 1
    profile: ProfileDocument = Field(description="Whose rules count.")
    domains: list[DomainDocument] = Field(description="The domains, in the order given.")
    failed: bool = Field(description="Whether --fail-on or --fail-below says so.")

    @classmethod
    def of(
        cls, assessments: Iterable[Assessment], profile: Profile, *, failed: bool
    ) -> CheckDocument:
        """The document of *assessments*, all by *profile*."""
        return cls(
            profile=ProfileDocument.of(profile),
            domains=[DomainDocument.of(one) for one in assessments],
            failed=failed,
        )

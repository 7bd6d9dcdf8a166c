"""
What every JSON document is made of: strict frozen models, and the finding that many hold.

The same model writes a document, reads it back, and describes it in its schema.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from maildns.finding import Finding, Severity


class Document(BaseModel):
    """A part of what is printed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_serialization_defaults_required=True
    )


class FixDocument(Document):
    """The mend of a finding."""

    says: str = Field(description="In words.")
    record: str | None = Field(None, description="The whole record to publish instead.")


class FindingDocument(Document):
    """Something wrong or risky."""

    rule: str = Field(description="The rule's id; see `maildns rule ID`.")
    severity: Severity = Field(description="info, warn or error.")
    subject: str = Field(description="The name that it is about.")
    says: str = Field(description="What is wrong.")
    fix: FixDocument | None = Field(None, description="The mend, where it can be told.")
    reference: str = Field("", description="The section that it rests on.")
    span: tuple[int, int] | None = Field(
        None,
        description="The place in the record's text: first character and the one behind the last.",
    )

    @classmethod
    def of(cls, finding: Finding) -> FindingDocument:
        """The document of *finding*."""
        fix = finding.fix
        return cls(
            rule=finding.rule,
            severity=finding.severity,
            subject=finding.subject,
            says=finding.says,
            fix=FixDocument(says=fix.says, record=fix.record) if fix is not None else None,
            reference=finding.reference,
            span=finding.span,
        )

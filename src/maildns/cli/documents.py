"""
What `--json` prints, as models: they write the documents, and their schemas are its manual.

Every document says its `kind` and its `version`; a field may be added within a version,
none is renamed or removed. `DOCUMENTS` names them all by kind, each with the place of its
model, which is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from maildns.documents import Document, FindingDocument
from maildns.finding import Rule, Severity
from maildns.zonelint import Linted, Report

if TYPE_CHECKING:
    from maildns.publish.applying import Applied, Batch

DOCUMENTS: dict[str, str] = {
    "applied": "maildns.cli.documents:AppliedDocument",
    "check": "maildns.audit.render.document:CheckDocument",
    "dkim-check": "maildns.cli.protocol_documents:DkimCheckDocument",
    "dkim-files": "maildns.cli.protocol_documents:DkimFilesDocument",
    "dkim-key": "maildns.cli.protocol_documents:DkimKeyDocument",
    "dkim-keys": "maildns.cli.protocol_documents:DkimKeysDocument",
    "dkim-verify": "maildns.cli.protocol_documents:DkimVerifyDocument",
    "dmarc-check": "maildns.cli.protocol_documents:DmarcCheckDocument",
    "dmarc-record": "maildns.cli.protocol_documents:DmarcRecordDocument",
    "explain": "maildns.cli.documents:ExplainDocument",
    "export": "maildns.export.document:ExportDocument",
    "forms": "maildns.export.document:FormsDocument",
    "lint": "maildns.cli.documents:LintDocument",
    "plan": "maildns.plan.document:PlanDocument",
    "proof": "maildns.plan.document:ProofDocument",
    "reports-advice": "maildns.cli.reports_documents:ReportsAdviceDocument",
    "reports-alerts": "maildns.cli.reports_alerts_document:ReportsAlertsDocument",
    "reports-export": "maildns.cli.reports_documents:ReportsExportDocument",
    "reports-failures": "maildns.cli.reports_documents:ReportsFailuresDocument",
    "reports-fetch": "maildns.cli.reports_fetch_document:ReportsFetchDocument",
    "reports-import": "maildns.cli.reports_documents:ReportsImportDocument",
    "reports-prune": "maildns.cli.reports_documents:ReportsPruneDocument",
    "reports-quarantine": "maildns.cli.reports_documents:ReportsQuarantineDocument",
    "reports-replay": "maildns.cli.reports_documents:ReportsReplayDocument",
    "reports-senders": "maildns.cli.reports_documents:ReportsSendersDocument",
    "reports-source": "maildns.cli.reports_documents:ReportsSourceDocument",
    "reports-summary": "maildns.cli.reports_documents:ReportsSummaryDocument",
    "reports-tls": "maildns.cli.reports_documents:ReportsTlsDocument",
    "rule": "maildns.cli.documents:RuleDocument",
    "rules": "maildns.cli.documents:RulesDocument",
    "spf-check": "maildns.cli.protocol_documents:SpfCheckDocument",
    "spf-diff": "maildns.cli.protocol_documents:SpfDiffDocument",
    "spf-drift": "maildns.cli.protocol_documents:SpfDriftDocument",
    "spf-flat": "maildns.cli.protocol_documents:SpfFlatDocument",
    "spf-record": "maildns.cli.protocol_documents:SpfRecordDocument",
    "spf-tree": "maildns.cli.protocol_documents:SpfTreeDocument",
    "tlsa": "maildns.cli.protocol_documents:TlsaDocument",
    "tlsa-check": "maildns.cli.protocol_documents:TlsaCheckDocument",
    "verify": "maildns.cli.verify_document:VerifyDocument",
}


def model_of(kind: str) -> type[BaseModel]:
    """The model of the documents of *kind*; raises `KeyError` when there is none."""
    module, _, attribute = DOCUMENTS[kind].partition(":")
    found: type[BaseModel] = getattr(import_module(module), attribute)
    return found


class LintedDocument(Document):
    """One record that was looked at."""

    source: str = Field(description="The file it is from; `-` standard input, empty: an argument.")
    line: int | None = Field(None, description="The line in a zone file, from 1.")
    subject: str = Field(description="Its owner, where it is known, else what it is.")
    record_kind: str = Field(description="spf, dkim, dmarc, dane ...; empty: no mail record.")
    type: str = Field(description="The record type; empty for a policy file.")
    text: str = Field(description="The text, out of its quotes; spans point into it.")
    findings: list[FindingDocument] = Field(description="What is wrong with it.")

    @classmethod
    def of(cls, linted: Linted, source: str = "") -> LintedDocument:
        """The document of one record from *source*."""
        return cls(
            source=source,
            line=linted.line,
            subject=linted.subject,
            record_kind=linted.kind,
            type=linted.rrtype,
            text=linted.text,
            findings=[FindingDocument.of(finding) for finding in linted.findings],
        )


class LintDocument(Document):
    """What `maildns lint --json` prints."""

    kind: Literal["lint"] = "lint"
    version: Literal[1] = 1
    records: list[LintedDocument] = Field(description="Every mail record, sound ones included.")
    skipped: int = Field(description="How many records and texts are not for mail.")
    errors: int = Field(description="How many findings are errors.")
    warnings: int = Field(description="How many findings are warnings.")
    notes: int = Field(description="How many findings are notes (info).")
    failed: bool = Field(description="Whether a finding is as severe as --fail-on says.")

    @classmethod
    def of(cls, reports: list[tuple[str, Report]], *, failed: bool) -> LintDocument:
        """The document of what was linted, each report with its source."""
        severities = [f.severity for _, report in reports for f in report.findings]
        return cls(
            records=[
                LintedDocument.of(one, src) for src, report in reports for one in report.linted
            ],
            skipped=sum(report.skipped for _, report in reports),
            errors=severities.count(Severity.ERROR),
            warnings=severities.count(Severity.WARN),
            notes=severities.count(Severity.INFO),
            failed=failed,
        )


class SyntaxDocument(Document):
    """Why a text is no record of its kind."""

    problem: str = Field(description="What is wrong.")
    span: tuple[int, int] = Field(description="The place in the text.")


class TermDocument(Document):
    """A part of a record and what it means."""

    term: str = Field(description="The tag or term as it is published.")
    meaning: str = Field(description="What it means, in plain words.")


class ExplainDocument(Document):
    """What `maildns explain --json` prints."""

    kind: Literal["explain"] = "explain"
    version: Literal[1] = 1
    record_kind: str = Field(description="spf, dkim, dmarc, dane ...")
    title: str = Field(description="What it is, such as SPF record.")
    text: str = Field(description="The text, out of its quotes.")
    terms: list[TermDocument] = Field(description="Its parts, in the order published.")
    error: SyntaxDocument | None = Field(None, description="Why it does not parse.")
    findings: list[FindingDocument] = Field(description="What is wrong with it.")


class RuleEntry(Document):
    """A rule of the registry."""

    id: str = Field(description="Its stable id.")
    severity: Severity = Field(description="info, warn or error.")
    title: str = Field(description="The fault in a few words.")
    help: str = Field(description="What it does to mail, and the mend.")
    reference: str = Field(description="The section it rests on.")
    bad: str = Field(description="A record or zone text that breaks it; may be empty.")
    good: str = Field(description="One that keeps it; may be empty.")

    @classmethod
    def of(cls, rule: Rule) -> RuleEntry:
        """The entry of *rule*."""
        return cls(
            id=rule.id,
            severity=rule.severity,
            title=rule.title,
            help=rule.help,
            reference=rule.reference,
            bad=rule.bad,
            good=rule.good,
        )


class RuleDocument(Document):
    """What `maildns rule ID --json` prints."""

    kind: Literal["rule"] = "rule"
    version: Literal[1] = 1
    rule: RuleEntry = Field(description="The rule.")


class RulesDocument(Document):
    """What `maildns rule --json` prints."""

    kind: Literal["rules"] = "rules"
    version: Literal[1] = 1
    rules: list[RuleEntry] = Field(description="All rules, sorted by id.")


class BatchDocument(Document):
    """The changes of one zone, carried out together."""

    view: str = Field(description="The view that the zone is of; the world's is public.")
    zone: str | None = Field(description="The zone; null: no publisher holds it.")
    publisher: str = Field(description="Where they went, for people; `by hand` for nowhere.")
    records: list[str] = Field(description="What was changed: name and type, by a blank.")
    differs: list[str] = Field(
        [],
        description="What the place shows otherwise than wanted, read back; empty: all is there.",
    )

    @classmethod
    def of(cls, batch: Batch, differs: Iterable[str] = ()) -> BatchDocument:
        """The document of *batch* and what was read back."""
        return cls(
            view=batch.view,
            zone=batch.zone,
            publisher=batch.label,
            records=[f"{change.name} {change.rrtype}" for change in batch.changes],
            differs=list(differs),
        )


class AppliedDocument(Document):
    """What `maildns apply --json` prints."""

    kind: Literal["applied"] = "applied"
    version: Literal[1] = 1
    done: list[BatchDocument] = Field(description="What was written, in this order.")
    by_hand: list[BatchDocument] = Field(description="What nobody could write: publish it by hand.")

    @classmethod
    def of(cls, done: Iterable[Applied], by_hand: Iterable[Batch]) -> AppliedDocument:
        """The document of what was carried out, and what was not."""
        return cls(
            done=[BatchDocument.of(applied.batch, applied.differs) for applied in done],
            by_hand=[BatchDocument.of(batch) for batch in by_hand],
        )

"""
The plan as JSON, for people's scripts and for `apply FILE` later.

Record data are presentation text with absolute names, as in a zone file. The same
model writes, reads and documents the format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from maildns.dnsdata import RRset, name
from maildns.documents import Document, FindingDocument
from maildns.errors import InputError, RecordSyntaxError
from maildns.plan.model import Action, Change, Plan, Unknown
from maildns.plan.proof import Check, Result
from maildns.plan.wanted import Kind
from maildns.zonefile import parse_rdata


class RecordsDocument(Document):
    """The records of one name and type."""

    ttl: Annotated[int, Field(ge=0, le=2_147_483_647)] = Field(description="TTL in seconds.")
    records: list[str] = Field(description="Record data as presentation text, sorted.")


class ChangeDocument(Document):
    """One RRset that is to be other than it is."""

    action: Action = Field(description="add, change or remove.")
    view: str = Field(description="The view that it stands in; the world's is public.")
    zone: str | None = Field(description="The zone that holds it; null: no publisher does.")
    group: str = Field(description="The domain or server that it is for.")
    kind: Kind = Field(description="What it is for.")
    name: str = Field(description="The owner name, A-labels, no final dot.")
    type: str = Field(description="The record type.")
    before: RecordsDocument | None = Field(description="What stands there now.")
    after: RecordsDocument | None = Field(description="What is to stand there.")
    ours: list[str] = Field(
        default_factory=list, description="Those of `after` that maildns answers for."
    )
    reason: str = Field("", description="Why, in a sentence.")
    meaning: list[str] = Field([], description="What mail notices.")
    caution: str = Field("", description="Why to look twice; empty: no reason.")


class UnknownDocument(Document):
    """A name whose present records could not be learnt."""

    view: str
    group: str
    name: str
    type: str
    why: str


class CheckDocument(Document):
    """One claim of the proof, with its evidence."""

    view: str
    subject: str
    claim: str
    result: Result
    evidence: str

    @classmethod
    def of(cls, check: Check) -> CheckDocument:
        """The document of *check*."""
        return cls(
            view=check.view,
            subject=check.subject,
            claim=check.claim,
            result=check.result,
            evidence=check.evidence,
        )


class PlanDocument(Document):
    """What `maildns plan --json` prints and `maildns apply FILE` reads."""

    kind: Literal["plan"] = "plan"
    version: Literal[1] = 1
    changes: list[ChangeDocument]
    unchanged: int = Field(description="How many RRsets are as they should be.")
    unknown: list[UnknownDocument] = Field([], description="What could not be learnt.")
    findings: list[FindingDocument] = Field([], description="What was noticed.")
    proof: list[CheckDocument] = Field([], description="The proof over the planned records.")
    dangers: list[str] = Field([], description="Why it is not carried out without --force.")


class ProofDocument(Document):
    """What `maildns prove --json` prints."""

    kind: Literal["proof"] = "proof"
    version: Literal[1] = 1
    checks: list[CheckDocument]
    findings: list[FindingDocument]


def plan_json(plan: Plan) -> Iterator[str]:
    """
    The plan as its document, in pieces: one line for each change, finding and check.

    A plan of many domains is never held as a document as a whole.
    """
    yield '{"kind":"plan","version":1,\n"changes":['
    yield from _lines(_change_document(change) for change in plan.changes)
    yield f'],\n"unchanged":{plan.unchanged},\n"unknown":['
    yield from _lines(
        UnknownDocument(view=u.view, group=u.group, name=u.name, type=u.rrtype, why=u.why)
        for u in plan.unknown
    )
    yield '],\n"findings":['
    yield from _lines(FindingDocument.of(finding) for finding in plan.findings)
    yield '],\n"proof":['
    yield from _lines(CheckDocument.of(check) for check in plan.checks)
    yield f'],\n"dangers":{json.dumps(plan.dangers, ensure_ascii=False)}}}\n'


def _lines(documents: Iterable[BaseModel]) -> Iterator[str]:
    for number, document in enumerate(documents):
        yield ("," if number else "") + "\n" + document.model_dump_json()


def _change_document(change: Change) -> ChangeDocument:
    return ChangeDocument(
        action=change.action,
        view=change.view,
        zone=change.zone,
        group=change.group,
        kind=change.kind,
        name=change.name,
        type=change.rrtype,
        before=_records_document(change.before),
        after=_records_document(change.after),
        ours=[str(record) for record in change.ours],
        reason=change.reason,
        meaning=list(change.meaning),
        caution=change.caution,
    )


def _records_document(rrset: RRset | None) -> RecordsDocument | None:
    if rrset is None:
        return None
    return RecordsDocument(ttl=rrset.ttl_seconds, records=[str(record) for record in rrset.records])


def plan_of(text: str, path: str = "the plan") -> Plan:
    """
    Read back what `plan_json` wrote; findings are not kept, for nothing rests on them.

    Raises `InputError` when the text is not a plan or has been damaged.
    """
    hint = "make it anew: maildns plan --out FILE"
    try:
        document = PlanDocument.model_validate_json(text)
        changes = tuple(_change_of(change) for change in document.changes)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["loc"] == ("version",):
            problem = "this plan was made by another version of maildns"
            raise InputError(problem, path=path, hint=hint) from None
        place = ".".join(str(part) for part in first["loc"])
        problem = f"this is not a plan: {place}: {first['msg']}" if place else "this is not a plan"
        raise InputError(problem, path=path, hint=hint) from None
    except (RecordSyntaxError, ValueError) as error:
        raise InputError(f"this plan is damaged: {error}", path=path, hint=hint) from None
    unknown = tuple(Unknown(u.view, u.group, u.name, u.type, u.why) for u in document.unknown)
    checks = tuple(
        Check(one.subject, one.claim, one.result, one.evidence, one.view) for one in document.proof
    )
    return Plan(changes, document.unchanged, unknown, (), checks)


def _change_of(document: ChangeDocument) -> Change:
    owner = name(document.name)
    return Change(
        view=document.view,
        zone=document.zone,
        group=document.group,
        kind=document.kind,
        name=owner,
        rrtype=document.type,
        before=_rrset_of(owner, document.type, document.before),
        after=_rrset_of(owner, document.type, document.after),
        ours=tuple(parse_rdata(document.type, text) for text in document.ours),
        reason=document.reason,
        meaning=tuple(document.meaning),
        caution=document.caution,
    )


def _rrset_of(owner: str, rrtype: str, document: RecordsDocument | None) -> RRset | None:
    if document is None:
        return None
    return RRset.of(owner, document.ttl, [parse_rdata(rrtype, text) for text in document.records])

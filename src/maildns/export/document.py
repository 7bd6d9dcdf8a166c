"""The export as JSON: the same records, with what to type into a form when one is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from maildns.export.forms import Form, fill_in
from maildns.export.record import ExportRecord, ReverseRequest, by_zone


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExportedRecord(_Document):
    """One record to publish."""

    name: str = Field(description="The owner name, A-labels, no final dot.")
    type: str = Field(description="The record type.")
    ttl: Annotated[int, Field(ge=0, le=2_147_483_647)] = Field(description="TTL in seconds.")
    data: str = Field(description="Record data as presentation text, names absolute.")
    group: str = Field(description="The domain or server that it is for.")
    kind: str = Field(description="What it is for: mx, spf, dkim, ...")
    reason: str = Field("", description="Why, in a sentence.")
    fields: dict[str, str] | None = Field(
        None, description="What to type into the fields of the form; null without a form."
    )
    refused: str = Field("", description="Why the form cannot hold it; empty when it can.")


class ExportedZone(_Document):
    """The records of one zone."""

    zone: str = Field(description="The zone's name.")
    records: list[ExportedRecord]


class ExportedRequest(_Document):
    """A PTR record, which the address's provider publishes."""

    address: str
    name: str = Field(description="The reverse name.")
    target: str = Field(description="The host that it should name.")
    request: str = Field(description="The request in words.")


class ExportDocument(_Document):
    """What `maildns export --format json` prints."""

    kind: Literal["export"] = "export"
    version: Literal[1] = 1
    view: str = Field("public", description="The view that the records are for.")
    form: str | None = Field(None, description="The form that `fields` are for.")
    zones: list[ExportedZone] = Field(description="The zones with their records.")
    reverse: list[ExportedRequest] = Field([], description="Reverse names to ask the provider for.")


def document_of(
    records: Sequence[ExportRecord],
    requests: Sequence[ReverseRequest] = (),
    *,
    view: str = "public",
    form: Form | None = None,
) -> ExportDocument:
    """The records as their document."""
    return ExportDocument(
        view=view,
        form=form.key if form else None,
        zones=[
            ExportedZone(zone=zone, records=[_exported(record, form) for record in members])
            for zone, members in by_zone(records)
        ],
        reverse=[
            ExportedRequest(
                address=one.address, name=one.owner, target=one.target, request=one.text
            )
            for one in requests
        ],
    )


def _exported(record: ExportRecord, form: Form | None) -> ExportedRecord:
    row = fill_in(record, form) if form else None
    return ExportedRecord(
        name=record.name,
        type=record.rrtype,
        ttl=record.ttl_seconds,
        data=str(record.rdata),
        group=record.group,
        kind=record.kind,
        reason=record.reason,
        fields=dict(row.fields) if row else None,
        refused=row.refused if row else "",
    )

"""The export as JSON: the same records, with what to type into a form when one is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from maildns.export.forms import Form, fill_in, forms
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


class FormDocument(_Document):
    """The habits of one DNS host's form."""

    key: str = Field(description="The name that --form takes.")
    title: str = Field(description="What people call the host.")
    apex: Literal["@", "", "fqdn"] = Field(description="What stands for the zone itself.")
    name: Literal["relative", "fqdn"] = Field(description="What the name field wants.")
    name_dot: bool = Field(description="Whether a whole name ends in a dot.")
    dot: bool = Field(description="Whether hosts in values end in a dot.")
    priority: Literal["column", "value"] = Field(description="Where the MX preference goes.")
    txt: Literal["plain", "quoted", "chunks"] = Field(description="How texts are entered.")
    srv: Literal["columns", "split", "value"] = Field(description="How SRV data are entered.")
    caa: Literal["columns", "value"] = Field(description="How CAA data are entered.")
    tlsa: Literal["columns", "value"] = Field(description="How TLSA data are entered.")
    refuses: dict[str, str] = Field(description="Types it does not offer, with the reason.")
    octal: bool = Field(description="Whether escapes are octal.")
    ttl: bool = Field(description="Whether there is a field for the TTL.")
    max_txt: int | None = Field(description="The longest text that it takes.")
    max_name: int | None = Field(description="The longest relative name that it takes.")
    note: str = Field(description="What to know before typing.")
    source: str = Field(description="Where the host says so.")
    checked: date | None = Field(description="When the source was last compared.")


class FormsDocument(_Document):
    """What `maildns export --list-forms --json` prints."""

    kind: Literal["forms"] = "forms"
    version: Literal[1] = 1
    forms: list[FormDocument]


def forms_document() -> FormsDocument:
    """All forms as their document."""
    return FormsDocument(forms=[FormDocument(**asdict(form)) for form in forms().values()])


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

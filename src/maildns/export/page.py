"""
One page for the person who types the records into a form by hand.

It is a single file that asks nothing of any server; without JavaScript it shows the
values of one form, with it those of any, copy buttons and a list to tick off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maildns._version import __version__
from maildns.dnsdata import Rdata, Tlsa, unicode_name
from maildns.export.forms import FIELDS, Form, FormRow, fill_in, form_named, forms
from maildns.export.record import ExportRecord, ReverseRequest, by_set, by_zone
from maildns.export.table import remark
from maildns.finding import Finding
from maildns.pages import inline_hash, page_environment

HIDDEN = frozenset({"type"})  # the badge of a card shows it


@dataclass(frozen=True, slots=True)
class Look:
    """A record as one form shows it."""

    fields: tuple[tuple[str, str], ...]
    remark: str
    refused: bool

    @classmethod
    def of(cls, row: FormRow) -> Look:
        """The look of a filled-in row."""
        shown = tuple((key, text) for key, text in row.fields.items() if key not in HIDDEN)
        ordered = tuple(sorted(shown, key=lambda pair: pair[0] == "value"))
        return cls(ordered, _sentence(remark(row)), bool(row.refused))


@dataclass(frozen=True, slots=True)
class _Card:
    id: str
    type: str
    name: str
    reason: str
    look: Look
    command: str
    output: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    cards: Sequence[_Card]


@dataclass(frozen=True, slots=True)
class _Page:
    title: str
    form: Form
    forms: Sequence[Form]
    sections: Sequence[_Section]
    requests: Sequence[Mapping[str, str]]
    findings: Sequence[Finding] = ()
    view: str = "public"
    version: str = field(default=__version__)


def html_text(
    records: Sequence[ExportRecord],
    requests: Sequence[ReverseRequest] = (),
    *,
    form: Form | None = None,
    findings: Sequence[Finding] = (),
    view: str = "public",
) -> str:
    """
    The page, showing the values of *form* first; the generic form's when there is none.

    Everything from outside is escaped, and the page's own policy lets no other script run.
    """
    known = list(forms().values())
    page = _Page(
        title=_title(records),
        form=form or form_named("generic"),
        forms=known,
        sections=_sections(records, form or form_named("generic")),
        requests=[_request(request) for request in requests],
        findings=sorted(findings, key=lambda one: -one.severity.rank),
        view=view,
    )
    environment = page_environment("maildns.export")
    return environment.get_template("page.html.j2").render(
        page=page,
        labels=FIELDS,
        data=_data(records, known, chosen=form is not None),
        style_hash=inline_hash(environment, "page.css"),
        script_hash=inline_hash(environment, "page.js"),
    )


def _title(records: Sequence[ExportRecord]) -> str:
    zones = [unicode_name(zone) for zone, _ in by_zone(records)]
    if len(zones) > 3:
        return f"DNS records for mail: {', '.join(zones[:2])} and {len(zones) - 2} more"
    return f"DNS records for mail: {', '.join(zones)}" if zones else "DNS records for mail"


def _sections(records: Sequence[ExportRecord], form: Form) -> list[_Section]:
    outputs = {key: [_dug(one.rdata) for one in members] for key, members in by_set(records)}
    return [
        _Section(unicode_name(zone), [_card(one, form, outputs) for one in members])
        for zone, members in by_zone(records)
    ]


def _card(
    record: ExportRecord,
    form: Form,
    outputs: Mapping[tuple[str, str], Sequence[str]],
) -> _Card:
    return _Card(
        id=_id(record),
        type=record.rrtype,
        name=record.name,
        reason=record.reason or record.kind,
        look=Look.of(fill_in(record, form)),
        command=f"dig +short {record.name} {record.rrtype}",
        output=outputs[record.name, record.rrtype],
    )


def _request(request: ReverseRequest) -> dict[str, str]:
    return {
        "id": _digest(f"{request.owner} {request.target}"),
        "address": request.address,
        "name": request.owner,
        "text": request.text,
        "command": f"dig +short -x {request.address}",
        "output": f"{request.target}.",
    }


def _dug(rdata: Rdata) -> str:
    # dig writes the octets of TLSA in capitals.
    if isinstance(rdata, Tlsa):
        numbers = f"{rdata.usage} {rdata.selector} {rdata.matching_type}"
        return f"{numbers} {rdata.association.hex().upper()}"
    return str(rdata)


def _data(
    records: Sequence[ExportRecord], known: Sequence[Form], *, chosen: bool
) -> dict[str, Any]:
    """What the script needs: each record's look in each form; looks that are the same stand once."""
    looks: dict[Look, int] = {}
    found = {
        _id(record): [
            looks.setdefault(Look.of(fill_in(record, form)), len(looks)) for form in known
        ]
        for record in records
    }
    return {
        "chosen": chosen,
        "labels": FIELDS,
        "forms": [{"key": form.key, "note": form.note, "source": _source(form)} for form in known],
        "looks": [
            {"fields": look.fields, "remark": look.remark, "refused": look.refused}
            for look in looks
        ],
        "records": found,
    }


def _source(form: Form) -> str:
    if not form.source:
        return ""
    when = f"looked at on {form.checked}" if form.checked else "not compared lately"
    return f"Source ({when}): {form.source}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _id(record: ExportRecord) -> str:
    """The same for the same record in every export, so that a tick is remembered."""
    return _digest(f"{record.name} {record.rrtype} {record.rdata}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

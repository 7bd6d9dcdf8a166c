"""The records as a table of what to type into a web form: TAB separated, for eyes and for `cut`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from maildns.export.forms import FIELDS, Form, FormRow, fill_in
from maildns.export.record import ExportRecord

MAIN = ("name", "type", "ttl", "priority", "value")
HEADER = ("zone", *MAIN, "more", "for", "note")


def rows_of(records: Iterable[ExportRecord], form: Form) -> list[FormRow]:
    """Every record as the fields of *form*; those that it cannot hold say why."""
    return [fill_in(record, form) for record in records]


def columns_of(rows: Sequence[FormRow]) -> list[str]:
    """The fields that any row uses, in the order of a form."""
    used = {key for row in rows for key in row.fields}
    return [key for key in FIELDS if key in used]


def table_text(records: Sequence[ExportRecord], form: Form) -> str:
    """
    A header line and a line for each record, fields parted by TABs.

    The columns are always those of `HEADER`; what only some types have, such as the port
    of SRV, stands in `more` as key=value.
    """
    lines = ["\t".join(HEADER)]
    for row in rows_of(records, form):
        cells = [row.fields.get(key, "") for key in MAIN]
        more = " ".join(f"{key}={text}" for key, text in row.fields.items() if key not in MAIN)
        line = [row.record.zone, *cells, more, row.record.reason, remark(row)]
        lines.append("\t".join(_one_line(cell) for cell in line))
    return "\n".join(lines) + "\n"


def remark(row: FormRow) -> str:
    """What to know about a row: why it cannot be entered, or what to watch."""
    return f"cannot be entered: {row.refused}" if row.refused else row.note


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)

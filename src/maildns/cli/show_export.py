"""What to type into a form, on a terminal: a record's fields on one line, its value on the next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from maildns.cli.common import output, write
from maildns.dnsdata import unicode_name
from maildns.export.forms import FIELDS, GENERIC, Form, FormRow, describe, form_named, forms
from maildns.export.record import ExportRecord, ReverseRequest, by_zone
from maildns.export.table import columns_of, remark, rows_of


def show_table(
    records: Sequence[ExportRecord],
    requests: Sequence[ReverseRequest],
    form: Form,
    console: Console,
) -> None:
    """
    Print what to type, zone by zone, then the reverse names to ask for.

    A value stands on a line of its own and is never cut or folded by us, so that it can
    be copied whole.
    """
    console.print(Text(f"for {form.title}", style="bold"))
    if form.note:
        console.print(Text(form.note, style="dim"))
    for zone, members in by_zone(records):
        console.print()
        console.print(Text(unicode_name(zone), style="bold underline"))
        rows = rows_of(members, form)
        width = min(max(len(_shown_name(row)) for row in rows), 40)
        for row in rows:
            _show_row(row, width, console)
    if requests:
        console.print()
        console.print(Text("to be asked of the provider of each address", style="bold underline"))
        for request in requests:
            console.print(Text(f"    {request.text}"))


def _show_row(row: FormRow, width: int, console: Console) -> None:
    head = Text(f"{row.record.rrtype:<6}", style="bold cyan")
    head.append(f"{_shown_name(row):<{width}}", style="bold default")
    others = [key for key in columns_of([row]) if key not in {"name", "type", "value"}]
    fields = "  ".join(f"{FIELDS[key]} {row.fields[key]}" for key in others)
    if fields:
        head.append(f"  {fields}", style="not bold default")
    head.append(f"  {row.record.reason}", style="not bold dim")
    console.print(head)
    console.print(Text(f"    {row.fields['value']}", style="strike" if row.refused else ""))
    if remark(row):
        console.print(Text(f"    {remark(row)}", style="red" if row.refused else "yellow"))


def _shown_name(row: FormRow) -> str:
    return row.fields["name"] or "(empty)"


def show_forms(*, as_json: bool) -> None:
    """List the forms with what sets them apart."""
    console = output()
    if as_json:
        from maildns.export.document import forms_document

        write(forms_document().model_dump_json(indent=2))
        return
    if not console.is_terminal:
        lines = [f"{key}\t{form.title}\t{form.source}" for key, form in forms().items()]
        write("\n".join(lines))
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("form", "host", *describe(form_named(GENERIC))):
        table.add_column(heading, overflow="fold")
    for key, form in forms().items():
        table.add_row(Text(key, style="bold"), form.title, *describe(form).values())
    console.print(table, soft_wrap=False)

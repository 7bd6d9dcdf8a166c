"""`maildns export`: the records for a zone file, a web form, a person or another tool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from maildns.cli.common import CONFIG, ConfigOption, JsonOption, errors, output, write
from maildns.dnsdata import is_within, name, unicode_name
from maildns.errors import UsageError
from maildns.export.forms import (
    FIELDS,
    GENERIC,
    Form,
    FormRow,
    describe,
    form_named,
    forms,
)
from maildns.export.record import (
    ExportRecord,
    ReverseRequest,
    by_zone,
    chosen,
    from_wanted,
    without_reverse,
)
from maildns.export.table import columns_of, remark, rows_of, table_text
from maildns.export.zone import request_comments
from maildns.plan.desired import PUBLIC, Scene, desired
from maildns.safefile import replace_file
from maildns.wiring import Project, open_project

if TYPE_CHECKING:
    from maildns.export.files import OutputFile
    from maildns.protocols.dkim import SignerKey


class Format(StrEnum):
    """The forms in which records leave."""

    ZONE = "zone"  # RFC 1035 text
    TABLE = "table"  # what to type into a web form
    HTML = "html"  # a page to type from, with copy buttons
    JSON = "json"  # a document, see `maildns schema export`
    OCTODNS = "octodns"  # YAML, a file a zone
    DNSCONTROL = "dnscontrol"  # dnsconfig.js
    TERRAFORM = "terraform"  # HCL; --form names the provider
    FILES = "files"  # what is not DNS: policies, client settings, signers


@dataclass(frozen=True, slots=True)
class Selection:
    """What is exported."""

    project: Project
    scene: Scene
    records: Sequence[ExportRecord]
    requests: Sequence[ReverseRequest]


@dataclass(frozen=True, slots=True)
class Order:
    """How it is exported, and where to."""

    form: str | None = None
    out: Path | None = None
    records_only: bool = False
    force: bool = False

    def named_form(self) -> Form | None:
        """The form that was asked for."""
        return form_named(self.form) if self.form else None


def command(
    *,
    config: ConfigOption = CONFIG,
    format: Annotated[
        Format,
        typer.Option("--format", "-f", help="What to write."),
    ] = Format.TABLE,
    form: Annotated[
        str | None,
        typer.Option(help="The DNS host whose form the table, page or Terraform code is for."),
    ] = None,
    zone: Annotated[
        list[str] | None,
        typer.Option(help="Only this zone; a reverse zone named here is yours to publish."),
    ] = None,
    view: Annotated[str, typer.Option(help="The view whose records are wanted.")] = PUBLIC,
    out: Annotated[
        Path | None,
        typer.Option(help="Write to this file; for octodns and files, into this folder."),
    ] = None,
    records_only: Annotated[
        bool,
        typer.Option("--records-only", help="Zone text without stand-ins for SOA and NS."),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace files that were edited since the last export."),
    ] = False,
    list_forms: Annotated[
        bool,
        typer.Option("--list-forms", help="List the forms and stop."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Print the records for a zone file, a web form or another tool."""
    if list_forms:
        show_forms(as_json=json)
        return
    wanted = Format.JSON if json else format
    if form is not None and wanted is not Format.TERRAFORM:
        form_named(form)  # a misspelt form is said before anything is read
    selection = choose(open_project(config), zone or [], view)
    _WRITERS[wanted](selection, Order(form, out, records_only, force))


def choose(project: Project, zones: Sequence[str], view: str) -> Selection:
    """The records of *view*, of all zones or those named; raises `UsageError` for one unknown."""
    if view != PUBLIC and view not in project.intent.view:
        known = ", ".join(dict.fromkeys([PUBLIC, *project.intent.view]))
        raise UsageError(f"there is no view {view!r}", f"there are: {known}")
    scene = Scene(project.intent, project.materials, view)
    named = [name(zone) for zone in zones]
    published = [zone for one in project.intent.publisher.values() for zone in one.zones]
    held = [*named, *published]
    records = from_wanted(desired(scene), dict.fromkeys([*project.intent.domain, *held]))
    ours, requests = without_reverse(records, held)
    if named:
        ours = chosen(ours, named)
        requests = [one for one in requests if any(is_within(one.target, zone) for zone in named)]
    return Selection(project, scene, ours, requests)


# --- the formats ----------------------------------------------------------------------


def _zone(what: Selection, order: Order) -> None:
    from maildns.export.zone import zone_text

    _put(order, zone_text(what.records, what.requests, records_only=order.records_only))


def _table(what: Selection, order: Order) -> None:
    form = order.named_form() or form_named(GENERIC)
    console = output()
    if order.out is None and console.is_terminal:
        show_table(what.records, what.requests, form, console)
        return
    _put(order, table_text(what.records, form))
    if what.requests:
        errors().print("\n".join(request_comments(what.requests, "#")), markup=False)


def _html(what: Selection, order: Order) -> None:
    from maildns.export.page import html_text

    text = html_text(
        what.records,
        what.requests,
        form=order.named_form(),
        findings=what.project.materials.findings,
        view=what.scene.view,
    )
    _put(order, text)


def _json(what: Selection, order: Order) -> None:
    from maildns.export.document import document_of

    form = order.named_form()
    document = document_of(what.records, what.requests, view=what.scene.view, form=form)
    _put(order, document.model_dump_json(indent=2))


def _octodns(what: Selection, order: Order) -> None:
    from maildns.export.files import OutputFile
    from maildns.export.octodns import octodns_text, zone_files

    if order.out is None:
        write(octodns_text(what.records))
        return
    made = zone_files(what.records).items()
    files = [OutputFile(path, text, "a zone for octoDNS") for path, text in made]
    _put_files(order.out, files, force=order.force)


def _dnscontrol(what: Selection, order: Order) -> None:
    from maildns.export.dnscontrol import dnscontrol_text

    _put(order, dnscontrol_text(what.records))


def _terraform(what: Selection, order: Order) -> None:
    from maildns.export.terraform import RFC2136, terraform_text

    _put(order, terraform_text(what.records, order.form or RFC2136))


def _files(what: Selection, order: Order) -> None:
    from maildns.export.beside import client_files, policy_files, signing_files
    from maildns.export.files import read_me, request_files

    if order.out is None:
        raise UsageError("files need a folder", "say --out FOLDER")
    made = [
        *policy_files(what.scene),
        *client_files(what.scene),
        *request_files(what.requests),
        *signing_files(_signing_keys(what.project)),
    ]
    _put_files(order.out, [read_me(made), *made], force=order.force)


def _signing_keys(project: Project) -> list[SignerKey]:
    """Every domain's keys, by their paths here; what is in the files is not looked at again."""
    from maildns.intent.load import settings
    from maildns.materials import key_path
    from maildns.protocols.dkim import SignerKey

    keys = []
    for domain in project.intent.domain:
        own = settings(project.intent, domain)
        for key in () if own.parked else own.dkim:
            record = project.materials.dkim[domain, name(key.selector)]
            path = str(key_path(project.source, domain, key).absolute())
            keys.append(SignerKey(domain, key.selector, path, record.key_type))
    return keys


_WRITERS: dict[Format, Callable[[Selection, Order], None]] = {
    Format.ZONE: _zone,
    Format.TABLE: _table,
    Format.HTML: _html,
    Format.JSON: _json,
    Format.OCTODNS: _octodns,
    Format.DNSCONTROL: _dnscontrol,
    Format.TERRAFORM: _terraform,
    Format.FILES: _files,
}


def _put(order: Order, text: str) -> None:
    if order.out is None:
        write(text)
        return
    replace_file(order.out, text if text.endswith("\n") else text + "\n")
    errors().print(f"written: {order.out}", markup=False)


def _put_files(folder: Path, files: Sequence[OutputFile], *, force: bool) -> None:
    from maildns.export.files import write_files

    changed = write_files(folder, files, force=force)
    console = output()
    for file in changed:
        console.print(f"{folder / file.path}: {file.note}", markup=False)
    console.print(f"{len(changed)} written, {len(files) - len(changed)} as they should be")


# --- on a terminal --------------------------------------------------------------------


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
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("form", "host", *describe(form_named(GENERIC))):
        table.add_column(heading, overflow="fold")
    for key, form in forms().items():
        table.add_row(Text(key, style="bold"), form.title, *describe(form).values())
    console.print(table, soft_wrap=False)

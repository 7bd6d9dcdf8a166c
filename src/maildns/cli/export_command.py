"""`maildns export`: the records for a zone file, a web form, a person or another tool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import CONFIG, ConfigOption, JsonOption, errors, output, write
from maildns.errors import UsageError

if TYPE_CHECKING:
    from maildns.export.files import OutputFile
    from maildns.export.forms import Form
    from maildns.export.record import ExportRecord, ReverseRequest
    from maildns.plan.desired import Scene
    from maildns.protocols.dkim import SignerKey
    from maildns.wiring import Project

PUBLIC = "public"


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
        from maildns.export.forms import form_named

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
        typer.Option(help="Write to this file; or into this folder, a file for each zone."),
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
    from maildns.cli.show_export import show_forms
    from maildns.wiring import open_project

    if list_forms:
        show_forms(as_json=json)
        return
    wanted = Format.JSON if json else format
    order = Order(form, out, records_only, force)
    if wanted is not Format.TERRAFORM:
        order.named_form()  # a misspelt form is said before anything is read
    _WRITERS[wanted](choose(open_project(config), zone or [], view), order)


def choose(project: Project, zones: Sequence[str], view: str) -> Selection:
    """The records of *view*, of all zones or those named; raises `UsageError` for one unknown."""
    from maildns.dnsdata import is_within, name
    from maildns.export.record import chosen, from_wanted, without_reverse
    from maildns.plan.desired import Scene, desired

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
    from maildns.export.files import OutputFile
    from maildns.export.record import by_zone
    from maildns.export.zone import zone_text

    if order.out is None or not order.out.is_dir():
        _put(order, zone_text(what.records, what.requests, records_only=order.records_only))
        return
    files = [
        OutputFile(f"{zone}.zone", zone_text(members, records_only=order.records_only), "a zone")
        for zone, members in by_zone(what.records)
    ]
    _put_files(order.out, files, force=order.force)


def _table(what: Selection, order: Order) -> None:
    from maildns.cli.show_export import show_table
    from maildns.export.forms import GENERIC, form_named
    from maildns.export.table import table_text
    from maildns.export.zone import request_comments

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
    from maildns.dnsdata import name
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
    from maildns.safefile import replace_file

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

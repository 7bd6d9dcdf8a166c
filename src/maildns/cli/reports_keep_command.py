"""`maildns reports export`, `quarantine` and `prune`: what is kept, taken out or let go."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from maildns.cli.common import JsonOption, YesOption, confirm, emit
from maildns.cli.reports_place import (
    ConfigOption,
    DaysOption,
    StoreOption,
    UntilOption,
    looking,
    opened,
    place_of,
)
from maildns.errors import InputError, UsageError

if TYPE_CHECKING:
    from maildns.cli.reports_place import Sight
    from maildns.reports.keeping import Arrival
    from maildns.reports.store import Store
    from maildns.reports.store.queries import Held

quarantine = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
_SHOWN_OCTETS = 4_000
_ALL = 1_000_000_000

Id = Annotated[int, typer.Argument(metavar="ID", help="Its number, as `list` shows it.")]
Ids = Annotated[
    list[int] | None,
    typer.Argument(metavar="[ID]...", help="Their numbers, as `list` shows them; left out: all."),
]


# --- export ---------------------------------------------------------------------------


def export(
    domain: Annotated[
        str, typer.Argument(metavar="[DOMAIN]", help="Rows about it alone.", show_default=False)
    ] = "",
    *,
    format: Annotated[
        str,
        typer.Option(
            "--format", "-f", metavar="csv|jsonl|parquet", help="What rows are written as."
        ),
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write to this file; left out: to standard output."),
    ] = None,
    store: StoreOption = "",
    config: ConfigOption = None,
    days: DaysOption = 30,
    until: UntilOption = "",
    json: JsonOption = False,
) -> None:
    """
    Write the rows of aggregate reports as CSV, JSON lines or Parquet, in bounded memory.

    A row is one row of a report with what the report says of itself. CSV is safe to open in a
    spreadsheet. With --json and --out a document tells how many rows were written.
    """
    if json and out is None:
        raise UsageError("--json tells of the file that was written", hint="name it: --out FILE")
    with looking(store, config, days, until) as sight:
        wanted = sight.named(domain) if domain else ""
        if out is None:
            _written(sight, wanted, format, sys.stdout.buffer)
            return
        rows = _into(out, sight, wanted, format)
        _tell_export(sight, out, format, rows, json=json)


def _written(sight: Sight, domain: str, format: str, out: BinaryIO) -> int:
    from maildns.reports.store.exporting import ExportFormat, export_rows

    known = [one.value for one in ExportFormat]
    if format not in known:
        raise UsageError(f"{format[:40]!r} is no format", hint=f"one of {', '.join(known)}")
    if format == "parquet" and out is sys.stdout.buffer and sys.stdout.isatty():
        raise UsageError("Parquet is not for the eye", hint="name a file: --out FILE")
    with sight.store.reading() as reader:
        rows = export_rows(reader, sight.window, ExportFormat(format), out, domain)
    out.flush()
    return rows


def _into(path: Path, sight: Sight, domain: str, format: str) -> int:
    """Write the file at *path* whole, or leave what is there."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as file:
            rows = _written(sight, domain, format, file)
        draft.replace(path)
    except OSError as error:
        raise InputError(f"cannot write it: {error.strerror}", path=path) from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return rows


def _tell_export(sight: Sight, path: Path, format: str, rows: int, *, json: bool) -> None:
    if json:
        from maildns.cli.reports_documents import DaysDocument, ReportsExportDocument

        emit(
            ReportsExportDocument(
                days=DaysDocument.of(sight.window), path=str(path), format=format, rows=rows
            )
        )
        return
    from maildns.cli.reports_place import spelled
    from maildns.cli.show_reports import console, line, plural

    line(f"{plural(rows, 'row')} of {spelled(sight.window)} written to {path}", console())


# --- quarantine -----------------------------------------------------------------------


@quarantine.command("list")
def list_held(
    *, store: StoreOption = "", config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Show what could not be read, the newest first, each with its reason."""
    from maildns.reports.store import queries

    with opened(place_of(store, config)) as kept, kept.reading() as reader:
        held = list(queries.held(reader))
    if json:
        _emit_held(held)
        return
    from maildns.cli.show_reports import cell, console, line, plural, table

    out = console()
    if held:
        shown = table(">id", "received", ">octets", "from", "reason")
        for one in held:
            day = one.received.strftime("%Y-%m-%d %H:%M")
            source = cell(one.source, room=100)
            shown.add_row(str(one.id), day, f"{one.octets:,}", source, cell(one.reason, room=200))
        out.print(shown)
    line(f"{plural(len(held), 'arrival')} in quarantine", out, "bold")
    if held:
        line("maildns reports quarantine show ID; retry reads them again; drop forgets them", out)


@quarantine.command("show")
def show_held(
    id: Id,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write its octets, as they came, to this file."),
    ] = None,
    store: StoreOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show one of them: where it came from, why it is there, and how it begins."""
    with opened(place_of(store, config)) as kept:
        held, octets = _held(kept, id)
    if out is not None:
        from maildns.safefile import SECRET_MODE, replace_file

        replace_file(out, octets, mode=SECRET_MODE)
    text = _text(octets)
    if json:
        _emit_held([held], text=text)
        return
    from maildns.cli.show_reports import console, line

    screen = console()
    for label, value in (
        ("from", held.source),
        ("reason", held.reason),
        ("sender", held.sender),
        ("host", held.ip),
        ("authentication", held.authentication),
        ("received", f"{held.received:%Y-%m-%d %H:%M:%S} UTC"),
        ("octets", f"{held.octets:,}"),
    ):
        if value:
            line(f"{label + ':':<16}{value}", screen)
    if out is not None:
        line(f"written to {out}", screen)
        return
    for each in text.splitlines():
        line(f"  {each}", screen, "dim")
    if not text:
        line("  it is no text (--out FILE writes it)", screen)
    elif held.octets > _SHOWN_OCTETS:
        line("  ... (--out FILE writes all of it)", screen)


def _text(octets: bytes) -> str:
    """How *octets* begin; empty where that is no text, such as of a packed file."""
    text = octets[:_SHOWN_OCTETS].decode("utf-8", "replace")
    odd = sum(not (char.isprintable() or char.isspace()) or char == "\ufffd" for char in text)
    return text if odd <= len(text) // 20 else ""


@quarantine.command("retry")
def retry(
    ids: Ids = None,
    *,
    store: StoreOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """
    Read them again, as a newer maildns may be able to; what can be read now is kept.

    Exits with 1 when one still cannot be read.
    """
    from maildns.cli.reports_import_command import show_intake, taken
    from maildns.reports.store import queries

    place = place_of(store, config)
    with opened(place) as kept:
        if ids is None:
            with kept.reading() as reader:
                wanted = [one.id for one in queries.held(reader, most=_ALL)]
        else:
            wanted = [_held(kept, id)[0].id for id in ids]
        intake = taken(receipt for id in wanted for receipt in kept.keep([_again(kept, id)]))
    if not wanted and not json:
        _say("nothing is in quarantine")
        return
    show_intake(intake, place.shown, json=json)
    if intake.of("bad"):
        raise typer.Exit(1)


@quarantine.command("drop")
def drop(
    ids: Ids = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    yes: YesOption = False,
    store: StoreOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Forget them for good. Asks first."""
    from maildns.reports.store import queries

    if bool(ids) == every:
        raise UsageError("which of them?", hint="give their numbers, or --all")
    with opened(place_of(store, config)) as kept:
        if every:
            with kept.reading() as reader:
                held = list(queries.held(reader, most=_ALL))
        else:
            held = [_held(kept, id)[0] for id in ids or ()]
        if held and not confirm(f"Forget {len(held)} for good?", yes=yes):
            raise typer.Exit(2)
        for one in held:
            kept.forget_bad(one.id)
    if json:
        _emit_held(held, dropped=True)
    else:
        _say(f"{len(held):,} forgotten")


def _held(store: Store, id: int) -> tuple[Held, bytes]:
    """One in quarantine and its octets; raises `UsageError` when it is not there."""
    from maildns.reports.store import queries

    with store.reading() as reader:
        octets = queries.held_octets(reader, id)
        found = next(queries.held(reader, id=id), None)
    if octets is None or found is None:
        hint = "maildns reports quarantine list shows what is there"
        raise UsageError(f"there is no {id} in quarantine", hint=hint)
    return found, octets


def _again(store: Store, id: int) -> Arrival:
    """What is in quarantine as it arrived."""
    from maildns.reports.keeping import Arrival

    held, octets = _held(store, id)
    return Arrival(octets, held.source, held.sender, held.ip, held.authentication)


def _emit_held(held: list[Held], *, text: str = "", dropped: bool = False) -> None:
    from maildns.cli.reports_documents import HeldDocument, ReportsQuarantineDocument

    documents = [HeldDocument.of(one) for one in held]
    emit(ReportsQuarantineDocument(held=documents, text=text, dropped=dropped))


def _say(text: str) -> None:
    from maildns.cli.show_reports import console, line

    line(text, console())


# --- prune ----------------------------------------------------------------------------


def prune(
    *,
    keep_days: Annotated[
        int | None,
        typer.Option(
            "--keep-days",
            min=1,
            help="Keep details of so many days; left out: what the description says, else 400.",
        ),
    ] = None,
    yes: YesOption = False,
    store: StoreOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """
    Let the details of old reports go; daily counts stay, and none is counted twice later.

    Failure reports and what is in quarantine from before that day go whole. Asks first.
    """
    place = place_of(store, config)
    kept_days = keep_days or place.settings.keep_days
    before = datetime.now(UTC).date() - timedelta(days=kept_days)
    with opened(place) as kept:
        if not confirm(f"Let details of days before {before} go?", yes=yes):
            raise typer.Exit(2)
        pruned = kept.prune(before)
    _tell_prune(before, pruned, json=json)


def _tell_prune(before: date, pruned: int, *, json: bool) -> None:
    if json:
        from maildns.cli.reports_documents import ReportsPruneDocument

        emit(ReportsPruneDocument(before=before, pruned=pruned))
        return
    from maildns.cli.show_reports import plural

    _say(f"details of {plural(pruned, 'report')} from before {before} are gone; counts stay")

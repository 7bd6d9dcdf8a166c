"""`maildns reports import`: what was new, what was known, what is in quarantine and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from maildns.cli.common import ExitCode, JsonOption, emit, errors
from maildns.cli.reports_place import ConfigOption, StoreOption, opened, place_of
from maildns.errors import InputError

if TYPE_CHECKING:
    from maildns.reports.keeping import Arrival, Receipt

STDIN: Final = Path("-")
_MANY: Final = 2_000  # files from which on other processes help to read
_MOST_WORKERS: Final = 8
_NO_MAIL: Final = (
    ".xml",
    ".gz",
    ".zip",
    ".json",
    ".eml",
)  # names of what is one report, or one mail
_SHOWN: Final = 50
_MOST: Final = 1_000  # receipts that are told one by one


@dataclass(slots=True)
class Intake:
    """What came in, counted; `remarks` are receipts that are neither new nor known."""

    counts: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    messages: int = 0
    remarks: list[Receipt] = field(default_factory=list)
    left_out: int = 0

    def count(self, receipt: Receipt) -> None:
        """Count *receipt*."""
        kept = str(receipt.kept)
        self.counts[kept] = self.counts.get(kept, 0) + 1
        self.rows += receipt.rows
        self.messages += receipt.messages
        if kept in {"new", "known"}:
            return
        if len(self.remarks) < _MOST:
            self.remarks.append(receipt)
        else:
            self.left_out += 1

    def of(self, kept: str) -> int:
        """How many were *kept*."""
        return self.counts.get(kept, 0)

    def code(self, *, strict: bool) -> ExitCode:
        """1 where nothing at all was a report; with *strict* also where something is bad or conflicts."""
        odd = self.of("bad") + self.of("conflict")
        some = self.of("new") + self.of("known") + self.of("conflict")
        return ExitCode.FINDINGS if not some or (strict and odd) else ExitCode.FINE


def command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Reports, mails, mbox files, Maildirs, folders with any of them; - is standard input.",
        ),
    ],
    *,
    store: StoreOption = "",
    config: ConfigOption = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            min=-1,
            max=64,
            help="Processes that read beside the one that writes; -1: as many as there is work for.",
        ),
    ] = -1,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 1 when one report cannot be read or conflicts."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """
    Take in reports from files, each once: DMARC aggregate and failure reports, TLS reports.

    Files are left as they are. What cannot be read is kept in quarantine with its reason; the rest
    goes on. Exits with 1 when no report was found at all, and with --strict also when something went
    to quarantine or says otherwise than an earlier report of its id; else with 0.
    """
    for path in paths:
        if path != STDIN and not path.exists():
            raise InputError("there is no such file or folder", path=path)
    place = place_of(store, config)
    told, stop = _progress()
    try:
        with opened(place, create=True) as kept:
            from maildns.reports.importing import import_reports

            refused: list[Receipt] = []
            brought, readers = _shared_out(_brought(paths, refused), workers)
            intake = taken(import_reports(brought, kept, progress=told, workers=readers))
            for receipt in refused:
                intake.count(receipt)
    finally:
        stop()
    show_intake(intake, place.shown, json=json)
    if code := intake.code(strict=strict):
        raise typer.Exit(code)


def taken(receipts: Iterable[Receipt]) -> Intake:
    """Go through *receipts* to the end and count them."""
    intake = Intake()
    for receipt in receipts:
        intake.count(receipt)
    return intake


def show_intake(intake: Intake, store: str, *, json: bool) -> None:
    """Print what came in: as a document, or in words with all that did not go well."""
    if json:
        _emit(intake, store)
        return
    from maildns.cli.show_reports import console, line, plural, show_receipts

    out = console()
    show_receipts(intake.remarks[:_SHOWN], out)
    more = len(intake.remarks[_SHOWN:]) + intake.left_out
    if more:
        line(f"... and {more:,} more", out, "dim")
    new = plural(intake.of("new"), "new report")
    tail = f" ({plural(intake.rows, 'row')}, {plural(intake.messages, 'message')})"
    words = [f"{new}{tail if intake.of('new') else ''}", f"{intake.of('known'):,} known already"]
    words += [f"{intake.of('conflict'):,} conflicting"] if intake.of("conflict") else []
    words += [f"{intake.of('bad'):,} in quarantine"] if intake.of("bad") else []
    words += [f"{intake.of('no report'):,} without a report"] if intake.of("no report") else []
    line(f"{', '.join(words)}; kept in {store}", out, "bold")
    if intake.of("bad"):
        line("look at what is there: maildns reports quarantine list", out)
    if intake.of("new"):
        line("next: maildns reports summary", out)


def _emit(intake: Intake, store: str) -> None:
    from maildns.cli.reports_documents import ReceiptDocument, ReportsImportDocument

    emit(
        ReportsImportDocument(
            store=store,
            new=intake.of("new"),
            known=intake.of("known"),
            conflicting=intake.of("conflict"),
            bad=intake.of("bad"),
            no_report=intake.of("no report"),
            rows=intake.rows,
            messages=intake.messages,
            receipts=[ReceiptDocument.of(one) for one in intake.remarks],
            left_out=intake.left_out,
        )
    )


# --- what is brought ------------------------------------------------------------------


def _brought(paths: Iterable[Path], refused: list[Receipt]) -> Iterator[Path | Arrival]:
    """What *paths* hold; what is too large to be looked at goes to *refused*."""
    from maildns.reports.importing import files_under

    for path in paths:
        if path == STDIN:
            yield _standard_input()
            continue
        for file in files_under(path):
            if _is_mbox(file):
                yield from _mails(file, refused)
            else:
                yield file


def _mails(file: Path, refused: list[Receipt]) -> Iterator[Arrival]:
    from maildns.reports.sources.mbox import Mbox
    from maildns.reports.sources.taking import Brought

    for one in Mbox(file).bring():
        if isinstance(one, Brought):
            yield one.arrival
        else:
            refused.append(one)


def _standard_input() -> Arrival:
    from maildns.reports.keeping import Arrival
    from maildns.reports.limits import LIMITS

    return Arrival(sys.stdin.buffer.read(LIMITS.input_octets + 1), "standard input")


def _is_mbox(file: Path) -> bool:
    if file.suffix.lower() in _NO_MAIL or not file.is_file():
        return False
    try:
        with file.open("rb") as opened_file:
            return opened_file.read(5) == b"From "
    except OSError:
        return False  # whoever reads it says why it cannot be read


def _shared_out(
    brought: Iterator[Path | Arrival], workers: int
) -> tuple[Iterator[Path | Arrival], int]:
    """The same again, and how many processes shall read it."""
    if workers >= 0:
        return brought, workers
    first = list(islice(brought, _MANY))
    spare = min(_MOST_WORKERS, (os.cpu_count() or 1) - 1)
    return chain(first, brought), spare if len(first) == _MANY else 0


def _progress() -> tuple[Callable[[int], None] | None, Callable[[], None]]:
    """What to tell of each file taken up, and how to end; nothing where nobody watches."""
    if not sys.stderr.isatty():
        return None, lambda: None
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:,.0f} files and mails"),
        TimeElapsedColumn(),
        console=errors(),
        transient=True,
    )
    task = bar.add_task("", total=None)
    bar.start()
    return lambda done: bar.update(task, completed=done), bar.stop

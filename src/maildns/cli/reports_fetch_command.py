"""`maildns reports fetch`: reports from the mailboxes and folders that `[reports]` names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import (
    CONFIG,
    ConfigOption,
    ExitCode,
    JsonOption,
    ServerOption,
    WorldOption,
    complain,
    emit,
    errors,
)
from maildns.cli.reports_import_command import Intake
from maildns.cli.reports_place import StoreOption, opened, place_of
from maildns.errors import MailboxError, MaildnsError, UsageError

if TYPE_CHECKING:
    from maildns.intent.reports import FolderSource, ImapSource
    from maildns.reports.keeping import Receipt
    from maildns.reports.sources import Source
    from maildns.reports.sources.imap import ImapMailbox
    from maildns.reports.sources.taking import Authenticate
    from maildns.wiring import Project

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Way:
    """A place that reports are fetched from: its name, how to open it, what becomes of its mail."""

    name: str
    open: Callable[[], AbstractContextManager[Source]]
    then: str


@dataclass(slots=True)
class Fetched:
    """What came from one place, counted, and what went wrong there."""

    way: Way
    intake: Intake = field(default_factory=Intake)
    warm: int = 0
    error: MaildnsError | None = None

    @property
    def may_retry(self) -> bool:
        """Whether it may be better later."""
        return isinstance(self.error, MailboxError) and self.error.may_retry


def command(
    *,
    config: ConfigOption = CONFIG,
    store: StoreOption = "",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Look and tell; keep, move and mark nothing."),
    ] = False,
    authenticate: Annotated[
        bool,
        typer.Option(help="Ask the DNS who sent each report, by SPF, DKIM and DMARC of its mail."),
    ] = True,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Fetch reports from all mailboxes and folders of the description, each report once.

    A mail or file is moved or marked once its report is safe in the store, and not before. A place
    that cannot be reached does not keep the others from being gone through. Exits with 3 when one
    could not be reached, 2 when one cannot be used as the config has it, 1 when something could not
    be read, else with 0.
    """
    place = place_of(store, config)
    if place.project is None:
        raise UsageError("there is no description of where reports come from", hint=_HINT)
    ways = ways_of(place.project, dry_run=dry_run)
    if dry_run:
        done = [_fetched(way, _looked_at) for way in ways]
    else:
        authority = authority_of(world, server) if authenticate else None
        with opened(place, create=True) as kept:
            from maildns.reports.sources import take_in

            done = [
                _fetched(way, lambda source: take_in(source, kept, authenticate=authority))
                for way in ways
            ]
    _show(done, place.shown, dry_run=dry_run, json=json)
    if code := exit_code(done):
        raise typer.Exit(code)


_HINT = (
    "name a place: [[reports.imap]], [[reports.folder]], [[reports.maildir]] or [[reports.mbox]]"
)


def ways_of(project: Project, *, dry_run: bool) -> list[Way]:
    """The places that the config names; raises `UsageError` when there are none."""
    from maildns.reports.config import folders_of

    wish = project.intent.reports
    ways = [_mailbox(one, project, dry_run=dry_run) for one in wish.imap]
    thens = [_of_folder(one) for one in wish.folder]
    thens += ["marked as seen"] * len(wish.maildir) + ["left as it is"] * len(wish.mbox)
    folders = folders_of(project.intent, project.source)
    for (name, source), then in zip(folders, thens, strict=True):
        ways.append(Way(name, _opened_already(source), then))
    if not ways:
        raise UsageError(f"{project.source.path} names no place to fetch from", hint=_HINT)
    return ways


def _mailbox(wish: ImapSource, project: Project, *, dry_run: bool) -> Way:
    def open_it() -> ImapMailbox:
        from maildns.reports.config import imap_account
        from maildns.reports.sources.imap import ImapMailbox

        return ImapMailbox(imap_account(wish, project.source), only_look=dry_run)

    then = f"moved to {wish.move_to}" if wish.move_to else "marked as seen"
    name = f"{wish.user} at {wish.host}, {wish.folder}"
    return Way(name, open_it, "deleted" if wish.delete else then)


def _opened_already(source: Source) -> Callable[[], AbstractContextManager[Source]]:
    return lambda: nullcontext(source)


def _of_folder(wish: FolderSource) -> str:
    return f"moved to {wish.done}" if wish.done else "left where it is"


def authority_of(world: Path | None, servers: list[str] | None) -> Authenticate:
    """What says who sent a mail, by the DNS that is to be asked."""
    from maildns.reports.authentication import authenticator
    from maildns.wiring import world_of

    return authenticator(world_of(world, servers or ()))


def _fetched(way: Way, taking: Callable[[Source], Iterable[Receipt]]) -> Fetched:
    """Go through one place to its end, or to its error."""
    fetched = Fetched(way)
    told, stop = _progress(way.name)
    try:
        with way.open() as source:
            for receipt in taking(source):
                fetched.intake.count(receipt)
                told(source)
            fetched.warm = getattr(source, "warm", 0)
    except MaildnsError as error:
        fetched.error = error
    finally:
        stop()
    return fetched


def _looked_at(source: Source) -> Iterator[Receipt]:
    """What would become of what *source* has, as far as that can be said without the store."""
    from maildns.reports.keeping import Kept, Receipt
    from maildns.reports.store.preparing import prepare

    for one in source.bring():
        if isinstance(one, Receipt):
            yield one
            continue
        name = one.arrival.source
        prepared = prepare(one.arrival)
        readable = len(prepared.reports) + len(prepared.failures)
        yield from (Receipt(Kept.NEW, name) for _ in range(readable))
        yield from (Receipt(Kept.BAD, name, reason=fault) for fault in prepared.faults)
        if not readable and not prepared.faults:
            yield Receipt(Kept.NO_REPORT, name, reason="nothing in it claims to be a report")


def exit_code(done: list[Fetched]) -> ExitCode:
    """The code that says how all went."""
    if any(one.error is not None and not one.may_retry for one in done):
        return ExitCode.MISUSE
    if any(one.error is not None for one in done):
        return ExitCode.UNKNOWN
    if any(one.intake.of("bad") or one.intake.of("conflict") for one in done):
        return ExitCode.FINDINGS
    return ExitCode.FINE


def _progress(name: str) -> tuple[Callable[[Source], None], Callable[[], None]]:
    """What to tell after each report, and how to end; nothing where nobody watches."""
    if not sys.stderr.isatty():
        return lambda _source: None, lambda: None
    from rich.markup import escape
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from maildns.cli.show_findings import printable

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}  {task.completed:,.0f}{task.fields[of]}"),
        TimeElapsedColumn(),
        console=errors(),
        transient=True,
    )
    task = bar.add_task(escape(printable(name)), total=None, of="")
    bar.start()

    def told(source: Source) -> None:
        waiting = getattr(source, "waiting", 0)  # a mailbox knows how many there are
        bar.update(task, advance=1, of=f" of {waiting:,} mails" if waiting else " reports")

    return told, bar.stop


# --- telling --------------------------------------------------------------------------


def _show(done: list[Fetched], store: str, *, dry_run: bool, json: bool) -> None:
    if json:
        _emit(done, store, dry_run=dry_run)
    else:
        from maildns.cli.show_reports import console, line

        out = console()
        for one in done:
            _show_place(one, dry_run=dry_run)
        if dry_run:
            line("nothing was kept, moved or marked", out, "bold")
        else:
            line(f"kept in {store}", out, "bold")
            if any(one.intake.of("bad") for one in done):
                line("look at what is there: maildns reports quarantine list", out)
    for one in done:
        if one.error is not None:
            complain(one.error)


def _show_place(one: Fetched, *, dry_run: bool) -> None:
    from maildns.cli.show_reports import console, line, plural, show_receipts

    out = console()
    intake = one.intake
    show_receipts(intake.remarks[:_SHOWN], out)
    if more := len(intake.remarks[_SHOWN:]) + intake.left_out:
        line(f"... and {more:,} more", out, "dim")
    if dry_run:
        words = [f"{plural(intake.of('new'), 'report')} to be taken in, then {one.way.then}"]
        words += [f"{intake.of('bad'):,} cannot be read"] if intake.of("bad") else []
    else:
        words = [plural(intake.of("new"), "new report"), f"{intake.of('known'):,} known already"]
        words += [f"{intake.of('conflict'):,} conflicting"] if intake.of("conflict") else []
        words += [f"{intake.of('bad'):,} in quarantine"] if intake.of("bad") else []
    words += [f"{intake.of('no report'):,} without a report"] if intake.of("no report") else []
    if one.warm:
        words.append(f"{plural(one.warm, 'file')} left, for they were changed a moment ago")
    words += ["not gone through to the end"] if one.error is not None else []
    line(f"{one.way.name}: {', '.join(words)}", out)


def _emit(done: list[Fetched], store: str, *, dry_run: bool) -> None:
    from maildns.cli.reports_documents import MOST_RECEIPTS, ReceiptDocument
    from maildns.cli.reports_fetch_document import FetchedDocument, ReportsFetchDocument

    remarks = [remark for one in done for remark in one.intake.remarks]
    places = [
        FetchedDocument(
            place=one.way.name,
            new=one.intake.of("new"),
            known=one.intake.of("known"),
            conflicting=one.intake.of("conflict"),
            bad=one.intake.of("bad"),
            no_report=one.intake.of("no report"),
            error="" if one.error is None else str(one.error),
            may_retry=one.may_retry,
        )
        for one in done
    ]
    emit(
        ReportsFetchDocument(
            store=store,
            dry_run=dry_run,
            places=places,
            receipts=[ReceiptDocument.of(one) for one in islice(remarks, MOST_RECEIPTS)],
            left_out=sum(one.intake.left_out for one in done)
            + max(0, len(remarks) - MOST_RECEIPTS),
        )
    )

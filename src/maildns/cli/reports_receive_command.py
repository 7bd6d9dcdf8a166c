"""`maildns reports receive`: takes report mail and posted TLS reports in, until it is told to end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from maildns.cli.common import CONFIG, ConfigOption, ServerOption, WorldOption, errors
from maildns.cli.reports_fetch_command import authority_of
from maildns.cli.reports_place import StoreOption, opened, place_of
from maildns.errors import UsageError

if TYPE_CHECKING:
    import asyncio

    from maildns.cli.reports_serving import HttpsService
    from maildns.intent.load import ConfigSource
    from maildns.intent.model import Intent
    from maildns.reports.config import HttpsSettings, IntakeSettings
    from maildns.reports.keeping import Receipt
    from maildns.reports.sources.committing import Committer

_SHOWN_ADDRESSES: Final = 5
_RENEW_SECONDS: Final = 60.0  # how often it is looked for a renewed certificate
_MOUNT: Final = "uvicorn --factory maildns.reports.endpoint:application"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be listened for; either may be missing, not both."""

    intake: IntakeSettings | None
    https: HttpsSettings | None


def command(
    *,
    config: ConfigOption = CONFIG,
    store: StoreOption = "",
    authenticate: Annotated[
        bool,
        typer.Option(help="Ask the DNS who sent each report, by SPF, DKIM and DMARC of its mail."),
    ] = True,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing of reports that are kept.")
    ] = False,
    world: WorldOption = None,
    server: ServerOption = None,
) -> None:
    """
    Take in report mail by LMTP or SMTP, and TLS reports by HTTPS, until a signal ends it.

    `reports.intake` and `reports.https` of the description say where it listens. It takes mail for
    the addresses that the domains ask for reports at, and acknowledges one when its report is safe
    in the store. SIGTERM and Ctrl-C end it once what is under way is answered; a second one ends it
    at once, and then a sender brings again what was not acknowledged.
    """
    from asyncio import run

    place = place_of(store, config)
    if place.project is None:
        raise UsageError("there is no description of what to listen for", hint=_HINT)
    wanted = _wanted(place.project.intent, place.project.source)
    authority = authority_of(world, server) if authenticate else None
    with opened(place, create=True) as kept, _logging():
        from maildns.reports.sources.committing import Committer

        committer = Committer(kept, authority, _teller(quiet=quiet))
        try:
            run(_receive(wanted, committer, place.shown))
        finally:
            committer.close()


_HINT: Final = 'write [reports.intake] with listen = "127.0.0.1:10024", or [reports.https]'


def _wanted(intent: Intent, source: ConfigSource) -> Wanted:
    """What the config asks for; raises `UsageError` when that is nothing, or cannot be had."""
    from maildns.cli.reports_serving import can_serve
    from maildns.reports.config import https_of, intake_of

    intake, https = intake_of(intent, source), https_of(intent, source)
    if https is not None and not https.listen:
        https = None  # a web service mounts it
    if https is not None and not can_serve():
        problem = "TLS reports by HTTPS cannot be served, for uvicorn is not installed"
        hint = f"pip install uvicorn; or have a web service mount it: {_MOUNT}"
        if intake is None:
            raise UsageError(problem, hint=hint)
        errors().print(f"{problem}; {hint}", markup=False)
        https = None
    if intake is None and https is None:
        raise UsageError(f"{source.path} asks for nothing to listen for", hint=_HINT)
    return Wanted(intake, https)


async def _receive(wanted: Wanted, committer: Committer, store: str) -> None:
    """Listen until a signal comes."""
    async with AsyncExitStack() as stack:
        ended = stack.enter_context(_until_signal())
        if wanted.intake is not None:
            from maildns.reports.sources.intake import Intake

            intake = await stack.enter_async_context(Intake(wanted.intake, committer))
            protocol = "LMTP" if wanted.intake.lmtp else "SMTP"
            for where in intake.listening:
                _say(f"taking report mail by {protocol} on {where}")
            _say(f"for {_some(wanted.intake.addresses)}")
        service = _serve(wanted.https, committer, stack) if wanted.https is not None else None
        _say(f"keeping reports in {store}")
        _notify("READY=1")
        while not await _has_ended(ended):
            if service is not None:
                service.renew()
        _notify("STOPPING=1")
        _say("ending: what is under way is answered first")


async def _has_ended(ended: asyncio.Event) -> bool:
    """Wait for the end, but not for long."""
    from asyncio import wait_for

    with suppress(TimeoutError):
        await wait_for(ended.wait(), _RENEW_SECONDS)
    return ended.is_set()


def _serve(settings: HttpsSettings, committer: Committer, stack: AsyncExitStack) -> HttpsService:
    from maildns.cli.reports_serving import HttpsService
    from maildns.reports.endpoint import TlsReportEndpoint, only_at

    endpoint = TlsReportEndpoint(committer, settings)
    service = HttpsService(settings, only_at(settings.path, endpoint))
    stack.callback(service.stop)
    scheme = "http" if settings.certificate is None else "https"
    for where in service.start():
        _say(f"taking TLS reports on {scheme}://{where}{settings.path}")
    return service


@contextmanager
def _until_signal() -> Iterator[asyncio.Event]:
    """An event that SIGTERM or Ctrl-C sets; the second of them ends the process."""
    from asyncio import Event, get_running_loop

    loop = get_running_loop()
    ended = Event()

    def end() -> None:
        if ended.is_set():
            os._exit(130)  # nothing that was acknowledged is lost: it was committed before
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        yield ended
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


# --- telling --------------------------------------------------------------------------


def _say(words: str) -> None:
    from maildns.cli.show_findings import printable

    sys.stdout.write(f"{printable(words)}\n")
    sys.stdout.flush()


def _some(addresses: frozenset[str]) -> str:
    shown = sorted(addresses)
    more = f" and {len(shown) - _SHOWN_ADDRESSES} more" if len(shown) > _SHOWN_ADDRESSES else ""
    return ", ".join(shown[:_SHOWN_ADDRESSES]) + more


def _teller(*, quiet: bool) -> Callable[[Receipt], None]:
    """What tells of each receipt, in a line."""
    from maildns.cli.show_reports import plural

    def tell(receipt: Receipt) -> None:
        if quiet and receipt.kept in {"new", "known"}:
            return
        who = f" {receipt.reporter}" if receipt.reporter else ""
        about = f" for {receipt.domain}" if receipt.domain else ""
        size = f", {plural(receipt.rows, 'row')}" if receipt.rows else ""
        why = f": {receipt.reason}" if receipt.reason else ""
        with suppress(OSError):  # whoever read this is gone; the report is safe all the same
            _say(f"{receipt.kept}:{who}{about}{size} ({receipt.source}){why}")

    return tell


@contextmanager
def _logging() -> Iterator[None]:
    """What goes wrong meanwhile is told on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    ours = logging.getLogger("maildns")
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)


def _notify(state: str) -> None:
    """Tell systemd, where it asked to be told (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        try:
            told.sendto(state.encode(), address)
        except OSError:
            errors().print("systemd does not listen to what it asked for")

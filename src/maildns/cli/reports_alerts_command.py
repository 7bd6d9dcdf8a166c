"""`maildns reports alerts`: what wants looking at now, who was told of it, and telling them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import (
    ExitCode,
    JsonOption,
    ServerOption,
    WorldOption,
    emit,
    errors,
    progress_on_terminal,
    write,
)
from maildns.cli.reports_place import (
    ConfigOption,
    LiveOption,
    Place,
    Sight,
    StoreOption,
    day_of,
    opened,
    place_of,
    world_asked,
)
from maildns.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from maildns.net.drivers import BlockingWorld
    from maildns.reports.alerting import Told
    from maildns.reports.config import AlertSettings
    from maildns.reports.remarks import Remark
    from maildns.reports.telling import Delivery, Way

LOOKED_AT_DAYS = 90
METRIC_DAYS = 7


@dataclass(frozen=True, slots=True)
class Watch:
    """
    The alerts as of a moment, and how far each is told.

    `ways` are those that the description asks for, `told` has for each of them what was told and
    what is due, `done` what became of those that were sent just now.
    """

    now: datetime
    alerts: tuple[Remark, ...]
    ways: tuple[Way, ...] = ()
    told: tuple[tuple[Told, ...], ...] = ()
    done: tuple[Delivery, ...] = ()


def alerts(
    domains: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DOMAIN]...", help="The domains; left out: all.", show_default=False
        ),
    ] = None,
    *,
    send: Annotated[
        bool, typer.Option("--send", help="Tell those that the description names, and remember it.")
    ] = False,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Print Prometheus metrics in place of the alerts.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write the metrics to this file, in one step."),
    ] = None,
    store: StoreOption = "",
    config: ConfigOption = None,
    until: Annotated[
        str,
        typer.Option("--until", metavar="DATE", help="Judge as of this day; left out: today."),
    ] = "",
    live: LiveOption = False,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Show what wants looking at now, and who was told of it; with --send tell them.

    Senders that are new and fail, jumps, silence, TLS failures, keys and certificates. Each trouble
    is told once a week by each way that reports.alerts of maildns.toml names. Run it after each
    import. Exits with 1 when there is any alert; with --send only when none could be told: with 3.
    """
    if metrics and json:
        raise UsageError("--metrics and --json are two forms of one output", hint="give one")
    if out is not None and not metrics:
        raise UsageError("--out is where --metrics are written to", hint="add --metrics")
    asked = world_asked(world, server, live=live)
    with _watching(place_of(store, config), until) as sight:
        wanted = [sight.named(one) for one in domains] if domains else _all(sight)
        watch = _watch(sight, wanted, asked, send=send)
        if metrics:
            _write_metrics(sight, watch, wanted, out)
        elif json:
            from maildns.cli.show_reports_alerts import document

            emit(document(sight, watch))
        else:
            from maildns.cli.show_reports_alerts import show

            show(sight, watch)
    _leave(watch, send=send, metrics=metrics)


def _leave(watch: Watch, *, send: bool, metrics: bool) -> None:
    failed = [one for one in watch.done if one.problem]
    for one in failed:
        errors().print(f"not told by {one.way}: {one.problem}", markup=False)
    if failed:
        raise typer.Exit(ExitCode.UNKNOWN)
    if watch.alerts and not (send or metrics):
        raise typer.Exit(ExitCode.FINDINGS)


@contextmanager
def _watching(place: Place, until: str) -> Iterator[Sight]:
    """Look at a store as of today, however old its reports are: silence is an alert."""
    from maildns.reports.views import Window

    with opened(place) as kept, kept.evidence() as evidence:
        newest = evidence.last_day()
        if newest is None:
            errors().print(f"there are no reports in {place.shown} yet", markup=False)
            raise typer.Exit(ExitCode.UNKNOWN)
        today = day_of(until) or datetime.now(UTC).date()
        yield Sight(place, kept, evidence, Window.last(LOOKED_AT_DAYS, today), today, newest, 0)


def _all(sight: Sight) -> list[str]:
    """The domains that reports of the days are about; of a description, those that are in it."""
    known = sight.evidence.domains(sight.window)
    project = sight.place.project
    if project is None or not project.intent.domain:
        return known
    from maildns.dnsdata import is_within

    ours = [*project.intent.domain, *project.intent.server]
    return [one for one in known if any(is_within(one, domain) for domain in ours)]


def _watch(
    sight: Sight, domains: Sequence[str], world: BlockingWorld | None, *, send: bool
) -> Watch:
    from maildns.reports.alerting import alerts_among, weighed
    from maildns.reports.telling import tell, ways_of

    found = alerts_among(_remarks(sight, domains, world))
    now = datetime.now(UTC)
    settings = _settings(sight.place)
    memory = sight.store.memory()
    if send and not settings.tells_anybody:
        raise UsageError(
            "nobody is to be told", hint='write [reports.alerts] mail_to = "you@example.com"'
        )
    done = tell(found, settings, memory, now=now) if send else []
    ways = ways_of(settings)
    told = [tuple(weighed(found, way.name, memory, now, settings.quiet)) for way in ways]
    return Watch(now, tuple(found), tuple(ways), tuple(told), tuple(done))


def _settings(place: Place) -> AlertSettings:
    from maildns.reports.config import AlertSettings, alerts_of

    if place.project is None:
        return AlertSettings()
    return alerts_of(place.project.intent, place.project.source)


def _remarks(sight: Sight, domains: Sequence[str], world: BlockingWorld | None) -> Iterator[Remark]:
    from maildns.cli.reports_looking import remarks

    told, stop = progress_on_terminal()
    try:
        for done, domain in enumerate(domains):
            told("domains", done, len(domains))
            yield from remarks(sight, domain, world)
    finally:
        stop()
    yield from _certificates(sight)


def _certificates(sight: Sight) -> Sequence[Remark]:
    """What is to be said of the certificates that the description names."""
    from maildns.reports.alerting import certificate_remarks

    project = sight.place.project
    if project is None or not any(one.certificate for one in project.intent.server.values()):
        return []
    try:
        servers = project.materials.servers
    except ConfigError as error:
        # A key that cannot be read is no reason to be silent about all else.
        errors().print(f"certificates are not looked at: {error}", markup=False)
        return []
    chains = {host: one.chain for host, one in servers.items()}
    return certificate_remarks(chains, sight.today)


def _write_metrics(sight: Sight, watch: Watch, domains: Sequence[str], out: Path | None) -> None:
    """Write metrics of the days before today, for a day's reports come in the days after it."""
    from maildns.reports.metrics import metrics
    from maildns.reports.views import Window
    from maildns.safefile import replace_file

    window = Window.last(METRIC_DAYS, min(sight.today, sight.last_day))
    wanted = frozenset(domains)
    days = [one for one in sight.evidence.domain_days(window) if one.domain in wanted]
    tls = [one for one in sight.evidence.tls_days(window) if one.domain in wanted]
    text = metrics(days, tls, watch.alerts, window)
    if out is None:
        write(text)
    else:
        replace_file(out, text)

"""`maildns reports summary`, `senders`, `source` and `tls`: what the reports say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import ExitCode, JsonOption, ServerOption, WorldOption, emit
from maildns.cli.reports_place import (
    DAYS,
    ConfigOption,
    DaysOption,
    LiveOption,
    Sight,
    StoreOption,
    UntilOption,
    looking,
    spelled,
    world_asked,
)
from maildns.errors import UsageError

if TYPE_CHECKING:
    from maildns.net.drivers import BlockingWorld
    from maildns.reports.meaning import Sender

Domains = Annotated[
    list[str] | None,
    typer.Argument(metavar="[DOMAIN]...", help="The domains; left out: all.", show_default=False),
]
Svg = Annotated[Path | None, typer.Option("--svg", help="Draw it into this file as SVG.")]
Png = Annotated[
    Path | None,
    typer.Option("--png", help="Draw it into this file as PNG; needs the extra maildns[plot]."),
]
Whole = Annotated[bool, typer.Option("--all", "-a", help="Show all, not just the busiest.")]


# --- summary --------------------------------------------------------------------------


def summary(
    domains: Domains = None,
    *,
    store: StoreOption = "",
    config: ConfigOption = None,
    days: DaysOption = DAYS,
    until: UntilOption = "",
    live: LiveOption = False,
    world: WorldOption = None,
    server: ServerOption = None,
    whole: Whole = False,
    svg: Svg = None,
    png: Png = None,
    json: JsonOption = False,
) -> None:
    """
    Show all domains at a glance, or some more closely: how much mail, how much of it passes.

    Of few domains also what wants looking at: new senders, sudden changes, silence, TLS
    failures; with --live (or --server, --world) keys and SPF includes that are missing or idle. A plot shows each day's mail, what passes and what does not.
    """
    from maildns.cli import show_reports_summary as shown

    asked = world_asked(world, server, live=live)
    with looking(store, config, days, until) as sight:
        wanted = [sight.named(domain) for domain in domains or ()]
        seen = shown.overview(sight, wanted, asked, whole=whole)
        if svg or png:
            from maildns.cli.reports_plotting import draw, summary_plot

            draw(summary_plot(sight, seen), svg, png)
        if json:
            emit(shown.document(sight, seen))
        else:
            shown.show(sight, seen)


# --- senders --------------------------------------------------------------------------


def senders(
    domains: Domains = None,
    *,
    store: StoreOption = "",
    config: ConfigOption = None,
    days: DaysOption = DAYS,
    until: UntilOption = "",
    live: LiveOption = False,
    world: WorldOption = None,
    server: ServerOption = None,
    whole: Whole = False,
    svg: Svg = None,
    png: Png = None,
    json: JsonOption = False,
) -> None:
    """
    Show who sent as a domain: your servers, services, forwarders, and strangers.

    Addresses of one name are taken together. Names come from the description, from what the mail
    proved, and with --live (or --server, --world) from the DNS.
    """
    from maildns.cli import show_reports_senders as shown

    asked = world_asked(world, server, live=live)
    with looking(store, config, days, until) as sight:
        found = {domain: _senders(sight, domain, asked) for domain in _wanted(sight, domains)}
        if svg or png:
            from maildns.cli.reports_plotting import draw, senders_plot

            draw(senders_plot(sight, found), svg, png)
        if json:
            emit(shown.document(sight, found))
        else:
            shown.show(sight, found, whole=whole)


def _wanted(sight: Sight, domains: list[str] | None) -> list[str]:
    if domains:
        return [sight.named(domain) for domain in domains]
    return sight.evidence.domains(sight.window)


def _senders(sight: Sight, domain: str, world: BlockingWorld | None) -> list[Sender]:
    from maildns.cli.reports_looking import named_sources
    from maildns.reports.meaning import senders_of

    rows = sight.evidence.source_days(sight.window, domain)
    return senders_of(named_sources(sight, rows, world))


# --- source ---------------------------------------------------------------------------


def source(
    address: Annotated[str, typer.Argument(metavar="IP", help="The address.")],
    *,
    store: StoreOption = "",
    config: ConfigOption = None,
    days: DaysOption = DAYS,
    until: UntilOption = "",
    live: LiveOption = False,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """Show all that reports say of one address: who it is, what it sent as whom, what was proven."""
    from maildns.cli import show_reports_source as shown
    from maildns.cli.reports_looking import named_sources

    wanted = _address(address)
    asked = world_asked(world, server, live=live)
    with looking(store, config, days, until) as sight:
        rows = list(sight.evidence.source_days(sight.window, source_ip=wanted))
        if not rows:
            raise UsageError(
                f"no report of {spelled(sight.window)} tells of {wanted}",
                hint="`maildns reports senders` shows who sent; --days looks further back",
            )
        found = named_sources(sight, rows, asked)
        if json:
            emit(shown.document(sight, found, rows))
        else:
            shown.show(sight, found, rows)


def _address(text: str) -> str:
    from ipaddress import ip_address

    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise UsageError(f"{text[:60]!r} is no address", hint="such as 192.0.2.7") from None


# --- tls ------------------------------------------------------------------------------


def tls(
    domains: Domains = None,
    *,
    store: StoreOption = "",
    config: ConfigOption = None,
    days: DaysOption = DAYS,
    until: UntilOption = "",
    svg: Svg = None,
    png: Png = None,
    json: JsonOption = False,
) -> None:
    """
    Show how TLS to your servers went, and for each failure the record or certificate behind it.

    Exits with 1 when sessions failed.
    """
    from maildns.cli import show_reports_tls as shown
    from maildns.reports.transport import standings

    with looking(store, config, days, until) as sight:
        wanted = {sight.named(domain) for domain in domains or ()}
        found = standings(
            day
            for day in sight.evidence.tls_days(sight.window)
            if not wanted or day.domain in wanted
        )
        if svg or png:
            from maildns.cli.reports_plotting import draw, tls_plot

            draw(tls_plot(sight, found), svg, png)
        if json:
            emit(shown.document(sight, found))
        else:
            shown.show(sight, found)
    if any(one.failed for one in found):
        raise typer.Exit(ExitCode.FINDINGS)

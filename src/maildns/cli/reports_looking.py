"""What is known beside the reports: who sends, and the record of today."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from maildns.cli.reports_place import Sight

if TYPE_CHECKING:
    from maildns.net.drivers import BlockingWorld
    from maildns.protocols.dmarc import DmarcRecord
    from maildns.reports.advice import Known
    from maildns.reports.meaning import Source
    from maildns.reports.remarks import Remark
    from maildns.reports.views import ReportSeen, SourceDay
    from maildns.reports.who import Naming
    from maildns.wiring import Project

REMARKED_DAYS = 90
NEW_DAYS = 7
MOST_NAMED = 2_000
HISTORY_DAYS = 400  # a step is rarely older; how long it has stood is read from all of these


def naming_for(
    sight: Sight, domains: Iterable[str], addresses: Sequence[str], world: BlockingWorld | None
) -> Naming:
    """
    All that can be known of who sends from *addresses*, those that matter most first.

    The description, `[reports]`, its geography files and the names that the store remembers; with a
    *world* also what the DNS says, with progress on a terminal.
    """
    from contextlib import ExitStack

    from maildns.cli.common import progress_on_terminal
    from maildns.reports import naming
    from maildns.reports.geography import Geography

    told, stop = progress_on_terminal()
    project, files = sight.place.project, sight.place.settings.geoip
    with ExitStack() as stack:
        stack.callback(stop)
        reach = naming.Reach(
            world,
            sight.store.memory(),
            stack.enter_context(Geography(*files)) if files else None,
            progress=lambda done, total: told("names of addresses", done, total),
        )
        return naming.naming_for(
            domains,
            addresses,
            now=datetime.now(UTC),
            intent=None if project is None else project.intent,
            reach=reach,
        )


def named_sources(
    sight: Sight, rows: Iterable[SourceDay], world: BlockingWorld | None
) -> list[Source]:
    """Fold *rows* into sources, the busiest first, each named as well as can be."""
    from maildns.reports.meaning import folded, name_sources

    sources = folded(rows)
    addresses = list(dict.fromkeys(one.ip for one in sources))
    domains = dict.fromkeys(one.domain for one in sources)
    name_sources(sources, naming_for(sight, domains, addresses, world))
    return sources


def remarks(sight: Sight, domain: str, world: BlockingWorld | None) -> list[Remark]:
    """What wants looking at in the reports about *domain*, the urgent ones first."""
    from maildns.net.drivers import run
    from maildns.reports.published import look_up
    from maildns.reports.remarks import remarks_on
    from maildns.reports.store import queries
    from maildns.reports.views import Window

    window = Window.last(REMARKED_DAYS, sight.today)
    with sight.store.reading() as reader:  # names are told of new senders alone
        recent = Window.last(NEW_DAYS, sight.today)
        busiest = queries.sources(reader, domain, recent, most=MOST_NAMED)
    configured = _keys(domain, sight.place.project)
    published = None
    if world is not None:
        uses = sight.evidence.key_uses(window, domain)
        uses.sort(key=lambda use: -use.passed)  # those that never passed may be invented
        used = [(use.dkim_domain, use.selector) for use in uses]
        published = run(look_up(domain, [*configured, *used]), world)
    return remarks_on(
        domain,
        sight.evidence,
        today=sight.today,
        naming=naming_for(sight, [domain], [one.source_ip for one in busiest], world),
        published=published,
        configured=configured,
    )


def _keys(domain: str, project: Project | None) -> list[tuple[str, str]]:
    """The d= and selector of each key that the description names."""
    from maildns.dnsdata import name
    from maildns.intent.load import settings

    if project is None or domain not in project.intent.domain:
        return []
    return [(domain, name(key.selector)) for key in settings(project.intent, domain).dkim]


def seen_reports(sight: Sight, domain: str) -> list[ReportSeen]:
    """The aggregate reports of *domain* up to the last day, from long before the first one on."""
    from maildns.reports.views import Window

    return sight.evidence.reports(Window.last(HISTORY_DAYS, sight.window.until), domain)


def known_record(
    sight: Sight, domain: str, seen: Sequence[ReportSeen], world: BlockingWorld | None
) -> Known:
    """
    The record of today: what the DNS says where it may be asked, else the description, else reports.

    A description that was not published yet is ahead of the reports; then they do not speak for it,
    which `advise` takes for a step that has just been taken.
    """
    from maildns.protocols import dmarc
    from maildns.reports.advice import Known
    from maildns.reports.ladder import record_seen

    if world is not None:
        record = _published(domain, world)
        if record is not None:
            return Known(record, "the DNS", complete=True)
    described = _described(domain, sight.place.project)
    if described is not None:
        return Known(described, "maildns.toml", complete=True)
    if seen:
        newest = max(seen, key=lambda one: one.end)
        known_from = f"a report of {newest.reporter} of {newest.begin.date()}"
        return Known(record_seen(newest.published), known_from, complete=False)
    return Known(dmarc.build(policy="none"), "nothing: no report tells", complete=False)


def _published(domain: str, world: BlockingWorld) -> DmarcRecord | None:
    from maildns.net.drivers import run
    from maildns.protocols import dmarc

    verdict = run(dmarc.evaluate(header_from=domain), world)
    return verdict.record if verdict.policy_domain == domain else None


def _described(domain: str, project: Project | None) -> DmarcRecord | None:
    from maildns.intent.load import settings
    from maildns.plan.desired import dmarc_record

    if project is None or domain not in project.intent.domain:
        return None
    return dmarc_record(settings(project.intent, domain))


def policy_seen(seen: Sequence[ReportSeen]) -> str:
    """The policy that the newest of the reports *seen* saw, such as `p=none; sp=reject`; may be empty."""
    from maildns.reports.ladder import record_seen

    if not seen:
        return ""
    newest = max(seen, key=lambda one: one.end)
    return str(record_seen(newest.published)).removeprefix("v=DMARC1; ")

"""What is known beside the reports: who sends, and the record of today."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from maildns.cli.reports_place import Place, Sight

if TYPE_CHECKING:
    from maildns.net.drivers import BlockingWorld
    from maildns.protocols.dmarc import DmarcRecord
    from maildns.reports.advice import Known
    from maildns.reports.meaning import Source
    from maildns.reports.views import ReportSeen, SourceDay
    from maildns.reports.who import Naming
    from maildns.wiring import Project

HISTORY_DAYS = 400  # a step is rarely older; how long it has stood is read from all of these


def naming_of(place: Place) -> Naming:
    """What the description tells of who sends: servers, services, networks, and who is a stranger."""
    from maildns.intent.load import settings
    from maildns.intent.senders import sender_named
    from maildns.reports.who import Naming

    if place.project is None:
        return Naming()
    intent = place.project.intent
    own = {
        str(address): host
        for host, server in intent.server.items()
        for address in (*server.ipv4, *server.ipv6)
    }
    wanted = {
        domain: frozenset(sender_named(text).key for text in settings(intent, domain).senders)
        for domain in intent.domain
    }
    return Naming(
        operator=place.settings.networks,
        strangers=place.settings.strangers,
        own=own,
        wanted=wanted,
    )


def named_sources(
    sight: Sight, rows: Iterable[SourceDay], world: BlockingWorld | None
) -> list[Source]:
    """Fold *rows* into sources, the busiest first, each named as well as can be."""
    from maildns.reports.meaning import sources_of

    del world
    return sources_of(rows, naming_of(sight.place))


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

"""`maildns reports source`: all that reports say of one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from maildns.cli.reports_place import Sight, spelled
from maildns.cli.show_reports import (
    KINDS,
    console,
    daily,
    domain_head,
    line,
    share,
    told,
)
from maildns.cli.show_reports_summary import stale

if TYPE_CHECKING:
    from rich.console import Console

    from maildns.cli.reports_documents import ReportsSourceDocument, SourceDomainDocument
    from maildns.reports.meaning import Source
    from maildns.reports.views import SourceDay


def show(sight: Sight, found: Sequence[Source], rows: Sequence[SourceDay]) -> None:
    """Print what is known of the address of *found*, one for each domain that it sent as."""
    out = console()
    stale(sight, out)
    first, place = found[0], found[0].named.place
    line(f"{first.ip}  {first.named.host}".rstrip(), out, "bold")
    if place.country or place.organization:
        network = f"AS{place.asn}" if place.asn else ""
        words = ", ".join(filter(None, (place.organization, network, place.country)))
        line(f"  network       {words}", out)
    for one in found:
        domain_head(one.domain, out, spelled(sight.window))
        _show_domain(sight, one, [row for row in rows if row.domain == one.domain], out)


def _show_domain(sight: Sight, one: Source, rows: Sequence[SourceDay], out: Console) -> None:
    tally, by = one.tally, f" ({one.named.by})" if one.named.by else ""
    line(f"  who           {one.named.title}: {one.kind}{by}", out, KINDS.get(one.kind, ""))
    seen = sight.evidence.first_seen(one.domain).get(one.ip)
    line(f"  seen          {one.first} to {one.last}; first of all {seen or 'not known'}", out)
    passing = f"{tally.passing:,} pass DMARC ({share(tally.passing, tally.messages)})"
    line(f"  messages      {tally.messages:,}, {passing}", out)
    if out.is_terminal:
        days = {day: sent for day, (sent, _) in one.by_day.items()}
        line(f"  by day        {daily(sight.window, days)}", out)
    if tally.quarantined or tally.rejected:
        says = f"{tally.quarantined:,} into quarantine, {tally.rejected:,} refused"
        line(f"  reporters put {says}", out)
    dkim, spf = _raw(rows)
    for (domain, selector, result), count in dkim.most_common(10):
        line(f"  DKIM {result:<9}d={domain} s={selector or '?'}: {count:,}", out)
    for (domain, scope, result), count in spf.most_common(10):
        line(f"  SPF {result:<10}{domain} ({scope or 'mfrom'}): {count:,}", out)
    if not dkim and not spf:
        line("  raw results   gone: only daily counts are kept of days as old as these", out)
    line(f"  From:         {told(one.froms)}", out)
    if one.overrides:
        line(f"  set aside     {told(one.overrides)} (the reporter's reason)", out)
    line(f"  reporters     {told({who or 'not kept': n for who, n in one.reporters.items()})}", out)


def _raw(
    rows: Sequence[SourceDay],
) -> tuple[Counter[tuple[str, str, str]], Counter[tuple[str, str, str]]]:
    """Messages by raw result of DKIM and of SPF."""
    dkim: Counter[tuple[str, str, str]] = Counter()
    spf: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        for auth in row.dkim:
            dkim[auth.domain, auth.selector, auth.result] += row.messages
        for said in row.spf:
            spf[said.domain, said.scope, said.result] += row.messages
    return dkim, spf


def document(
    sight: Sight, found: Sequence[Source], rows: Sequence[SourceDay]
) -> ReportsSourceDocument:
    """The document of the address of *found*."""
    from maildns.cli.reports_documents import DaysDocument, ReportsSourceDocument

    named = found[0].named
    return ReportsSourceDocument(
        days=DaysDocument.of(sight.window),
        address=found[0].ip,
        host=named.host,
        country=named.place.country,
        asn=named.place.asn,
        organization=named.place.organization,
        domains=[
            _entry(sight, one, [row for row in rows if row.domain == one.domain]) for one in found
        ],
    )


def _entry(sight: Sight, one: Source, rows: Sequence[SourceDay]) -> SourceDomainDocument:
    from maildns.cli.reports_documents import (
        CountsDocument,
        RawResultDocument,
        SourceDomainDocument,
        day_documents,
    )

    dkim, spf = _raw(rows)
    days: dict[Any, tuple[int, int]] = {
        day: (passed, sent - passed) for day, (sent, passed) in one.by_day.items()
    }
    return SourceDomainDocument(
        domain=one.domain,
        name=one.named.title,
        sender_kind=one.kind,
        by=one.named.by,
        counts=CountsDocument.of(one.tally),
        days=day_documents(days),
        first_seen=sight.evidence.first_seen(one.domain).get(one.ip),
        from_domains=dict(one.froms.most_common(100)),
        dkim=[
            RawResultDocument(domain=domain, selector=selector, result=result, messages=count)
            for (domain, selector, result), count in dkim.most_common(100)
        ],
        spf=[
            RawResultDocument(domain=domain, scope=scope, result=result, messages=count)
            for (domain, scope, result), count in spf.most_common(100)
        ],
        overrides=dict(one.overrides),
        reporters=dict(one.reporters.most_common(100)),
    )

"""`maildns reports senders`: who sent as a domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from maildns.cli.reports_place import Sight, spelled
from maildns.cli.show_reports import (
    KINDS,
    cell,
    console,
    daily,
    domain_head,
    line,
    plural,
    share,
    share_style,
    table,
)
from maildns.cli.show_reports_summary import stale

if TYPE_CHECKING:
    from rich.console import Console

    from maildns.cli.reports_documents import ReportsSendersDocument, SenderDocument
    from maildns.reports.meaning import Sender

SHOWN: Final = 25
_OTHERS: Final = 100  # characters of a line of the table beside its sparkline
_LEAST: Final = 10


def show(sight: Sight, found: Mapping[str, Sequence[Sender]], *, whole: bool) -> None:
    """Print the senders of each domain."""
    out = console()
    stale(sight, out)
    for domain, senders in found.items():
        total = sum(one.tally.messages for one in senders)
        count = sum(len(one.sources) for one in senders)
        says = f"{spelled(sight.window)}, {total:,} messages from {plural(count, 'address', 'addresses')}"
        domain_head(domain, out, says)
        _show_table(sight, domain, senders if whole else senders[:SHOWN], out)
        if not whole and len(senders) > SHOWN:
            line(f"... and {len(senders) - SHOWN:,} more; --all shows them", out, "dim")
        out.print()
    line("more of one: maildns reports source IP", out, "dim")


def _show_table(sight: Sight, domain: str, senders: Sequence[Sender], out: Console) -> None:
    first = sight.evidence.first_seen(domain)
    room = min(60, out.width - _OTHERS) if out.is_terminal else 0
    extra = ["by day"] if room >= _LEAST else []
    placed = any(source.named.place.country for one in senders for source in one.sources)
    extra += ["country"] if placed else []
    shown = table(
        "sender", "what it is", ">messages", ">passing", ">DKIM", ">SPF", *extra, "addresses"
    )
    for one in senders:
        tally = one.tally
        new = " (new)" if _is_new(sight, one, first) else ""
        sparks = [cell(daily(sight.window, _by_day(one), room), "cyan")] if room >= _LEAST else []
        shown.add_row(
            cell(one.title + new),
            cell(one.kind, KINDS.get(one.kind, "")),
            f"{tally.messages:,}",
            cell(share(tally.passing, tally.messages), share_style(tally.passing, tally.messages)),
            share(tally.dkim_aligned, tally.messages),
            share(tally.spf_aligned, tally.messages),
            *sparks,
            *([cell(_countries(one))] if placed else []),
            cell(_addresses(one, 2 if out.width > _OTHERS else 1)),
        )
    out.print(shown)


def _countries(one: Sender) -> str:
    """The countries of its addresses, at most three."""
    found = list(dict.fromkeys(filter(None, (each.named.place.country for each in one.sources))))
    return " ".join(found[:3]) + (" +" if len(found) > 3 else "")


def _addresses(one: Sender, most: int) -> str:
    some = one.addresses[:most]
    more = len(one.addresses) - len(some)
    return ", ".join(some) + (f" +{more:,}" if more else "")


def _by_day(one: Sender) -> dict[date, int]:
    days: dict[date, int] = {}
    for source in one.sources:
        for day, (sent, _) in source.by_day.items():
            days[day] = days.get(day, 0) + sent
    return days


def first_of(one: Sender, first: Mapping[str, date]) -> date | None:
    """The first day that any of its addresses was seen; *first* are those of all addresses."""
    return min((first[ip] for ip in one.addresses if ip in first), default=None)


def _is_new(sight: Sight, one: Sender, first: Mapping[str, date]) -> bool:
    """Whether it is new in the window, in a store that knows more than the window."""
    oldest = min(first.values(), default=None)
    seen = first_of(one, first)
    known = oldest is not None and oldest < sight.window.since
    return known and seen is not None and seen >= sight.window.since


def document(sight: Sight, found: Mapping[str, Sequence[Sender]]) -> ReportsSendersDocument:
    """The document of the senders of each domain."""
    from maildns.cli.reports_documents import (
        DaysDocument,
        ReportsSendersDocument,
        SendersDomainDocument,
    )

    domains = []
    for domain, senders in sorted(found.items()):
        first = sight.evidence.first_seen(domain)
        entries = [_entry(sight, one, first) for one in senders]
        domains.append(SendersDomainDocument(domain=domain, senders=entries))
    return ReportsSendersDocument(days=DaysDocument.of(sight.window), domains=domains)


def _entry(sight: Sight, one: Sender, first: Mapping[str, date]) -> SenderDocument:
    from maildns.cli.reports_documents import CountsDocument, SenderDocument, told

    return SenderDocument(
        name=one.title,
        sender_kind=one.kind,
        by=one.by,
        counts=CountsDocument.of(one.tally),
        addresses=told(one.addresses),
        address_count=len(one.addresses),
        country=one.sources[0].named.place.country,
        organization=one.sources[0].named.place.organization,
        first_seen=first_of(one, first),
        new=_is_new(sight, one, first),
    )

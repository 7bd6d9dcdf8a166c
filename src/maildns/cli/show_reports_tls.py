"""`maildns reports tls`: how TLS to the servers went, and what made it fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from maildns.cli.reports_place import Sight, spelled
from maildns.cli.show_reports import (
    console,
    daily,
    domain_head,
    line,
    plural,
    prose,
    share,
    share_style,
)
from maildns.cli.show_reports_summary import stale

if TYPE_CHECKING:
    from rich.console import Console

    from maildns.cli.reports_documents import (
        ReportsTlsDocument,
        TlsDomainDocument,
        TlsTroubleDocument,
    )
    from maildns.reports.transport import TlsStanding, TlsTrouble

POLICIES = {"sts": "MTA-STS", "tlsa": "DANE", "no-policy-found": "no policy"}


def show(sight: Sight, found: Sequence[TlsStanding]) -> None:
    """Print each domain, and each cause with its mend."""
    out = console()
    stale(sight, out)
    if not found:
        line(f"no TLS report of {spelled(sight.window)}", out)
        line("publish where they go: tls_rpt in maildns.toml (RFC 8460 section 3)", out, "dim")
    for one in found:
        _show_standing(sight, one, out)


def _show_standing(sight: Sight, one: TlsStanding, out: Console) -> None:
    total = one.successful + one.failed
    domain_head(one.domain, out, spelled(sight.window))
    says = f"{total:,}, {one.successful:,} succeeded ({share(one.successful, total)})"
    line(f"  sessions      {says}", out, share_style(one.successful, total))
    if out.is_terminal:
        failing = {day: bad for day, (_, bad) in one.by_day.items()}
        everything = {day: sum(both) for day, both in one.by_day.items()}
        line(f"  by day        {daily(sight.window, everything)}", out, "green")
        if one.failed:
            line(f"  failed by day {daily(sight.window, failing)}", out, "red")
    policies = ", ".join(sorted(POLICIES.get(each, each) for each in one.policies))
    reporters = ", ".join(sorted(filter(None, one.reporters))) or "not kept"
    line(f"  policies      {policies}; reporters: {reporters}", out)
    for trouble in one.troubles:
        _show_trouble(trouble, out)
    if one.unexplained:
        line(f"  {plural(one.unexplained, 'session')} failed without a word why", out, "yellow")
    out.print()


def _show_trouble(one: TlsTrouble, out: Console) -> None:
    days = str(one.first) if one.first == one.last else f"{one.first} to {one.last}"
    failed = f"{plural(one.sessions, 'session')} failed, {days}: {one.cause.says}"
    prose("", failed, out, "bold red", 2)
    prose("      at:", one.cause.at, out, indent=12)
    prose("      mend:", one.cause.mend, out, indent=12)
    rules = f"; maildns rule {one.cause.rules[0]}" if one.cause.rules else ""
    line(f"      {one.result_type}, {one.cause.reference}{rules}", out, "dim")
    if one.said:
        line(f"      the reporter says: {one.said}", out, "dim")


def document(sight: Sight, found: Sequence[TlsStanding]) -> ReportsTlsDocument:
    """The document of *found*."""
    from maildns.cli.reports_documents import DaysDocument, ReportsTlsDocument

    return ReportsTlsDocument(
        days=DaysDocument.of(sight.window), domains=[_entry(one) for one in found]
    )


def _entry(one: TlsStanding) -> TlsDomainDocument:
    from maildns.cli.reports_documents import TlsDomainDocument, day_documents

    return TlsDomainDocument(
        domain=one.domain,
        successful=one.successful,
        failed=one.failed,
        unexplained=one.unexplained,
        policies=sorted(one.policies),
        reporters=sorted(filter(None, one.reporters)),
        days=day_documents(one.by_day),
        troubles=[_trouble(each) for each in one.troubles],
    )


def _trouble(one: TlsTrouble) -> TlsTroubleDocument:
    from maildns.cli.reports_documents import TlsTroubleDocument

    return TlsTroubleDocument(
        host=one.host,
        policy=one.policy_type,
        result=one.result_type,
        sessions=one.sessions,
        first_day=one.first,
        last_day=one.last,
        reporters=sorted(filter(None, one.reporters)),
        at=one.cause.at,
        says=one.cause.says,
        mend=one.cause.mend,
        rules=list(one.cause.rules),
        reference=one.cause.reference,
        said=one.said,
    )

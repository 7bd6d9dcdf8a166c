"""`maildns reports summary`: all domains at a glance, or some more closely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from rich.text import Text

from maildns.cli.reports_place import Sight, spelled
from maildns.cli.show_reports import (
    cell,
    console,
    daily,
    domain_head,
    line,
    plural,
    prose,
    share,
    share_style,
    table,
    told,
)

if TYPE_CHECKING:
    from rich.console import Console

    from maildns.cli.reports_documents import ReportsSummaryDocument, SummaryDomainDocument
    from maildns.net.drivers import BlockingWorld
    from maildns.reports.remarks import Remark
    from maildns.reports.store.queries import DomainSum
    from maildns.reports.views import Window

SHOWN: Final = 40  # domains at a glance
_FEW: Final = 10  # domains whose remarks are gathered without being asked for
_FEW_ROWS: Final = 50_000  # of three months, of all domains
_MOST_REMARKS: Final = 10
_MOST_NEW: Final = 100
_WIDE: Final = 130
_NUMBERS: Final = 46  # characters of a line of the table beside its name and its sparklines
_LEAST: Final = 10  # of a sparkline that tells anything


@dataclass(slots=True)
class Glance:
    """A domain's counts; `days` are by day what passes and what fails."""

    sum: DomainSum
    days: dict[date, tuple[int, int]] = field(default_factory=dict)
    policy: str = ""
    reporters: dict[str, int] = field(default_factory=dict)
    new_sources: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Overview:
    """The domains, those that are shown; `named` where they were asked for by name."""

    glances: list[Glance]
    left_out: int
    named: bool
    held: int


def overview(
    sight: Sight, wanted: Sequence[str], world: BlockingWorld | None, *, whole: bool
) -> Overview:
    """Gather what is shown of *wanted*, or of all domains; remarks where there are few of them."""
    from maildns.cli.reports_looking import REMARKED_DAYS, remarks
    from maildns.reports.store import queries
    from maildns.reports.views import Window

    with sight.store.reading() as reader:
        sums = queries.summary(reader, sight.window)
        held = sum(1 for _ in queries.held(reader))
        past = Window.last(REMARKED_DAYS, sight.today)
        little = len(sums) <= _FEW and queries.row_count(reader, past) <= _FEW_ROWS
    found = [one for one in sums if not wanted or one.domain in wanted]
    shown = found if whole or wanted else found[:SHOWN]
    glances = [Glance(one, _days(sight, one.domain)) for one in shown]
    for glance in glances:
        if wanted:
            _look_closely(sight, glance)
        if wanted or little:
            glance.remarks = remarks(sight, glance.sum.domain, world)
    glances += [Glance(one) for one in found[len(shown) :]]
    return Overview(glances, len(found) - len(shown), bool(wanted), held)


def _days(sight: Sight, domain: str) -> dict[date, tuple[int, int]]:
    return {
        one.day: (one.passing, one.messages - one.passing)
        for one in sight.evidence.domain_days(sight.window, domain)
    }


def _look_closely(sight: Sight, glance: Glance) -> None:
    from maildns.cli.reports_looking import policy_seen
    from maildns.reports.store import queries

    domain, window = glance.sum.domain, sight.window
    with sight.store.reading() as reader:
        reporters = queries.reporters(reader, domain, window)
        new = queries.new_sources(reader, domain, window)
    glance.reporters = {one.reporter: one.messages for one in reporters}
    glance.new_sources = list(new)[:_MOST_NEW]
    glance.policy = policy_seen(sight.evidence.reports(window, domain))


# --- showing --------------------------------------------------------------------------


def show(sight: Sight, seen: Overview) -> None:
    """Print *seen*."""
    out = console()
    stale(sight, out)
    if seen.named:
        if not seen.glances:
            line(
                f"no aggregate report of {spelled(sight.window)}; maildns reports tls has others",
                out,
            )
        for glance in seen.glances:
            _show_closely(glance, sight.window, out)
    else:
        _show_table(sight, seen, out)
        for glance in seen.glances:
            _show_remarks(glance.remarks, out, f"{glance.sum.domain}: ")
    if seen.held:
        line(f"{plural(seen.held, 'arrival')} in quarantine: maildns reports quarantine list", out)
    line("more: maildns reports summary DOMAIN, senders, tls, advise", out, "dim")


def stale(sight: Sight, out: Console) -> None:
    """Say that no new reports come, where that is so."""
    if sight.stale_days:
        says = f"the newest report is of {sight.last_day}, {sight.stale_days} days ago"
        line(f"{says}: what follows is as of then", out, "yellow")


def _show_table(sight: Sight, seen: Overview, out: Console) -> None:
    line(f"{spelled(sight.window)}, {plural(len(seen.glances), 'domain')}", out, "bold")
    room = _room(seen, out)
    # Where somebody looks, bars tell more than the two counts that cost their room.
    whole = not room or out.width >= _WIDE
    columns = ["domain", *([">reports"] if whole else []), ">messages", ">passing", ">failing"]
    columns += [">refused"] if whole else []
    shown = table(*columns, *(["by day", "failing by day"] if room else []), "newest")
    for glance in seen.glances[: len(seen.glances) - seen.left_out]:
        one = glance.sum
        shown.add_row(
            cell(one.domain),
            *([f"{one.reports:,}"] if whole else []),
            f"{one.messages:,}",
            cell(share(one.passed, one.messages), share_style(one.passed, one.messages)),
            f"{one.messages - one.passed:,}",
            *([f"{one.quarantined + one.rejected:,}"] if whole else []),
            *(_sparks(glance, sight.window, room) if room else []),
            str(one.last_day),
        )
    out.print(shown)
    if seen.left_out:
        line(f"... and {seen.left_out:,} more; --all shows them", out, "dim")


def _room(seen: Overview, out: Console) -> int:
    """How wide each of the two sparklines may be; 0 where there is no terminal, or no room."""
    longest = max((len(one.sum.domain) for one in seen.glances), default=0)
    numbers = _NUMBERS + (20 if out.width >= _WIDE else 0)
    room = min(60, (out.width - min(longest, 60) - numbers) // 2)
    return room if out.is_terminal and room >= _LEAST else 0


def _sparks(glance: Glance, window: Window, room: int) -> list[Text]:
    everything = {day: sum(counts) for day, counts in glance.days.items()}
    failing = {day: failed for day, (_, failed) in glance.days.items()}
    return [
        cell(daily(window, everything, room), "green"),
        cell(daily(window, failing, room), "red"),
    ]


def _show_closely(glance: Glance, window: Window, out: Console) -> None:
    one = glance.sum
    domain_head(one.domain, out, spelled(window))
    everything = {day: sum(counts) for day, counts in glance.days.items()}
    failing = {day: failed for day, (_, failed) in glance.days.items()}
    rows = [
        ("policy", f"{glance.policy or 'not known'} (as the newest report saw it)"),
        ("reports", f"{one.reports:,} of {plural(len(glance.reporters), 'reporter')}"),
        ("messages", f"{one.messages:,}"),
        ("passing", _part(one.passed, one.messages)),
        ("  by DKIM", _part(one.dkim_aligned, one.messages)),
        ("  by SPF", _part(one.spf_aligned, one.messages)),
        ("failing", _part(one.messages - one.passed, one.messages)),
        ("quarantined", f"{one.quarantined:,}"),
        ("refused", f"{one.rejected:,}"),
    ]
    if out.is_terminal:
        rows.insert(3, ("  by day", daily(window, everything)))
        rows.insert(8, ("  by day", daily(window, failing)))
    if glance.reporters:
        rows.append(("reporters", told(glance.reporters)))
    if glance.new_sources:
        addresses = ", ".join(glance.new_sources[:5])
        more = len(glance.new_sources) - 5
        rows.append(("new sources", addresses + (f" and {more} more" if more > 0 else "")))
    for label, value in rows:
        line(f"  {label:<14}{value}", out)
    _show_remarks(glance.remarks, out)
    out.print()


def _show_remarks(found: Sequence[Remark], out: Console, prefix: str = "") -> None:
    """What wants looking at, with its mend."""
    for one in found[:_MOST_REMARKS]:
        prose("  look:", prefix + one.says, out, "bold red" if one.urgent else "yellow")
        if one.mend:
            prose("", one.mend, out)
    if len(found) > _MOST_REMARKS:
        line(f"                and {len(found) - _MOST_REMARKS} more (--json has all)", out, "dim")


def _part(count: int, whole: int) -> str:
    return f"{count:,} ({share(count, whole)})" if whole else f"{count:,}"


# --- the document ---------------------------------------------------------------------


def document(sight: Sight, seen: Overview) -> ReportsSummaryDocument:
    """The document of *seen*."""
    from maildns.cli.reports_documents import DaysDocument, ReportsSummaryDocument

    return ReportsSummaryDocument(
        days=DaysDocument.of(sight.window),
        stale_days=sight.stale_days,
        domains=[_entry(glance, named=seen.named) for glance in seen.glances],
        held=seen.held,
    )


def _entry(glance: Glance, *, named: bool) -> SummaryDomainDocument:
    from maildns.cli.reports_documents import (
        CountsDocument,
        RemarkDocument,
        SummaryDomainDocument,
        day_documents,
    )

    one = glance.sum
    return SummaryDomainDocument(
        domain=one.domain,
        reports=one.reports,
        counts=CountsDocument(
            messages=one.messages,
            passing=one.passed,
            dkim_aligned=one.dkim_aligned,
            spf_aligned=one.spf_aligned,
            quarantined=one.quarantined,
            rejected=one.rejected,
        ),
        last_day=one.last_day,
        policy=glance.policy,
        days=day_documents(glance.days) if named else [],
        reporters=glance.reporters,
        new_sources=glance.new_sources,
        remarks=[RemarkDocument.of(each) for each in glance.remarks],
    )

"""`maildns reports advise`: the step, its day, its record, its evidence, what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from maildns.cli.reports_advise_command import Counsel
from maildns.cli.reports_place import Sight
from maildns.cli.show_record import zone_line
from maildns.cli.show_reports import (
    KINDS,
    cell,
    console,
    domain_head,
    line,
    plural,
    prose,
    share,
    table,
)
from maildns.cli.show_reports_summary import stale
from maildns.dnsdata import Txt

if TYPE_CHECKING:
    from rich.console import Console

    from maildns.cli.reports_documents import AdviceDomainDocument, ReportsAdviceDocument
    from maildns.reports.advice import Advice, Harm
    from maildns.reports.meaning import Tally

SHOWN: Final = 5  # domains with all their evidence; of more there is a line each
_HARMS: Final = 12
_TAGS: Final = ("p", "sp", "np", "t", "pct")


def show(sight: Sight, counsels: Sequence[Counsel]) -> None:
    """Print the advice for each domain; of many a line each."""
    out = console()
    stale(sight, out)
    if not counsels:
        line("no aggregate report of these days", out)
    if len(counsels) > SHOWN:
        _show_table(counsels, sight, out)
        _show_counts([one.advice for one in counsels], out)
        line("all of one: maildns reports advise DOMAIN", out, "dim")
        return
    for one in counsels:
        _show(sight, one, out)


def _show_table(counsels: Sequence[Counsel], sight: Sight, out: Console) -> None:
    shown = table("domain", "now", "next step", "when", "what speaks against it")
    for one in counsels:
        advice = one.advice
        shown.add_row(
            cell(advice.domain),
            _policy(str(advice.now)),
            changes(advice) or "none is left",
            _when(advice, sight),
            cell("; ".join(reason.says for reason in advice.against), room=120),
        )
    out.print(shown)


def _show_counts(advices: Sequence[Advice], out: Console) -> None:
    ready = sum(one.ready for one in advices)
    blocked = sum(bool(one.against) for one in advices)
    done = sum(one.step is None for one in advices)
    waiting = len(advices) - ready - blocked - done
    says = f"{ready:,} may take a step, {waiting:,} wait for their day, {blocked:,} have something against it"
    line(f"{says}, {done:,} are at the goal", out, "bold")


def _policy(record: str) -> str:
    tags = [tag.strip() for tag in record.split(";")]
    return "; ".join(tag for tag in tags if tag.partition("=")[0] in _TAGS)


def changes(advice: Advice) -> str:
    """The tags of the step that are not those of today, such as `p=quarantine; t=y`."""
    if advice.step is None:
        return ""
    now = {tag.strip() for tag in str(advice.now).split(";")}
    then = [tag.strip() for tag in str(advice.step).split(";")]
    new = [tag for tag in then if tag not in now]
    names = {tag.partition("=")[0] for tag in then}
    gone = [tag.partition("=")[0] for tag in now if tag.partition("=")[0] not in names]
    return "; ".join([*new, *(f"without {name}" for name in sorted(gone) if name)])


def _when(advice: Advice, sight: Sight) -> str:
    if advice.step is None:
        return ""
    if advice.against:
        return "not yet"
    if not advice.ready:
        return f"not before {advice.not_before}"
    return f"safe as of {sight.today}" if sight.stale_days else "now"


def _show(sight: Sight, one: Counsel, out: Console) -> None:
    advice = one.advice
    domain_head(advice.domain, out)
    since = f", seen since {advice.basis.since}" if advice.basis.since else ""
    line(f"  now           {advice.now}", out)
    line(f"                from {advice.known_from}{since}", out, "dim")
    if advice.basis.since is None and one.seen:
        says = f"the newest report saw {one.seen}; maildns plan shows what is published"
        prose("", f"not what reporters see: {says}", out, "yellow")
    if advice.step is None:
        line("  next step     none is left: the goal is reached", out, "green")
        _show_evidence(advice, out)
        _show_further(advice, out)
        out.print()
        return
    ready = advice.ready
    style = "bold green" if ready else "bold yellow"
    line(f"  next step     {changes(advice)}: {_when(advice, sight)}", out, style)
    if advice.complete:
        line(
            f"  record        {zone_line(f'_dmarc.{advice.domain}', Txt.of(str(advice.step)))}", out
        )
    else:
        line("  record        the one of today with these tags; --live reads it from the DNS", out)
    for reason in advice.against:
        prose("  against it", reason.says, out, "yellow")
        if reason.mend:
            prose("", f"mend: {reason.mend}", out)
    _show_evidence(advice, out)
    _show_harms(advice, out)
    _show_further(advice, out)
    for note in advice.notes:
        prose("  note", f"{note.says}{f': {note.mend}' if note.mend else ''}", out, "dim")
    _show_change(sight, one, out)
    out.print()


def _show_evidence(advice: Advice, out: Console) -> None:
    basis = advice.basis
    reporters = plural(len(basis.reporters), "reporter")
    says = f"{basis.days_covered} of {basis.window.days} days; {plural(basis.reports, 'report')} of {reporters}"
    line(f"  evidence      {says}", out)
    line(f"  your mail     {_tally(basis.wanted)}", out)
    line(f"  strangers     {_tally(basis.strangers)}", out)


def _tally(tally: Tally) -> str:
    if not tally.messages:
        return "no messages"
    passing = f"{share(tally.passing, tally.messages)} pass DMARC"
    signed = f"{share(tally.dkim_aligned, tally.messages)} by a signature of yours"
    words = f"{plural(tally.messages, 'message')}, {passing}"
    return f"{words}, {signed}" if tally.passing else words


def _show_harms(advice: Advice, out: Console) -> None:
    """What the step does to each sender, those that are hit or wanted."""
    telling = [one for one in advice.harms if one.hit or one.sender.kind.wanted]
    if not telling:
        return
    shown = table("  what it does to", "", ">messages", ">hit", ">")
    for one in telling[:_HARMS]:
        shown.add_row(
            cell(f"  {one.sender.title}"),
            cell(one.sender.kind, KINDS.get(one.sender.kind, "")),
            f"{one.sender.tally.messages:,}",
            cell(f"{one.hit:,}", _harm_style(one)),
            share(one.hit, one.sender.tally.messages) if one.hit else "",
        )
    out.print(shown)
    if len(telling) > _HARMS:
        line(f"  ... and {len(telling) - _HARMS} more", out, "dim")


def _show_further(advice: Advice, out: Console) -> None:
    """Changes beside the ladder: each may be taken or left."""
    for one in advice.further:
        if one.safe:
            prose("  also safe", f"{one.tag}: {one.why}", out)
        else:
            says = "; ".join(reason.says for reason in one.against)
            prose("  not safe yet", f"{one.tag}: {says}", out, "dim")


def _harm_style(one: Harm) -> str:
    if not one.hit:
        return "dim"
    return (
        "bold red" if one.sender.kind.wanted else "green" if one.sender.kind == "stranger" else ""
    )


def _show_change(sight: Sight, one: Counsel, out: Console) -> None:
    if not one.change:
        return
    line(
        "  the change of maildns.toml:" if one.advice.ready else "  what the step will change:", out
    )
    for each in one.change.splitlines():
        style = "green" if each.startswith("+") else "red" if each.startswith("-") else "dim"
        line(f"    {each}", out, style)
    if one.advice.ready and not sight.stale_days:
        command = f"maildns reports advise {one.advice.domain} --write"
        line(f"  take it: {command}; then maildns plan, maildns apply", out)


# --- the document ---------------------------------------------------------------------


def document(sight: Sight, counsels: Sequence[Counsel], *, written: bool) -> ReportsAdviceDocument:
    """The document of *counsels*."""
    from maildns.cli.reports_documents import DaysDocument, ReportsAdviceDocument

    return ReportsAdviceDocument(
        days=DaysDocument.of(sight.window),
        today=sight.today,
        stale_days=sight.stale_days,
        domains=[_entry(sight, one) for one in counsels],
        written=written,
    )


def _entry(sight: Sight, one: Counsel) -> AdviceDomainDocument:
    from maildns.cli.protocol_documents import PublishedDocument
    from maildns.cli.reports_documents import (
        AdviceDomainDocument,
        CountsDocument,
        FurtherDocument,
        HarmDocument,
        ReasonDocument,
    )

    advice, basis = one.advice, one.advice.basis
    whole = advice.complete and advice.step is not None
    name = f"_dmarc.{advice.domain}"
    return AdviceDomainDocument(
        domain=advice.domain,
        now=str(advice.now),
        known_from=advice.known_from,
        seen=one.seen,
        complete=advice.complete,
        step=None if advice.step is None else str(advice.step),
        changes=changes(advice),
        record=PublishedDocument.of(name, Txt.of(str(advice.step))) if whole else None,
        ready=advice.ready and not sight.stale_days,
        not_before=advice.not_before,
        against=[ReasonDocument(says=each.says, mend=each.mend) for each in advice.against],
        notes=[ReasonDocument(says=each.says, mend=each.mend) for each in advice.notes],
        harms=[
            HarmDocument(
                name=each.sender.title,
                sender_kind=each.sender.kind,
                messages=each.sender.tally.messages,
                hit=each.hit,
            )
            for each in advice.harms
        ],
        further=[
            FurtherDocument(
                tag=each.tag,
                record=str(each.record),
                why=each.why,
                safe=each.safe,
                against=[ReasonDocument(says=one.says, mend=one.mend) for one in each.against],
            )
            for each in advice.further
        ],
        reports=basis.reports,
        reporters=list(basis.reporters),
        days_covered=basis.days_covered,
        since=basis.since,
        wanted=CountsDocument.of(basis.wanted),
        strangers=CountsDocument.of(basis.strangers),
        config_change=one.change,
    )

"""
What in the reports wants looking at: new senders, sudden changes, silence, keys and includes out of use.

Each remark is a plain value with its evidence and its mend. They are quiet by design: what happens
each week, what few messages tell and what one reporter says late is no news.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from statistics import median

from maildns.dnsdata import is_within
from maildns.reports.meaning import Kind, Sender, Source, senders_of, sources_of
from maildns.reports.published import KeyState, Published
from maildns.reports.transport import TlsStanding, standings
from maildns.reports.views import DomainDay, Evidence, KeyUse, ReportSeen, Window
from maildns.reports.who import Naming, NetworkTable


class Topic(StrEnum):
    """What a remark is about."""

    NEW_SOURCE = "new source"
    JUMP = "jump"
    DROP = "drop"
    SILENCE = "silence"
    MISSING_KEY = "missing key"
    IDLE_KEY = "idle key"
    OLD_KEY = "old key"
    IDLE_INCLUDE = "idle include"
    TLS = "tls"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Remark:
    """
    Something that wants looking at.

    `subject` is what it is about, such as an address, a reporter or a selector: topic, domain and
    subject together are the same for the same trouble. `day` is the newest day that tells of it.
    `urgent` says that mail is lost, or soon will be, or that somebody may be forging it.
    """

    topic: Topic
    domain: str
    subject: str
    says: str
    mend: str
    day: date
    urgent: bool = False
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """
    When something is remarked.

    A source is new for `new_days`, once the store knows `history_days` before. A jump is `jump_times`
    the median of the four weeks before, and `few` messages at least. A reporter is regular with
    reports on `regular` of its days. A key or include is idle when no mail used it for `idle_days`;
    a key is old after `key_days`, a certificate ends soon `certificate_days` before.
    """

    new_days: int = 7
    history_days: int = 14
    few: int = 50
    jump_times: float = 4.0
    drop_share: float = 0.3
    silent_days: int = 4
    regular: float = 0.8
    idle_days: int = 90
    key_days: int = 400
    certificate_days: int = 14
    tls_days: int = 7


def remarks_on(
    domain: str,
    evidence: Evidence,
    *,
    today: date,
    naming: Naming | None = None,
    published: Published | None = None,
    configured: Iterable[tuple[str, str]] = (),
    limits: Limits | None = None,
) -> list[Remark]:
    """
    All remarks on *domain* as of *today*, the urgent ones first.

    *published* is what `look_up` found; without it nothing is said of what is in the DNS.
    *configured* are the d= and selector of keys that the description names.
    """
    limits = limits or Limits()
    window = Window.last(limits.idle_days, today)
    days = evidence.domain_days(window, domain)
    reports = evidence.reports(window, domain)
    uses = evidence.key_uses(window, domain)
    told_enough = len({one.begin.date() for one in reports}) >= 0.8 * limits.idle_days
    whole = published is not None and told_enough
    # New senders are in the newest rows; all rows are read only where an include may be idle.
    rows = evidence.source_days(window if whole else Window.last(limits.new_days, today), domain)
    sources = sources_of(rows, naming)
    recent = Window.last(limits.tls_days, today)
    found = [
        *new_sources(sources, evidence.first_seen(domain), today, limits),
        *changes(domain, days, today, limits),
        *silences(domain, reports, today, limits),
        *tls_troubles(standings(evidence.tls_days(recent, domain))),
        *key_ages(evidence.key_uses(Window.last(3660, today), domain), domain, today, limits),
    ]
    if published is not None:
        found += missing_keys(uses, published, today, limits, sources)
        if told_enough:
            found += idle_keys(uses, published, configured, today, limits)
            found += idle_includes(sources, published, today, limits)
    return sorted(found, key=lambda one: (not one.urgent, -one.day.toordinal(), one.subject))


# --- who ------------------------------------------------------------------------------


def new_sources(
    sources: Iterable[Source], first_seen: Mapping[str, date], today: date, limits: Limits
) -> Iterator[Remark]:
    """
    Senders that nobody had met before and whose mail does not pass; strangers together are one.

    Nothing is said while the store is so young that all are new.
    """
    since = today - timedelta(days=limits.new_days - 1)
    oldest = min(first_seen.values(), default=today)
    if (since - oldest).days < limits.history_days:
        return
    fresh = [
        one for one in sources if first_seen.get(one.ip, one.first) >= since and one.tally.failing
    ]
    for sender in senders_of(fresh):
        remark = _new_sender(sender, first_seen, today, limits)
        if remark is not None:
            yield remark


def _new_sender(
    sender: Sender, first_seen: Mapping[str, date], today: date, limits: Limits
) -> Remark | None:
    if sender.kind in {Kind.FORWARDER, Kind.LIST}:
        return None
    failing = sender.tally.failing
    if not sender.kind.wanted and failing < limits.few:
        return None
    first = sender.sources[0]
    several = len(sender.sources) > 1
    who = f"{sender.title} ({len(sender.sources)} addresses)" if several else sender.title
    day = max((first_seen.get(one.ip, one.first) for one in sender.sources), default=today)
    verb = "are" if several else "is"
    says = f"{who} {verb} new: {failing:,} of {sender.tally.messages:,} messages do not pass DMARC"
    shown = ", ".join(sender.addresses[:5])
    return Remark(
        Topic.NEW_SOURCE,
        first.domain,
        sender.title if several or sender.kind is not Kind.STRANGER else first.ip,
        says,
        _MEND_OF_KIND.get(sender.kind, "look at it: maildns reports source ADDRESS"),
        day,
        urgent=sender.kind.wanted,
        evidence=(f"from {shown}", f"reported by {', '.join(sorted(first.reporters)[:5])}"),
    )


_MEND_OF_KIND = {
    Kind.OURS: "let it sign with a DKIM key of yours, or permit it by SPF",
    Kind.SERVICE: "have it sign all of its mail with a key of yours",
    Kind.NOT_SET_UP: "if it sends for you, set up its domain authentication; if not, it is forging",
    Kind.UNDECIDED: "if it sends for you, have it sign with a key of yours; if not, it is forging",
    Kind.STRANGER: "nothing on your side, if it is not yours; a stricter policy stops it",
}


# --- how much -------------------------------------------------------------------------


def changes(
    domain: str, days: Iterable[DomainDay], today: date, limits: Limits
) -> Iterator[Remark]:
    """Sudden changes: failures or mail as a whole that jump, and mail that passes no more."""
    counted = {day.day: day for day in days if day.domain == domain}
    failing = {day: one.messages - one.passing for day, one in counted.items()}
    sent = {day: one.messages for day, one in counted.items()}
    jump = _jump(domain, "messages that fail DMARC", failing, today, limits)
    # Of two that grow together, the first says more.
    jump = jump or _jump(domain, "messages", sent, today, limits)
    if jump is not None:
        yield jump
    drop = _drop(domain, counted, today, limits)
    if drop is not None:
        yield drop


def _jump(
    domain: str, name: str, counted: Mapping[date, int], today: date, limits: Limits
) -> Remark | None:
    """The greatest jump of the last three days: reports of a day come in over as many."""
    best: Remark | None = None
    most = 0
    for day in Window.last(3, today).each():
        weeks = Window.last(28, day - timedelta(days=1))
        before = [counted[one] for one in weeks.each() if one in counted]
        if day not in counted or len(before) < limits.history_days:
            continue
        now, usual = counted[day], median(before)
        # What comes each Tuesday is no news.
        turns = [counted.get(day - timedelta(days=7 * week), 0) for week in range(1, 5)]
        floor = max(limits.few, limits.jump_times * usual, 1.5 * max(turns))
        if now > most and now >= floor:
            most = now
            best = Remark(
                Topic.JUMP,
                domain,
                name,
                f"{now:,} {name} on {day}; {usual:,.0f} a day are usual",
                f"look who sent them: maildns reports senders {domain} --days 7",
                day,
                urgent=name != "messages",
                evidence=(f"median of {len(before)} days: {usual:,.0f}",),
            )
    return best


def _drop(
    domain: str, counted: Mapping[date, DomainDay], today: date, limits: Limits
) -> Remark | None:
    """Whole weeks are compared, and not the last two days, whose reports are not all there."""
    until = today - timedelta(days=2)
    last = Window.last(7, until)
    now = sum(counted[day].passing for day in last.each() if day in counted)
    before = [
        sum(
            counted[day].passing
            for day in Window.last(7, until - timedelta(days=7 * week)).each()
            if day in counted
        )
        for week in range(1, 5)
    ]
    usual = median(before)
    seen = sum(day in counted for day in last.each())
    if min(before) < 2 * limits.few or now > limits.drop_share * usual or not seen:
        return None
    return Remark(
        Topic.DROP,
        domain,
        "messages that pass DMARC",
        f"{now:,} messages passed DMARC in the week up to {until}; {usual:,.0f} a week are usual",
        "look whether SPF, a key or a server was changed: maildns check " + domain,
        until,
        urgent=True,
    )


# --- who is silent --------------------------------------------------------------------


def silences(
    domain: str, reports: Sequence[ReportSeen], today: date, limits: Limits
) -> Iterator[Remark]:
    """Report silence: of all, else of reporters that used to write almost daily."""
    days: dict[str, set[date]] = {}
    for report in reports:
        days.setdefault(report.reporter, set()).add(report.begin.date())
    if not days:
        return
    newest = max(max(some) for some in days.values())
    if (today - newest).days >= limits.silent_days:
        yield Remark(
            Topic.SILENCE,
            domain,
            "all reporters",
            f"no report since that of {newest}, {(today - newest).days} days ago",
            f"look at rua of _dmarc.{domain}, at its mailbox, and at what fetches it",
            newest,
            urgent=True,
        )
        return
    for reporter, some in sorted(days.items()):
        last = max(some)
        if (newest - last).days < limits.silent_days:
            continue
        before = Window.last(28, last)
        regular = sum(day in before for day in some) >= limits.regular * before.days
        # Who writes almost daily is missed; who wrote now and then, or long ago, is not.
        if regular and (newest - last).days <= 28:
            yield Remark(
                Topic.SILENCE,
                domain,
                reporter,
                f"{reporter} reported almost daily, and not since {last}",
                "nothing, if little mail goes there; else look whether its reports are refused",
                last,
            )


# --- what is published ----------------------------------------------------------------


def missing_keys(
    uses: Iterable[KeyUse],
    published: Published,
    today: date,
    limits: Limits,
    sources: Iterable[Source] = (),
) -> Iterator[Remark]:
    """
    Selectors that mail is signed with now, and of which the DNS has no key.

    One that never passed may be a forger's invention, unless it is one of *sources* that are wanted
    which signs with it.
    """
    ours_sign = {pair for one in sources if one.kind.wanted for pair in one.broken}
    since = today - timedelta(days=limits.new_days)
    for use in uses:
        state = published.keys.get((use.dkim_domain, use.selector), KeyState.UNKNOWN)
        gone = state in {KeyState.MISSING, KeyState.REVOKED}
        ours = is_within(use.dkim_domain, published.domain)
        real = use.passed or (use.dkim_domain, use.selector) in ours_sign
        if not (gone and ours and real and use.last >= since):
            continue
        owner = f"{use.selector}._domainkey.{use.dkim_domain}"
        how = "is revoked" if state is KeyState.REVOKED else "is not in the DNS"
        signed = f"mail was signed with {owner} until {use.last}"
        never = f"mail of yours is signed with {owner}"
        told = f"{use.passed:,} messages passed with it, {use.failed:,} did not"
        yield Remark(
            Topic.MISSING_KEY,
            published.domain,
            owner,
            f"{signed if use.passed else never}, and the key {how}",
            "publish it again, or let the server sign with a key that is published",
            use.last,
            urgent=True,
            evidence=(told,),
        )


def idle_keys(
    uses: Iterable[KeyUse],
    published: Published,
    configured: Iterable[tuple[str, str]],
    today: date,
    limits: Limits,
) -> Iterator[Remark]:
    """Keys that stand in the DNS or the description, and that no mail used."""
    used = {(use.dkim_domain, use.selector) for use in uses if use.passed}
    wanted = [pair for pair, state in published.keys.items() if state is KeyState.PUBLISHED]
    there = set(wanted)
    for domain, selector in dict.fromkeys([*configured, *wanted]):
        pair = (domain, selector)
        if pair in used or pair not in there:
            continue
        owner = f"{selector}._domainkey.{domain}"
        yield Remark(
            Topic.IDLE_KEY,
            published.domain,
            owner,
            f"no mail of {limits.idle_days} days was signed with the key at {owner}",
            "take it away if nothing signs with it: an old key is one more to be stolen",
            today,
        )


def key_ages(uses: Iterable[KeyUse], domain: str, today: date, limits: Limits) -> Iterator[Remark]:
    """Keys that have signed for long, as far back as the store knows."""
    for use in uses:
        age = (use.last - use.first).days
        recent = (today - use.last).days <= limits.new_days
        if use.passed and recent and age >= limits.key_days and is_within(use.dkim_domain, domain):
            owner = f"{use.selector}._domainkey.{use.dkim_domain}"
            yield Remark(
                Topic.OLD_KEY,
                domain,
                owner,
                f"the key at {owner} has signed for {age} days",
                "make a new one under a new selector: maildns dkim new",
                use.last,
            )


def idle_includes(
    sources: Iterable[Source], published: Published, today: date, limits: Limits
) -> Iterator[Remark]:
    """SPF terms that no mail used: none from their networks passed SPF for the domain."""
    if not published.sure:
        return
    senders = [source.ip for source in sources if source.envelopes[published.domain]]
    for term, networks in published.terms:
        if not term.lstrip("+").lower().startswith("include:"):
            continue
        table = NetworkTable((network, term) for network in networks)
        if networks and not any(table.find(ip) for ip in senders):
            included = term.partition(":")[2]
            yield Remark(
                Topic.IDLE_INCLUDE,
                published.domain,
                term,
                f"no mail of {limits.idle_days} days passed SPF by {term}",
                f"try it: maildns reports replay {published.domain} --without-include {included} --live",
                today,
            )


# --- TLS ------------------------------------------------------------------------------


def tls_troubles(told: Iterable[TlsStanding]) -> Iterator[Remark]:
    """TLS sessions that failed in the days of *told*, each cause once."""
    for standing in told:
        for trouble in standing.troubles:
            if not trouble.sessions:
                continue
            cause = trouble.cause
            yield Remark(
                Topic.TLS,
                standing.domain,
                f"{trouble.result_type} at {trouble.host}",
                f"{trouble.sessions:,} TLS sessions to {trouble.host} failed: {cause.says}",
                cause.mend,
                trouble.last,
                urgent=trouble.policy_type in {"sts", "tlsa"},
                evidence=(
                    f"{cause.at} ({cause.reference})",
                    f"reported by {', '.join(sorted(trouble.reporters)[:5])}",
                ),
            )

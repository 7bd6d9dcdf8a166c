"""
The ladder to a strict policy: the next step, whether it is safe, and the evidence.

A step is advised only when every sender that the owner wants would come through it, whichever kind
of receiver it meets, and when the step of today has stood long enough (RFC 9989 sections 7.4 and 8:
a month of watching, then as long in quarantine). What speaks against it is said with its mend.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from maildns.net.drivers import BlockingWorld
from maildns.protocols import dmarc
from maildns.protocols.dmarc import READERS, DmarcRecord, Policy
from maildns.reports.meaning import Kind, Sender, Source, Tally, senders_of
from maildns.reports.model import PublishedPolicy
from maildns.reports.replay import Change, replay
from maildns.reports.views import ReportSeen, SourceDay, Window

_NAMED = 4  # addresses that a mend names


@dataclass(frozen=True, slots=True)
class Thresholds:
    """
    When a step is safe.

    `days` is how long the step of today must have stood, `coverage` which share of them must have
    reports. `harm_percent` is how much of a wanted sender's mail may be hit, `passed_on_percent` how
    much of all wanted mail may be hit on its way through lists and forwarders before `reject`, and
    `signed_percent` how much of the wanted mail must be signed for it.
    """

    days: int = 30
    coverage: float = 0.8
    harm_percent: float = 2.0
    passed_on_percent: float = 1.0
    signed_percent: float = 90.0
    silent_days: int = 3
    few_messages: int = 100


@dataclass(frozen=True, slots=True)
class Harm:
    """What a step would do to a sender, by the receivers that would do most, in messages."""

    sender: Sender
    hit: int

    @property
    def percent(self) -> float:
        """Of all mail of the sender."""
        return 100 * self.hit / self.sender.tally.messages if self.sender.tally.messages else 0.0


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that speaks against a step, or is worth knowing; `mend` is what to do."""

    says: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Basis:
    """What the advice rests on."""

    window: Window
    days_covered: int
    reports: int
    reporters: tuple[str, ...]
    last_day: date | None
    since: date | None
    wanted: Tally
    strangers: Tally


@dataclass(frozen=True, slots=True)
class Advice:
    """
    The next step for a domain.

    `now` is the record of today and `known_from` where it was read; `complete` says that it is whole,
    so that `step` is a record to publish as it stands: from reports alone nobody knows its `rua`.
    `step` is None at the top. `not_before` is the day before which it is not advised, whatever else.
    """

    domain: str
    now: DmarcRecord
    known_from: str
    complete: bool
    step: DmarcRecord | None
    not_before: date | None
    against: tuple[Reason, ...]
    notes: tuple[Reason, ...]
    harms: tuple[Harm, ...]
    basis: Basis
    today: date

    @property
    def ready(self) -> bool:
        """Whether the step is advised today."""
        early = self.not_before is not None and self.today < self.not_before
        return self.step is not None and not self.against and not early


@dataclass(frozen=True, slots=True)
class Known:
    """The record of today, where it was read, and whether that is all of it."""

    record: DmarcRecord
    known_from: str
    complete: bool


def steps(top: DmarcRecord) -> list[DmarcRecord]:
    """
    The steps to *top*: watch, quarantine in test mode, quarantine, reject; the first is the mildest.

    `sp` and `np` never run ahead of `p`, but for `np=reject`, which `dmarc.ladder` explains.

    >>> [str(one)[10:] for one in steps(dmarc.build(policy="reject"))]
    ['p=none', 'p=quarantine; t=y', 'p=quarantine', 'p=reject']
    """
    plain = [one for one in dmarc.ladder(top) if not one.testing or one == top]
    made: list[DmarcRecord] = []
    for one in plain:
        if one.policy is Policy.QUARANTINE and not one.testing:
            made.append(replace(one, testing=True))
        made.append(one)
    return made


def next_step(now: DmarcRecord, goal: Policy = Policy.REJECT) -> DmarcRecord | None:
    """
    The first step stricter than *now* on the way to *goal*; None at the top.

    When `p` has arrived and `sp` has not, the step is the next one of `sp`.
    """
    top = replace(now, policy=goal, testing=False, percent=None, published=())
    here = _height(now)
    step = next((one for one in steps(top) if _height(one) > here), None)
    if step is not None:
        return step
    below = now.subdomain_policy
    if below is None or now.policy is None or below.rank >= now.policy.rank:
        return None
    risen = next(one for one in Policy if one.rank == below.rank + 1)
    last = risen is now.policy
    return replace(now, subdomain_policy=None if last else risen, percent=None, published=())


def _height(record: DmarcRecord) -> tuple[int, bool]:
    policy = record.policy or Policy.NONE
    whole = policy is Policy.NONE or not record.testing
    return policy.rank, whole


def record_seen(published: PublishedPolicy) -> DmarcRecord:
    """The record as far as a report tells of it; tags that nobody knows are left out."""
    tags = {
        "p": published.policy,
        "sp": published.subdomain_policy,
        "np": published.nonexistent_policy,
        "adkim": published.dkim_alignment,
        "aspf": published.spf_alignment,
        "t": published.testing,
        "pct": published.percent,
    }
    text = "; ".join(["v=DMARC1", *(f"{tag}={value}" for tag, value in tags.items() if value)])
    record = dmarc.read(text)
    if record is None or record.policy is None:
        return dmarc.build(policy="none")
    # Reporters repeat `sp` and `np` where they are only the shadow of what applies without them.
    below, never = record.subdomain_policy, record.nonexistent_policy
    return replace(
        record,
        subdomain_policy=None if below is record.policy else below,
        nonexistent_policy=None if never is (below or record.policy) else never,
    )


def advise(
    known: Known,
    domain: str,
    *,
    rows: Sequence[SourceDay],
    sources: Iterable[Source],
    reports: Sequence[ReportSeen],
    window: Window,
    today: date,
    goal: Policy = Policy.REJECT,
    thresholds: Thresholds | None = None,
    world: BlockingWorld | None = None,
) -> Advice:
    """
    Find the next step of *domain* and judge it by the *rows* and *reports* of *window*.

    *sources* are the same rows, folded and named. *reports* may go back further: the older ones tell
    how long the step of today has stood. Nothing is asked without *world*.
    """
    limits = thresholds or Thresholds()
    senders = senders_of(sources)
    basis = _basis(known.record, senders, reports, window)
    step = next_step(known.record, goal)
    harms = _harms(known.record, step, domain, rows, senders, world) if step else ()
    against: list[Reason] = []
    notes: list[Reason] = []
    not_before = None
    if step is not None:
        not_before = (basis.since or today) + timedelta(days=limits.days)
        against += _against_evidence(basis, limits, today)
        against += _against_harm(harms, limits)
        against += _against_undecided(harms, basis, limits)
        if step.policy is Policy.REJECT:
            against += _against_reject(harms, basis, limits)
        notes += _notes(step, harms, basis, limits)
    return Advice(
        domain,
        known.record,
        known.known_from,
        known.complete,
        step,
        not_before,
        tuple(against),
        tuple(notes),
        harms,
        basis,
        today,
    )


# --- evidence -------------------------------------------------------------------------


def _basis(
    now: DmarcRecord, senders: Sequence[Sender], reports: Sequence[ReportSeen], window: Window
) -> Basis:
    wanted, strangers = Tally(), Tally()
    for sender in senders:
        if sender.kind.wanted:
            wanted.add(sender.tally)
        elif sender.kind is Kind.STRANGER:
            strangers.add(sender.tally)
    within = [report for report in reports if report.begin.date() in window]
    days = {report.begin.date() for report in within}
    return Basis(
        window,
        len(days),
        len(within),
        tuple(sorted({report.reporter for report in within})),
        max(days, default=None),
        standing_since(now, reports),
        wanted,
        strangers,
    )


def standing_since(now: DmarcRecord, reports: Sequence[ReportSeen]) -> date | None:
    """The first day from which on all reports saw the step of *now*; None when the newest did not."""
    here = (_height(now), now.subdomain_policy)
    since = None
    for report in sorted(reports, key=lambda one: one.begin, reverse=True):
        seen = record_seen(report.published)
        # Reports that do not know the tag t cannot tell a test from the real thing.
        blind = now.testing and not report.published.testing and seen.policy is now.policy
        if not blind and (_height(seen), seen.subdomain_policy) != here:
            break
        since = report.begin.date()
    return since


def _against_evidence(basis: Basis, limits: Thresholds, today: date) -> list[Reason]:
    if basis.last_day is None:
        return [Reason("there are no reports", "publish rua, and import what comes back")]
    found = []
    silent = (today - basis.last_day).days
    if silent > limits.silent_days:
        says = f"the newest report is of {basis.last_day}, {silent} days ago"
        found.append(Reason(says, "find out why no reports come, or import those that did"))
    needed = round(limits.coverage * limits.days)
    if basis.days_covered < needed:
        says = f"only {basis.days_covered} of the last {basis.window.days} days have reports"
        found.append(Reason(says, f"wait until there are reports of {needed} days"))
    return found


# --- harm -----------------------------------------------------------------------------


def _harms(
    now: DmarcRecord,
    step: DmarcRecord,
    domain: str,
    rows: Sequence[SourceDay],
    senders: Sequence[Sender],
    world: BlockingWorld | None,
) -> tuple[Harm, ...]:
    """What the step does to each sender: the worse of what the two kinds of receivers do."""
    worst: dict[str, int] = {}
    for reader in READERS:
        told = replay(rows, Change(step), domain=domain, now=now, reader=reader, world=world)
        for one in told:
            worst[one.ip] = max(worst.get(one.ip, 0), one.hit)
    harms = (Harm(one, sum(worst.get(ip, 0) for ip in one.addresses)) for one in senders)
    return tuple(sorted(harms, key=lambda harm: -harm.hit))


def _against_harm(harms: Iterable[Harm], limits: Thresholds) -> list[Reason]:
    return [
        Reason(
            f"{harm.hit:,} of {harm.sender.tally.messages:,} messages of {harm.sender.title} "
            f"({harm.percent:.0f} %) would be hit",
            mend_for(harm.sender),
        )
        for harm in harms
        if harm.sender.kind.wanted and harm.percent > limits.harm_percent
    ]


def _against_undecided(harms: Iterable[Harm], basis: Basis, limits: Thresholds) -> list[Reason]:
    """Senders that may be services of the owner's, where they send more than is little."""
    little = basis.wanted.messages * limits.harm_percent / 100
    return [
        Reason(
            f"{harm.hit:,} messages of {harm.sender.title}, which proves to be itself and not you, "
            "would be hit: is it a service of yours?",
            mend_for(harm.sender),
        )
        for harm in harms
        if harm.sender.kind is Kind.UNDECIDED and harm.hit > little
    ]


def mend_for(sender: Sender) -> str:
    """What makes the mail of *sender* pass."""
    tally, title = sender.tally, sender.title
    if sender.kind in {Kind.NOT_SET_UP, Kind.UNDECIDED}:
        addresses = ", ".join(f'"{one}"' for one in sender.addresses[:_NAMED])
        more = ", ..." if len(sender.addresses) > _NAMED else ""
        return (
            f"if {title} sends for you, have it sign with a key of yours (its help calls it domain "
            f"authentication); if not, say so in maildns.toml: [reports] strangers = [{addresses}{more}]"
        )
    if not tally.dkim_aligned and tally.dkim_raw:
        return f"{title} signs with a domain of its own: have it sign with yours"
    if not tally.dkim_aligned:
        return f"let {title} sign its mail with a DKIM key of yours"
    if not tally.spf_aligned:
        return f"part of the mail is not signed: let {title} sign all of it, or permit it by SPF"
    return f"look at `maildns reports source {sender.addresses[0]}`: some mail is not signed"


def _against_reject(harms: Iterable[Harm], basis: Basis, limits: Thresholds) -> list[Reason]:
    """What RFC 9989 sections 7.4 and 8 want before `reject`."""
    found = []
    signed = 100 * basis.wanted.dkim_share
    if signed < limits.signed_percent:
        says = f"only {signed:.0f} % of your mail is signed, and SPF alone breaks on every forward"
        found.append(Reason(says, "sign all mail with DKIM first (RFC 9989 section 8)"))
    passed_on = sum(harm.hit for harm in harms if harm.sender.kind in {Kind.LIST, Kind.FORWARDER})
    share = 100 * passed_on / (basis.wanted.messages or 1)
    if passed_on and share > limits.passed_on_percent:
        says = (
            f"{passed_on:,} messages that lists and forwarders passed on would be refused, "
            f"{share:.1f} % of your mail"
        )
        mend = "stay at quarantine: RFC 9989 section 7.4 advises against reject where people write to lists"
        found.append(Reason(says, mend))
    return found


def _notes(
    step: DmarcRecord, harms: Iterable[Harm], basis: Basis, limits: Thresholds
) -> list[Reason]:
    notes = []
    if step.testing:
        says = "receivers of the older RFC 7489 do not know t=y and will quarantine at once"
        notes.append(Reason(says))
    if len(basis.reporters) == 1:
        says = f"all reports are of one reporter, {basis.reporters[0]}: others may see other mail"
        notes.append(Reason(says))
    if basis.wanted.messages < limits.few_messages:
        says = f"the reports tell of {basis.wanted.messages} messages of yours, which is little"
        notes.append(Reason(says, "a domain without mail: parked = true in maildns.toml"))
    for harm in harms:
        if harm.hit and harm.sender.kind in {Kind.LIST, Kind.FORWARDER}:
            says = f"{harm.hit:,} messages that {harm.sender.title} passed on would be hit"
            notes.append(
                Reason(says, "receivers often spare those; nothing on your side mends them")
            )
    return notes

"""
Advice on the ladder to a strict policy: whether the next step is safe, and the evidence.

A step is advised only when every sender that the owner wants would come through it, whichever kind
of receiver it meets, and when the step of today has stood long enough (RFC 9989 sections 7.4 and 8:
a month of watching, then as long in quarantine). What speaks against it is said with its mend.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from maildns.net.drivers import BlockingWorld
from maildns.net.world import World
from maildns.protocols.dmarc import READERS, Alignment, DmarcRecord, Policy, Reader
from maildns.reports.foresight import foreseen
from maildns.reports.ladder import next_step, standing_since
from maildns.reports.meaning import Kind, Sender, Source, Tally, senders_of
from maildns.reports.replay import Change, SourceReplay, changed_record, replay
from maildns.reports.views import ReportSeen, SourceDay, Window

_NAMED = 8  # addresses that a mend names


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
class Further:
    """A change beside the ladder: its tag, the record with it, what speaks against it."""

    tag: str
    record: DmarcRecord
    why: str
    against: tuple[Reason, ...]

    @property
    def safe(self) -> bool:
        """Whether it hits nothing that is wanted, nor fails it."""
        return not self.against


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
    `further` are changes beside the ladder, each to be taken or left by itself.
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
    further: tuple[Further, ...] = ()

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


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What reports tell of a domain: the *rows* of *window*, and the same folded and named as *sources*.

    *reports* may go back further: the older ones tell how long the step of today has stood.
    """

    window: Window
    rows: Sequence[SourceDay]
    sources: Sequence[Source]
    reports: Sequence[ReportSeen]


def advise(
    known: Known,
    domain: str,
    seen: Seen,
    *,
    today: date,
    goal: Policy = Policy.REJECT,
    thresholds: Thresholds | None = None,
    world: BlockingWorld | None = None,
) -> Advice:
    """
    Find the next step of *domain* and judge it by what was *seen*.

    Nothing is asked without *world*; what then cannot be known is taken at its worst.
    """
    limits = thresholds or Thresholds()
    world = foreseen(world, domain, seen.rows)
    judged = _Judged(domain, known.record, seen.rows, senders_of(seen.sources), world)
    basis = _basis(known.record, judged.senders, seen)
    step = next_step(known.record, goal)
    harms, unsure = judged.harms(step) if step else ((), 0)
    against: list[Reason] = []
    notes: list[Reason] = _notes_on_reports(seen, basis)
    not_before = None
    if step is not None:
        not_before = (basis.since or today) + timedelta(days=limits.days)
        against += _against_evidence(basis, limits, today)
        against += _against_harm(harms, basis, limits)
        if unsure:
            says = f"the DNS did not say what would become of {unsure:,} messages of yours"
            against.append(Reason(says, "ask it again, or leave --live out"))
        if step.policy is Policy.REJECT:
            against += _against_reject(harms, basis, limits)
        notes += _notes(known.record, step, harms, basis, limits)
    return Advice(
        domain=domain,
        now=known.record,
        known_from=known.known_from,
        complete=known.complete,
        step=step,
        not_before=not_before,
        against=tuple(against),
        notes=tuple(notes),
        harms=harms,
        basis=basis,
        today=today,
        further=tuple(_further(judged, basis, limits, at_top=step is None)),
    )


# --- evidence -------------------------------------------------------------------------


def _basis(now: DmarcRecord, senders: Sequence[Sender], seen: Seen) -> Basis:
    window = seen.window
    wanted, strangers = Tally(), Tally()
    for sender in senders:
        if sender.kind.wanted:
            wanted.add(sender.tally)
        elif sender.kind is Kind.STRANGER:
            strangers.add(sender.tally)
    within = [report for report in seen.reports if report.begin.date() in window]
    days = {report.begin.date() for report in within}
    return Basis(
        window,
        len(days),
        len(within),
        tuple(sorted({report.reporter for report in within})),
        max(days, default=None),
        standing_since(now, seen.reports),
        wanted,
        strangers,
    )


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


@dataclass(frozen=True)
class _Judged:
    """The mail that changes are tried on."""

    domain: str
    now: DmarcRecord
    rows: Sequence[SourceDay]
    senders: Sequence[Sender]
    world: BlockingWorld | None

    def harms(self, step: DmarcRecord) -> tuple[tuple[Harm, ...], int]:
        """
        What *step* does to each sender: the worse of what the two kinds of receivers do.

        And of how many messages of wanted senders that cannot be said.
        """
        told = [self._replayed(step, reader, self.world) for reader in READERS]
        unsure = self._by_sender(told, "unsure")
        lost = sum(harm.hit for harm in unsure if harm.sender.kind.wanted)
        return self._by_sender(told, "hit"), lost

    def harms_of_missing(self, step: DmarcRecord) -> tuple[Harm, ...]:
        """Likewise for names that do not exist; without a world none is known to exist."""
        return self._by_sender([self._replayed(step, "rfc9989", self.world or World())], "risked")

    def harms_of_alignment(self, step: DmarcRecord) -> tuple[Harm, ...]:
        """How many messages of each sender pass today and would not."""
        told = [self._replayed(step, reader, self.world) for reader in READERS]
        return self._by_sender(told, "missed")

    def _replayed(
        self, step: DmarcRecord, reader: Reader, world: BlockingWorld | None
    ) -> list[SourceReplay]:
        change = Change(step)
        return replay(
            self.rows, change, domain=self.domain, now=self.now, reader=reader, world=world
        )

    def _by_sender(self, told: Iterable[list[SourceReplay]], count: str) -> tuple[Harm, ...]:
        worst: dict[str, int] = {}
        for sources in told:
            for one in sources:
                worst[one.ip] = max(worst.get(one.ip, 0), getattr(one, count))
        harms = (Harm(one, sum(worst.get(ip, 0) for ip in one.addresses)) for one in self.senders)
        return tuple(sorted(harms, key=lambda harm: -harm.hit))


def _against_harm(harms: Iterable[Harm], basis: Basis, limits: Thresholds) -> list[Reason]:
    return [
        Reason(
            f"{harm.hit:,} of {harm.sender.tally.messages:,} messages of {harm.sender.title} "
            f"({harm.percent:.0f} %) would be hit"
            + (", and whether it is yours nobody said" if not harm.sender.kind.wanted else ""),
            mend_for(harm.sender),
        )
        for harm in harms
        if _matters(harm, basis, limits)
    ]


def _matters(harm: Harm, basis: Basis, limits: Thresholds) -> bool:
    """Of a sender that nobody knows to be wanted, only much mail matters: each forger is one."""
    if harm.sender.kind is Kind.UNDECIDED:
        return 100 * harm.hit > limits.harm_percent * basis.wanted.messages
    return harm.sender.kind.wanted and harm.percent > limits.harm_percent


def _further(
    judged: _Judged, basis: Basis, limits: Thresholds, *, at_top: bool
) -> Iterator[Further]:
    """`np=reject` at any time; strict alignment where the policy has arrived."""
    now = judged.now
    if now.for_nonexistent is not Policy.REJECT:
        made = changed_record(now, "np=reject")
        harms = judged.harms_of_missing(made)
        why = "names that do not exist send no mail, so that all of it is forged"
        yield Further("np=reject", made, why, tuple(_against_harm(harms, basis, limits)))
    for tag, attribute in (("adkim=s", "dkim_alignment"), ("aspf=s", "spf_alignment")):
        if at_top and getattr(now, attribute) is Alignment.RELAXED:
            made = changed_record(now, tag)
            harms = judged.harms_of_alignment(made)
            why = "a subdomain in other hands can then not speak for you; few need that"
            yield Further(tag, made, why, tuple(_against_alignment(harms, tag, limits)))


def _against_alignment(harms: Iterable[Harm], tag: str, limits: Thresholds) -> list[Reason]:
    field = "signature d=" if tag.startswith("adkim") else "envelope sender"
    return [
        Reason(
            f"{harm.hit:,} of {harm.sender.tally.messages:,} messages of {harm.sender.title} "
            "pass today and would fail",
            f"give its {field} the very domain of From: first",
        )
        for harm in harms
        if harm.percent > limits.harm_percent  # what passes today is ours, whoever brings it
    ]


def mend_for(sender: Sender) -> str:
    """What makes the mail of *sender* pass."""
    tally, title = sender.tally, sender.title
    if sender.kind in {Kind.UNDECIDED, Kind.NOT_SET_UP}:
        some = [f'"{address}"' for address in sender.addresses[:_NAMED]]
        more = [", ..."] if len(sender.addresses) > _NAMED else []
        helps = (
            " (its help calls it domain authentication)" if sender.kind is Kind.NOT_SET_UP else ""
        )
        return (
            f"if {title} sends for you, have it sign with a key of yours{helps}; if not, say so in "
            f"maildns.toml: [reports] strangers = [{', '.join(some)}{''.join(more)}]"
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


def _notes_on_reports(seen: Seen, basis: Basis) -> list[Reason]:
    forged = sum(
        report.authentication == "fail" and report.begin.date() in seen.window
        for report in seen.reports
    )
    if not forged:
        return []
    says = f"{forged} of {basis.reports} reports came by mail that fails DMARC"
    return [Reason(says, "anybody may have written those: look who sent them")]


def _notes(
    now: DmarcRecord,
    step: DmarcRecord,
    harms: Iterable[Harm],
    basis: Basis,
    limits: Thresholds,
) -> list[Reason]:
    notes = []
    if now.percent not in {None, 100}:
        says = f"pct={now.percent} is gone from the step: receivers of RFC 9989 ignore it already"
        notes.append(Reason(says))
    below = step.for_nonexistent
    if step.testing and below is not None and below.rank > (step.policy or Policy.NONE).rank:
        says = f"while t=y stands, {below} for subdomains is applied as {below.one_lower}"
        notes.append(Reason(says))
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

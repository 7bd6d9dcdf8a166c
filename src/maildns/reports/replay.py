"""
What another policy, a smaller SPF record or strict alignment would have done to the mail of a window.

The raw results that reporters saw are held against the new records by the receivers' own algorithm,
once as a reader of RFC 9989 and once as one of RFC 7489. The policy of today is put through the same,
so that only the change makes a difference. Where no mode of alignment could change what a reporter
found aligned or not, its word counts: it saw the mail, and not all that it saw is in its report. What reporters did by their own lights (overrides,
sampling) is not repeated: it is told beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from maildns.ask import Answer, Outcome, Question
from maildns.dnsdata import RRset, Txt, name
from maildns.errors import RecordSyntaxError, UsageError
from maildns.net.drivers import BlockingWorld, run
from maildns.net.world import Overlay, Remembering, World
from maildns.protocols import dmarc, spf
from maildns.protocols.dmarc import Alignment, DmarcRecord, Policy, Reader
from maildns.reports.foresight import foreseen
from maildns.reports.views import SourceDay

PASSED_ON = frozenset({"mailing_list", "forwarded", "trusted_forwarder"})
_ATTRIBUTES = {
    "p": "policy",
    "sp": "subdomain_policy",
    "np": "nonexistent_policy",
    "t": "testing",
    "psd": "psd",
    "adkim": "dkim_alignment",
    "aspf": "spf_alignment",
    "pct": "percent",
    "rua": "aggregate_reports_to",
    "ruf": "failure_reports_to",
    "fo": "failure_options",
}


class Judged(NamedTuple):
    """What becomes of a message: whether it passes, and what the policy asks for."""

    passes: bool
    disposition: Policy
    unsure: bool = False  # the DNS did not answer


@dataclass(frozen=True, slots=True)
class Change:
    """What is tried: a record in place of the one of today, and SPF includes that are gone."""

    record: DmarcRecord
    without: tuple[str, ...] = ()


@dataclass(slots=True)
class SourceReplay:
    """
    What the change would have done to one source, in messages.

    `before` and `after` count by what the policy asks for. `hit` are those that would be treated
    worse than before, `freed` better; `newly_failing` those that pass today and would not.
    """

    domain: str
    ip: str
    messages: int = 0
    before: Counter[Policy] = field(default_factory=Counter)
    after: Counter[Policy] = field(default_factory=Counter)
    hit: int = 0
    freed: int = 0
    newly_failing: int = 0
    lists: int = 0  # of those hit, what the reporter said came by a list or forwarder
    unsure: int = 0  # of which it cannot be known: the DNS is silent, or retention let details go

    @property
    def risked(self) -> int:
        """Messages that are hit, or of which that cannot be said."""
        return self.hit + self.unsure

    @property
    def missed(self) -> int:
        """Messages that pass today and would not, or of which that cannot be said."""
        return self.newly_failing + self.unsure


class Quiet:
    """A world in which every name exists and nothing is published: what is known without the DNS."""

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order."""
        return [Answer(question, Outcome.NO_DATA) for question in questions]


class Judge:
    """
    Judges rows by one record, as one reader; alike rows are judged once.

    *world* answers what the record at hand does not: records below it, and whose organization a
    name is. With `Quiet` each name below the record's domain is one of its organization, which
    is right where no such name has a record of its own.
    """

    def __init__(
        self, domain: str, record: DmarcRecord, world: BlockingWorld, reader: Reader
    ) -> None:
        planned = World()
        planned.add(f"_dmarc.{domain}", "TXT", str(record).encode())
        self._record = record
        self._world = Overlay(planned, world)
        self._reader: Reader = reader
        self._known: dict[tuple[object, ...], Judged] = {}

    def judge(self, row: SourceDay, spf_result: str | None = None) -> Judged:
        """Judge *row*; *spf_result* stands in for what SPF said."""
        identity, signatures = self._identifiers(row, spf_result)
        key = (row.header_from, identity, signatures)
        if key not in self._known:
            self._known[key] = self._evaluate(row, identity, signatures)
        return self._known[key]

    def _evaluate(
        self,
        row: SourceDay,
        identity: tuple[str, str] | None,
        signatures: tuple[tuple[str, str], ...],
    ) -> Judged:
        inquiry = dmarc.evaluate(
            header_from=row.header_from, spf=identity, dkim=signatures, reader=self._reader
        )
        try:
            verdict = run(inquiry, self._world)
        except RecordSyntaxError:  # what stands in From: is no name, so no policy is found for it
            return Judged(passes=False, disposition=Policy.NONE)
        passes = verdict.result is dmarc.DmarcResult.PASS
        unsure = verdict.result is dmarc.DmarcResult.TEMPERROR
        return Judged(passes, verdict.disposition, unsure)

    def _identifiers(
        self, row: SourceDay, spf_result: str | None
    ) -> tuple[tuple[str, str] | None, tuple[tuple[str, str], ...]]:
        """The raw results of a row, as far as they agree with what its reporter found aligned."""
        proven = (row.header_from, "pass")
        if not row.detailed:
            return (
                proven if row.spf_aligned == "pass" else None,
                (proven,) if row.dkim_aligned == "pass" else (),
            )
        said = next((one for one in row.spf if one.scope != "helo"), None)  # RFC 9989 section 4.4.2
        identity = (said.domain, spf_result or said.result) if said else None
        if spf_result is None:
            relaxed = self._record.spf_alignment is Alignment.RELAXED
            held = _held([identity] if identity else [], proven, row.spf_aligned, relaxed=relaxed)
            identity = held[-1] if held else None
        signatures = [(one.domain, one.result) for one in row.dkim]
        relaxed = self._record.dkim_alignment is Alignment.RELAXED
        return identity, tuple(_held(signatures, proven, row.dkim_aligned, relaxed=relaxed))


def _held(
    given: list[tuple[str, str]], proven: tuple[str, str], aligned: str, *, relaxed: bool
) -> list[tuple[str, str]]:
    """
    Hold raw results against what the reporter found.

    Relaxed is the milder mode, so that what was aligned before is aligned in it; and the very domain
    of From: is aligned in either mode (RFC 9989 section 4.4), so that where none was, it did not pass.
    Only what passed matters: what the reporter could not find out (temperror) had failed for it.
    """
    passed = [one for one in given if one[1] == "pass"]
    if aligned != "pass":
        return [one for one in passed if one != proven]
    return [*passed, proven] if relaxed and proven not in passed else passed


class SmallerSpf:
    """
    What SPF would say without some includes, asked of *world*; each address and domain once.

    `met` are those of the includes that a record of a domain in the reports really has.
    """

    def __init__(self, world: BlockingWorld, without: Iterable[str]) -> None:
        self._world = Remembering(world)
        self._without = frozenset(name(one) for one in without)
        self._records: dict[str, Overlay | None] = {}
        self._known: dict[tuple[str, str], str | None] = {}
        self.met: set[str] = set()

    def result(self, row: SourceDay) -> str | None:
        """What SPF would say of *row*; None where it is as it was."""
        said = next((one for one in row.spf if one.scope != "helo"), None)
        if said is None or said.result != "pass":
            return None
        smaller = self._smaller(said.domain)
        if smaller is None:
            return None
        key = (row.source_ip, said.domain)
        if key not in self._known:
            whole = _spf_result(row.source_ip, said.domain, self._world)
            less = _spf_result(row.source_ip, said.domain, smaller)
            # What the record of today does not permit either is no work of the include.
            self._known[key] = less if whole in {"pass", _UNSURE} else None
        return self._known[key]

    def _smaller(self, domain: str) -> Overlay | None:
        """The world with the record of *domain* made smaller; None where it has no such include."""
        if domain not in self._records:
            self._records[domain] = self._made(domain)
        return self._records[domain]

    def _made(self, domain: str) -> Overlay | None:
        (answer,) = self._world.answer([Question(domain, "TXT")])
        texts = [one for one in answer.records if isinstance(one, Txt) and spf.is_spf(one.text)]
        if len(texts) != 1:
            return None
        try:
            record = spf.parse(texts[0].text)
        except RecordSyntaxError:
            return None
        kept = tuple(term for term in record.terms if _included(term) not in self._without)
        gone = {_included(term) for term in record.terms} & self._without
        if not gone:
            return None
        self.met |= gone
        planned = World()
        others = [one for one in answer.records if one not in texts]
        planned.put(RRset.of(domain, 300, [*others, Txt.of(str(replace(record, terms=kept)))]))
        return Overlay(planned, self._world)


_UNSURE = "temperror"


def _spf_result(ip: str, domain: str, world: BlockingWorld) -> str:
    inquiry = spf.check_host(ip=ip, sender=f"postmaster@{domain}", helo="")
    return run(inquiry, world).result.value


def _included(term: spf.Term) -> str:
    """The domain that a term includes; empty for any other term, or one with macros."""
    mechanism = term.mechanism if isinstance(term, spf.Directive) else None
    if not isinstance(mechanism, spf.Include):
        return ""
    try:
        return name(str(mechanism).partition(":")[2])
    except RecordSyntaxError:
        return ""


def replay(
    rows: Iterable[SourceDay],
    change: Change,
    *,
    domain: str,
    now: DmarcRecord,
    reader: Reader,
    world: BlockingWorld | None = None,
) -> list[SourceReplay]:
    """
    Put *rows* of *domain* through the policy of today and through *change*, source by source.

    *now* is the record of today. Without *world* nothing is asked; removing an include then raises
    `UsageError`, and so does an include that no record has. A live world is asked ahead, as `foresight`
    says. The source hit hardest comes first.
    """
    if world is not None:
        rows = list(rows)
    known = foreseen(world, domain, rows) or Quiet()
    before, after = Judge(domain, now, known, reader), Judge(domain, change.record, known, reader)
    smaller = _smaller_spf(change, world)
    told: dict[str, SourceReplay] = {}
    fates: dict[tuple[object, ...], tuple[Judged, Judged]] = {}
    for row in rows:
        spf_result = smaller.result(row) if smaller else None
        alike = (row.header_from, row.dkim, row.spf, *row[6:8], row.detailed, spf_result)
        fate = fates.get(alike)
        if fate is None:
            then, blind = after.judge(row, spf_result), _is_blind(row, change, now)
            fate = before.judge(row), then._replace(unsure=then.unsure or blind)
            fates[alike] = fate
        source = told.get(row.source_ip)
        if source is None:
            source = told[row.source_ip] = SourceReplay(domain, row.source_ip)
        _tell(source, row, *fate)
    missing = sorted(set(change.without) - (smaller.met if smaller else set()))
    if missing and told:
        raise UsageError(
            f"no SPF record that this mail was judged by includes {', '.join(missing)}",
            hint=f"maildns spf tree {domain} shows what it includes",
        )
    return sorted(told.values(), key=lambda one: (-one.hit, -one.messages, one.ip))


def _is_blind(row: SourceDay, change: Change, now: DmarcRecord) -> bool:
    """Whether details that are gone would say if *row* still passes."""
    if row.detailed or not row.passes:
        return False
    then = change.record
    dkim = row.dkim_aligned == "pass" and then.dkim_alignment <= now.dkim_alignment
    aligned = row.spf_aligned == "pass" and then.spf_alignment <= now.spf_alignment
    return not (dkim or (aligned and not change.without))


def _smaller_spf(change: Change, world: BlockingWorld | None) -> SmallerSpf | None:
    if not change.without:
        return None
    if world is None:
        raise UsageError(
            "what an SPF record permits without an include stands in the DNS",
            hint="add --live, --server SERVER or --world FILE",
        )
    return SmallerSpf(world, change.without)


def _tell(source: SourceReplay, row: SourceDay, before: Judged, after: Judged) -> None:
    source.messages += row.messages
    source.before[before.disposition] += row.messages
    source.after[after.disposition] += row.messages
    source.unsure += row.messages if after.unsure else 0
    if before.passes and not after.passes and not after.unsure:
        source.newly_failing += row.messages
    if after.disposition.rank > before.disposition.rank:
        source.hit += row.messages
        if any(override.type in PASSED_ON for override in row.overrides):
            source.lists += row.messages
    elif after.disposition.rank < before.disposition.rank:
        source.freed += row.messages


def changed_record(now: DmarcRecord, policy: str, *, strict: bool = False) -> DmarcRecord:
    """
    The record of today with *policy* in it: a whole record, or tags such as `p=reject; sp=none`.

    Tags that are not named stay, but a new `p` takes a test mode (`t`) and a share (`pct`) with it,
    unless they are named. With *strict* both alignments are strict. Raises `RecordSyntaxError`, and
    `UsageError` for a tag that nobody knows.

    >>> str(changed_record(dmarc.parse("v=DMARC1; p=none; rua=mailto:a@example.com"), "p=reject"))
    'v=DMARC1; p=reject; rua=mailto:a@example.com'
    """
    made = now
    if policy.strip().lower().startswith("v="):
        made = dmarc.parse(policy)
    elif policy.strip():
        said = dmarc.parse(f"v=DMARC1; {policy.strip()}")
        named = {tag.lower() for tag in said.published} - {"v"}
        strange = sorted(named - _ATTRIBUTES.keys())
        if strange:
            known = ", ".join(_ATTRIBUTES)
            raise UsageError(
                f"{strange[0][:20]!r} is no tag of a policy", hint=f"these are: {known}"
            )
        if "p" in named:
            made = replace(made, testing=False, percent=None)
        fresh = {tag: attribute for tag, attribute in _ATTRIBUTES.items() if tag in named}
        made = replace(
            made,
            published=(),
            **{attribute: getattr(said, attribute) for attribute in fresh.values()},
        )
    if strict:
        firm = dmarc.Alignment.STRICT
        made = replace(made, dkim_alignment=firm, spf_alignment=firm)
    return made

"""
Fewer lookups, the same addresses: SPF records flattened, and proven to say the same.

An include, `a` or `mx` is replaced by the networks that it stands for today. Only as many
are as it takes to stay within the limit (RFC 7208 section 4.6.4), those first that cost the
fewest octets for each lookup saved. What depends on the mail, such as `exists`, stays as it
is. What was replaced is remembered with its addresses and TTL, so that `drift` can tell
when it has become wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maildns.ask import Inquiry, Question
from maildns.protocols.spf.coverage import SpfNetworks, evaluate
from maildns.protocols.spf.equivalence import faults, sampled_faults
from maildns.protocols.spf.expansion import (
    Expanded,
    Replacement,
    can_move,
    moved,
    passing,
    replacement,
)
from maildns.protocols.spf.layout import MAX_OCTETS, Layout, lay_out, runs_of, without_all
from maildns.protocols.spf.reading import Reading, followed, problem_of, read
from maildns.protocols.spf.record import MAX_OCTETS as MAX_TEXT
from maildns.protocols.spf.record import (
    A,
    Directive,
    Modifier,
    Mx,
    Redirect,
    SpfRecord,
    SpfResult,
    Term,
    UnknownModifier,
)
from maildns.protocols.spf.verdict import MAX_LOOKUPS

MAX_PARTS = 10
PREFIX = "_spf"


@dataclass(frozen=True, slots=True)
class SpfFlat:
    """
    What came of it.

    `record` is the new one, None where it cannot be made, and `parts` are those it
    includes, each with its name; `problems` say why, and `temporary` whether one is a DNS
    failure. `proven` is True where all addresses were compared and have what they had;
    `sampled` counts those that were evaluated besides as receivers do.
    """

    domain: str
    before: SpfRecord | None
    lookups_before: int = 0
    record: SpfRecord | None = None
    parts: tuple[tuple[str, SpfRecord], ...] = ()
    lookups: int = 0
    expanded: tuple[Expanded, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    temporary: bool = False
    proven: bool = False
    sampled: int = 0


def flatten(
    domain: str,
    record: SpfRecord | str | None = None,
    *,
    keep: Sequence[str] = (),
    max_lookups: int = MAX_LOOKUPS,
    max_octets: int = MAX_OCTETS,
) -> Inquiry[SpfFlat]:
    """
    Make the record of *domain* need at most *max_lookups*, with the same addresses.

    *record* stands in for what is published. *keep* names terms that stay, as published or
    by their domain. What does not fit into *max_octets* goes into records of its own, at
    names such as ``_spf1.example.com`` that are free.

    Raises `RecordSyntaxError` for a *record* that is none.

    >>> from maildns.net.drivers import run
    >>> from maildns.net.world import World
    >>> world = World.from_zone('_spf.example.net. TXT "v=spf1 ip4:192.0.2.0/24 ~all"')
    >>> text = "v=spf1 include:_spf.example.net exists:%{i}.example.org -all"
    >>> flat = run(flatten("example.com", text, max_lookups=1), world)
    >>> str(flat.record), flat.proven
    ('v=spf1 ip4:192.0.2.0/24 exists:%{i}.example.org -all', True)
    """
    reading = yield from read(domain, record)
    kept = frozenset(one.rstrip(".").lower() for one in keep)
    work = _Work(reading, kept, max_octets, _part_names(reading.domain))
    refused = work.refused()
    if refused is not None:
        return refused
    flat = work.down_to(max_lookups)
    if flat.parts or flat.record is None:
        # Only now do names matter: of those that are free, the first.
        names = yield from _free_names(reading.domain)
        flat = _Work(reading, kept, max_octets, names).down_to(max_lookups)
    return (yield from _proven(reading, work.old, flat))


def optimise(domain: str, record: SpfRecord | str | None = None) -> Inquiry[SpfFlat]:
    """
    Write the record of *domain* shorter without looking behind any include.

    Networks are joined and stand first; doubles, terms behind an `all`, and `a` and `mx`
    whose lookup finds nothing are dropped. Nothing of it goes out of date.

    Raises `RecordSyntaxError` for a *record* that is none.
    """
    reading = yield from read(domain, record)
    work = _Work(reading, frozenset(), MAX_TEXT, ())
    refused = work.refused()
    if refused is not None:
        return refused
    work.drop_void()
    return (yield from _proven(reading, work.old, work.laid_out()))


def _part_names(domain: str) -> list[str]:
    """Where further records of *domain* may stand."""
    names = [f"{PREFIX}{number}.{domain}" for number in range(1, 2 * MAX_PARTS + 1)]
    return [name for name in names if len(name) <= 253]


def _free_names(domain: str) -> Inquiry[list[str]]:
    """Those of them at which no text stands, so that nothing that is in use is changed."""
    names = _part_names(domain)
    answers = (yield tuple(Question(name, "TXT") for name in names)) if names else ()
    return [answer.question.name for answer in answers if answer.void]


class _Work:
    """A record being made smaller: its directives, and what has become of them."""

    def __init__(
        self, reading: Reading, keep: frozenset[str], max_octets: int, names: Sequence[str]
    ) -> None:
        self.reading = reading
        self.keep = keep
        self.max_octets = max_octets
        self.names = names[:MAX_PARTS]
        self.before = reading.record(reading.domain)
        self.old: SpfNetworks = evaluate(reading)
        self.expanded: list[Expanded] = []
        self.notes: list[str] = []
        record = self.before or SpfRecord()
        self.directives = without_all(record)
        self.last = record.all
        self.modifiers = _effective_modifiers(record)

    @property
    def lookups_before(self) -> int:
        return self.reading.total(self.before) if self.before else 0

    def refused(self) -> SpfFlat | None:
        """Why nothing can be done: a record with faults has no addresses to keep."""
        problems = list(self.old.problems)
        temporary = self.old.temporary
        own = problem_of(self.reading, self.reading.domain)
        if own is not None and own[1] not in problems:
            problems.append(own[1])
            temporary = temporary or own[0] is SpfResult.TEMPERROR
        if self.reading.too_large and not problems:
            problems.append("the tree is too large to be read")
        if not problems:
            return None
        return self._outcome(None, problems, temporary=temporary)

    def down_to(self, max_lookups: int) -> SpfFlat:
        """Replace terms until no more than *max_lookups* are needed."""
        best = self._layout()
        if best is not None and self._lookups(best) <= max_lookups:
            return self._outcome(best)
        self._inline_redirects()
        self.drop_void()
        found = [
            replacement(self.reading, d)
            for d in dict.fromkeys(self.directives)
            if not self._kept(d)
        ]
        ahead = sorted((one for one in found if one is not None), key=lambda one: one.price)
        for count in range(_useful(ahead, self.max_octets) + 1):
            best = self._layout(ahead[:count])
            if best is not None and self._lookups(best) <= max_lookups:
                return self._spared(ahead[:count], max_lookups)
        if best is None:
            why = f"it does not fit into {MAX_PARTS} records of {self.max_octets} octets"
        else:
            why = f"it cannot be done with fewer than {self._lookups(best)} lookups"
        return self._outcome(None, [why])

    def _spared(self, chosen: list[Replacement], max_lookups: int) -> SpfFlat:
        """Take back each replacement that was not needed after all, those that save least first."""
        best = self._layout(chosen)
        for one in sorted(chosen, key=lambda one: one.remembered.saved):
            fewer = [other for other in chosen if other is not one]
            layout = self._layout(fewer)
            if layout is not None and self._lookups(layout) <= max_lookups:
                chosen, best = fewer, layout
        by = {one.directive: one for one in chosen}
        self.expanded += [by[d].remembered for d in dict.fromkeys(self.directives) if d in by]
        return self._outcome(best)

    def laid_out(self) -> SpfFlat:
        """Nothing replaced, just written anew."""
        best = self._layout()
        return self._outcome(best, [] if best else ["the record is too long"])

    def _layout(self, chosen: Sequence[Replacement] = ()) -> Layout | None:
        by = {one.directive: one.by for one in chosen}
        written = [new for old in self.directives for new in by.get(old, (old,))]
        return lay_out(
            runs_of(written),
            self.last,
            self.modifiers,
            names=self.names,
            max_octets=self.max_octets,
        )

    def _lookups(self, layout: Layout) -> int:
        given = {**self.reading.given, **dict(layout.parts)}
        return Reading(self.reading.domain, given, self.reading.known).total(layout.record)

    def _outcome(
        self, layout: Layout | None, problems: Sequence[str] = (), *, temporary: bool = False
    ) -> SpfFlat:
        return SpfFlat(
            self.reading.domain,
            self.before,
            self.lookups_before,
            layout.record if layout else None,
            layout.parts if layout else (),
            self._lookups(layout) if layout else 0,
            tuple(self.expanded) if layout else (),
            tuple(self.notes),
            tuple(problems),
            temporary,
        )

    # --- replacing --------------------------------------------------------------------

    def _kept(self, term: Term) -> bool:
        """Whether the owner wants *term* to stay."""
        spec = term.domain if isinstance(term, Redirect) else None
        if isinstance(term, Directive):
            spec = getattr(term.mechanism, "domain", None)
        names = {str(term).lower(), spec.key if spec else ""}
        if isinstance(term, Directive):
            names.add(str(term.mechanism).lower())
        return not self.keep.isdisjoint(names - {""})

    def _inline_redirects(self) -> None:
        """Put the terms of the policy that a redirect leads to in its place (section 6.1)."""
        for _ in range(MAX_LOOKUPS):
            redirect = next((t for t in self.modifiers if isinstance(t, Redirect)), None)
            target = followed(redirect) if redirect and not self._kept(redirect) else None
            record = self.reading.record(target) if target else None
            if redirect is None or target is None or record is None or not can_move(record):
                return
            self.expanded.append(self._led_to(redirect, target, record))
            self.directives += [moved(d, target) for d in without_all(record)]
            self.last = record.all
            # The explanation is that of the policy that holds (RFC 7208 section 6.2).
            unknown = [t for t in self.modifiers if isinstance(t, UnknownModifier)]
            self.modifiers = [*unknown, *_effective_modifiers(record)]

    def _led_to(self, redirect: Redirect, target: str, record: SpfRecord) -> Expanded:
        sources = self.reading.sources([Question(target, "TXT")])
        ttl_seconds = min(
            (s.ttl_seconds for s in sources if s.ttl_seconds is not None), default=None
        )
        return Expanded(str(redirect), (), (str(record),), ttl_seconds, sources, 1)

    def drop_void(self) -> None:
        """Drop each `a` and `mx` that has no address: it matches nobody."""
        left = []
        for directive in self.directives:
            if self._is_void(directive):
                self.notes.append(f"{directive} matches no address and is dropped")
            else:
                left.append(directive)
        self.directives = left

    def _is_void(self, directive: Directive) -> bool:
        mechanism = directive.mechanism
        if not isinstance(mechanism, A | Mx) or self._kept(directive):
            return False
        if mechanism.domain is not None and mechanism.domain.letters:
            return False
        return not passing(self.reading, directive)


def _useful(ahead: Sequence[Replacement], max_octets: int) -> int:
    """How many of the replacements can fit at all, even where networks are joined."""
    room = 4 * (MAX_PARTS + 1) * max_octets
    for count, one in enumerate(ahead):
        room -= sum(1 + len(str(directive)) for directive in one.by)
        if room < 0:
            return count
    return len(ahead)


def _effective_modifiers(record: SpfRecord) -> list[Modifier]:
    """The modifiers of *record* that a receiver may use: a redirect beside an `all` is idle."""
    modifiers = [term for term in record.terms if not isinstance(term, Directive)]
    return [m for m in modifiers if record.all is None or not isinstance(m, Redirect)]


def _proven(reading: Reading, old: SpfNetworks, flat: SpfFlat) -> Inquiry[SpfFlat]:
    """Compare every address, and evaluate some as receivers do; without a proof no record."""
    if flat.record is None:
        return flat
    given = {**reading.given, **dict(flat.parts), flat.domain: flat.record}
    anew = yield from read(flat.domain, given=given, known=reading.known)
    new = evaluate(anew)
    problems, sampled = faults(old, new), 0
    if not problems and not new.conditions and flat.lookups <= MAX_LOOKUPS:
        problems, sampled = sampled_faults(anew, old)
    if problems:
        return replace(flat, record=None, parts=(), problems=tuple(problems))
    return replace(flat, proven=True, sampled=sampled)

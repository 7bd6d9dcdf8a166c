"""What a term stands for today, and whether it can be replaced by that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maildns.protocols.spf.coverage import pieces_of
from maildns.protocols.spf.decision import Decision, depends_on_domain, passing_terms
from maildns.protocols.spf.layout import directive_of
from maildns.protocols.spf.macro import DomainSpec
from maildns.protocols.spf.ranges import IPNetwork, networks_of
from maildns.protocols.spf.reading import Reading, SpfSource
from maildns.protocols.spf.record import (
    A,
    Directive,
    Explanation,
    Include,
    Mx,
    Qualifier,
    Redirect,
    SpfRecord,
    SpfResult,
    parse_term,
)


@dataclass(frozen=True, slots=True)
class Expanded:
    """
    A term that was replaced by what it stood for: `networks` when it was read.

    `terms` are those of its policy that stay, as they depend on the mail; of a redirect, whose
    terms took its place one by one, it is the record that it led to. `ttl_seconds` is the
    shortest TTL on the way, the time for which it is sure; `saved` the lookups.
    """

    term: str
    networks: tuple[IPNetwork, ...]
    terms: tuple[str, ...] = ()
    ttl_seconds: int | None = None
    sources: tuple[SpfSource, ...] = ()
    saved: int = 0


@dataclass(frozen=True, slots=True)
class Replacement:
    """A term that can be replaced, by what, and what is remembered of it."""

    directive: Directive
    by: tuple[Directive, ...]
    remembered: Expanded

    @property
    def price(self) -> tuple[float, int]:
        """Octets for each lookup saved; of equals, that first which changes seldom."""
        octets = sum(1 + len(str(one)) for one in self.by) - len(str(self.directive))
        return octets / self.remembered.saved, -(self.remembered.ttl_seconds or 0)


def replacement(reading: Reading, directive: Directive) -> Replacement | None:
    """What can stand in place of *directive* and saves lookups; None for one that has to stay."""
    if not isinstance(directive.mechanism, Include | A | Mx):
        return None
    left = set()
    for version in (4, 6):
        decisions = [p.result for p in pieces_of(reading, as_pass(directive), version)]
        left.add(_remaining(decisions, directive.qualifier))
    terms = left.pop()
    if left or terms is None:  # not so simple, or not the same for both families
        return None
    saved = reading.cost(directive) - len(terms)
    if saved < 1:
        return None
    networks = passing(reading, directive)
    ttl_seconds, sources = rests_on(reading, directive)
    remembered = Expanded(
        str(directive), networks, tuple(map(str, terms)), ttl_seconds, sources, saved
    )
    by = [directive_of(network, directive.qualifier) for network in networks]
    return Replacement(directive, (*by, *terms), remembered)


def _remaining(decisions: Sequence[Decision], qualifier: Qualifier) -> tuple[Directive, ...] | None:
    """
    The terms that stay of an include that decides so, beside its networks.

    None where it is not so simple: an error, or a term that means something else when it
    stands in another record.
    """
    found: set[tuple[Directive, ...]] = set()
    for decision in decisions:
        if decision is SpfResult.PASS:
            continue
        forks = passing_terms(decision)
        if forks is None or any(depends_on_domain(one.condition) for one in forks):
            return None
        found.add(tuple(Directive(qualifier, one.condition) for one in forks))
    if len(found) > 1:
        return None  # a term that counts for some addresses alone
    return next(iter(found), ())


def can_move(record: SpfRecord) -> bool:
    """Whether the terms mean the same in the record of another domain, with names written out."""
    specs = [getattr(d.mechanism, "domain", None) for d in record.effective]
    specs += [t.domain for t in record.terms if isinstance(t, Explanation | Redirect)]
    letters = {letter for spec in specs if spec is not None for letter in spec.letters}
    return not letters & {"d", "p"}


def moved(directive: Directive, domain: str) -> Directive:
    """The same term where it no longer stands in the policy of *domain*."""
    mechanism = directive.mechanism
    bare = getattr(mechanism, "domain", "") is None
    if not bare:
        return directive
    text, slash, prefixes = str(mechanism).partition("/")
    sign = "" if directive.qualifier is Qualifier.PASS else directive.qualifier.value
    made = parse_term(f"{sign}{text}:{DomainSpec(domain)}{slash}{prefixes}")
    return made if isinstance(made, Directive) else directive


def as_pass(directive: Directive) -> Directive:
    """The same mechanism, whose match says pass."""
    return Directive(Qualifier.PASS, directive.mechanism)


def matched(reading: Reading, directive: Directive, version: int) -> list[tuple[int, int]]:
    """The addresses that *directive* matches whatever the mail is."""
    pieces = pieces_of(reading, as_pass(directive), version)
    return [(p.first, p.last) for p in pieces if p.result is SpfResult.PASS]


def passing(reading: Reading, term: Directive) -> tuple[IPNetwork, ...]:
    """The networks that *term* matches whatever the mail is."""
    found: list[IPNetwork] = []
    for version in (4, 6):
        found += networks_of(matched(reading, term, version), version)
    return tuple(found)


def rests_on(reading: Reading, term: Directive) -> tuple[int | None, tuple[SpfSource, ...]]:
    """The shortest TTL of all that *term* rests on, and the names."""
    sources = reading.sources(reading.below(term, reading.domain))
    known = [source.ttl_seconds for source in sources if source.ttl_seconds is not None]
    return min(known, default=None), sources

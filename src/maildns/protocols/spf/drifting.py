"""Whether what was once replaced by its addresses still has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maildns.ask import Answer, Inquiry, Question
from maildns.errors import RecordSyntaxError
from maildns.protocols.spf.coverage import evaluate
from maildns.protocols.spf.decision import ERRORS
from maildns.protocols.spf.expansion import Expanded, as_pass, rests_on
from maildns.protocols.spf.ranges import IPNetwork, networks_of, subtracted
from maildns.protocols.spf.reading import Reading, followed, problem_of, read
from maildns.protocols.spf.record import Directive, Redirect, SpfRecord, SpfResult, parse_term


@dataclass(frozen=True, slots=True)
class Drift:
    """
    What has become of a term that was replaced, since it was read.

    `gained` may send by it now and are missing in the record that was made; `lost` are in
    the record and may send no longer. `terms` are those with macros that it has now, of a redirect
    the record that it leads to, where they are others. `problem` says why it cannot be told.
    """

    term: str
    gained: tuple[IPNetwork, ...] = ()
    lost: tuple[IPNetwork, ...] = ()
    terms: tuple[str, ...] | None = None
    problem: str = ""
    temporary: bool = False
    ttl_seconds: int | None = None

    @property
    def drifted(self) -> bool:
        """The record that was made is wrong now."""
        return bool(self.gained or self.lost or self.terms is not None)


def drift(domain: str, expanded: Sequence[Expanded]) -> Inquiry[list[Drift]]:
    """
    Look again at what was replaced in the record of *domain*, a `Drift` for each.

    Raises `RecordSyntaxError` for a term that is none, as in a file that was edited.
    """
    known: dict[Question, Answer] = {}
    told = []
    for one in expanded:
        term = parse_term(one.term)
        if isinstance(term, Redirect):
            told.append((yield from _redirected(one, term, known)))
        elif isinstance(term, Directive):
            record = SpfRecord((as_pass(term),))
            reading = yield from read(domain, record, known=known)
            told.append(_compared(one, term, reading))
        else:
            raise RecordSyntaxError("this term has no addresses", one.term, (0, len(one.term)))
    return told


def _redirected(one: Expanded, redirect: Redirect, known: dict[Question, Answer]) -> Inquiry[Drift]:
    target = followed(redirect) or redirect.domain.text
    if Question(target, "TXT") not in known:
        question = Question(target, "TXT")
        (known[question],) = yield (question,)
    reading = Reading(target, {}, known)
    ttl_seconds = known[Question(target, "TXT")].ttl_seconds
    problem = problem_of(reading, target)
    if problem is not None:
        temporary = problem[0] is SpfResult.TEMPERROR
        return Drift(one.term, (), (), None, problem[1], temporary, ttl_seconds)
    now = (str(reading.record(target)),)
    return Drift(one.term, terms=now if now != one.terms else None, ttl_seconds=ttl_seconds)


def _compared(one: Expanded, term: Directive, reading: Reading) -> Drift:
    now = evaluate(reading)
    ttl_seconds, _ = rests_on(reading, term)
    if now.ends & ERRORS or reading.too_large:
        problem = "; ".join(now.problems) or "it is too large to be read"
        return Drift(one.term, (), (), None, problem, now.temporary, ttl_seconds)
    terms = now.conditions
    remembered = {text.lstrip("+-~?") for text in one.terms}
    return Drift(
        one.term,
        _without(now.networks(), one.networks),
        _without(one.networks, now.networks()),
        terms if set(terms) != remembered else None,
        ttl_seconds=ttl_seconds,
    )


def _without(one: Sequence[IPNetwork], other: Sequence[IPNetwork]) -> tuple[IPNetwork, ...]:
    """The networks of *one* without those of *other*."""
    found: list[IPNetwork] = []
    for version in (4, 6):
        found += networks_of(subtracted(_ends(one, version), _ends(other, version)), version)
    return tuple(found)


def _ends(networks: Sequence[IPNetwork], version: int) -> list[tuple[int, int]]:
    return sorted(
        (int(network.network_address), int(network.broadcast_address))
        for network in networks
        if network.version == version
    )

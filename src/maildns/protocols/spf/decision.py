"""
What a policy decides for one address: a result, or what depends on the mail at hand.

Most addresses have a result once all names are looked up. Terms with macros, `exists`
and `ptr` cannot be told from the address alone; each of them is a fork, and the whole
decision a graph of forks that ends in results. Equal decisions compare as equal, so two
records can be proven to say the same without expanding a single macro.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from maildns.protocols.spf.record import Directive, Include, Mechanism, Redirect, SpfResult

MAX_SHOWN = 4  # forks told in words


@dataclass(frozen=True, slots=True)
class Fork:
    """
    Where *condition*, a term of the policy of *domain*, matches: *then*, else *otherwise*.

    `says` is the digest of all that it says, by which forks compare: a graph with shared
    branches is then compared at once.
    """

    condition: Mechanism = field(compare=False)
    domain: str = field(compare=False)
    then: Decision = field(compare=False)
    otherwise: Decision = field(compare=False)
    says: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # The name of the policy counts only where the term depends on it.
        own = self.domain if depends_on_domain(self.condition) else ""
        parts = (f"{self.condition}\n{own}\n".encode(), _said(self.then), _said(self.otherwise))
        object.__setattr__(self, "says", hashlib.sha256(b"\0".join(parts)).digest())

    def __str__(self) -> str:
        told: list[str] = []
        place: Decision = self
        while isinstance(place, Fork):
            if len(told) == MAX_SHOWN:
                return "; ".join([*told, "…"])
            told.append(f"{place.then} where {place.condition} matches")
            place = place.otherwise
        return "; ".join([*told, f"else {place}"])


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The policy that a redirect with macros leads to; which one depends on the mail."""

    redirect: Redirect
    domain: str

    def __str__(self) -> str:
        return str(self.redirect)


Decision: TypeAlias = SpfResult | Fork | Elsewhere


def _said(decision: Decision) -> bytes:
    if isinstance(decision, Fork):
        return decision.says
    if isinstance(decision, Elsewhere):
        return f"{decision.redirect} of {decision.domain}".encode()
    return decision.value.encode()


def depends_on_domain(mechanism: Mechanism) -> bool:
    """
    Whether the same term means something else in the policy of another domain.

    ``%{d}`` is that domain, and ``%{p}`` prefers names below it (RFC 7208 sections 7.2, 7.3).
    """
    spec = getattr(mechanism, "domain", None)
    if spec is None:
        return mechanism.asks  # such as a bare `a`
    return bool(spec.letters & {"d", "p"})


def fork(condition: Mechanism, domain: str, then: Decision, otherwise: Decision) -> Decision:
    """A `Fork`; just the branch where both are the same."""
    return then if then == otherwise else Fork(condition, domain, then, otherwise)


class Including:
    """
    What an include decides: *result* where the included policy says pass, else the rest.

    One is made for each include, and remembers what it has joined already.
    """

    def __init__(self, directive: Directive) -> None:
        self._result = directive.qualifier.result
        self._known: dict[tuple[bytes, bytes], Decision] = {}

    def __call__(self, policy: Decision, rest: Decision) -> Decision:
        """Join one decision of the included *policy* with that of the *rest* of the record."""
        if isinstance(policy, SpfResult):
            return self._leaf(policy, rest)
        key = (_said(policy), _said(rest))
        if key not in self._known:
            self._known[key] = self._joined(policy, rest)
        return self._known[key]

    def _joined(self, policy: Fork | Elsewhere, rest: Decision) -> Decision:
        if isinstance(policy, Elsewhere):
            # Which policy that is cannot be told, but whether it says pass decides.
            return fork(Include(policy.redirect.domain), policy.domain, self._result, rest)
        then, otherwise = self(policy.then, rest), self(policy.otherwise, rest)
        return fork(policy.condition, policy.domain, then, otherwise)

    def _leaf(self, policy: SpfResult, rest: Decision) -> Decision:
        # RFC 7208 section 5.2, the table of what an include makes of a result
        if policy is SpfResult.PASS:
            return self._result
        if policy is SpfResult.TEMPERROR:
            return SpfResult.TEMPERROR
        if policy in {SpfResult.PERMERROR, SpfResult.NONE}:
            return SpfResult.PERMERROR
        return rest


def results(decision: Decision) -> frozenset[SpfResult]:
    """All results that *decision* can end in."""
    return frozenset(leaf for leaf in _leaves(decision) if isinstance(leaf, SpfResult))


def conditions(decision: Decision) -> tuple[str, ...]:
    """The terms that *decision* depends on, as they are written."""
    seen = dict.fromkeys(
        str(one.condition) if isinstance(one, Fork) else str(one)
        for one in _walk(decision)
        if not isinstance(one, SpfResult)
    )
    return tuple(seen)


def _leaves(decision: Decision) -> Iterator[Decision]:
    return (one for one in _walk(decision) if not isinstance(one, Fork))


def _walk(decision: Decision) -> Iterator[Decision]:
    """Every part of *decision*, each once."""
    seen: set[bytes] = set()
    ahead = [decision]
    while ahead:
        one = ahead.pop()
        if _said(one) in seen:
            continue
        seen.add(_said(one))
        yield one
        if isinstance(one, Fork):
            ahead += [one.otherwise, one.then]


def passing_terms(decision: Decision) -> tuple[Fork, ...] | None:
    """
    The terms of a decision that says pass where any of them matches, and never else.

    None where it is not of this simple form, such as one in which a match means fail.
    """
    found: list[Fork] = []
    while isinstance(decision, Fork):
        if decision.then is not SpfResult.PASS:
            return None
        found.append(decision)
        decision = decision.otherwise
    return tuple(found) if decision in NOT_PASSING else None


NOT_PASSING = frozenset({SpfResult.FAIL, SpfResult.SOFTFAIL, SpfResult.NEUTRAL})
ERRORS = frozenset({SpfResult.TEMPERROR, SpfResult.PERMERROR})

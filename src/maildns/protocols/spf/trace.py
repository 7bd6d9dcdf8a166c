"""The trace of an evaluation, which is put into steps when somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias, overload

from maildns.ask import Answer
from maildns.protocols.spf.plain import Test
from maildns.protocols.spf.verdict import Step

Found: TypeAlias = str | Answer | tuple[str, str]
"""What a term found: words, the answer itself, or two pieces of words to stand one after the other."""

Missed: TypeAlias = tuple[int, str, Sequence[Test], int]
"""Depth, domain, and terms that ask nothing, of which the first so many missed."""

Tried: TypeAlias = Missed | tuple[int, str, str, Found, int, bool]
"""What became of a term, as the fields of a `Step`, or of several."""

_MISSED: Final = 4  # fields


class Trace(Sequence[Step]):
    """
    The steps of an evaluation, in order; it is equal to a tuple of them.

    Most evaluations are not looked into, so the steps are made at the first look.
    """

    __slots__ = ("_steps", "_tried")

    def __init__(self, tried: Sequence[Tried]) -> None:
        self._tried = tried
        self._steps: tuple[Step, ...] | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of them."""
        if self._steps is None:
            self._steps = tuple(step for one in self._tried for step in _steps(one))
            self._tried = ()
        return self._steps

    @overload
    def __getitem__(self, place: int) -> Step: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Step, ...]: ...

    def __getitem__(self, place: int | slice) -> Step | tuple[Step, ...]:
        return self.steps[place]

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __eq__(self, other: object) -> bool:
        return self.steps == (other.steps if isinstance(other, Trace) else other)

    def __hash__(self) -> int:
        return hash(self.steps)

    def __repr__(self) -> str:
        return repr(self.steps)

    def __reduce__(self) -> tuple[type[Trace], tuple[tuple[Step, ...]]]:
        return Trace, (self.steps,)


def _steps(tried: Tried) -> Iterator[Step]:
    if len(tried) == _MISSED:
        depth, domain, tests, count = tried
        for _shift, _value, text, _result in tests[:count]:
            yield Step(depth, domain, text, "another address", 0, matched=False)
    else:
        depth, domain, term, found, cost, matched = tried
        told = " ".join(found) if isinstance(found, tuple) else found
        yield Step(depth, domain, term, told, cost, matched)

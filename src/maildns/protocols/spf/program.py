"""
A record made ready to be evaluated many times.

Neighbours that ask nothing (`ip4`, `ip6`, `all`) are one `Block`, which is matched with a
shift and a comparison for each network. What a trace says of them is made once.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from typing import TypeAlias

from maildns.protocols.spf.record import (
    Directive,
    Explanation,
    Ip4,
    Ip6,
    Redirect,
    SpfResult,
    parse,
)
from maildns.protocols.spf.verdict import Step

_CACHED_OCTETS = 2_048  # longer texts are read each time, so that the cache stays small
_REMEMBERED = 64  # domains with the same text, of which the steps are kept


class Block:
    """Directives that stand together and ask nothing."""

    __slots__ = ("_missed", "_tests", "results", "texts")

    def __init__(self, directives: list[Directive]) -> None:
        self.texts = tuple(map(str, directives))
        self.results = tuple(directive.qualifier.result for directive in directives)
        self._tests: dict[int, tuple[tuple[int, int, int], ...]] = {
            version: tuple(_tests(directives, version)) for version in (4, 6)
        }
        self._missed: dict[tuple[int, str], tuple[Step, ...]] = {}

    def match(self, version: int, point: int) -> int:
        """The place of the first directive that matches the address; -1 for none."""
        for shift, value, place in self._tests[version]:
            if point >> shift == value:
                return place
        return -1

    def missed(self, depth: int, domain: str) -> tuple[Step, ...]:
        """The steps of an evaluation that none of them matches."""
        made = self._missed.get((depth, domain))
        if made is None:
            made = tuple(
                Step(depth, domain, text, "another address", 0, matched=False)
                for text in self.texts
            )
            if len(self._missed) < _REMEMBERED:
                self._missed[depth, domain] = made
        return made


def _tests(directives: list[Directive], version: int) -> list[tuple[int, int, int]]:
    """How far to shift an address, what is left where a directive matches, and its place."""
    bits = 32 if version == 4 else 128
    found = []
    for place, directive in enumerate(directives):
        mechanism = directive.mechanism
        if not isinstance(mechanism, Ip4 | Ip6):
            found.append((bits, 0, place))  # `all`, RFC 7208 section 5.1
        elif mechanism.address.version == version:  # section 5.6: of the other nothing matches
            shift = bits - mechanism.prefix
            found.append((shift, int(mechanism.address) >> shift, place))
    return found


class Ask:
    """A directive that asks, with its text."""

    __slots__ = ("mechanism", "result", "text")

    def __init__(self, directive: Directive) -> None:
        self.text = str(directive)
        self.mechanism = directive.mechanism
        self.result: SpfResult = directive.qualifier.result


Part: TypeAlias = Block | Ask


class Program:
    """The parts of a record in order, and its modifiers."""

    __slots__ = ("explanation", "parts", "redirect")

    def __init__(self, text: str) -> None:
        record = parse(text)
        parts: list[Part] = []
        for asks, members in groupby(record.directives, key=lambda one: one.mechanism.asks):
            neighbours = list(members)
            parts += map(Ask, neighbours) if asks else [Block(neighbours)]
        self.parts = tuple(parts)
        self.redirect: Redirect | None = record.redirect
        self.explanation: Explanation | None = record.explanation


def program(text: str) -> Program:
    """Make the record *text* ready. Raises `RecordSyntaxError` as `parse` does."""
    return Program(text) if len(text) > _CACHED_OCTETS else _program(text)


_program = lru_cache(maxsize=8192)(Program)

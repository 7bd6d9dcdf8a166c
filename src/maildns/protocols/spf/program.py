"""
A record made ready to be evaluated many times.

Neighbours that ask nothing (`ip4`, `ip6`, `all`) are one list, a block, which is matched with a
shift and a comparison for each network. A term that is written plainly is read by `plain`;
any other, and any fault, by `record`.

Most records are met once, some again and again. A record is kept ready when it is met for the
second time, so that the first time costs no more than reading it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

from maildns.errors import RecordSyntaxError
from maildns.protocols.spf.plain import (
    FIRST,
    READERS,
    SIX,
    Ask,
    Modifier,
    Test,
    plain_name,
)
from maildns.protocols.spf.record import (
    MAX_OCTETS,
    VERSION,
    A,
    All,
    Directive,
    Explanation,
    Ip4,
    Ip6,
    Mx,
    Redirect,
    SpfRecord,
    Term,
    parse,
    parse_term,
)

_START = f"{VERSION} "
MAX_KEPT = 8_192  # records
_KEPT_OCTETS = 2_048  # longer texts are read each time, so that what is kept stays small
_KEPT_WORD = 100  # characters; terms with macros take longest to read
_SEEN = 1_024  # places for the hashes of texts that were met

Block: TypeAlias = list[Test]
Made: TypeAlias = Test | Ask | Modifier | None  # None of a modifier that receivers ignore


def first_match(block: Sequence[Test], key: int) -> int:
    """The place of the first directive that matches an address (`plain.key`); -1 for none."""
    for place, (shift, value, _text, _result) in enumerate(block):
        if key >> shift == value:
            return place
    return -1


class Program:
    """The parts of a record in order, and its modifiers."""

    __slots__ = ("exp", "parts", "redirect")

    def __init__(self) -> None:
        self.parts: list[Block | Ask] = []
        self.redirect: Modifier | None = None
        self.exp: Modifier | None = None

    @classmethod
    def of(cls, record: SpfRecord) -> Program:
        """Make one of a record's value."""
        program = cls()
        block: Block | None = None
        for term in record.terms:
            block = program._add(_made(term), block)
        return program

    @classmethod
    def read(cls, words: Iterable[str]) -> Program:
        """Make one of terms; raises `RecordSyntaxError`, which does not tell the place."""
        program = cls()
        block: Block | None = None
        for word in words:
            reader = READERS.get(word[:4])
            if reader is not None and (network := reader(word)) is not None:
                if block is None:
                    block = []
                    program.parts.append(block)
                block.append(network)
            elif word:
                block = program._add(_COMMON.get(word) or _read(word), block)
        return program

    def _add(self, made: Made, block: Block | None) -> Block | None:
        """Add a term, and give the block that may still grow, as *block* is before."""
        if isinstance(made, Ask):
            self.parts.append(made)
            return None
        if isinstance(made, Modifier):  # its neighbours are neighbours of each other
            self._modify(made)
        elif made is not None:
            if block is None:
                block = []
                self.parts.append(block)
            block.append(made)
        return block

    def _modify(self, made: Modifier) -> None:
        # RFC 7208 section 6: they "MUST NOT appear in a record more than once each"
        if getattr(self, made.kind) is not None:
            raise RecordSyntaxError(f"{made.kind}= may stand only once", made.text, (0, 1))
        setattr(self, made.kind, made)


def _made(term: Term) -> Made:
    if isinstance(term, Redirect | Explanation):
        return Modifier(term.name, str(term), term.domain.fixed, term.domain)
    if not isinstance(term, Directive):
        return None
    text, mechanism, result = str(term), term.mechanism, term.qualifier.result
    if isinstance(mechanism, All):
        return SIX.bit_length(), 0, text, result  # matches any address
    if isinstance(mechanism, Ip4 | Ip6):
        bits, mark = (32, 0) if mechanism.address.version == 4 else (128, SIX)
        shift = bits - mechanism.prefix
        return shift, (mark | int(mechanism.address)) >> shift, text, result
    spec, kind = mechanism.domain, mechanism.name
    shifts = (0, 0)
    if isinstance(mechanism, A | Mx):
        shifts = 32 - mechanism.prefix4, 128 - mechanism.prefix6
    return Ask(kind, text, spec.fixed if spec else None, spec, FIRST.get(kind, ""), result, *shifts)


def _read(word: str) -> Made:
    named = plain_name(word)
    if named is not None:
        return named
    return _read_kept(word) if len(word) <= _KEPT_WORD else _made(parse_term(word))


@lru_cache(maxsize=4096)
def _read_kept(word: str) -> Made:
    return _made(parse_term(word))


_COMMON = {
    sign + name: _made(parse_term(sign + name))
    for sign in ("", "+", "-", "~", "?")
    for name in ("a", "mx")
}


def _program(text: str) -> Program | RecordSyntaxError:
    if text.startswith(_START) and len(text) <= MAX_OCTETS:
        try:
            return Program.read(text[len(_START) :].split(" "))
        except RecordSyntaxError:
            pass  # the grammar tells of the first fault, and its place
    try:
        return Program.of(parse(text))
    except RecordSyntaxError as error:
        # Made anew, for one that was raised keeps all that it came through.
        return RecordSyntaxError(error.problem, error.source, error.span)


_kept: dict[str, Program | RecordSyntaxError] = {}
_seen = [0] * _SEEN


def program(text: str) -> Program | RecordSyntaxError:
    """Make the record *text* ready; the error that `parse` raises where it has a fault."""
    made = _kept.get(text)
    if made is not None:
        return made
    made = _program(text)
    mark = hash(text)
    place = mark % _SEEN
    if _seen[place] != mark:
        _seen[place] = mark
    elif len(text) <= _KEPT_OCTETS:
        if len(_kept) >= MAX_KEPT:
            _kept.clear()  # what is still met comes back soon
        _kept[text] = made
    return made

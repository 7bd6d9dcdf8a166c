"""
A record made ready to be evaluated many times.

Neighbours that ask nothing (`ip4`, `ip6`, `all`) are one `Block`, which is matched with a
shift and a comparison for each network. A term that is written plainly is read by `plain`;
any other, and any fault, by `record`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from maildns.errors import RecordSyntaxError
from maildns.protocols.spf.macro import DomainSpec
from maildns.protocols.spf.plain import NETWORKS, SIX, Test, plain_name
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
    Qualifier,
    Redirect,
    SpfRecord,
    SpfResult,
    Term,
    is_spf,
    parse,
    parse_term,
)
from maildns.protocols.spf.verdict import Step, step

_CACHED_OCTETS = 2_048  # longer texts are read each time, so that the cache stays small
_CACHED_WORD = 100  # characters; the same terms stand in many records
_REMEMBERED = 64  # domains with the same text, of which the steps are kept
_RESULTS = {"": SpfResult.PASS} | {sign.value: sign.result for sign in Qualifier}
_FIRST = {"include": "TXT", "mx": "MX", "exists": "A"}  # the first question of a mechanism
_MODIFIERS = frozenset({"redirect", "exp"})


class Block:
    """Directives that stand together and ask nothing."""

    __slots__ = ("_missed", "tests")

    def __init__(self) -> None:
        self.tests: list[Test] = []
        self._missed: dict[tuple[int, str], list[Step]] | None = None

    def match(self, key: int) -> int:
        """The place of the first directive that matches an address (`plain.key`); -1 for none."""
        for place, (shift, value, _text, _result) in enumerate(self.tests):
            if key >> shift == value:
                return place
        return -1

    def missed(self, depth: int, domain: str) -> list[Step]:
        """The steps of an evaluation that none of them matches; kept from the second time on."""
        known = self._missed
        if known is None:  # a scan reads most records once
            self._missed = {}
            return [missed(depth, domain, text) for _, _, text, _ in self.tests]
        made = known.get((depth, domain))
        if made is None:
            made = [missed(depth, domain, text) for _, _, text, _ in self.tests]
            if len(known) < _REMEMBERED:
                known[depth, domain] = made
        return made


def missed(depth: int, domain: str, text: str) -> Step:
    """The step of a directive that asks nothing and does not match."""
    return step((depth, domain, text, "another address", 0, False))


class Named:
    """
    A term with a name: a modifier, or, as an `Ask`, a mechanism.

    `kind` is the term's own name. `fixed` is the domain name to ask for; where there is none,
    `spec` is what makes it, and without both it is that of the policy.
    """

    __slots__ = ("fixed", "kind", "spec", "text")

    def __init__(
        self, text: str, kind: str, fixed: str | None, spec: DomainSpec | None = None
    ) -> None:
        self.text = text
        self.kind = kind
        self.fixed = fixed
        self.spec = spec


class Ask(Named):
    """
    A directive that asks.

    `rrtype` is the type of its first question, empty where it is that of the client's addresses;
    of those, the last bits do not count: `shift4` and `shift6` of them.
    """

    __slots__ = ("result", "rrtype", "shift4", "shift6")

    def __init__(
        self, text: str, kind: str, fixed: str | None, spec: DomainSpec | None, *, sign: str
    ) -> None:
        self.text = text  # all here, as a record has many
        self.kind = kind
        self.fixed = fixed
        self.spec = spec
        self.rrtype = _FIRST.get(kind, "")
        self.result = _RESULTS[sign]
        self.shift4 = self.shift6 = 0


Made: TypeAlias = Test | Named | None  # None of a modifier that receivers ignore


class Program:
    """The parts of a record in order, and its modifiers."""

    __slots__ = ("_tests", "exp", "parts", "redirect")

    def __init__(self) -> None:
        self.parts: list[Block | Ask] = []
        self.redirect: Named | None = None
        self.exp: Named | None = None
        self._tests: list[Test] | None = None  # those of the block that may still grow

    @classmethod
    def of(cls, record: SpfRecord) -> Program:
        """Make one of a record's value."""
        program = cls()
        for term in record.terms:
            program.add(_made(term))
        return program

    @classmethod
    def read(cls, words: Iterable[str]) -> Program:
        """Make one of terms; raises `RecordSyntaxError`, which does not tell the place."""
        program = cls()
        tests = None
        for word in words:
            reader = NETWORKS.get(word[:4])
            # Networks are seldom in two records, and quicker read than remembered.
            if reader is not None and (network := reader(word)) is not None:
                if tests is None:
                    tests = program._begin()
                tests.append(network)
            elif word:
                program.add(_read_cached(word) if len(word) <= _CACHED_WORD else _read(word))
                tests = program._tests
        return program

    def add(self, made: Made) -> None:
        """Add a term; raises `RecordSyntaxError` for a second redirect or exp."""
        if isinstance(made, Ask):
            self.parts.append(made)
            self._tests = None
        elif isinstance(made, tuple):
            (self._tests or self._begin()).append(made)
        elif made is not None:  # neighbours of a modifier are neighbours of each other
            self._modify(made)

    def _begin(self) -> list[Test]:
        block = Block()
        self.parts.append(block)
        self._tests = block.tests
        return block.tests

    def _modify(self, made: Named) -> None:
        # RFC 7208 section 6: they "MUST NOT appear in a record more than once each"
        if getattr(self, made.kind) is not None:
            raise RecordSyntaxError(f"{made.kind}= may stand only once", made.text, (0, 1))
        setattr(self, made.kind, made)


def _made(term: Term) -> Made:
    if isinstance(term, Redirect | Explanation):
        return Named(str(term), term.name, term.domain.fixed, term.domain)
    if not isinstance(term, Directive):
        return None
    text, mechanism = str(term), term.mechanism
    if isinstance(mechanism, All):
        return SIX.bit_length(), 0, text, term.qualifier.result  # matches any address
    if isinstance(mechanism, Ip4 | Ip6):
        bits, mark = (32, 0) if mechanism.address.version == 4 else (128, SIX)
        shift = bits - mechanism.prefix
        value = (mark | int(mechanism.address)) >> shift
        return shift, value, text, term.qualifier.result
    spec = mechanism.domain
    made = Ask(text, mechanism.name, spec.fixed if spec else None, spec, sign=term.qualifier.value)
    if isinstance(mechanism, A | Mx):
        made.shift4, made.shift6 = 32 - mechanism.prefix4, 128 - mechanism.prefix6
    return made


def _read(word: str) -> Made:
    plain = plain_name(word)
    if plain is None:
        return _made(parse_term(word))
    sign, kind, name = plain
    if kind in _MODIFIERS:
        return Named(word, kind, name)
    return Ask(word, kind, name, None, sign=sign)


_read_cached = lru_cache(maxsize=16384)(_read)


def _program(text: str) -> Program | RecordSyntaxError:
    if is_spf(text) and len(text) <= MAX_OCTETS:
        try:
            return Program.read(text[len(VERSION) :].split(" "))
        except RecordSyntaxError:
            pass  # the grammar tells of the first fault, and its place
    try:
        return Program.of(parse(text))
    except RecordSyntaxError as error:
        # Made anew, for one that was raised keeps all that it came through.
        return RecordSyntaxError(error.problem, error.source, error.span)


_program_cached = lru_cache(maxsize=8192)(_program)


def program(text: str) -> Program | RecordSyntaxError:
    """Make the record *text* ready; the error that `parse` raises where it has a fault."""
    return _program(text) if len(text) > _CACHED_OCTETS else _program_cached(text)

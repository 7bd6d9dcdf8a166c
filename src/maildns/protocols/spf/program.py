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
from maildns.protocols.spf.plain import plain_ip4, plain_ip6, plain_name
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
    parse,
    parse_term,
)
from maildns.protocols.spf.verdict import Step, step

_CACHED_OCTETS = 2_048  # longer texts are read each time, so that the cache stays small
_CACHED_WORD = 100  # characters; the same terms stand in many records
_REMEMBERED = 64  # domains with the same text, of which the steps are kept
_RESULTS = {"": SpfResult.PASS} | {sign.value: sign.result for sign in Qualifier}
_NETWORKS = {"ip4:": plain_ip4, "ip6:": plain_ip6}
_NEEDLESS = {"+ip4:", "+ip6:"}
_FIRST = {"include": "TXT", "mx": "MX", "exists": "A"}  # the first question of a mechanism

Test: TypeAlias = tuple[int, int, int]  # how far to shift, what is left of a match, its place


class Block:
    """Directives that stand together and ask nothing."""

    __slots__ = ("_missed", "results", "tests4", "tests6", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.results: list[SpfResult] = []
        self.tests4: list[Test] = []
        self.tests6: list[Test] = []
        self._missed: dict[tuple[int, str], list[Step]] | None = None

    def match(self, version: int, point: int) -> int:
        """The place of the first directive that matches the address; -1 for none."""
        # RFC 7208 section 5.6: a network of the other version never matches
        for shift, value, place in self.tests4 if version == 4 else self.tests6:
            if point >> shift == value:
                return place
        return -1

    def missed(self, depth: int, domain: str, place: int) -> list[Step]:
        """The steps before *place*, where the first directive matches; -1: all, as none does."""
        if self._missed is None:
            self._missed = {}
        made = self._missed.get((depth, domain))
        if made is not None:
            return made if place < 0 else made[:place]
        texts = self.texts if place < 0 else self.texts[:place]
        made = [step((depth, domain, text, "another address", 0, False)) for text in texts]
        if place < 0 and len(self._missed) < _REMEMBERED:
            self._missed[depth, domain] = made
        return made


class Free:
    """A directive that asks nothing; `version` 0 is both."""

    __slots__ = ("result", "shift", "text", "value", "version")

    def __init__(self, directive: Directive) -> None:
        mechanism = directive.mechanism
        self.text = str(directive)
        self.result = directive.qualifier.result
        self.version, self.shift, self.value = 0, 128, 0  # `all`, RFC 7208 section 5.1
        if isinstance(mechanism, Ip4 | Ip6):
            self.version = mechanism.address.version
            self.shift = (32 if self.version == 4 else 128) - mechanism.prefix
            self.value = int(mechanism.address) >> self.shift


class Ask:
    """
    A term that asks, with its text.

    `kind` is the name of its mechanism or modifier; `rrtype` the type of its first question,
    empty where it is that of the client's addresses. `fixed` is the name to ask for; where
    there is none, `spec` is what makes it, and without both it is the domain's own.
    """

    __slots__ = ("fixed", "kind", "result", "rrtype", "shift4", "shift6", "spec", "text")

    def __init__(
        self, text: str, kind: str, sign: str, fixed: str | None, spec: DomainSpec | None = None
    ) -> None:
        self.text = text
        self.kind = kind
        self.rrtype = _FIRST.get(kind, "")
        self.result = _RESULTS[sign]
        self.fixed = fixed
        self.spec = spec
        self.shift4 = self.shift6 = 0

    @classmethod
    def of(cls, term: Directive | Redirect | Explanation) -> Ask:
        """Make one of a term's value."""
        what = term.mechanism if isinstance(term, Directive) else term
        sign = term.qualifier.value if isinstance(term, Directive) else ""
        spec = None if isinstance(what, All | Ip4 | Ip6) else what.domain
        made = cls(str(term), what.name, sign, spec.fixed if spec else None, spec)
        if isinstance(what, A | Mx):
            made.shift4, made.shift6 = 32 - what.prefix4, 128 - what.prefix6
        return made


Made: TypeAlias = Free | Ask | None  # None of a modifier that receivers ignore


def _made(term: Term) -> Made:
    if isinstance(term, Directive) and not term.mechanism.asks:
        return Free(term)
    return Ask.of(term) if isinstance(term, Directive | Redirect | Explanation) else None


def _read(word: str) -> Made:
    plain = plain_name(word)
    if plain is None:
        return _made(parse_term(word))
    sign, kind, name = plain
    return Ask(word, kind, sign, name)


_read_cached = lru_cache(maxsize=16384)(_read)


class Program:
    """The parts of a record in order, and its modifiers."""

    __slots__ = ("_block", "explanation", "parts", "redirect")

    def __init__(self) -> None:
        self.parts: list[Block | Ask] = []
        self.redirect: Ask | None = None
        self.explanation: Ask | None = None
        self._block: Block | None = None

    @classmethod
    def of(cls, record: SpfRecord) -> Program:
        """Make one of a record's value."""
        made = cls()
        for term in record.terms:
            made.add(_made(term))
        return made

    def read(self, words: Iterable[str]) -> None:
        """Add the terms *words*; raises `RecordSyntaxError` for a wrong one, without its place."""
        for written in words:
            word = written[1:] if written[:5] in _NEEDLESS else written
            reader = _NETWORKS.get(word[:4])
            if reader is not None and (network := reader(word)) is not None:
                text, shift, value = network
                block = self._block or self._begun()
                tests = block.tests4 if reader is plain_ip4 else block.tests6
                tests.append((shift, value, len(block.texts)))
                block.texts.append(text)
                block.results.append(SpfResult.PASS)
            elif word:
                self.add(_read_cached(word) if len(word) <= _CACHED_WORD else _read(word))

    def add(self, made: Made) -> None:
        """Add a term; raises `RecordSyntaxError` for a second one of which one is allowed."""
        if isinstance(made, Ask):
            self._ask(made)
        elif made is not None:
            block = self._block or self._begun()
            test = made.shift, made.value, len(block.texts)
            if made.version != 6:
                block.tests4.append(test)
            if made.version != 4:
                block.tests6.append(test)
            block.texts.append(made.text)
            block.results.append(made.result)

    def _begun(self) -> Block:
        self._block = Block()
        self.parts.append(self._block)
        return self._block

    def _ask(self, ask: Ask) -> None:
        if ask.kind not in {"redirect", "exp"}:
            self.parts.append(ask)
            self._block = None
            return
        # RFC 7208 section 6; neighbours of a modifier are neighbours of each other
        if (self.redirect if ask.kind == "redirect" else self.explanation) is not None:
            raise RecordSyntaxError(f"{ask.kind}= may stand only once", ask.text, (0, 1))
        if ask.kind == "redirect":
            self.redirect = ask
        else:
            self.explanation = ask


def _program(text: str) -> Program:
    version, *words = text.split(" ")
    if version.lower() != VERSION or len(text) > MAX_OCTETS:
        return Program.of(parse(text))
    made = Program()
    try:
        made.read(words)
    except RecordSyntaxError:
        return Program.of(parse(text))  # which tells of the first fault, and its place
    return made


_program_cached = lru_cache(maxsize=8192)(_program)


def program(text: str) -> Program:
    """Make the record *text* ready. Raises `RecordSyntaxError` as `parse` does."""
    return _program(text) if len(text) > _CACHED_OCTETS else _program_cached(text)

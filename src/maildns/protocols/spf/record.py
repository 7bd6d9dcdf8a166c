"""
SPF records: which hosts may send a domain's mail (RFC 7208).

A record is its terms in the order published, which is the order in which they
are tried. Names of terms are read in any case and written in lower case; a
leading ``+`` and the prefix lengths /32 and /128 say nothing and are not kept.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, TypeAlias

from maildns.errors import RecordSyntaxError
from maildns.protocols.spf.macro import TEXT_LETTERS, DomainSpec, parse_parts

VERSION = "v=spf1"
_BEGINNING = f"{VERSION} "
MAX_OCTETS = 65_535  # no TXT record holds more (RFC 1035 section 3.2.1)
_CACHED_WORD = 100  # characters; the same terms stand in many records
_CACHED_OCTETS = 2_048  # longer texts are read each time, so that the cache stays small

_INVISIBLE = re.compile(r"[^!-~]")
_WORD = re.compile(r"[^ ]+")
# RFC 7208 section 12: name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
_TERM = re.compile(r"([-+?~]?)([A-Za-z][A-Za-z0-9._-]*)(.*)")
_DUAL_CIDR = re.compile(r"(.*?)(?:/([0-9]+))?(?://([0-9]+))?")
_NETWORK = re.compile(r":([^/]*)(?:/([0-9]+))?")


class SpfResult(StrEnum):
    """What an evaluation ends in (RFC 7208 section 2.6)."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105  # the RFC's word, no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Qualifier(StrEnum):
    """What a match means (RFC 7208 section 4.6.2)."""

    PASS = "+"  # noqa: S105  # the RFC's word, no password
    FAIL = "-"
    SOFTFAIL = "~"
    NEUTRAL = "?"

    @property
    def result(self) -> SpfResult:
        """The result that a match gives."""
        return _RESULTS[self]


_RESULTS = {qualifier: SpfResult[qualifier.name] for qualifier in Qualifier}


@dataclass(frozen=True, slots=True)
class All:
    """Matches always (RFC 7208 section 5.1)."""

    name: ClassVar[str] = "all"
    asks: ClassVar[bool] = False

    def __str__(self) -> str:
        return "all"


@dataclass(frozen=True, slots=True)
class _Named:
    """What the terms share that have just a name; equal only within one kind."""

    name: ClassVar[str] = ""
    mark: ClassVar[str] = ":"
    asks: ClassVar[bool] = True
    domain: DomainSpec

    def __str__(self) -> str:
        return f"{self.name}{self.mark}{self.domain}"


class Include(_Named):
    """Matches where the other domain's policy says pass (RFC 7208 section 5.2)."""

    __slots__ = ()
    name: ClassVar[str] = "include"


@dataclass(frozen=True, slots=True)
class _Addresses:
    """What `a` and `mx` share: a name, the own domain where it is None, and two prefix lengths."""

    name: ClassVar[str] = ""
    asks: ClassVar[bool] = True
    domain: DomainSpec | None = None
    prefix4: int = 32
    prefix6: int = 128

    def __post_init__(self) -> None:
        if not (0 <= self.prefix4 <= 32 and 0 <= self.prefix6 <= 128):
            raise ValueError(f"no prefix lengths: /{self.prefix4}//{self.prefix6}")

    def __str__(self) -> str:
        domain = f":{self.domain}" if self.domain else ""
        prefix4 = f"/{self.prefix4}" if self.prefix4 != 32 else ""
        prefix6 = f"//{self.prefix6}" if self.prefix6 != 128 else ""
        return f"{self.name}{domain}{prefix4}{prefix6}"


class A(_Addresses):
    """Matches the addresses of a name (RFC 7208 section 5.3)."""

    __slots__ = ()
    name: ClassVar[str] = "a"


class Mx(_Addresses):
    """Matches the addresses of a name's mail exchangers (RFC 7208 section 5.4)."""

    __slots__ = ()
    name: ClassVar[str] = "mx"


@dataclass(frozen=True, slots=True)
class Ptr:
    """Matches by the client's reverse name; not to be published (RFC 7208 section 5.5)."""

    name: ClassVar[str] = "ptr"
    asks: ClassVar[bool] = True
    domain: DomainSpec | None = None

    def __str__(self) -> str:
        return f"ptr:{self.domain}" if self.domain else "ptr"


@dataclass(frozen=True, slots=True)
class Ip4:
    """Matches an IPv4 network (RFC 7208 section 5.6); host bits are kept, and mean nothing."""

    name: ClassVar[str] = "ip4"
    asks: ClassVar[bool] = False
    address: ipaddress.IPv4Address
    prefix: int = 32

    def __post_init__(self) -> None:
        if not 0 <= self.prefix <= 32:
            raise ValueError(f"no prefix length of IPv4: {self.prefix}")

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The network, without host bits."""
        return ipaddress.IPv4Network((self.address, self.prefix), strict=False)

    def __str__(self) -> str:
        return f"ip4:{self.address}" + (f"/{self.prefix}" if self.prefix != 32 else "")


@dataclass(frozen=True, slots=True)
class Ip6:
    """Matches an IPv6 network (RFC 7208 section 5.6); host bits are kept, and mean nothing."""

    name: ClassVar[str] = "ip6"
    asks: ClassVar[bool] = False
    address: ipaddress.IPv6Address
    prefix: int = 128

    def __post_init__(self) -> None:
        if not 0 <= self.prefix <= 128:
            raise ValueError(f"no prefix length of IPv6: {self.prefix}")

    @property
    def network(self) -> ipaddress.IPv6Network:
        """The network, without host bits."""
        return ipaddress.IPv6Network((self.address, self.prefix), strict=False)

    def __str__(self) -> str:
        return f"ip6:{self.address}" + (f"/{self.prefix}" if self.prefix != 128 else "")


class Exists(_Named):
    """Matches where a name, mostly made by macros, has an A record (RFC 7208 section 5.7)."""

    __slots__ = ()
    name: ClassVar[str] = "exists"


Mechanism: TypeAlias = All | Include | A | Mx | Ptr | Ip4 | Ip6 | Exists


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism, and what its match means."""

    qualifier: Qualifier
    mechanism: Mechanism

    def __str__(self) -> str:
        sign = "" if self.qualifier is Qualifier.PASS else self.qualifier.value
        return f"{sign}{self.mechanism}"


class Redirect(_Named):
    """Where no mechanism matches, the other domain's policy holds (RFC 7208 section 6.1)."""

    __slots__ = ()
    name: ClassVar[str] = "redirect"
    mark: ClassVar[str] = "="


class Explanation(_Named):
    """Where the text is that tells a refused sender why (RFC 7208 section 6.2)."""

    __slots__ = ()
    name: ClassVar[str] = "exp"
    mark: ClassVar[str] = "="


@dataclass(frozen=True, slots=True)
class UnknownModifier:
    """A modifier that no standard knows; receivers ignore it (RFC 7208 section 6)."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


Modifier: TypeAlias = Redirect | Explanation | UnknownModifier
Term: TypeAlias = Directive | Modifier


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """
    A policy: its terms, in the order in which they are tried.

    >>> record = parse("v=spf1 +MX ip4:192.0.2.1/32 ~all")
    >>> str(record), record.all.qualifier.result.value
    ('v=spf1 mx ip4:192.0.2.1 ~all', 'softfail')
    """

    terms: tuple[Term, ...] = ()
    directives: tuple[Directive, ...] = field(init=False, repr=False, compare=False)
    """The directives alone, in order."""
    effective: tuple[Directive, ...] = field(init=False, repr=False, compare=False)
    """The directives that can be reached: up to the first `all` (RFC 7208 section 5.1)."""

    def __post_init__(self) -> None:
        # One record is that of many domains, and each is looked at many times.
        directives = tuple(term for term in self.terms if isinstance(term, Directive))
        ends = (at for at, one in enumerate(directives, 1) if isinstance(one.mechanism, All))
        put = object.__setattr__
        put(self, "directives", directives)
        put(self, "effective", directives[: next(ends, None)])

    def __str__(self) -> str:
        return " ".join([VERSION, *map(str, self.terms)])

    @property
    def all(self) -> Directive | None:
        """The first `all`."""
        return next((d for d in self.directives if isinstance(d.mechanism, All)), None)

    @property
    def redirect(self) -> Redirect | None:
        """The redirect modifier, whether or not an `all` makes it idle."""
        return next((term for term in self.terms if isinstance(term, Redirect)), None)

    @property
    def explanation(self) -> Explanation | None:
        """The exp modifier."""
        return next((term for term in self.terms if isinstance(term, Explanation)), None)

    @property
    def lookup_terms(self) -> tuple[Term, ...]:
        """The terms that can be reached and count towards the limit (RFC 7208 section 4.6.4)."""
        asking: list[Term] = [d for d in self.effective if d.mechanism.asks]
        if self.redirect is not None and self.all is None:
            asking.append(self.redirect)
        return tuple(asking)

    @property
    def permits_somebody(self) -> bool:
        """
        Some term may let a host pass; a redirect counts as one that may.

        >>> parse("v=spf1 mx -all").permits_somebody, parse("v=spf1 ~all").permits_somebody
        (True, False)
        """
        if self.redirect is not None and self.all is None:
            return True
        return any(directive.qualifier is Qualifier.PASS for directive in self.effective)


def is_spf(text: str) -> bool:
    """
    Say whether receivers take *text* for an SPF record (RFC 7208 section 4.5).

    >>> is_spf("V=SPF1 -all"), is_spf("v=spf10"), is_spf(" v=spf1 -all")
    (True, False, False)
    """
    return text.startswith(_BEGINNING) or text[:7].lower() in {VERSION, _BEGINNING}


def parse(text: str) -> SpfRecord:
    """
    Read the record *text*, the strings of a TXT record joined (RFC 7208 section 3.3).

    The whole record is checked, terms that can never be reached too: one fault
    makes every evaluation a permerror (section 4.6).

    Raises `RecordSyntaxError` at the first fault.

    >>> parse("v=spf1 include:_spf.example.com -all").terms[0].mechanism.domain.text
    '_spf.example.com'
    """
    return _parse(text) if len(text) > _CACHED_OCTETS else _parse_cached(text)


def _parse(text: str) -> SpfRecord:
    if not is_spf(text):
        problem = f"an SPF record begins with '{VERSION}' and a space"
        raise RecordSyntaxError(problem, text, (0, min(7, len(text))))
    if len(text) > MAX_OCTETS:
        raise RecordSyntaxError("no TXT record is so long", text, (MAX_OCTETS, len(text)))
    # RFC 7208 section 4.6.1: terms = *( 1*SP ( directive / modifier ) )
    words = [match.span() for match in _WORD.finditer(text, len(VERSION))]
    terms = tuple(_parse_word(text, span) for span in words)
    # RFC 7208 section 6: redirect and exp "MUST NOT appear in a record more than once each"
    for kind in (Redirect, Explanation):
        places = [at for at, term in enumerate(terms) if isinstance(term, kind)]
        if len(places) > 1:
            raise RecordSyntaxError(f"{kind.name}= may stand only once", text, words[places[1]])
    return SpfRecord(terms)


_parse_cached = lru_cache(maxsize=8192)(_parse)


def parse_term(text: str) -> Term:
    """
    Read one term, such as ``~all`` or ``redirect=example.com``.

    Raises `RecordSyntaxError` where it is none.
    """
    if not text:
        raise RecordSyntaxError("a term is missing here", text, (0, 0))
    return _parse_word(text, (0, len(text)))


def _parse_word(source: str, span: tuple[int, int]) -> Term:
    word = source[span[0] : span[1]]
    bad = _INVISIBLE.search(word)
    if bad:
        problem = "terms are parted by spaces alone" if bad[0].isspace() else "this is not ASCII"
        raise RecordSyntaxError(problem, source, (span[0] + bad.start(), span[0] + bad.end()))
    try:
        return _read_word_cached(word) if len(word) <= _CACHED_WORD else _read_word(word)
    except RecordSyntaxError as error:
        # The readers see the word, or only its end; the complaint points into the record.
        if not error.source:  # something is missing behind the word
            raise RecordSyntaxError(error.problem, source, span) from None
        offset = span[1] - len(error.source)
        start = max(span[0], min(offset + error.span[0], span[1] - 1))
        place = (start, max(start + 1, offset + error.span[1]))
        raise RecordSyntaxError(error.problem, source, place) from None


def _read_word(word: str) -> Term:
    match = _TERM.fullmatch(word)
    if match is None:
        problem = "this is neither a mechanism nor a modifier"
        raise RecordSyntaxError(problem, word, (0, len(word)))
    sign, name, rest = match.groups()
    if rest.startswith("="):
        if sign:
            raise RecordSyntaxError("a modifier takes no qualifier", word, (0, 1))
        return _parse_modifier(name, rest)
    reader = _MECHANISMS.get(name.lower())
    if reader is None:
        raise RecordSyntaxError(_unknown(name), word, match.span(2))
    return Directive(Qualifier(sign or "+"), reader(rest))


_read_word_cached = lru_cache(maxsize=16384)(_read_word)


def _unknown(name: str) -> str:
    meant = {"ipv4": "ip4", "ipv6": "ip6", "ip": "ip4", "redirect": "redirect=", "exp": "exp="}
    hint = f"; {meant[name.lower()]} is meant" if name.lower() in meant else ""
    return f"unknown mechanism {name[:40]!r}{hint}"


def _parse_modifier(name: str, rest: str) -> Modifier:
    if name.lower() == "redirect":
        return Redirect(DomainSpec(rest[1:]))
    if name.lower() == "exp":
        return Explanation(DomainSpec(rest[1:]))
    # RFC 7208 section 12: unknown-modifier = name "=" macro-string
    parse_parts(rest[1:], TEXT_LETTERS)
    return UnknownModifier(name, rest[1:])


def _read_all(rest: str) -> All:
    if rest:
        raise RecordSyntaxError("nothing may follow 'all'", rest, (0, len(rest)))
    return All()


def _read_domain(rest: str) -> DomainSpec:
    if not rest.startswith(":"):
        raise RecordSyntaxError("a colon and a domain name are missing here", rest, (0, len(rest)))
    return DomainSpec(rest[1:])


def _read_ptr(rest: str) -> Ptr:
    return Ptr(_read_domain(rest) if rest else None)


def _read_addresses(kind: type[A | Mx]) -> Callable[[str], A | Mx]:
    def read(rest: str) -> A | Mx:
        # RFC 7208 section 5.3: "a" [ ":" domain-spec ] [ dual-cidr-length ]
        match = _matched(_DUAL_CIDR, rest, "a name or a prefix length is wanted here")
        domain = match[1]
        try:
            spec = _read_domain(domain) if domain else None
        except RecordSyntaxError as error:
            shift = len(domain) - len(error.source)
            place = (error.span[0] + shift, error.span[1] + shift)
            raise RecordSyntaxError(error.problem, rest, place) from None
        return kind(spec, _prefix(match, 2, 32), _prefix(match, 3, 128))

    return read


def _read_ip4(rest: str) -> Ip4:
    match = _matched(_NETWORK, rest, "a colon and an IPv4 address or network are wanted here")
    try:
        address = ipaddress.IPv4Address(match[1])
    except ValueError:
        mend = "; an IPv6 address takes ip6:" if match[1].count(":") > 1 else ""
        problem = f"this is not an IPv4 address{mend}"
        raise RecordSyntaxError(problem, rest, match.span(1)) from None
    return Ip4(address, _prefix(match, 2, 32))


def _read_ip6(rest: str) -> Ip6:
    match = _matched(_NETWORK, rest, "a colon and an IPv6 address or network are wanted here")
    # ipaddress would take a zone id after "%", and answers an oversized text slowly.
    text = match[1] if len(match[1]) <= 45 and "%" not in match[1] else ""
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        mend = "; an IPv4 address takes ip4:" if ":" not in match[1] else ""
        problem = f"this is not an IPv6 address{mend}"
        raise RecordSyntaxError(problem, rest, match.span(1)) from None
    return Ip6(address, _prefix(match, 2, 128))


def _matched(pattern: re.Pattern[str], rest: str, problem: str) -> re.Match[str]:
    match = pattern.fullmatch(rest)
    if match is None:
        raise RecordSyntaxError(problem, rest, (0, len(rest)))
    return match


def _prefix(match: re.Match[str], group: int, longest: int) -> int:
    digits: str | None = match[group]
    if digits is None:
        return longest
    # RFC 7208 section 5.6: no more than 32 or 128; a leading zero makes no number either
    if len(digits) > 3 or (digits[0] == "0" and digits != "0") or int(digits) > longest:
        problem = f"a prefix length is a number from 0 to {longest}"
        raise RecordSyntaxError(problem, match.string, match.span(group))
    return int(digits)


_MECHANISMS: dict[str, Callable[[str], Mechanism]] = {
    "all": _read_all,
    "include": lambda rest: Include(_read_domain(rest)),
    "a": _read_addresses(A),
    "mx": _read_addresses(Mx),
    "ptr": _read_ptr,
    "ip4": _read_ip4,
    "ip6": _read_ip6,
    "exists": lambda rest: Exists(_read_domain(rest)),
}

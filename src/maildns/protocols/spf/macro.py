"""
Macro strings: names and explanations that depend on the mail at hand (RFC 7208 section 7).

A `DomainSpec` is checked when it is made, so one that exists can be expanded.
Expanding needs only values; the one macro that has to ask DNS, ``%{p}``, is
settled by the evaluation before it expands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from maildns.errors import RecordSyntaxError

DOMAIN_LETTERS = "slodipvh"
TEXT_LETTERS = "slodipvhcrt"  # RFC 7208 section 7.2: c, r and t stand in explanations only

_EXPAND = re.compile(r"%(?:\{([A-Za-z])([0-9]*)([rR]?)([-.+,/_=]*)\}|([%_-]))")
_NO_LETTERS: frozenset[str] = frozenset()
_UNPRINTABLE = re.compile(r"[^ -~]")
_INVISIBLE = re.compile(r"[^!-~]")
_SIGNS = {"%": "%", "_": " ", "-": "%20"}
_TOPLABEL = re.compile(r"(?![0-9]+\Z)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?")
# RFC 5321 section 4.5.3.1: 64 octets of local part and 255 of domain. What is longer was never
# mail; without a bound, a record full of macros makes gigabytes of it.
_MAX_VALUE = 1_000
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Macro:
    """
    One ``%{...}``: *letter* in lower case, and how its value is cut and turned.

    `keep` is the number of right-hand parts that stay (None: all); `escape` is
    what an upper-case letter asks for (RFC 7208 section 7.3).
    """

    letter: str
    keep: int | None = None
    reverse: bool = False
    delimiters: str = ""
    escape: bool = False

    def expand(self, value: str) -> str:
        """Cut, turn and escape *value*, of which the last thousand characters count."""
        value = value[-_MAX_VALUE:]
        if self.keep is not None or self.reverse or self.delimiters:
            first, others = self.delimiters[:1] or ".", self.delimiters[1:]
            for other in others:
                value = value.replace(other, first)
            parts = value.split(first)
            if self.reverse:
                parts.reverse()
            if self.keep is not None:
                parts = parts[-self.keep :]
            value = ".".join(parts)
        if not self.escape:
            return value
        octets = value.encode("utf-8", "replace")
        return "".join(chr(o) if o in _UNRESERVED else f"%{o:02X}" for o in octets)


Part: TypeAlias = str | Macro


def parse_parts(text: str, letters: str, *, spaces: bool = False) -> tuple[Part, ...]:
    """
    Split *text* into literal pieces and macros (RFC 7208 section 7.1).

    *letters* are the macro letters allowed here; *spaces* may stand only in an
    explanation.

    Raises `RecordSyntaxError` at a bad ``%`` or a character outside visible ASCII.

    >>> parse_parts("%{ir}.example.com", DOMAIN_LETTERS)
    (Macro(letter='i', keep=None, reverse=True, delimiters='', escape=False), '.example.com')
    """
    bad = (_UNPRINTABLE if spaces else _INVISIBLE).search(text)
    if bad:
        raise RecordSyntaxError("only visible ASCII characters may stand here", text, bad.span())
    if "%" not in text:
        return (text,) if text else ()
    parts: list[Part] = []
    at = 0
    while (percent := text.find("%", at)) >= 0:
        if percent > at:
            parts.append(text[at:percent])
        match = _EXPAND.match(text, percent)
        if match is None:
            span = (percent, min(percent + 2, len(text)))
            raise RecordSyntaxError("'%' begins no macro here; write %% for the sign", text, span)
        parts.append(_read_macro(match, letters))
        at = match.end()
    if at < len(text):
        parts.append(text[at:])
    return tuple(parts)


def _read_macro(match: re.Match[str], letters: str) -> Part:
    letter, digits, reverse, delimiters, sign = match.groups()
    if sign is not None:
        return _SIGNS[sign]
    if letter.lower() not in letters:
        allowed = "only in an explanation" if letter.lower() in TEXT_LETTERS else "nowhere"
        problem = f"the macro letter {letter!r} is allowed {allowed}"
        raise RecordSyntaxError(problem, match.string, match.span())
    significant = digits.lstrip("0")
    if digits and not significant:  # RFC 7208 section 7.3: zero is not allowed
        raise RecordSyntaxError("a macro keeps at least one part", match.string, match.span())
    return Macro(
        letter=letter.lower(),
        keep=int(significant[:4]) if digits else None,  # no value has a thousand parts
        reverse=bool(reverse),
        delimiters=delimiters,
        escape=letter.isupper(),
    )


def expand(parts: tuple[Part, ...], values: Mapping[str, str]) -> str:
    """
    Put *values*, by macro letter, in the place of the macros.

    >>> expand(parse_parts("%{l-}.x.%{d2}", "ld"), {"l": "strong-bad", "d": "mail.example.com"})
    'strong.bad.x.example.com'
    """
    return "".join(
        [part if isinstance(part, str) else part.expand(values[part.letter]) for part in parts]
    )


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """
    The name that a term gives, perhaps with macros (RFC 7208 section 7.1).

    `letters` are those of its macros, in lower case; `fixed` is the name where it has none
    and can be one.

        domain-spec  = macro-string domain-end
        domain-end   = ( "." toplabel [ "." ] ) / macro-expand

    Raises `RecordSyntaxError` for a text that breaks this grammar, which is not
    that of a host name: ``a:foo:bar/baz.example.com`` is right.
    """

    text: str
    parts: tuple[Part, ...] = field(init=False, repr=False, compare=False)
    letters: frozenset[str] = field(init=False, repr=False, compare=False)
    fixed: str | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.text:
            raise RecordSyntaxError("a domain name is missing here", self.text, (0, 0))
        object.__setattr__(self, "parts", parse_parts(self.text, DOMAIN_LETTERS))
        letters = {part.letter for part in self.parts if isinstance(part, Macro)}
        object.__setattr__(self, "letters", frozenset(letters) if letters else _NO_LETTERS)
        _refuse_bad_end(self.text)
        bare = self.parts == (self.text,)
        object.__setattr__(self, "fixed", target_name(self.text) if bare else None)

    def __str__(self) -> str:
        return self.text

    @property
    def key(self) -> str:
        """What names the same thing: without macros, case and a final dot do not count."""
        return self.text if "%" in self.text else self.text.rstrip(".").lower()


def _refuse_bad_end(text: str) -> None:
    last = text.rfind("%")
    tail_start = 0
    if last >= 0:
        # "%%" ends at its second sign, where the first of two was not itself escaped.
        ends = [match.end() for match in _EXPAND.finditer(text)]
        tail_start = ends[-1]
        if tail_start == len(text):
            return
    tail = text[tail_start:]
    bare = tail.removesuffix(".")
    before, dot, top = bare.rpartition(".")
    if dot and _TOPLABEL.fullmatch(top):
        return
    if _ADDRESS.fullmatch(text):
        problem = f"{text} is an address, and a name is wanted here; an address takes ip4:"
        raise RecordSyntaxError(problem, text, (0, len(text)))
    if not dot:
        problem = "a name has two labels at least"
    else:
        problem = f"{top!r} cannot be the last label of a name" if top else "a label is empty"
    start = tail_start + (len(before) + 1 if dot else 0)
    raise RecordSyntaxError(problem, text, (min(start, len(text) - 1), len(text)))


_ODD = re.compile(r"[^!-\[\]-~]")


@lru_cache(maxsize=16384)
def target_name(expanded: str) -> str | None:
    r"""
    Make the name to ask for of an expanded domain-spec; None where there can be none.

    A name too long loses labels on its left (RFC 7208 section 7.3). A label that
    is empty, over 63 octets or not ASCII makes the name malformed (section 4.3,
    RFC 8616 section 4). Odd characters are escaped as in zone files.

    >>> target_name("a b.Example.com."), target_name("a..example.com")
    ('a\\032b.example.com', None)
    """
    bare = expanded.removesuffix(".")
    if len(bare) > 253:
        cut = bare.find(".", len(bare) - 254)
        bare = bare[cut + 1 :] if cut >= 0 else ""
    if not bare.isascii() or any(not 0 < len(label) <= 63 for label in bare.split(".")):
        return None
    lower = bare.lower()
    return _ODD.sub(lambda odd: rf"\{ord(odd[0]):03d}", lower) if _ODD.search(lower) else lower

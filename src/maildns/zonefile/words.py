r"""
The words of zone text: where they begin and end, and what their escapes mean.

A *word* is kept as it was written: one that starts with ``"`` is a quoted string.
Octets that were not UTF-8 come and go as lone surrogates ("surrogateescape"), so
that a file in another encoding is neither refused nor changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError

# RFC 1035 section 5.1: words are parted by blanks; quotes, parentheses and ';' are
# special; \DDD is an octet, and a backslash takes the meaning from what follows it.
_TOKEN = re.compile(
    r"""[ \t\r]*+(?:
      ( "(?:[^"\\\n]|\\[0-9]{3}|\\[^0-9\n])*+"
      | (?:[^ \t\r\n"();\\]|\\[0-9]{3}|\\[^0-9\n])++ )
    | ([()])
    | (;|\Z) )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\([0-9]{3}|.)", re.DOTALL)
_OCTET_ESCAPE = re.compile(rb"\\([0-9]{3}|.)", re.DOTALL)
_SPECIAL = frozenset('.\\"();')  # what a name may hold only behind a backslash


class Fault(Exception):
    """What is wrong with the word at *index*; *span* is the place within that word."""

    def __init__(self, problem: str, index: int, span: tuple[int, int] | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.index = index
        self.span = span


class LineFault(Exception):
    """What is wrong with the text of line *at* (counted from 0) at *span*."""

    def __init__(self, problem: str, at: int, span: tuple[int, int], hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.at = at
        self.span = span
        self.hint = hint


@dataclass(slots=True)
class Words:
    """The words of one entry, each with its line (counted from 0) and its column."""

    texts: list[str] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    depth: int = 0  # open parentheses
    opened: tuple[int, int] = (0, 0)  # where the last one opened
    comment: int | None = None  # the column of a comment in the last line

    def scan(self, line: str, at: int) -> None:
        """
        Take the words of *line*, the text's line number *at*, up to its comment.

        Raises `LineFault` for a quote without its end, a bad escape, and a
        parenthesis that closes nothing.
        """
        position = 0
        self.comment = None
        while (match := _TOKEN.match(line, position)) is not None:
            position = match.end()
            word, bracket, end = match.groups()
            if word is not None:
                self.texts.append(word)
                self.places.append((at, match.start(1)))
            elif bracket is not None:
                self._bracket(bracket, at, match.start(2))
            else:
                self.comment = match.start(3) if end else None
                return
        raise _unreadable(line, position, at)

    def _bracket(self, bracket: str, at: int, column: int) -> None:
        if bracket == "(":
            self.depth += 1
            self.opened = (at, column)
        elif self.depth:
            self.depth -= 1
        else:
            raise LineFault("this parenthesis closes nothing", at, (column, column + 1))

    def place(self, index: int, span: tuple[int, int] | None) -> tuple[int, int, int]:
        """The line and the columns of *span* in the word at *index*; past the last: behind it."""
        if index >= len(self.texts):
            at, column = self.places[-1] if self.places else (0, 0)
            end = column + (len(self.texts[-1]) if self.texts else 0)
            return at, end, end
        at, column = self.places[index]
        length = len(self.texts[index])
        start, end = span or (0, length)
        start = min(start, length - 1)
        return at, column + start, column + max(start + 1, min(end, length))


def _unreadable(line: str, position: int, at: int) -> LineFault:
    """Say why no word can be read in *line* from *position* on."""
    start = position + len(line[position:]) - len(line[position:].lstrip(" \t\r"))
    escape = _bad_escape(line, start)
    if escape is not None:
        problem = r"an escape is \DDD with three digits, or \ and a character that is not a digit"
        return LineFault(problem, at, (escape, escape + 1))
    return LineFault(
        "this quote is never closed",
        at,
        (start, max(start + 1, len(line.rstrip()))),
        hint="a string ends on the line it begins on; is the file cut off here?",
    )


def _bad_escape(line: str, position: int) -> int | None:
    """The first backslash from *position* on that begins no escape."""
    at = line.find("\\", position)
    while at != -1:
        match = _ESCAPE.match(line, at)
        if match is None or (len(match[1]) == 1 and match[1] in "0123456789"):
            return at
        at = line.find("\\", match.end())
    return None


# --- what words mean ------------------------------------------------------------------


@lru_cache(maxsize=65536)
def full_name(word: str, origin: str) -> str:
    r"""
    The name that *word* means where *origin* is in force; it needs not be absolute.

    Escapes are brought to one spelling. Raises `RecordSyntaxError` with a span in *word*.

    >>> full_name("Mail", "example.com"), full_name("@", "example.com"), full_name(r"\097.", ".")
    ('mail.example.com', 'example.com', 'a')
    """
    if word == "@":
        return origin
    if word == ".":
        return word
    if word.startswith('"'):
        raise RecordSyntaxError("a name stands without quotes", word, (0, len(word)))
    bare = _one_spelling(word) if "\\" in word else word
    is_absolute = bare.endswith(".") and _backslashes_before(bare, len(bare) - 1) % 2 == 0
    if is_absolute:
        bare = bare[:-1]
    whole = bare if is_absolute or origin == "." else f"{bare}.{origin}"
    try:
        return name(whole.lower() if whole.isascii() else whole)
    except RecordSyntaxError as error:
        start = min(error.span[0], max(0, len(word) - 1))
        end = min(max(error.span[1], start + 1), len(word))
        raise RecordSyntaxError(error.problem, word, (start, end)) from None


def _backslashes_before(text: str, at: int) -> int:
    start = at
    while start and text[start - 1] == "\\":
        start -= 1
    return at - start


def _one_spelling(word: str) -> str:
    def spell(match: re.Match[str]) -> str:
        octet = int(match[1]) if len(match[1]) == 3 else ord(match[1])
        if octet > 255:
            raise RecordSyntaxError(
                r"\DDD is one octet, from \000 to \255", word, (match.start(), match.end())
            )
        letter = chr(octet)
        if letter in _SPECIAL:
            return f"\\{letter}"
        return letter if "!" <= letter <= "~" else f"\\{octet:03d}"

    return _ESCAPE.sub(spell, word)


def octets_of(word: str, index: int) -> bytes:
    r"""
    The octets that *word* stands for, quoted or not; *index* is its place, for the `Fault`.

    >>> octets_of(r'"say \"hi\" \104"', 0)
    b'say "hi" h'
    """
    inner = word[1:-1] if word[0] == '"' else word
    if inner.isascii():
        octets = inner.encode("ascii")
    else:
        try:
            octets = inner.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise Fault("half of a surrogate pair is no character", index) from error
    if b"\\" not in octets:
        return octets

    def octet(match: re.Match[bytes]) -> bytes:
        if len(match[1]) == 1:
            return match[1]
        if int(match[1]) > 255:
            start = word.find(match[0].decode("ascii"))
            raise Fault(r"\DDD is one octet, from \000 to \255", index, (start, start + 4))
        return bytes([int(match[1])])

    return _OCTET_ESCAPE.sub(octet, octets)

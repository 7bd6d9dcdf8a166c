"""
A zone text to its records (RFC 1035 section 5, RFC 2308 section 4).

Read in one pass, line by line; a line without parentheses, escapes and comments,
as nearly all are, takes a short cut. What cannot be read is an `InputError`
that names the line and points at the word: a file that was cut off is refused
where it ends, not read as a smaller zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from maildns.dnsdata import Rdata, RRset, Soa, Txt, name
from maildns.errors import InputError, RecordSyntaxError, point_at
from maildns.zonefile.data import rdata_of_words
from maildns.zonefile.generate import MAX_GENERATED, generated_lines
from maildns.zonefile.types import MAX_TTL, head_word, ttl_of
from maildns.zonefile.words import Fault, LineFault, Words, full_name

MAX_TEXT = 256 * 1024 * 1024  # characters
_MAX_ENTRY = 400_000  # characters of one record: 64 KiB as \DDD, and some
_MAX_ENTRY_LINES = 20_000

# Lines that need no care: blanks and plain words, perhaps with quoted strings behind.
_PLAIN_LINE = re.compile(r"[!#-'*-:<-\[\]-~ \t]*+\r?")
_STRINGS_LINE = re.compile(r'([!#-\'*-:<-\[\]-~ \t]*+)((?:"[^"\\\r\n]*+"[ \t]*+)++)\r?')
_PLAIN_STRING = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """
    One record of a zone text.

    It stands on the lines *line* to *last_line*, counted from 1; `ttl_is_written`
    says whether its TTL stands there too, or comes from above.
    """

    owner: str
    ttl_seconds: int
    rdata: Rdata
    line: int
    last_line: int
    ttl_is_written: bool


def parse_records(
    text: str,
    origin: str = ".",
    *,
    default_ttl: int = 3600,
    path: Path | str | None = None,
) -> list[ZoneRecord]:
    r"""
    Read all records of *text*, in its order, doubles included.

    A record without a TTL has that of the `$TTL` in force, else of the record
    before it, else the SOA's minimum, else *default_ttl*. `$GENERATE` is carried
    out; `$INCLUDE` is not: nothing here opens a file. Whether the records make a
    sound zone is not asked.

    Raises `InputError` with the line (and *path*, to be shown) where the text
    breaks the grammar, is cut off, or is not of class IN.

    >>> [record.owner for record in parse_records("$ORIGIN example.com.\n@ NS ns\nns A 192.0.2.1")]
    ['example.com', 'ns.example.com']
    """
    if len(text) > MAX_TEXT:
        raise InputError(
            f"the zone text has more than {MAX_TEXT} characters", path=path, hint="read it in parts"
        )
    lines = text.removeprefix("\ufeff").split("\n")
    try:
        return _Reader(lines, name(origin), default_ttl).read()
    except LineFault as fault:
        drawing = point_at(lines[fault.at], fault.span)
        raise placed_error(f"{fault.problem}\n{drawing}", fault.at, path, fault.hint) from None


def placed_error(problem: str, at: int, path: Path | str | None, hint: str) -> InputError:
    """The error that line *at*, counted from 0, has *problem*; it names the line, with a path or without."""
    place = "" if path is not None else f"line {at + 1}: "
    return InputError(f"{place}{problem}", path=path, line=at + 1, hint=hint)


def rrsets_of(records: Iterable[ZoneRecord]) -> dict[tuple[str, str], RRset]:
    """
    Group *records* into sets by (name, type).

    The TTL of a set is that of its first record, as name servers have it; RFC 2181
    section 5.2 forbids that they differ.
    """
    groups: dict[tuple[str, str], list[ZoneRecord]] = {}
    for record in records:
        groups.setdefault((record.owner, record.rdata.rrtype), []).append(record)
    return {
        key: RRset.of(key[0], group[0].ttl_seconds, (record.rdata for record in group))
        for key, group in groups.items()
    }


def unquoted_words(text: str, record: ZoneRecord) -> tuple[str, ...]:
    """
    The strings of a TXT *record* of *text* that stand without quotes, when there are several strings.

    Each is a string by itself and they join without a blank, which is seldom meant.

    >>> zone = "example.com. TXT v=spf1 -all"
    >>> unquoted_words(zone, parse_records(zone)[0])
    ('v=spf1', '-all')
    """
    if not isinstance(record.rdata, Txt) or len(record.rdata.strings) < 2:
        return ()
    words = Words()
    for at, line in enumerate(text.split("\n")[record.line - 1 : record.last_line]):
        words.scan(line.removeprefix("\ufeff"), at)
    strings = words.texts[-len(record.rdata.strings) :]
    return tuple(word for word in strings if not word.startswith('"'))


@dataclass(slots=True)
class TtlRule:
    """Which TTL a record has whose line has none: what is in force while a text is read."""

    default_ttl: int
    zone_ttl: int | None = None  # $TTL
    last_ttl: int | None = None

    def of(self, written: int | None, rdata: Rdata) -> int:
        """The TTL of the next record, whose own line says *written*."""
        if written is not None:
            self.last_ttl = written
            return written
        if self.zone_ttl is None and self.last_ttl is None and isinstance(rdata, Soa):
            # Before RFC 2308 section 4 the minimum was the default of the zone.
            self.zone_ttl = rdata.minimum
        if self.zone_ttl is not None:  # RFC 2308 section 4
            return self.zone_ttl
        if self.last_ttl is not None:  # RFC 1035 section 5.1
            return self.last_ttl
        return self.default_ttl


class _Reader:
    """What is in force while a text is read from its first line to its last."""

    def __init__(self, lines: list[str], origin: str, default_ttl: int) -> None:
        self.lines = lines
        self.origin = origin
        self.owner: str | None = None
        self.ttls = TtlRule(default_ttl)
        self.generated = 0
        self.records: list[ZoneRecord] = []

    def read(self) -> list[ZoneRecord]:
        """Read all lines."""
        lines = self.lines
        count = len(lines)
        at = 0
        while at < count:
            line = lines[at]
            words = quick_words(line)
            last = at
            if words is None:
                entry = entry_at(lines, at)
                words, last = entry.texts, entry.last
            if words:
                try:
                    self._entry(words, at, last, is_blank=line[0] in " \t")
                except Fault as fault:
                    raise self._placed(fault, at) from None
            at = last + 1
        return self.records

    def _placed(self, fault: Fault, at: int) -> LineFault:
        place, start, end = entry_at(self.lines, at).place(fault.index, fault.span)
        return LineFault(fault.problem, place, (start, end))

    def _entry(self, words: list[str], at: int, last: int, *, is_blank: bool) -> None:
        if words[0][0] == "$" and not is_blank:
            self._directive(words, at)
        else:
            self._record(words, at, last, is_blank=is_blank)

    def _record(self, words: list[str], at: int, last: int, *, is_blank: bool) -> None:
        index = 0
        if not is_blank:
            self.owner = _name_at(words, 0, self.origin)
            index = 1
        ttl: int | None = None
        rrtype: str | None = None
        has_class = False
        while rrtype is None:
            if index >= len(words):
                raise Fault("the record ends before its type", index)
            kind, value = head_word(words[index][:64])
            if kind == "type":
                rrtype = str(value)
            elif kind == "ttl" and ttl is None:
                ttl = _checked_ttl(int(value), index)
            elif kind == "class" and value == "IN" and not has_class:
                has_class = True
            else:
                raise _not_a_head(kind, words, index, is_blank=is_blank)
            index += 1
        try:
            rdata = rdata_of_words(rrtype, words[index:], self.origin)
        except Fault as fault:
            raise Fault(fault.problem, fault.index + index, fault.span) from None
        if self.owner is None:
            raise Fault("the first record must say whose it is", 0)
        seconds = self.ttls.of(ttl, rdata)
        self.records.append(
            ZoneRecord(self.owner, seconds, rdata, at + 1, last + 1, ttl is not None)
        )

    # --- directives ---------------------------------------------------------------

    def _directive(self, words: list[str], at: int) -> None:
        directive = words[0].upper()
        if directive == "$ORIGIN":
            _expect_one(words, "the name that the following names stand below")
            self.origin = _name_at(words, 1, self.origin)
        elif directive == "$TTL":
            _expect_one(words, "the TTL of the following records")
            seconds = ttl_of(words[1])
            if seconds is None:
                raise Fault("this is not a TTL such as 3600 or 1h", 1)
            self.ttls.zone_ttl = _checked_ttl(seconds, 1)
        elif directive == "$GENERATE":
            self._generate(words, at)
        elif directive == "$INCLUDE":
            raise LineFault(
                "$INCLUDE is not followed: one file is read, and no other",
                at,
                (0, len(words[0])),
                hint="paste the included file in, or give each file by itself",
            )
        else:
            raise Fault("there is no such directive; known are $ORIGIN, $TTL and $GENERATE", 0)

    def _generate(self, words: list[str], at: int) -> None:
        for made in generated_lines(words):
            self.generated += 1
            if self.generated > 4 * MAX_GENERATED:
                raise Fault("the $GENERATE lines make too many records", 0)
            try:
                self._record(made, at, at, is_blank=False)
            except Fault as fault:
                # The words stand one further on: behind "$GENERATE range".
                raise Fault(
                    f"{fault.problem} (made: {' '.join(made)[:200]})", fault.index + 2
                ) from None


def quick_words(line: str) -> list[str] | None:
    """The words of a line that needs no care; None where `entry_at` must look."""
    if _PLAIN_LINE.fullmatch(line):
        return line.split()
    if line[0] == ";":
        return []
    if match := _STRINGS_LINE.fullmatch(line):
        return match[1].split() + _PLAIN_STRING.findall(match[2])
    return None


@dataclass(slots=True)
class _Entry(Words):
    last: int = 0  # the last line it stands on


def entry_at(lines: list[str], at: int) -> _Entry:
    """
    The words of the entry that begins at line *at*, over as many lines as its parentheses hold open.

    Raises `LineFault` when they are still open where the text ends.
    """
    entry = _Entry(last=at)
    size = 0
    for number in range(at, len(lines)):
        entry.scan(lines[number], number)
        entry.last = number
        size += len(lines[number])
        if entry.depth == 0:
            return entry
        if size > _MAX_ENTRY or number - at > _MAX_ENTRY_LINES:
            break
    line, column = entry.opened
    raise LineFault(
        "this parenthesis is never closed",
        line,
        (column, column + 1),
        hint="is the file cut off?",
    )


def _expect_one(words: list[str], what: str) -> None:
    if len(words) != 2:
        raise Fault(f"{words[0]} wants one word: {what}", min(len(words), 2))


def _name_at(words: list[str], index: int, origin: str) -> str:
    try:
        return full_name(words[index], origin)
    except RecordSyntaxError as error:
        raise Fault(error.problem, index, error.span) from None


def _checked_ttl(seconds: int, index: int) -> int:
    if seconds > MAX_TTL:  # RFC 2181 section 8
        raise Fault(f"a TTL is at most {MAX_TTL} seconds", index)
    return seconds


def _not_a_head(kind: str, words: list[str], index: int, *, is_blank: bool) -> Fault:
    if kind == "ttl":
        return Fault("there are two TTLs", index)
    if kind == "class":
        return Fault("only records of class IN, said once, are read", index)
    if index == 0 and is_blank:
        return Fault(
            "this is not a record type; a line that begins with a blank has the owner of the line before",
            index,
        )
    return Fault(f"{words[index][:40]!r} is not a TTL, class or record type", index)

"""
Changing some records of a zone text, and nothing else of it.

Lines of records that stay, comments, directives and blank lines keep every
octet. Only what a record took from the line before it (its owner, its TTL) is
written out where that line has gone or changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from maildns.dnsdata import RRset, Soa, Txt, absolute, is_within, name, quote_string
from maildns.errors import InputError, UsageError
from maildns.zonefile.records import (
    TtlRule,
    ZoneRecord,
    entry_at,
    parse_records,
    placed_error,
    rrsets_of,
)
from maildns.zonefile.serial import next_serial
from maildns.zonefile.types import head_word, ttl_of

Key = tuple[str, str]
Change = tuple[str, str, RRset | None]


def edit(
    text: str,
    origin: str,
    changes: Iterable[Change],
    *,
    today: date | None = None,
    default_ttl: int = 3600,
    path: Path | str | None = None,
) -> str:
    r"""
    Put each change, (name, type, the whole RRset or None), into *text* and return it.

    A record that stays keeps its line and comment; a new one stands behind those
    of its set, else of its owner, else behind the last of the zone *origin*,
    with an absolute owner and its TTL. The serial of the zone that a changed
    name is in is raised: see `next_serial` for *today*. When the records are as
    wanted already, *text* comes back as it is.

    Raises `InputError` when *text* cannot be read, or a record to change was made
    by `$GENERATE`; `UsageError` for a change of the SOA, or two of one RRset.

    >>> print(edit("mx A 192.0.2.1 ; old", "example.com", [("mx.example.com", "A", None)]) == "")
    True
    """
    records = parse_records(text, origin, default_ttl=default_ttl, path=path)
    standing = rrsets_of(records)
    wanted = {key: after for key, after in _by_key(changes).items() if standing.get(key) != after}
    if not wanted:
        return text
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    editor = _Editor(text.removeprefix("\ufeff").split("\n"), records, wanted, default_ttl, path)
    editor.plan_insertions(standing, name(origin))
    editor.plan_serials(today)
    return mark + editor.write()


def _by_key(changes: Iterable[Change]) -> dict[Key, RRset | None]:
    wanted: dict[Key, RRset | None] = {}
    for owner, rrtype, after in changes:
        key = (owner, rrtype)
        if key in wanted:
            raise UsageError(f"there are two changes of {rrtype} at {owner}")
        if rrtype == "SOA":
            raise UsageError("the SOA record is not changed, only its serial raised")
        if after is not None and after.key != key:
            raise UsageError(
                f"a change of {rrtype} at {owner} holds {after.rrtype} at {after.name}"
            )
        wanted[key] = after and RRset.of(owner, after.ttl_seconds, after.records)
    return wanted


@dataclass(slots=True)
class _Editor:
    """The text while it is written anew, line by line."""

    lines: list[str]
    records: list[ZoneRecord]
    wanted: dict[Key, RRset | None]
    default_ttl: int
    path: Path | str | None  # to be shown
    insertions: dict[int, list[RRset]] = field(default_factory=dict)  # behind that many lines
    serials: dict[str, int] = field(default_factory=dict)  # zone -> new serial
    written: list[str] = field(default_factory=list)
    owner: str | None = None  # what a blank owner means where we are
    return_mark: str = ""  # "\r" in a text with the line ends of Windows

    # --- planning -----------------------------------------------------------------

    def plan_insertions(self, standing: dict[Key, RRset], origin: str) -> None:
        """Find the place of each record that is new."""
        of_set = {(record.owner, record.rdata.rrtype): record.last_line for record in self.records}
        of_owner = {record.owner: record.last_line for record in self.records}
        in_zone = [record for record in self.records if is_within(record.owner, origin)]
        end = in_zone[-1].last_line if in_zone else self._text_end()
        for key, after in sorted(self.wanted.items(), key=lambda item: item[0]):
            before = standing.get(key)
            known = before.records if before else ()
            new = [rdata for rdata in after.records if rdata not in known] if after else []
            if after and new:
                place = of_set.get(key) or of_owner.get(key[0]) or end
                rrset = RRset.of(after.name, after.ttl_seconds, new)
                self.insertions.setdefault(place, []).append(rrset)

    def _text_end(self) -> int:
        return len(self.lines) - (self.lines[-1] == "")

    def plan_serials(self, today: date | None) -> None:
        """Raise the serial of each zone that a changed name is in."""
        zones = {
            record.owner: record.rdata.serial
            for record in self.records
            if isinstance(record.rdata, Soa)
        }
        for changed, _ in self.wanted:
            around = [zone for zone in zones if is_within(changed, zone)]
            if around:
                nearest = max(around, key=lambda zone: len(zone) if zone != "." else 0)
                self.serials[nearest] = next_serial(zones[nearest], today)

    # --- writing ------------------------------------------------------------------

    def write(self) -> str:
        """The new text."""
        self.return_mark = "\r" if self.lines[0].endswith("\r") else ""
        ttls = TtlRule(self.default_ttl)
        by_line: dict[int, list[ZoneRecord]] = {}
        for record in self.records:
            by_line.setdefault(record.line - 1, []).append(record)
        at = size = 0
        while at < len(self.lines):
            self._insert(at, ttls)
            size = len(self.written)
            here = by_line.get(at)
            if here is None:
                at = self._other(at, ttls)
            else:
                self.written.extend(self._entry(at, here, ttls))
                at = here[0].last_line
        if at in self.insertions or size == len(self.written) > 0:
            # The last line had no end, and it has gone, or others follow: theirs have one.
            if self.written and not self.written[-1].endswith(self.return_mark):
                self.written[-1] += self.return_mark
            self._insert(at, ttls)
            self.written.append("")
        return "\n".join(self.written)

    def _other(self, at: int, ttls: TtlRule) -> int:
        """Copy a line that is no record, or a directive on all its lines; where the next begins."""
        last = at
        if self.lines[at].startswith("$"):
            entry = entry_at(self.lines, at)
            last = entry.last
            if entry.texts[0].upper() == "$TTL":
                ttls.zone_ttl = ttl_of(entry.texts[1])
        self.written.extend(self.lines[at : last + 1])
        return last + 1

    def _insert(self, place: int, ttls: TtlRule) -> None:
        """Write the records whose place is behind the first *place* lines of the text as it was."""
        for rrset in self.insertions.pop(place, []):
            ttls.last_ttl = rrset.ttl_seconds
            self.owner = rrset.name
            for line in _tidy(rrset):
                self.written.append(line + self.return_mark)

    def _entry(self, at: int, here: list[ZoneRecord], ttls: TtlRule) -> Iterator[str]:
        """The lines of the record at line *at*, as it stands or with what it must now say itself."""
        last = here[0].last_line
        is_generated = self.lines[at].startswith("$")
        ttl = self._ttl_wanted(here[0])
        if is_generated and any(self._ttl_wanted(record) != record.ttl_seconds for record in here):
            raise placed_error(
                f"{here[0].rdata.rrtype} records to be changed are made by $GENERATE",
                at,
                self.path,
                "write the records out, one a line, and remove the $GENERATE line",
            )
        if ttl is None:
            return iter(())
        record = here[0]
        is_blank = self.lines[at][0] in " \t"
        owner = record.owner if is_blank and self.owner != record.owner else None
        zone_ttl = ttls.zone_ttl
        says = ttls.of(record.ttl_seconds if record.ttl_is_written else None, record.rdata)
        self.owner = here[-1].owner
        serial = self.serials.get(record.owner) if isinstance(record.rdata, Soa) else None
        if owner is None and says == ttl and serial is None:
            return iter(self.lines[at:last])
        entry = _Head(self.lines, at, is_blank=is_blank, words_before=2 if is_generated else 0)
        if serial is not None:
            entry.put_serial(serial)
        if says != ttl:
            entry.put_ttl(ttl)
            ttls.last_ttl = ttl
            ttls.zone_ttl = zone_ttl  # an SOA that says its TTL sets no default
        if owner is not None:
            entry.lines[0] = _written_name(owner) + entry.lines[0]
        return iter(entry.lines)

    def _ttl_wanted(self, record: ZoneRecord) -> int | None:
        """The TTL that *record* shall have; None when it shall go."""
        key = (record.owner, record.rdata.rrtype)
        if key not in self.wanted:
            return record.ttl_seconds
        after = self.wanted[key]
        return after.ttl_seconds if after and record.rdata in after.records else None


class _Head:
    """The lines of one record, and where in them its TTL and serial stand."""

    def __init__(self, lines: list[str], at: int, *, is_blank: bool, words_before: int) -> None:
        entry = entry_at(lines, at)
        self.lines = lines[at : entry.last + 1]
        self._texts = entry.texts
        self._places = [(line - at, column) for line, column in entry.places]
        self._first = words_before + (0 if is_blank else 1)
        kinds = [head_word(word)[0] for word in entry.texts[self._first : self._first + 3]]
        heads = kinds[: kinds.index("type")]
        self._ttl = self._first + heads.index("ttl") if "ttl" in heads else None
        self._data = self._first + len(heads) + 1

    def put_ttl(self, seconds: int) -> None:
        """Write the TTL where it stands, or in front of class and type."""
        if self._ttl is not None:
            self._replace(self._ttl, str(seconds))
        else:
            self._replace(self._first, f"{seconds} {self._texts[self._first]}")

    def put_serial(self, serial: int) -> None:
        """Write the serial of an SOA record."""
        if self._texts[self._data] == r"\#":
            raise InputError(
                "the serial of an SOA record written as octets (RFC 3597) cannot be raised",
                hint="write the SOA record with its names and numbers",
            )
        self._replace(self._data + 2, str(serial))

    def _replace(self, index: int, text: str) -> None:
        """Put *text* in place of a word; words behind it on its line must not be asked for again."""
        line, column = self._places[index]
        end = column + len(self._texts[index])
        self.lines[line] = self.lines[line][:column] + text + self.lines[line][end:]


def _tidy(rrset: RRset) -> Iterator[str]:
    """The records as lines; a TXT of several strings gets a line for each."""
    for rdata in rrset.records:
        head = f"{_written_name(rrset.name)} {rrset.ttl_seconds} IN {rrset.rrtype}"
        if not isinstance(rdata, Txt) or len(rdata.strings) == 1:
            yield f"{head} {rdata}"
            continue
        strings = [quote_string(string) for string in rdata.strings]
        yield f"{head} ( {strings[0]}"
        yield from (f"    {string}" for string in strings[1:-1])
        yield f"    {strings[-1]} )"


def _written_name(owner: str) -> str:
    # At the beginning of a line a dollar sign makes a directive.
    return "\\" + absolute(owner) if owner.startswith("$") else absolute(owner)

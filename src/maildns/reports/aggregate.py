"""
DMARC aggregate reports (RFC 9990, RFC 7489 section 7.2): whole, or row by row in bounded memory.

Nearly all records of a report differ in their address and count alone. So a record is cut into
these two and the rest, and what the rest means is `remembered` by its text. What does not look like
a usual record is read as plain elements, else the exact way through expat; it means the same there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import TypeAlias

from maildns.errors import ReportError
from maildns.reports.cleaning import Oddities, shown
from maildns.reports.effort import IPV6, REPORT, ROW, pieces_of, usual_pieces_of
from maildns.reports.limits import LIMITS, Limits
from maildns.reports.markup import Element, Reading, local, mended, read_plain
from maildns.reports.model import AggregateReport, PublishedPolicy, ReportHead, ReportKind, Row
from maildns.reports.reading import (
    Meaning,
    address,
    count,
    is_new_schema,
    read_head,
    read_meaning,
    read_published,
    text_of,
)
from maildns.reports.remembered import CLOSING, FRONT, PLAINLY, Policy, meaning_of, policy_of
from maildns.reports.unwrapping import Payload, first_payload
from maildns.reports.usual import read_usual_head
from maildns.reports.xmltext import texts

__all__ = ["AggregateReader", "parse_aggregate", "read_aggregate"]

_S = r"[ \t\r\n]*"
_DECLARATION = re.compile(r"\A<\?xml\s[^<>]{0,300}>")
_ATTRIBUTE = rf"""[ \t\r\n]+([A-Za-z_][A-Za-z0-9_:.-]*){_S}={_S}(?:"([^"<&]*)"|'([^'<&]*)')"""
_ATTRIBUTES = re.compile(_ATTRIBUTE, re.ASCII)
_ROOT = re.compile(rf"{_S}(<feedback((?:{_ATTRIBUTE})*){_S}>)")
_PREFIX = re.compile(r"<([A-Za-z_][\w.-]*:)feedback\b")
_SPACE = " \t\r\n"
_LONGEST_LEAD = 4096
_HEAD = ("report_metadata", "policy_published")
_LARGEST_PIECE = 256 << 10
_new_row = tuple.__new__

# Of some rows: the source's address, how many messages, and the rest of a `Row`.
Columns: TypeAlias = tuple[list[str], list[int], list[Meaning]]


def parse_aggregate(data: bytes, limits: Limits = LIMITS) -> AggregateReport:
    """
    Read a DMARC aggregate report: bytes of XML, gzip, zip, or a whole mail.

    Of several in one mail or zip file it is the first. What was wrong and could be overlooked is
    in `head.oddities`. Raises ReportError for what is no such report, is broken beyond doubt, or
    is hostile: any DTD, anything larger or deeper than *limits*.
    """
    return read_aggregate(first_payload(data, ReportKind.AGGREGATE, limits), limits).whole()


def read_aggregate(payload: Payload, limits: Limits = LIMITS) -> AggregateReader:
    """Start to read the report in *payload*; raises ReportError as `AggregateReader` does."""
    return AggregateReader(payload, limits)


class AggregateReader:
    """
    An aggregate report read row by row: who and what is known at once, the rows come in lists.

    Where a reporter wrote its name after the records, the text is gone through twice. Raises
    ReportError, when made, for what cannot be read up to the first record; and while read, for
    what is broken later: rows given before are those of no report, then, and to be let go.
    """

    head: ReportHead
    published: PublishedPolicy
    schema: str

    def __init__(self, payload: Payload, limits: Limits = LIMITS) -> None:
        payload.effort.spend_on_usual(REPORT)
        scan = _Scan(payload, limits)
        batches = iter(scan)
        first = next((batch for batch in batches if batch[0]), ([], [], []))
        if not scan.has_head():
            for _ in batches:
                if scan.has_head():
                    break
            again = _Scan(payload, limits)
            again.elements.update(scan.elements)
            scan, first, batches = again, ([], [], []), iter(again)
        self._scan = scan
        self._batches = chain([first], batches)
        self.head = scan.head or read_head(scan.element("report_metadata"), scan.oddities)
        self.published = scan.published()
        new = is_new_schema(scan.namespace, self.published)
        self.schema = "rfc9990" if new else "rfc7489"

    def columns(self) -> Iterator[Columns]:
        """Give the rows, once, some hundreds at a time, as columns that belong together."""
        return (columns for columns in self._batches if columns[0])

    def batches(self) -> Iterator[list[Row]]:
        """Give the rows, once, in lists of some hundreds."""
        for columns in self.columns():
            yield [
                _new_row(Row, (ip, count, *told)) for ip, count, told in zip(*columns, strict=True)
            ]

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(self.batches())

    @property
    def oddities(self) -> tuple[str, ...]:
        """What was overlooked so far; complete once all rows have been given."""
        return self._scan.oddities.told()

    def whole(self) -> AggregateReport:
        """Read all rows at once."""
        rows = tuple(self)
        head = replace(self.head, oddities=self.oddities)
        return AggregateReport(head, self.published, rows, self.schema)


class _Scan:
    """One pass over a report's text."""

    def __init__(self, payload: Payload, limits: Limits) -> None:
        self.elements: dict[str, Element] = {}
        self.head: ReportHead | None = None  # where it was read without elements
        self._head_text = ""
        self._head_elements: list[Element] | None = None  # those of it, once they are asked for
        self._policy: Policy | None = None  # where it is remembered by its text
        self.namespace = ""
        self.oddities = Oddities()
        self._payload = payload
        self._effort = payload.effort
        self._limits = limits
        self._closing = CLOSING
        self._levels = limits.depth - 1  # below the root
        self._root = ""  # the root's start tag, where it was read without expat
        self._exact: Reading | None = None
        self._trailing = False  # whether something after the root's end has been said
        self._pending = True  # whether expat may be in the middle of something
        self._rows: Columns = ([], [], [])
        self._count = 0

    def has_head(self) -> bool:
        return len(self.elements) + (self.head is not None) == len(_HEAD)

    def published(self) -> PublishedPolicy:
        if self._policy is None or self._policy.element is not self.elements.get(_HEAD[1]):
            return read_published(self.element(_HEAD[1]), self.oddities)
        self._note(self._policy.odd)
        return self._policy.read

    def element(self, name: str) -> Element:
        found = self.elements.get(name)
        if found is None:
            self.oddities.add(f"no {name}")
        return found or Element(name, "")

    def __iter__(self) -> Iterator[Columns]:
        rest = ""
        begun = False
        for text in texts(self._payload.blocks(), self.oddities):
            self._effort.spend(text.count("\ufffd"))  # each may have been a fault to the decoder
            rest += text
            cut = self._whole_records(rest)
            if cut:
                piece, rest = rest[:cut], rest[cut:]
                yield from self._batch(piece, first=not begun)
                begun = True
        yield from self._finish(rest, first=not begun)

    def _whole_records(self, text: str) -> int:
        """Where to cut *text* so that no tag is cut in two; 0 to wait for more."""
        cut = text.rfind(self._closing)
        if cut >= 0:
            return cut + len(self._closing)
        if len(text) < _LARGEST_PIECE:
            return 0
        cut = text.rfind(">") + 1
        if not cut and len(text) > self._limits.element_octets:
            raise ReportError(f"an element has more than {self._limits.element_octets >> 10} kB")
        return cut

    def _batch(self, piece: str, *, first: bool) -> Iterator[Columns]:
        self._read(self._begin(piece) if first else piece)
        rows, self._rows = self._rows, ([], [], [])
        self._count += len(rows[0])
        if self._count > self._limits.rows:
            raise ReportError(f"it has more than {self._limits.rows} records")
        yield rows

    def _finish(self, rest: str, *, first: bool) -> Iterator[Columns]:
        """Read what stands after the last record: the root's end, mostly."""
        if first:
            rest = self._begin(rest)
        if self._pending or rest.strip(" \t\r\n") != "</feedback>":
            self._feed(rest, final=True)
        yield from self._batch("", first=False)

    def _begin(self, text: str) -> str:
        """Read the root's start tag where it is plain, and the head; give what follows."""
        text = _DECLARATION.sub("", text, count=1)
        root = _ROOT.match(text)
        if root is None:
            prefix = _PREFIX.search(text, 0, _LONGEST_LEAD)
            if prefix:
                self._closing = f"</{prefix[1]}record>"
            return text
        attributes = {name: one or other for name, one, other in _ATTRIBUTES.findall(root[2])}
        if len(attributes) != root[2].count("=") or not root[2].isprintable():
            return text
        self._root, self.namespace = root[1], attributes.get("xmlns", "")
        self._pending = False
        opens = text.find("<record>", root.end())
        elements = self._head(text[root.end() : opens]) if opens >= 0 else None
        for element in elements or ():
            self._found(element)
        return text[opens if elements is not None else root.end() :]

    def _head(self, text: str) -> list[Element] | None:
        """Read the head where it is plain; the policy at its end is the same in many reports."""
        starts = text.find("<policy_published>")
        policy = policy_of(text[starts:]) if starts >= 0 else None
        if policy is None:
            return self._plain(text)
        self._policy = policy
        self._head_text = text[:starts]
        self._effort.spend_on_usual(usual_pieces_of(self._head_text))
        self.head = read_usual_head(self._head_text)
        if self.head is not None or not self._head_text.strip(_SPACE):
            return [policy.element]
        before = self._plain(self._head_text)
        return None if before is None else [*before, policy.element]

    def _read(self, piece: str) -> None:
        """Read whole records, each by the quickest way that gives what the exact way gives."""
        if self._pending or self._closing != CLOSING:
            self._feed(piece)
            return
        records = piece.split(self._closing)
        last = records.pop()
        front = FRONT.match
        addresses, counts, meanings = self._rows
        add_address, add_count, add_meaning = addresses.append, counts.append, meanings.append
        for number, record in enumerate(records):
            met = front(record)
            known = meaning_of(record[met.end() :], self._effort) if met else None
            if met is None or known is None:
                if not self._read_slowly(record):
                    later = self._closing.join([*records[number + 1 :], last])
                    self._feed(later)
                    return
                continue
            four, six, messages = met.groups()
            meaning, odd = known
            add_address(four or self._address(six))
            add_count(int(messages))
            add_meaning(meaning)
            if odd:
                self._note(odd)
        if last:
            self._feed(last)

    def _add(self, where: str, messages: int, meaning: Meaning) -> None:
        addresses, counts, meanings = self._rows
        addresses.append(where)
        counts.append(messages)
        meanings.append(meaning)

    def _note(self, odd: tuple[str, ...]) -> None:
        for oddity in odd:
            self.oddities.add(oddity)

    def _plain(self, text: str) -> list[Element] | None:
        found = read_plain(text, self._levels)
        if found is not None:  # else the exact way counts it
            self._effort.spend(pieces_of(text) // PLAINLY)
        return found

    def _address(self, text: str) -> str:
        self._effort.spend_on_usual(IPV6)
        return address(text, self.oddities)

    def _read_slowly(self, record: str) -> bool:
        """Read one record that does not start as usual; False where expat says it is not whole."""
        found = self._plain(record + self._closing)
        for element in found or ():
            self._found(element)
        return found is not None or self._feed(record + self._closing)

    def _feed(self, text: str, *, final: bool = False) -> bool:
        """Give *text* to expat; whether it is between two records after it, for certain."""
        if self._exact is None:
            self._exact = Reading(self._limits, self._found)
            self._exact.feed(self._root)
        exact = self._exact
        self._effort.spend(pieces_of(text))
        exact.feed(mended(text, self.oddities), final=final)
        if exact.root is not None:
            self._check_root(*exact.root)
        if exact.ended:
            if exact.trailing and not self._trailing:
                self._trailing = True
                self.oddities.add("something stands after its end")
        elif final:
            raise ReportError("it is cut off before its end")
        self._pending = not (text.endswith(self._closing) and exact.between(self._closing))
        return not self._pending

    def _check_root(self, name: str, attributes: dict[str, str]) -> None:
        if local(name).lower() != "feedback":
            raise ReportError(f"its root is {shown(name)}, not feedback")
        self.namespace = attributes.get(
            f"xmlns:{name.rpartition(':')[0]}" if ":" in name else "xmlns", ""
        )

    def _found(self, element: Element) -> None:
        """Take in an element that stands right below the root."""
        if element.name != "record":
            if self.head is not None and element.name == _HEAD[0]:
                if self._head_elements is None:
                    self._head_elements = self._plain(self._head_text)
                if self._head_elements != [element]:
                    self.oddities.add(f"several {element.name}; the first counts")
            elif element.name in _HEAD:
                known = self.elements.setdefault(element.name, element)
                if known != element:
                    self.oddities.add(f"several {element.name}; the first counts")
            return
        self._effort.spend(ROW)
        row = element.child("row") or Element("row", "")
        where = address(text_of(row, "source_ip"), self.oddities)
        messages = count(text_of(row, "count"), self.oddities)
        self._add(where, messages, read_meaning(element, self.oddities))

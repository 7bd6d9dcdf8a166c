"""
The usual small report, read in one go.

Most reports have a few records and nothing odd, and unpacking and reading such a one piece by piece
costs more than what is in it. Whatever is larger, or odd in any way, gets None, and is then read
piece by piece; what is read here means the same there, limits and all.
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

from maildns.reports.cleaning import Oddities
from maildns.reports.model import PublishedPolicy, ReportHead
from maildns.reports.reading import Meaning, address, is_new_schema
from maildns.reports.remembered import CLOSING, FRONT, meaning_of, policy_of
from maildns.reports.usual import read_usual_head

MOST_PACKED = 64 << 10
MOST_OCTETS = 512 << 10
_SPACE = " \t\r\n"
_S = r"[ \t\r\n]*+"
_START = re.compile(
    rf"""(?:{_S}<\?xml version=["']1\.0["'](?: encoding=["'](?:UTF|utf)-8["'])?[ ]?\?>)?{_S}"""
    rf"""<feedback(?: xmlns="([a-zA-Z0-9:/._-]{{1,200}})")?>"""
)


class Small(NamedTuple):
    """What an `AggregateReader` would say; no oddities."""

    head: ReportHead
    published: PublishedPolicy
    schema: str
    addresses: list[str]
    messages: list[int]
    meanings: list[Meaning]


def read_small(octets: bytes) -> Small | None:
    """Read a report in gzip, or bare, that is small and usual; None for anything else."""
    text = _text(octets)
    start = _START.match(text)
    policy_at = text.find("<policy_published>", start.end()) if start else -1
    records_at = text.find("<record>", policy_at) if policy_at >= 0 else -1
    if start is None or records_at < 0:
        return None
    head = read_usual_head(text[start.end() : policy_at])
    policy = policy_of(text[policy_at:records_at])
    if head is None or policy is None or policy.odd:
        return None
    *records, end = text[records_at:].split(CLOSING)
    columns = _columns(records) if end.strip(_SPACE) == "</feedback>" else None
    if columns is None:
        return None
    new = is_new_schema(start[1] or "", policy.read)
    return Small(head, policy.read, "rfc9990" if new else "rfc7489", *columns)


def _text(octets: bytes) -> str:
    """Unpack and decode; empty for what is not of that kind, or too large."""
    if octets.startswith(b"\x1f\x8b") and len(octets) <= MOST_PACKED:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            octets = unpacker.decompress(octets, MOST_OCTETS)
        except zlib.error:
            return ""
        if not unpacker.eof or unpacker.unused_data:
            return ""
    elif len(octets) > MOST_OCTETS:
        return ""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return ""


def _columns(records: list[str]) -> tuple[list[str], list[int], list[Meaning]] | None:
    addresses: list[str] = []
    messages: list[int] = []
    meanings: list[Meaning] = []
    oddities = Oddities()
    for record in records:
        met = FRONT.match(record)
        read = meaning_of(record[met.end() :]) if met else None
        if met is None or read is None or read[1]:
            return None
        four, six, count = met.groups()
        addresses.append(four or address(six, oddities))
        messages.append(int(count))
        meanings.append(read[0])
    return None if oddities else (addresses, messages, meanings)

"""
A compact codec for DNS messages: queries built, and replies read straight into plain values.

dnspython's objects cost a hundred microseconds a message, which is most of the time of a check of
thousands of domains. This reads what mail asks for, in the shapes that servers send; for anything
else, `parse` says None, and the message is dnspython's to read or to refuse. What comes in is
hostile: whatever the octets are, reading ends, and nothing is raised (RFC 1035 section 4).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from maildns.dnsdata import (
    AAAA,
    A,
    Caa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Rdata,
    RRset,
    Soa,
    Srv,
    Tlsa,
    Txt,
)
from maildns.frozen import quickly

HEADER_OCTETS = 12
RESPONSE, AUTHORITATIVE, CUT, RECURSION_WANTED = 0x8000, 0x0400, 0x0200, 0x0100
RECURSION_OFFERED, AUTHENTIC, OPCODE, RCODE = 0x0080, 0x0020, 0x7800, 0x000F
CNAME, SOA, OPT, RRSIG, INTERNET = 5, 6, 41, 46, 1
MAX_NAME_TEXT = 253  # RFC 1035 section 2.3.4
MAX_RECORDS = 2000  # in a message; more is left to dnspython

_HEADER = struct.Struct("!HHHHHH")
_FIXED = struct.Struct("!HHIH")  # of a record: type, class, TTL, length of its data
_OWNED = struct.Struct("!HHHIH")  # the same behind a pointer to its owner
_TAIL = struct.Struct("!HH")
_FIVE = struct.Struct("!IIIII")
_PRIORITIES = struct.Struct("!HHH")
# Of a name that has one spelling only: no escapes, no capitals to be kept.
_PLAIN = re.compile(rb"[a-zA-Z0-9_*.-]+")
_PLAIN_LABEL = re.compile(r"[a-z0-9_*-]{1,63}")
_AT_QUESTION = b"\xc0\x0c"  # a pointer to the name asked for
_OPT = struct.Struct("!BHHIH")
_PAYLOAD = 1232  # RFC 9715 section 3.1
_DNSSEC_OK = 0x8000
_OPCODE_HIGH = 0x78  # within the third octet

_FAILURES = {1, 2, 4, 5}  # FORMERR, SERVFAIL, NOTIMP, REFUSED

Raw: TypeAlias = tuple[str, int, int, int, int]  # owner, type, TTL, and where the data is
_Names: TypeAlias = dict[int, str]


class _Odd(Exception):
    """Not for this codec."""


_ODD = (_Odd, IndexError, struct.error, ValueError)


# --- what goes out --------------------------------------------------------------------


def question_to_wire(name: str, rdtype: int) -> bytes | None:
    r"""
    The question section for *name*; None when the name is not plain enough for this codec.

    >>> question_to_wire("a.example", 1)
    b'\x01a\x07example\x00\x00\x01\x00\x01'
    """
    labels = _labels_to_wire(name) if len(name) <= MAX_NAME_TEXT else None
    return None if labels is None else labels + _tail(rdtype)


def _labels_to_wire(name: str) -> bytes | None:
    label, dot, above = name.partition(".")
    first = _label_to_wire(label)
    if first is None or not dot:
        return first and first + b"\0"
    rest = _above_to_wire(above)
    return rest and first + rest


@lru_cache(maxsize=8192)
def _label_to_wire(label: str) -> bytes | None:
    if not _PLAIN_LABEL.fullmatch(label):
        return None
    return bytes((len(label),)) + label.encode("ascii")


# What stands behind the first label: the same for many names, and what stands behind that for more.
_above_to_wire = lru_cache(maxsize=8192)(_labels_to_wire)


@lru_cache(maxsize=512)
def _tail(rdtype: int) -> bytes:
    return _TAIL.pack(rdtype, INTERNET)


def question_in(octets: bytes, name: str) -> bytes:
    """The question section of a reply to a question for *name*, as `question_to_wire` writes it."""
    length = 5 if name == "." else len(name) + 6
    return octets[HEADER_OCTETS : HEADER_OCTETS + length]


def query_ends(flags: int, *, dnssec_ok: bool = False) -> tuple[bytes, bytes]:
    """What stands before and behind the question section of a query, without the id: EDNS (RFC 6891)."""
    return _QUERY_HEADS[flags], (_OPT_DNSSEC if dnssec_ok else _OPT_PLAIN)


_QUERY_HEADS = {
    flags: struct.pack("!HHHHH", flags, 1, 0, 0, 1)
    for flags in (0, RECURSION_WANTED | AUTHENTIC)  # RFC 6840 section 5.7
}
_OPT_PLAIN = _OPT.pack(0, OPT, _PAYLOAD, 0, 0)
_OPT_DNSSEC = _OPT.pack(0, OPT, _PAYLOAD, _DNSSEC_OK, 0)


ROOT_SOA = b"\0" + _TAIL.pack(SOA, INTERNET)


# --- what comes back ------------------------------------------------------------------


@dataclass(slots=True)
class Message:
    """A reply: its records in the order of the three sections, their data not read yet."""

    octets: bytes
    flags: int
    rcode: int
    records: list[Raw]
    first_authority: int
    first_additional: int
    names: _Names

    @property
    def answer(self) -> list[Raw]:
        """The records of the answer section."""
        return self.records[: self.first_authority]

    @property
    def authority(self) -> list[Raw]:
        """The records of the authority section."""
        return self.records[self.first_authority : self.first_additional]

    @property
    def additional(self) -> list[Raw]:
        """The records of the additional section, but for EDNS."""
        return self.records[self.first_additional :]


def is_reply(octets: bytes, question: bytes) -> bool:
    """
    Whether *octets* are a response to the one *question* (RFC 5452 section 9.1).

    One that tells a failure may come without the question, from a server that could not read it.
    """
    one = octets[4:6] == b"\0\x01"
    if one and octets.startswith(question, HEADER_OCTETS):
        return octets[2] > 0x7F
    if len(octets) < HEADER_OCTETS or not octets[2] & 0x80:
        return False
    if not one:
        return octets[4:6] == b"\0\0" and octets[3] & RCODE in _FAILURES
    return _same(octets, question, HEADER_OCTETS + len(question))


def _same(octets: bytes, question: bytes, end: int) -> bool:
    """Whether a server has only changed the case of the name (RFC 1035 section 2.3.3)."""
    return (
        octets[HEADER_OCTETS:end].lower() == question.lower()
        and octets[end - 4 : end] == (question[-4:])
    )


def parse(octets: bytes, name: str, question: bytes) -> Message | None:
    """
    Find the records of a reply to *question*, whose name is *name*; see `is_reply`.

    None where it is not for this codec: another class, a name that needs escapes, no sense.
    """
    return _parsed(octets, name, question, whole=True)


def parse_answer(octets: bytes, name: str, question: bytes) -> Message | None:
    """Like `parse`, without the records of the other two sections, of which only the lengths are read."""
    return _parsed(octets, name, question, whole=False)


def _parsed(octets: bytes, name: str, question: bytes, *, whole: bool) -> Message | None:
    try:
        _, flags, _, answers, authorities, additions = _HEADER.unpack_from(octets)
        others = authorities + additions
        if flags & OPCODE or answers + others > MAX_RECORDS:
            return None
        names = {HEADER_OCTETS: name}
        count = answers + others if whole else answers
        records, end, extended = _records(octets, HEADER_OCTETS + len(question), count, names)
        if whole:
            authority_ends = answers + authorities
            upper = max(extended, 0)
        else:
            authority_ends = answers
            upper = _others(octets[end:], others)
            end = len(octets)
        if end != len(octets) or upper < 0 or (extended >= 0 and not whole):
            return None
    except _ODD:
        return None
    rcode = flags & RCODE | upper << 4
    return Message(octets, flags, rcode, records, answers, authority_ends, names)


@lru_cache(maxsize=1024)
def _others(octets: bytes, count: int) -> int:
    """
    The upper half of the rcode in *count* records that *octets* hold; -1 where they make no sense.

    Remembered, for a server says the same beside most of its answers.
    """
    at, extended = 0, -1
    try:
        for _ in range(count):
            first = octets[at]
            at = _behind_name(octets, at)
            rdtype, rdclass, ttl, length = _FIXED.unpack_from(octets, at)
            at += 10 + length
            if rdtype == OPT and not first and extended < 0:
                extended = ttl >> 24
            elif rdtype == OPT or rdclass != INTERNET or extended >= 0:
                return -1
    except _ODD:
        return -1
    return max(extended, 0) if at == len(octets) else -1


def denial(octets: bytes, name: str, question: bytes) -> int | None:
    """
    The negative TTL of a reply that holds just the SOA of a zone of *name*, as most of them do.

    None of any other, which is for `parse`; so is one with an extended rcode.
    """
    if octets[6:10] != b"\0\0\0\1" or octets[2] & _OPCODE_HIGH:
        return None
    at = HEADER_OCTETS + len(question)
    try:
        root = not octets[at]
        if root:
            at -= 1  # its name is one octet shorter than a pointer
        pointer, rdtype, rdclass, ttl, length = _OWNED.unpack_from(octets, at)
        target = pointer - 0xC000
        if not (root or target == HEADER_OCTETS or (target > 0 and _in_question(name, target))):
            return None
        end = at + 12 + length
        minimum = _minimum(octets[at + 12 : end])
        if rdtype != SOA or rdclass != INTERNET or end > len(octets) or minimum < 0:
            return None
        extra = octets[10] << 8 | octets[11]
        if extra > 1 or _others(octets[end:], extra) != 0:
            return None
    except _ODD:
        return None
    return min(ttl if ttl < 0x80000000 else 0, minimum)


def sole_record(octets: bytes, name: str, question: bytes) -> tuple[Rdata, int] | None:
    """
    The data and the TTL of the one answer record of a reply, of the name and type asked for.

    None of any other reply, which is for `parse`; so is one with an extended rcode.
    """
    if octets[6:8] != b"\0\1" or octets[2] & _OPCODE_HIGH:
        return None
    at = HEADER_OCTETS + len(question)
    try:
        if octets[at : at + 6] != _AT_QUESTION + question[-4:]:
            return None
        _, rdtype, _, ttl, length = _OWNED.unpack_from(octets, at)
        end = at + 12 + length
        others = (octets[8] << 8 | octets[9]) + (octets[10] << 8 | octets[11])
        reader = _READERS.get(rdtype)
        if reader is None or end > len(octets) or others > MAX_RECORDS:
            return None
        if _others(octets[end:], others) != 0:
            return None
        data = reader(octets, at + 12, end, {HEADER_OCTETS: name})
    except _ODD:
        return None
    return data, ttl if ttl < 0x80000000 else 0


def _records(octets: bytes, at: int, count: int, names: _Names) -> tuple[list[Raw], int, int]:
    """All records, where they end, and the upper half of the rcode, -1 where EDNS is not spoken."""
    found: list[Raw] = []
    extended = -1
    total = len(octets)
    for _ in range(count):
        first = octets[at]
        owner = "."
        if first >= 0xC0 and (known := names.get((first & 0x3F) << 8 | octets[at + 1])):
            owner = known
            at += 2
        elif first:
            owner, at = _name(octets, at, names)
        else:
            at += 1
        rdtype, rdclass, ttl, length = _FIXED.unpack_from(octets, at)
        at += 10 + length
        if at > total:
            raise _Odd
        if rdtype == OPT:
            if first or extended >= 0:
                raise _Odd
            extended = ttl >> 24
        elif rdclass != INTERNET or extended >= 0:  # EDNS comes last, but for TSIG
            raise _Odd
        else:
            # RFC 2181 section 8: one with the top bit set counts as zero
            found.append((owner, rdtype, ttl if ttl < 0x80000000 else 0, at - length, at))
    return found, at, extended


def _name(octets: bytes, at: int, names: _Names) -> tuple[str, int]:
    """The name at *at*, and where it ends; pointers lead backwards only, so there is an end."""
    start = before = at
    behind = -1
    labels: list[bytes] = []
    rest = ""
    while length := octets[at]:
        if length < 64:
            labels.append(octets[at + 1 : at + 1 + length])
            at += 1 + length
            continue
        target = (length & 0x3F) << 8 | octets[at + 1]
        if length < 0xC0 or target >= before:
            raise _Odd
        if behind < 0:
            behind = at + 2
        rest = names.get(target) or _in_question(names[HEADER_OCTETS], target)
        if rest:
            break
        before = at = target
    if behind < 0:
        behind = at + 1
    text = _text(labels, "" if rest == "." else rest)
    names[start] = text
    return text, behind


def _in_question(name: str, target: int) -> str:
    """The end of the name asked for that *target* points to; empty when it does not point there."""
    at = (
        target - HEADER_OCTETS
    )  # a label's length stands where the dot before it stands in the text
    return name[at:] if 0 < at < len(name) and name[at - 1] == "." else ""


def _text(labels: list[bytes], rest: str) -> str:
    if not labels:
        return rest or "."
    joined = b".".join(labels)
    if joined.count(b".") != len(labels) - 1 or not _PLAIN.fullmatch(joined):
        raise _Odd
    text = joined.decode("ascii").lower()
    if rest:
        text = f"{text}.{rest}"
    if len(text) > MAX_NAME_TEXT:
        raise _Odd
    return text


# --- record data ----------------------------------------------------------------------


def rdata(message: Message, record: Raw) -> Rdata | None:
    """The data of *record* as a plain value; None where it makes no sense to this codec."""
    _, rdtype, _, start, end = record
    reader = _READERS.get(rdtype)
    try:
        if reader is None:
            return _by_dnspython(message.octets, rdtype, start, end)
        return reader(message.octets, start, end, message.names)
    except _ODD:
        return None


def rrsets(message: Message, records: list[Raw]) -> tuple[RRset, ...]:
    """*records* as sets, without those that make no sense to this codec."""
    groups: dict[tuple[str, int, bytes], tuple[int, list[Rdata]]] = {}
    for record in records:
        value = rdata(message, record)
        if value is None:
            continue
        owner, rdtype, ttl, start, _ = record
        # Signatures over different types are different sets.
        covered = message.octets[start : start + 2] if rdtype == RRSIG else b""
        before, values = groups.get((owner, rdtype, covered), (ttl, []))
        groups[owner, rdtype, covered] = (min(before, ttl), [*values, value])
    return tuple(RRset.of(key[0], ttl, values) for key, (ttl, values) in groups.items())


def negative_ttl(message: Message, record: Raw) -> int | None:
    """How long the SOA *record* lets a negative answer live (RFC 2308 section 5)."""
    minimum = _minimum(message.octets[record[3] : record[4]])
    return None if minimum < 0 else min(record[2], minimum)


@lru_cache(maxsize=4096)
def _minimum(data: bytes) -> int:
    """The last number of an SOA's *data*; -1 where they are none."""
    try:
        at = _behind_name(data, _behind_name(data, 0))
    except _ODD:
        return -1
    if at + 20 != len(data):
        return -1
    minimum = int.from_bytes(data[-4:], "big")
    return minimum if minimum < 0x80000000 else 0


def _behind_name(octets: bytes, at: int) -> int:
    while length := octets[at]:
        if length >= 0xC0:
            return at + 2
        if length > 63:
            raise _Odd
        at += 1 + length
    return at + 1


def _whole_name(octets: bytes, at: int, end: int, names: _Names) -> str:
    text, behind = _name(octets, at, names)
    if behind != end:
        raise _Odd
    return text


def _a(octets: bytes, at: int, end: int, _: _Names) -> Rdata:
    return A(IPv4Address(octets[at:end]))  # which wants just four octets


def _aaaa(octets: bytes, at: int, end: int, _: _Names) -> Rdata:
    return AAAA(IPv6Address(octets[at:end]))


def _mx(octets: bytes, at: int, end: int, names: _Names) -> Rdata:
    host = _whole_name(octets, at + 2, end, names)
    return Mx(octets[at] << 8 | octets[at + 1], host)


def _txt(octets: bytes, at: int, end: int, _: _Names) -> Rdata:
    strings = []
    while at < end:
        behind = at + 1 + octets[at]
        strings.append(octets[at + 1 : behind])
        at = behind
    if at != end or not strings:
        raise _Odd
    return Txt(tuple(strings))


_make_soa = quickly(Soa)


def _soa(octets: bytes, at: int, end: int, names: _Names) -> Rdata:
    primary, at = _name(octets, at, names)
    mailbox, at = _name(octets, at, names)
    if at + 20 != end:
        raise _Odd
    return _make_soa(primary, mailbox, *_FIVE.unpack_from(octets, at))


def _srv(octets: bytes, at: int, end: int, names: _Names) -> Rdata:
    target = _whole_name(octets, at + 6, end, names)
    priority, weight, port = _PRIORITIES.unpack_from(octets, at)
    return Srv(priority, weight, port, target)


def _tlsa(octets: bytes, at: int, end: int, _: _Names) -> Rdata:
    if end - at < 3:
        raise _Odd
    return Tlsa(octets[at], octets[at + 1], octets[at + 2], octets[at + 3 : end])


def _caa(octets: bytes, at: int, end: int, _: _Names) -> Rdata:
    behind = at + 2 + octets[at + 1]
    tag = octets[at + 2 : behind]
    if behind > end or not tag.isalnum() or not tag.isascii():
        raise _Odd
    return Caa(octets[at], tag.decode("ascii"), octets[behind:end])


_READERS: dict[int, Callable[[bytes, int, int, _Names], Rdata]] = {
    1: _a,
    2: lambda octets, at, end, names: Ns(_whole_name(octets, at, end, names)),
    CNAME: lambda octets, at, end, names: Cname(_whole_name(octets, at, end, names)),
    SOA: _soa,
    12: lambda octets, at, end, names: Ptr(_whole_name(octets, at, end, names)),
    15: _mx,
    16: _txt,
    28: _aaaa,
    33: _srv,
    52: _tlsa,
    257: _caa,
}


def _by_dnspython(octets: bytes, rdtype: int, start: int, end: int) -> Rdata:
    import dns.exception
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype

    from maildns.net.convert import rdata_from_dns

    try:
        kind = dns.rdatatype.RdataType.make(rdtype)
        read = dns.rdata.from_wire(dns.rdataclass.IN, kind, octets, start, end - start)
    except dns.exception.DNSException:
        raise _Odd from None
    return rdata_from_dns(read)

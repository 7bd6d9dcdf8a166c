r"""
The data of one record: presentation text to a typed value (RFC 1035 section 5.1 and each type's own RFC).

Also the form for any type, ``\# length hex`` (RFC 3597 section 5), which is
decoded for every type that `maildns.dnsdata` has a value for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from maildns.dnsdata import (
    AAAA,
    MAX_STRING_OCTETS,
    A,
    Caa,
    Cname,
    Mx,
    Ns,
    Opaque,
    Ptr,
    Rdata,
    Soa,
    Srv,
    Tlsa,
    Txt,
    absolute,
    quote_string,
)
from maildns.errors import RecordSyntaxError
from maildns.zonefile.types import MAX_TTL, rrtype_of, ttl_of
from maildns.zonefile.wire import from_wire
from maildns.zonefile.words import Fault, LineFault, Words, full_name, octets_of

MAX_RDATA_OCTETS = 65535  # RFC 1035 section 4.1.3: RDLENGTH has 16 bits
_MAX_TEXT = 300_000  # 64 KiB as \DDD, and some

Parser = Callable[[Sequence[str], str], Rdata]


def parse_rdata(rrtype: str, text: str, origin: str = ".") -> Rdata:
    r"""
    Read the data of one *rrtype* record, as it stands behind the type in a zone file.

    Names are relative to *origin* unless they end with a dot. A type that mail
    has no use for becomes `Opaque`, its words parted by one blank.

    Raises `RecordSyntaxError` where the text breaks the type's grammar; for a
    ``;`` outside quotes as well, which would make a comment of what follows.

    >>> parse_rdata("MX", "10 mail", origin="example.com")
    Mx(preference=10, host='mail.example.com')
    >>> str(parse_rdata("TYPE52", r"\# 4 03010100"))
    '3 1 1 00'
    """
    known = rrtype_of(rrtype[:64])
    if known is None:
        raise RecordSyntaxError(
            f"there is no record type {rrtype[:40]!r}", rrtype, (0, len(rrtype))
        )
    if len(text) > _MAX_TEXT:
        raise RecordSyntaxError(
            f"a record's data has at most {MAX_RDATA_OCTETS} octets", text[:200], (0, 200)
        )
    words = Words()
    try:
        # Line breaks are blanks here: there is but one record.
        words.scan(text.replace("\n", " "), 0)
    except LineFault as fault:
        raise RecordSyntaxError(fault.problem, text, fault.span) from None
    if words.comment is not None:
        raise RecordSyntaxError(
            "';' begins a comment in zone text; put the text in quotes",
            text,
            (words.comment, words.comment + 1),
        )
    if words.depth:
        column = words.opened[1]
        raise RecordSyntaxError("this parenthesis is never closed", text, (column, column + 1))
    try:
        return rdata_of_words(known, words.texts, origin)
    except Fault as fault:
        _, start, end = words.place(fault.index, fault.span)
        raise RecordSyntaxError(fault.problem, text, (start, end)) from None


def rdata_of_words(rrtype: str, words: Sequence[str], origin: str) -> Rdata:
    """Read the data of one record from its *words*; raises `Fault` with the index of a bad one."""
    if words and words[0] == r"\#":
        return _generic(rrtype, words)
    parser = _PARSERS.get(rrtype)
    return _opaque(rrtype, words, origin) if parser is None else parser(words, origin)


# --- words to values ------------------------------------------------------------------


def _expect(words: Sequence[str], form: str) -> None:
    """Raise `Fault` unless there are as many *words* as *form* has."""
    wanted = len(form.split())
    if len(words) != wanted:
        problem = "the data ends too soon" if len(words) < wanted else "there is too much data"
        raise Fault(f"{problem}: it is {form}", min(len(words), wanted))


def _number(words: Sequence[str], index: int, top: int, what: str) -> int:
    word = words[index]
    if len(word) <= 10 and word.isascii() and word.isdecimal() and int(word) <= top:
        return int(word)
    raise Fault(f"the {what} is a number from 0 to {top}", index)


def _seconds(words: Sequence[str], index: int, what: str) -> int:
    seconds = ttl_of(words[index])
    if seconds is None or seconds > MAX_TTL:
        raise Fault(f"the {what} is a time such as 3600 or 1h, at most {MAX_TTL} seconds", index)
    return seconds


def _name(words: Sequence[str], index: int, origin: str) -> str:
    try:
        return full_name(words[index], origin)
    except RecordSyntaxError as error:
        raise Fault(error.problem, index, error.span) from None


def _string(words: Sequence[str], index: int) -> bytes:
    octets = octets_of(words[index], index)
    if len(octets) > MAX_STRING_OCTETS:
        raise Fault(
            f"a string has at most 255 octets, this one {len(octets)}; split it into several, each in quotes",
            index,
        )
    return octets


def _within_rdata(size: int) -> None:
    if size > MAX_RDATA_OCTETS:
        raise Fault(f"a record's data has at most {MAX_RDATA_OCTETS} octets, this has {size}", 0)


def _hex(words: Sequence[str], start: int, what: str) -> bytes:
    """The octets of the hexadecimal words from *start* on."""
    for index in range(start, len(words)):
        bad = re.search(r"[^0-9A-Fa-f]", words[index])
        if bad:
            raise Fault(f"the {what} is written in hexadecimal digits", index, bad.span())
    digits = "".join(words[start:])
    if len(digits) % 2:
        raise Fault(f"the {what} has an odd number of hexadecimal digits", len(words) - 1)
    return bytes.fromhex(digits)


# --- one function per type ------------------------------------------------------------


def _a(words: Sequence[str], origin: str) -> Rdata:
    del origin
    _expect(words, "an-IPv4-address")
    return _a_of(words[0])


@lru_cache(maxsize=16384)
def _a_of(word: str) -> A:
    try:
        return A(ipaddress.IPv4Address(word))
    except ValueError:
        raise Fault("this is not an IPv4 address such as 192.0.2.1", 0) from None


def _aaaa(words: Sequence[str], origin: str) -> Rdata:
    del origin
    _expect(words, "an-IPv6-address")
    return _aaaa_of(words[0])


@lru_cache(maxsize=16384)
def _aaaa_of(word: str) -> AAAA:
    try:
        if "%" in word:
            raise Fault("an address in the DNS has no scope", 0)
        return AAAA(ipaddress.IPv6Address(word))
    except ValueError:
        raise Fault("this is not an IPv6 address such as 2001:db8::1", 0) from None


def _mx(words: Sequence[str], origin: str) -> Rdata:
    _expect(words, "preference host")
    return Mx(_number(words, 0, 65535, "preference"), _name(words, 1, origin))


def _txt(words: Sequence[str], origin: str) -> Rdata:
    del origin
    # RFC 1035 section 3.3.14: one or more <character-string>s
    if not words:
        raise Fault("the data ends too soon: it is one or more strings", 0)
    if len(words) == 1:
        return Txt((_string(words, 0),))
    strings = tuple(_string(words, index) for index in range(len(words)))
    _within_rdata(sum(map(len, strings)) + len(strings))
    return Txt(strings)


def _spf(words: Sequence[str], origin: str) -> Rdata:
    # RFC 7208 section 3.1: type 99 is not used any more, so it is shown and not judged
    return Opaque("SPF", str(_txt(words, origin)))


def _cname(words: Sequence[str], origin: str) -> Rdata:
    _expect(words, "target")
    return Cname(_name(words, 0, origin))


def _ptr(words: Sequence[str], origin: str) -> Rdata:
    _expect(words, "target")
    return Ptr(_name(words, 0, origin))


def _ns(words: Sequence[str], origin: str) -> Rdata:
    _expect(words, "target")
    return Ns(_name(words, 0, origin))


def _soa(words: Sequence[str], origin: str) -> Rdata:
    _expect(words, "primary mailbox serial refresh retry expire minimum")
    return Soa(
        primary=_name(words, 0, origin),
        mailbox=_name(words, 1, origin),
        serial=_number(words, 2, 2**32 - 1, "serial"),
        refresh=_seconds(words, 3, "refresh"),
        retry=_seconds(words, 4, "retry"),
        expire=_seconds(words, 5, "expire"),
        minimum=_seconds(words, 6, "minimum"),
    )


def _srv(words: Sequence[str], origin: str) -> Rdata:
    _expect(words, "priority weight port target")
    return Srv(
        priority=_number(words, 0, 65535, "priority"),
        weight=_number(words, 1, 65535, "weight"),
        port=_number(words, 2, 65535, "port"),
        target=_name(words, 3, origin),
    )


def _tlsa(words: Sequence[str], origin: str) -> Rdata:
    del origin
    # RFC 6698 section 2.2: the hexadecimal string may be parted by blanks
    if len(words) < 4:
        raise Fault(
            "the data ends too soon: it is usage selector matching-type association", len(words)
        )
    association = _hex(words, 3, "association")
    _within_rdata(len(association) + 3)
    return Tlsa(
        usage=_number(words, 0, 255, "usage"),
        selector=_number(words, 1, 255, "selector"),
        matching_type=_number(words, 2, 255, "matching type"),
        association=association,
    )


def _caa(words: Sequence[str], origin: str) -> Rdata:
    del origin
    _expect(words, "flags tag value")
    flags = _number(words, 0, 255, "flags")
    # RFC 8659 section 4.1: the tag is 1 to 255 ASCII letters and digits
    if not re.fullmatch(r"[0-9A-Za-z]{1,255}", words[1]):
        raise Fault("a CAA tag has letters and digits only", 1)
    value = octets_of(words[2], 2)
    _within_rdata(len(value) + len(words[1]) + 2)
    return Caa(flags, words[1], value)


# The words of a type that are names, so that its text means the same under any origin.
_NAMES_IN = {
    "DNAME": (0,), "MB": (0,), "MG": (0,), "MR": (0,), "MD": (0,), "MF": (0,), "NSEC": (0,),
    "RP": (0, 1), "MINFO": (0, 1), "AFSDB": (1,), "KX": (1,), "RT": (1,), "LP": (1,),
    "SVCB": (1,), "HTTPS": (1,), "PX": (1, 2), "NAPTR": (5,), "RRSIG": (7,), "SIG": (7,),
}  # fmt: skip
# The words of a type that are strings, quoted or not.
_STRINGS_IN = {"HINFO": (0, 1), "X25": (0,), "GPOS": (0, 1, 2), "NAPTR": (2, 3, 4), "URI": (2,)}
# How many words stand before a key or digest, which may be parted by blanks anywhere.
_KEY_BEHIND = {
    "DS": 3, "CDS": 3, "SSHFP": 2, "SMIMEA": 3, "DNSKEY": 3, "CDNSKEY": 3, "KEY": 3,
    "OPENPGPKEY": 0, "CERT": 3, "RRSIG": 8, "SIG": 8, "DHCID": 0, "ZONEMD": 3,
}  # fmt: skip
_IN_HEXADECIMAL = frozenset({"DS", "CDS", "SSHFP", "SMIMEA", "ZONEMD"})


def _opaque(rrtype: str, words: Sequence[str], origin: str) -> Rdata:
    if not words and rrtype != "APL":  # RFC 3123: an empty list is one
        raise Fault("the record ends before its data", 0)
    shown = list(words)
    for index in _NAMES_IN.get(rrtype, ()):
        if index < len(words):
            shown[index] = absolute(_name(words, index, origin))
    for index in _STRINGS_IN.get(rrtype, ()):
        if index < len(words):
            shown[index] = quote_string(octets_of(words[index], index))
    before = _KEY_BEHIND.get(rrtype, len(shown))
    key = "".join(shown[before:])
    text = " ".join([*shown[:before], key.lower() if rrtype in _IN_HEXADECIMAL else key])
    if len(text) > _MAX_TEXT:
        raise Fault(f"a record's data has at most {MAX_RDATA_OCTETS} octets", 0)
    return Opaque(rrtype, text.rstrip(" "))


def _generic(rrtype: str, words: Sequence[str]) -> Rdata:
    # RFC 3597 section 5
    if len(words) < 2:
        raise Fault(r"the data ends too soon: it is \# length hexadecimal-octets", 1)
    length = _number(words, 1, MAX_RDATA_OCTETS, "length")
    octets = _hex(words, 2, "data")
    if len(octets) != length:
        raise Fault(f"the data has {len(octets)} octets", 1)
    try:
        known = from_wire(rrtype, octets)
    except (ValueError, IndexError):
        raise Fault(f"these octets are no {rrtype} record", min(2, len(words) - 1)) from None
    return known or Opaque(rrtype, f"\\# {length} {octets.hex()}".rstrip())


_PARSERS: dict[str, Parser] = {
    "A": _a,
    "AAAA": _aaaa,
    "CAA": _caa,
    "CNAME": _cname,
    "MX": _mx,
    "NS": _ns,
    "PTR": _ptr,
    "SOA": _soa,
    "SPF": _spf,
    "SRV": _srv,
    "TLSA": _tlsa,
    "TXT": _txt,
}

"""
Names and records as plain values, without a DNS library (RFC 1035, RFC 2181).

A *name* is a `str`: lower case, A-labels, no trailing dot; the root is ``"."``.
`name` makes one of whatever a person wrote. A record's data is a small frozen
value whose `str()` is the presentation form of a zone file and whose names are
written absolute, with the final dot. Types that mail has no use for are
`Opaque`: their presentation text is kept and compared, never understood.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import idna

from maildns.errors import RecordSyntaxError

MAX_STRING_OCTETS = 255  # RFC 1035 section 3.3: one <character-string>

_PLAIN = re.compile(
    r"(?:[a-z0-9_*]|[a-z0-9_][a-z0-9_-]{0,61}[a-z0-9_])(?:\.(?:[a-z0-9_]|[a-z0-9_][a-z0-9_-]{0,61}[a-z0-9_]))*"
)
_OPEN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")  # a backslash with nothing behind it
_LABEL = re.compile(r"((?:\\.|[^.\\]|\\\Z)*+)(\.|\Z)", re.DOTALL)
_IDNA_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")


@lru_cache(maxsize=65536)
def name(text: str) -> str:
    """
    Make the one spelling of the domain name *text*.

    U-labels become A-labels (IDNA 2008 with UTS 46 mapping). Underscores, a
    leading ``*`` label and zone-file escapes are allowed; whether the name
    exists is not asked.

    Raises `RecordSyntaxError` when a label is empty or over 63 octets, the name
    is over 253, or a character cannot stand in a name (RFC 1035 section 2.3.4).

    >>> name("Bücher.Example.")
    'xn--bcher-kva.example'
    """
    if len(text) <= 253 and _PLAIN.fullmatch(text):
        return text
    if len(text) > 2000:
        raise RecordSyntaxError("a name has at most 253 octets", text[:2000], (253, 2000))
    bare = text.translate(_IDNA_DOTS)
    if bare == ".":
        return bare
    if _OPEN_ESCAPE.search(bare):
        raise RecordSyntaxError("nothing follows the backslash", text, (len(text) - 1, len(text)))
    bare = bare[:-1] if bare.endswith(".") and not _OPEN_ESCAPE.search(bare[:-1]) else bare
    if bare == ".":
        raise RecordSyntaxError("a name may not have an empty label", text, (0, 1))
    encoded = []
    at = 0
    for label in labels(bare):
        encoded.append(_encode_label(label, text, (at, at + len(label))))
        at += len(label) + 1
    result = ".".join(encoded)
    if len(result) > 253:
        raise RecordSyntaxError("a name has at most 253 octets", text, (253, len(text)))
    return result


def _encode_label(label: str, source: str, span: tuple[int, int]) -> str:
    if not label:
        raise RecordSyntaxError(
            "a name may not have an empty label", source, (span[0], span[0] + 1)
        )
    if not label.isascii():
        try:
            label = idna.encode(label, uts46=True, transitional=False).decode("ascii")
        except idna.IDNAError as error:
            raise RecordSyntaxError(
                f"not a valid international name: {error}", source, span
            ) from None
    bad = re.search(r"[^!-~]", label)
    if bad:
        raise RecordSyntaxError(
            "this character cannot stand in a name",
            source,
            (span[0] + bad.start(), span[0] + bad.end()),
        )
    # An escape such as \046 or \. is one octet.
    if len(re.sub(r"\\(\d{3}|.)", "x", label)) > 63:
        raise RecordSyntaxError("a label has at most 63 octets", source, span)
    return label.lower()


def labels(text: str) -> list[str]:
    r"""
    Split a name at its dots; an escaped dot is not one.

    >>> labels(r"first\.last.example.com")
    ['first\\.last', 'example', 'com']
    """
    if text == ".":
        return []
    if "\\" not in text:
        return text.split(".")
    parts = []
    for label, dot in _LABEL.findall(text):
        parts.append(label)
        if not dot:
            break
    return parts


def parent(text: str) -> str:
    """The name one label up; the root is its own parent."""
    return ".".join(labels(text)[1:]) or "."


def is_within(text: str, zone: str) -> bool:
    """
    Say whether *text* is *zone* or stands below it.

    >>> is_within("mail.example.com", "example.com"), is_within("badexample.com", "example.com")
    (True, False)
    """
    return zone in {".", text} or text.endswith("." + zone)


def relative(text: str, zone: str) -> str:
    """
    The owner as a web form wants it: below *zone*, or ``@`` for the zone itself.

    >>> relative("_dmarc.example.com", "example.com"), relative("example.com", "example.com")
    ('_dmarc', '@')
    """
    if text == zone:
        return "@"
    return text[: -len(zone) - 1] if zone != "." and is_within(text, zone) else absolute(text)


def absolute(text: str) -> str:
    """The name with its final dot, as zone files want it."""
    return text if text == "." else text + "."


def unicode_name(text: str) -> str:
    """
    The name with U-labels, to be shown to people.

    A label that does not decode is shown as it is.

    >>> unicode_name("xn--bcher-kva.example")
    'bücher.example'
    """
    if "xn--" not in text:
        return text
    return ".".join(_decode_label(label) for label in labels(text))


def _decode_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return idna.decode(label)
    except idna.IDNAError:
        return label


def reverse_name(address: ipaddress.IPv4Address | ipaddress.IPv6Address | str) -> str:
    """
    The name that the PTR record of *address* stands at (RFC 1035 section 3.5, RFC 3596 section 2.5).

    >>> reverse_name("192.0.2.1")
    '1.2.0.192.in-addr.arpa'
    """
    found = ipaddress.ip_address(address) if isinstance(address, str) else address
    if found.version == 4:
        first, second, third, fourth = found.packed
        return f"{fourth}.{third}.{second}.{first}.in-addr.arpa"
    return found.reverse_pointer


def address_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """
    What `str` makes of *address*, several times as fast for IPv4.

    >>> address_text(ipaddress.ip_address("192.0.2.1"))
    '192.0.2.1'
    """
    if address.version != 4:
        return str(address)
    first, second, third, fourth = address.packed
    return f"{first}.{second}.{third}.{fourth}"


# --- record data ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class A:
    """An IPv4 address (RFC 1035 section 3.4.1)."""

    rrtype: ClassVar[str] = "A"
    address: ipaddress.IPv4Address

    def __str__(self) -> str:
        return address_text(self.address)


@dataclass(frozen=True, slots=True, order=True)
class AAAA:
    """An IPv6 address (RFC 3596)."""

    rrtype: ClassVar[str] = "AAAA"
    address: ipaddress.IPv6Address

    def __str__(self) -> str:
        return str(self.address)


@dataclass(frozen=True, slots=True, order=True)
class Mx:
    """A mail exchanger (RFC 5321 section 5.1); the host ``"."`` is the null MX of RFC 7505."""

    rrtype: ClassVar[str] = "MX"
    preference: int
    host: str

    def __str__(self) -> str:
        return f"{self.preference} {absolute(self.host)}"


@dataclass(frozen=True, slots=True, order=True)
class Txt:
    r"""
    Text in one or more strings of at most 255 octets (RFC 1035 section 3.3.14).

    >>> str(Txt.of("v=spf1 -all"))
    '"v=spf1 -all"'
    """

    rrtype: ClassVar[str] = "TXT"
    strings: tuple[bytes, ...]

    @classmethod
    def of(cls, text: str | bytes) -> Txt:
        """Make one of a whole text, cut into strings of at most 255 octets."""
        octets = text.encode("utf-8") if isinstance(text, str) else text
        pieces = [
            octets[at : at + MAX_STRING_OCTETS] for at in range(0, len(octets), MAX_STRING_OCTETS)
        ]
        return cls(tuple(pieces) or (b"",))

    @property
    def joined(self) -> bytes:
        """All strings, with nothing between them (RFC 7208 section 3.3 and others)."""
        return self.strings[0] if len(self.strings) == 1 else b"".join(self.strings)

    @property
    def text(self) -> str:
        """The joined strings as text; octets that are not UTF-8 stand as Latin-1 letters."""
        strings = self.strings
        joined = strings[0] if len(strings) == 1 else b"".join(strings)
        try:
            return joined.decode("utf-8")
        except UnicodeDecodeError:
            return joined.decode("latin-1")

    def __str__(self) -> str:
        return " ".join(quote_string(string) for string in self.strings)


_QUOTED = {octet: chr(octet) for octet in range(0x20, 0x7F)} | {0x22: '\\"', 0x5C: "\\\\"}
_NEEDS_CARE = re.compile(rb"[^ !#-\[\]-~]")


def quote_string(string: bytes) -> str:
    r"""
    One <character-string> in quotes, escaped as zone files want it (RFC 1035 section 5.1).

    >>> quote_string(b'say "hi"\x00')
    '"say \\"hi\\"\\000"'
    """
    if not _NEEDS_CARE.search(string):
        return f'"{string.decode("ascii")}"'
    return '"' + "".join(_QUOTED.get(octet) or f"\\{octet:03d}" for octet in string) + '"'


@dataclass(frozen=True, slots=True, order=True)
class Cname:
    """An alias (RFC 1034 section 3.6.2)."""

    rrtype: ClassVar[str] = "CNAME"
    target: str

    def __str__(self) -> str:
        return absolute(self.target)


@dataclass(frozen=True, slots=True, order=True)
class Ptr:
    """The name of an address (RFC 1035 section 3.3.12)."""

    rrtype: ClassVar[str] = "PTR"
    target: str

    def __str__(self) -> str:
        return absolute(self.target)


@dataclass(frozen=True, slots=True, order=True)
class Ns:
    """A name server of a zone (RFC 1035 section 3.3.11)."""

    rrtype: ClassVar[str] = "NS"
    target: str

    def __str__(self) -> str:
        return absolute(self.target)


@dataclass(frozen=True, slots=True, order=True)
class Soa:
    """The start of a zone of authority (RFC 1035 section 3.3.13); times in seconds."""

    rrtype: ClassVar[str] = "SOA"
    primary: str
    mailbox: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int

    def __str__(self) -> str:
        numbers = f"{self.serial} {self.refresh} {self.retry} {self.expire} {self.minimum}"
        return f"{absolute(self.primary)} {absolute(self.mailbox)} {numbers}"


@dataclass(frozen=True, slots=True, order=True)
class Srv:
    """Where a service lives (RFC 2782); the target ``"."`` says that it is not offered."""

    rrtype: ClassVar[str] = "SRV"
    priority: int
    weight: int
    port: int
    target: str

    def __str__(self) -> str:
        return f"{self.priority} {self.weight} {self.port} {absolute(self.target)}"


@dataclass(frozen=True, slots=True, order=True)
class Tlsa:
    """
    A certificate association (RFC 6698 section 2.1).

    Any octet is kept in each field, so that a bad one can be shown and complained
    about; `maildns.dane` judges.
    """

    rrtype: ClassVar[str] = "TLSA"
    usage: int
    selector: int
    matching_type: int
    association: bytes

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching_type} {self.association.hex()}"


@dataclass(frozen=True, slots=True, order=True)
class Caa:
    """Which authority may issue certificates (RFC 8659 section 4.1)."""

    rrtype: ClassVar[str] = "CAA"
    flags: int
    tag: str
    value: bytes

    def __str__(self) -> str:
        return f"{self.flags} {self.tag} {quote_string(self.value)}"


@dataclass(frozen=True, slots=True, order=True)
class Opaque:
    """A record of a type that mail has no use for, as its presentation text."""

    rrtype: str
    text: str

    def __str__(self) -> str:
        return self.text


Rdata = A | AAAA | Mx | Txt | Cname | Ptr | Ns | Soa | Srv | Tlsa | Caa | Opaque


@dataclass(frozen=True, slots=True)
class RRset:
    """
    All records of one type at one name, with their one TTL (RFC 2181 section 5).

    Records are kept sorted and without doubles, so that equal sets are equal.
    """

    name: str
    rrtype: str
    ttl_seconds: int
    records: tuple[Rdata, ...]

    @classmethod
    def of(cls, owner: str, ttl_seconds: int, records: Iterable[Rdata]) -> RRset:
        """Make one of *records* in any order; raises `ValueError` when there are none or they differ in type."""
        unique = sorted(set(records), key=str)
        kinds = {record.rrtype for record in unique}
        if len(kinds) != 1:
            raise ValueError(f"an RRset has one type, not {sorted(kinds)}")
        return cls(owner, kinds.pop(), ttl_seconds, tuple(unique))

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it in a zone: name and type."""
        return (self.name, self.rrtype)

    def lines(self) -> list[str]:
        """The records as lines of a zone file, with absolute names."""
        owner = absolute(self.name)
        return [f"{owner} {self.ttl_seconds} IN {self.rrtype} {record}" for record in self.records]

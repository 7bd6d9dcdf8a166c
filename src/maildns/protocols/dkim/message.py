"""
Messages as signatures see them: header fields as octets, and a body that flows by (RFC 5322).

Lines may end in CRLF or, as in files on Unix, in LF alone: signatures are made over what
travels by SMTP, where every line ends in CRLF (RFC 6376 section 5.3), so a lone LF counts
as CRLF. A lone CR is an octet like others. The body is read once, in chunks, and not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import NamedTuple, TypeAlias

CHUNK_OCTETS = 1 << 16
MAX_HEADER_OCTETS = 1 << 23  # 8 MiB, more than servers take
MAX_FIELDS = 100_000

MAX_NAME_OCTETS = 998  # RFC 5322 section 2.1.1: a line
MAX_NAMES = 1024  # that are remembered

_EMPTY_LINE = re.compile(rb"\n\r?\n")
_NEXT_FIELD = re.compile(rb"\r\n(?![ \t])")
_NAME_LETTERS = bytes(range(0x21, 0x7F)).replace(b":", b"")  # RFC 5322 section 3.6.8
_VT, _FF = b"\v\f"


Source: TypeAlias = "bytes | bytearray | memoryview | Iterable[bytes]"


class Field(NamedTuple):
    """
    One header field: `name` in lower case, `raw` as it stands, without its last CRLF.

    `value` is what stands behind the colon, folds and all: each CRLF in it has white space
    behind it. *odd*: Python may see white space in it that is none in mail.
    """

    name: bytes
    raw: bytes
    value: bytes
    odd: bool = True


_new = tuple.__new__  # what a NamedTuple's own constructor comes to, several times as fast


@dataclass(slots=True)
class Message:
    """
    The header fields in their order, and the `body` in chunks, to be read once.

    `names` (in lower case) and `raws` have the parts of each field in the same order, and
    `lowest` the value of the last field of each name; a `Field` is made when one is asked
    for. *odd* is as in `Field`. `malformed` says why the header cannot be trusted to be read
    by others as it is read here; empty where it is well formed.
    """

    names: list[bytes]
    raws: list[bytes]
    lowest: dict[bytes, bytes]
    odd: bool
    body: Iterable[bytes]
    malformed: str = ""
    _by_name: dict[bytes, list[Field]] | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields."""
        return tuple(map(self._field, self.names, self.raws))

    def named(self, name: bytes) -> list[Field]:
        """The fields of *name*, which is in lower case, in their order."""
        if name not in self.lowest:
            return []
        if self.names.count(name) == 1:
            return [self._field(name, self.raws[self.names.index(name)])]
        at_all = zip(self.names, self.raws, strict=True)
        return [self._field(name, raw) for one, raw in at_all if one == name]

    def _field(self, name: bytes, raw: bytes) -> Field:
        return _new(Field, (name, raw, raw.partition(b":")[2], self.odd))

    @property
    def by_name(self) -> Mapping[bytes, Sequence[Field]]:
        """The fields of each name, in their order."""
        if self._by_name is None:
            self._by_name = {}
            for field in self.fields:
                self._by_name.setdefault(field.name, []).append(field)
        return self._by_name


def read_message(source: Source) -> Message:
    r"""
    Read the header of *source*: octets, an iterable of chunks, or an open binary file.

    Of the two latter no more is read than the header needs; the rest flows through `body`.

    >>> message = read_message(b"Subject: hi\r\n there\r\nTo: a@b.example\r\n\r\nThe body\r\n")
    >>> [field.name for field in message.fields], b"".join(message.body)
    ([b'subject', b'to'], b'The body\r\n')
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        octets = bytes(source)
        start, end = _end_of_header(octets, 0) or (len(octets), len(octets))
        whole = start <= MAX_HEADER_OCTETS
        small = len(octets) - end <= CHUNK_OCTETS
        body = (octets[end:],) if small else _slices(octets, end)
        return _message(octets[:start], whole, body)
    chunks = _chunks(source)
    read = bytearray()
    place = None
    for chunk in chunks:
        searched = len(read)
        read += chunk
        place = _end_of_header(read, max(0, searched - 2))
        if place is not None or len(read) > MAX_HEADER_OCTETS:
            break
    start, end = place or (len(read), len(read))
    whole = start <= MAX_HEADER_OCTETS
    return _message(bytes(read[:start]), whole, chain([bytes(read[end:])], chunks))


def _end_of_header(octets: bytes | bytearray, searched: int) -> tuple[int, int] | None:
    """Where the header ends, its last line end left out, and where the body starts."""
    if octets.startswith((b"\n", b"\r\n")):
        return 0, octets.index(b"\n") + 1
    found = _EMPTY_LINE.search(octets, searched)
    if found is None:
        return None
    start, end = found.span()
    return (start - 1 if start and octets[start - 1] == 0x0D else start), end


def _message(header: bytes, whole: bool, body: Iterable[bytes]) -> Message:
    header, odd = _lines(header if whole else header[:MAX_HEADER_OCTETS])
    header = header.removesuffix(b"\r\n")
    malformed = "" if whole else f"the header has more than {MAX_HEADER_OCTETS} octets"
    raws = _NEXT_FIELD.split(header, MAX_FIELDS) if header else []
    if len(raws) > MAX_FIELDS:  # the last is all the rest
        malformed = f"the header has more than {MAX_FIELDS} fields"
    names: list[bytes] = []
    lowest: dict[bytes, bytes] = {}
    for raw in raws:
        head, colon, value = raw.partition(b":")
        name = _NAMES[head] if colon else b""
        names.append(name)
        lowest[name] = value
    if b"" in lowest:
        del lowest[b""]
        malformed = malformed or _no_field(raws, names)
        raws = list(compress(raws, names))
        names = list(filter(None, names))
    return Message(names, raws, lowest, odd, body, malformed)


def _no_field(raws: Sequence[bytes], names: Sequence[bytes]) -> str:
    """What is wrong with a header in which not all of *raws* have one of *names*."""
    begun = False
    for raw, name in zip(raws, names, strict=True):
        begun = begun or bool(name)
        # The envelope line of a mailbox file stands before the first field.
        if not name and (begun or not raw.startswith(b"From ")):
            shown = raw[:40].decode("ascii", "backslashreplace")
            return f"this line of the header is no field: {shown}"
    return ""


class _Names(dict[bytes, bytes]):
    """
    The name of a field, in lower case, for what stands before its colon; empty when it is none.

    The names that mail has are few, so they are remembered; long ones are not.
    """

    def __missing__(self, head: bytes) -> bytes:
        if len(head) >= MAX_NAME_OCTETS:
            return b""
        name = head.rstrip(b" \t")  # RFC 5322 section 4.5.8: white space before the colon
        name = b"" if name.translate(None, _NAME_LETTERS) else name.lower()
        if len(self) >= MAX_NAMES:
            self.clear()
        self[head] = name
        return name


_NAMES = _Names()


def _lines(octets: bytes) -> tuple[bytes, bool]:
    """
    The header with every line ending in CRLF, and whether Python may see white space in it
    that is none in mail: vertical tab, form feed, a lone CR (RFC 6376 section 2.8).
    """
    line_ends = octets.count(b"\n")
    if line_ends != octets.count(b"\r\n"):
        octets = crlf(octets)
    return octets, line_ends != octets.count(b"\r") or _VT in octets or _FF in octets


def crlf(octets: bytes) -> bytes:
    r"""
    Let every line end in CRLF (RFC 6376 section 5.3).

    >>> crlf(b"one\ntwo\r\nthree\rfour")
    b'one\r\ntwo\r\nthree\rfour'
    """
    if octets.count(b"\n") == octets.count(b"\r\n"):
        return octets
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _slices(octets: bytes, start: int) -> Iterator[bytes]:
    for at in range(start, len(octets), CHUNK_OCTETS):
        yield octets[at : at + CHUNK_OCTETS]


def _chunks(source: Iterable[bytes]) -> Iterator[bytes]:
    read: Callable[[int], bytes] | None = getattr(source, "read", None)
    if read is None:
        return iter(source)
    return iter(lambda: read(CHUNK_OCTETS), b"")  # a file's own lines may have any length

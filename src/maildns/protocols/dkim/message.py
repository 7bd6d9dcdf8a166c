"""
Messages as signatures see them: header fields as octets, and a body that flows by (RFC 5322).

Lines may end in CRLF or, as in files on Unix, in LF alone: signatures are made over what
travels by SMTP, where every line ends in CRLF (RFC 6376 section 5.3), so a lone LF counts
as CRLF. A lone CR is an octet like others. The body is read once, in chunks, and not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, TypeAlias

CHUNK_OCTETS = 1 << 16
MAX_HEADER_OCTETS = 1 << 23  # 8 MiB, more than servers take
MAX_FIELDS = 100_000

MAX_NAME_OCTETS = 998  # RFC 5322 section 2.1.1: a line

_EMPTY_LINE = re.compile(rb"\n\r?\n")
_NEXT_FIELD = re.compile(rb"\r\n(?![ \t])")
_NAME_LETTERS = bytes(range(0x21, 0x7F)).replace(b":", b"")  # RFC 5322 section 3.6.8


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
    The header fields in their order and by name, and the `body` in chunks, to be read once.

    `malformed` says why the header cannot be trusted to be read by others as it is read
    here; empty where it is well formed.
    """

    fields: tuple[Field, ...]
    by_name: dict[bytes, list[Field]]
    body: Iterable[bytes]
    malformed: str = ""

    def named(self, name: bytes) -> list[Field]:
        """The fields of *name*, which is in lower case, in their order."""
        return self.by_name.get(name, [])


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
    header = crlf(header if whole else header[:MAX_HEADER_OCTETS]).removesuffix(b"\r\n")
    fields: list[Field] = []
    by_name: dict[bytes, list[Field]] = {}
    malformed = "" if whole else f"the header has more than {MAX_HEADER_OCTETS} octets"
    # RFC 6376 section 2.8: vertical tab, form feed and a lone CR are no white space.
    odd = header.count(b"\r") != header.count(b"\n") or b"\v" in header or b"\f" in header
    for raw in _NEXT_FIELD.split(header, MAX_FIELDS) if header else ():
        head, colon, value = raw.partition(b":")
        name = _field_name(head) if colon and len(head) < MAX_NAME_OCTETS else b""
        if name:
            field = _new(Field, (name, raw, value, odd))
            fields.append(field)
            same = by_name.get(name)
            if same is None:
                by_name[name] = [field]
            else:
                same.append(field)
        elif fields or not raw.startswith(b"From "):  # the envelope line of a mailbox file
            shown = raw[:40].decode("ascii", "backslashreplace")
            malformed = malformed or f"this line of the header is no field: {shown}"
    if len(fields) > MAX_FIELDS:  # the last is all the rest
        malformed = f"the header has more than {MAX_FIELDS} fields"
    return Message(tuple(fields), by_name, body, malformed)


@lru_cache(maxsize=1024)
def _field_name(head: bytes) -> bytes:
    """The name of a field, in lower case; empty when *head* is none."""
    name = head.rstrip(b" \t")  # RFC 5322 section 4.5.8: white space before the colon
    return b"" if name.translate(None, _NAME_LETTERS) else name.lower()


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

"""
The parts of a mail, without a copy of the whole: reports come in mails of many megabytes.

The standard library reads the header fields; the body is cut at its boundaries here, in time
that is linear in its size for each level of nesting, and the levels are few.
"""

from __future__ import annotations

import binascii
import quopri
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from itertools import chain

from maildns.errors import ReportError
from maildns.reports.cleaning import clean
from maildns.reports.effort import Effort, header_pieces_of, wrapping
from maildns.reports.limits import LIMITS, Limits

MAX_HEADER = 256 << 10
_MAX_LEAD = 4 << 10  # before it, such as blank lines
_CR = ord("\r")
_NO_BASE64 = bytes(set(range(256)) - set(string.ascii_letters.encode() + b"0123456789+/"))
_MAX_FIELD = 8 << 10
_BLANK = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_FIELD = re.compile(rb"[!-9;-~]{1,70}[ \t]*:")
_MAIL_FIELDS = re.compile(
    rb"^(?:return-path|received|delivered-to|from|to|subject|date|message-id|mime-version|"
    rb"content-type|dkim-signature|authentication-results|x-[a-z-]+|arc-[a-z-]+)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a mail: its type as it claims, its file name, and its octets as transferred."""

    type: str
    name: str
    encoding: str
    transferred: memoryview

    def octets(self) -> bytes:
        """What was sent; faults of the transfer encoding are overlooked as far as may be."""
        if self.encoding == "base64":
            return _base64(self.transferred)
        if self.encoding == "quoted-printable":
            return quopri.decodestring(self.transferred)
        return bytes(self.transferred)


def looks_like_mail(start: bytes) -> bool:
    """Whether octets that start with *start* are a mail: header fields that mails have."""
    start = start.lstrip(b"\r\n")
    if start.startswith(b"From "):  # of an mbox file
        start = start.partition(b"\n")[2]
    return bool(_FIELD.match(start)) and bool(_MAIL_FIELDS.search(start[:4096]))


def split_mail(
    octets: bytes | memoryview, effort: Effort | None = None, *, part: bool = False
) -> tuple[Message, int]:
    """
    Read the header fields of a mail, and find where its body starts.

    Of a *part* of one, a blank line at its start says that it has no header fields; before a mail
    itself such are overlooked.

    Raises ReportError when the header, or a field that says what is in the mail, is longer than
    any mail's, and when *effort* has not enough left for it.
    """
    head = bytes(octets[: MAX_HEADER + _MAX_LEAD])
    start = 0 if part else len(head) - len(head.lstrip(b"\r\n"))
    if head.startswith(b"From ", start):
        start = head.find(b"\n", start) + 1
    blank = _BLANK.search(head, start)
    if blank is None and len(octets) > len(head):
        raise ReportError(f"the mail's header is longer than {MAX_HEADER >> 10} kB")
    stop, body = (blank.start(), blank.end()) if blank else (len(head), len(head))
    if effort is not None:
        effort.spend(header_pieces_of(head[start:stop]))
    header = BytesHeaderParser().parsebytes(head[start:stop] + b"\n\n")
    for name in ("Content-Type", "Content-Disposition"):
        if len(str(header.get(name, ""))) > _MAX_FIELD:  # what reads its parameters takes its time
            raise ReportError(f"the mail's {name} is longer than {_MAX_FIELD >> 10} kB")
    return header, body


def leaves(octets: bytes, limits: Limits = LIMITS, effort: Effort | None = None) -> Iterator[Part]:
    """
    Give the parts of a mail that hold no parts themselves, in order; a mail within it is one part.

    Raises ReportError when parts nest deeper, or are more, than *limits* allow, and when *effort*,
    which is that of *limits* unless it is given, has not enough left for them.
    """
    effort = effort or wrapping(limits.wrapping)
    walk = _walk(memoryview(octets), limits.nesting, effort, part=False)
    for number, part in enumerate(walk):
        if number >= limits.members:
            raise ReportError(f"the mail has more than {limits.members} parts")
        yield part


def _walk(octets: memoryview, levels: int, effort: Effort, *, part: bool) -> Iterator[Part]:
    if levels < 0:
        raise ReportError("the mail's parts nest too deep")
    header, start = split_mail(octets, effort, part=part)
    kind = header.get_content_type()
    if kind.startswith("multipart/"):
        effort.spend((len(octets) - start) // 256)
        for within in _cut(octets[start:], _boundary(header)):
            yield from _walk(within, levels - 1, effort, part=True)
        return
    encoding = str(header.get("Content-Transfer-Encoding", "")).strip().lower()
    yield Part(kind, clean(_parameter(header.get_filename), 200), encoding, octets[start:])


def _boundary(header: Message) -> bytes:
    boundary = _parameter(header.get_boundary)
    if not boundary:
        raise ReportError("the mail says it has parts, but not where they end (no boundary)")
    return boundary.encode("utf-8", "surrogateescape")[:200]


def report_type(header: Message) -> str:
    """Give the report-type of a multipart/report, in lower case (RFC 6522 section 3)."""
    try:
        said = header.get_param("report-type")
    except (LookupError, UnicodeError, ValueError, TypeError):
        said = None
    return said.lower() if isinstance(said, str) else ""


def _parameter(read: Callable[[], str | None]) -> str:
    """Give a parameter that *read* gives; empty where it is written in no way that it knows."""
    try:
        return read() or ""
    except (LookupError, UnicodeError, ValueError, TypeError):  # such as a charset nobody has
        return ""


def _cut(body: memoryview, boundary: bytes) -> Iterator[memoryview]:
    """Cut a body at its boundary lines (RFC 2046 section 5.1.1); a missing last one is overlooked."""
    line = rb"--" + re.escape(boundary) + rb"(--)?[ \t]*+(?:\r?(?=\n)|\Z)"
    # The line break before belongs to it: so a body full of dashes is not tried at each of them.
    first = re.match(line, body)
    opened: int | None = None
    for met in chain((first,) if first else (), re.finditer(rb"\n" + line, body)):
        end = met.start()
        if opened is not None:
            yield body[opened : max(opened, end - (end > 0 and body[end - 1] == _CR))]
        if met[1]:
            return
        opened = met.end() + 1
    if opened is not None:
        yield body[opened:]


def _base64(text: memoryview) -> bytes:
    """Decode what may lack its padding, or have a line of an advertisement after it."""
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        kept = bytes(text).translate(None, _NO_BASE64)
        return binascii.a2b_base64(
            kept[: len(kept) // 4 * 4] if len(kept) % 4 == 1 else kept + b"=="
        )

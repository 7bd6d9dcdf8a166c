"""
The parts of a mail, without a copy of the whole: reports come in mails of many megabytes.

The standard library reads the header fields; the body is cut at its boundaries here, in time
that is linear in its size for each level of nesting, and the levels are few.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from maildns.errors import ReportError
from maildns.reports.cleaning import clean
from maildns.reports.limits import LIMITS, Limits

MAX_HEADER = 256 << 10
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
    transferred: bytes

    def octets(self) -> bytes:
        """What was sent; faults of the transfer encoding are overlooked as far as may be."""
        if self.encoding == "base64":
            return _base64(self.transferred)
        if self.encoding == "quoted-printable":
            return quopri.decodestring(self.transferred)
        return self.transferred


def looks_like_mail(start: bytes) -> bool:
    """Whether octets that start with *start* are a mail: header fields that mails have."""
    start = start.lstrip(b"\r\n")
    if start.startswith(b"From "):  # of an mbox file
        start = start.partition(b"\n")[2]
    return bool(_FIELD.match(start)) and bool(_MAIL_FIELDS.search(start[:4096]))


def split_mail(octets: bytes) -> tuple[Message, int]:
    """
    Read the header fields of a mail, and find where its body starts.

    Raises ReportError when the header is longer than any mail's.
    """
    start = len(octets) - len(octets.lstrip(b"\r\n")) if octets[:1] in b"\r\n" else 0
    if octets.startswith(b"From ", start):
        start = octets.find(b"\n", start) + 1
    blank = _BLANK.search(octets, start, start + MAX_HEADER)
    if blank is None and len(octets) - start > MAX_HEADER:
        raise ReportError(f"the mail's header is longer than {MAX_HEADER >> 10} kB")
    stop, body = (blank.start(), blank.end()) if blank else (len(octets), len(octets))
    return BytesHeaderParser().parsebytes(octets[start:stop] + b"\n\n"), body


def leaves(octets: bytes, limits: Limits = LIMITS) -> Iterator[Part]:
    """
    Give the parts of a mail that hold no parts themselves, in order; a mail within it is one part.

    Raises ReportError when parts nest deeper, or are more, than *limits* allow.
    """
    for number, part in enumerate(_walk(octets, limits.nesting)):
        if number >= limits.members:
            raise ReportError(f"the mail has more than {limits.members} parts")
        yield part


def _walk(octets: bytes, levels: int) -> Iterator[Part]:
    if levels < 0:
        raise ReportError("the mail's parts nest too deep")
    header, start = split_mail(octets)
    kind = header.get_content_type()
    if kind.startswith("multipart/"):
        for part in _cut(octets, start, _boundary(header)):
            yield from _walk(part, levels - 1)
        return
    encoding = str(header.get("Content-Transfer-Encoding", "")).strip().lower()
    yield Part(kind, clean(_filename(header), 200), encoding, octets[start:])


def _boundary(header: Message) -> bytes:
    boundary = header.get_boundary() or ""
    if not boundary:
        raise ReportError("the mail says it has parts, but not where they end (no boundary)")
    return boundary.encode("ascii", "surrogateescape")[:200]


def _filename(header: Message) -> str:
    try:
        return header.get_filename() or ""
    except (LookupError, UnicodeError, ValueError):  # a charset that nobody has
        return ""


def _cut(octets: bytes, start: int, boundary: bytes) -> Iterator[bytes]:
    """Cut a body at its boundary lines (RFC 2046 section 5.1.1); a missing last one is overlooked."""
    line = re.compile(rb"(?:\A|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    body = memoryview(octets)[start:]
    opened: int | None = None
    place = 0
    while (met := line.search(body, place)) is not None:
        if opened is not None:
            yield bytes(body[opened : met.start()])
        if met[1]:
            return
        opened = met.end()
        place = max(opened - 1, met.start() + 1)
    if opened is not None:
        yield bytes(body[opened:])


def _base64(text: bytes) -> bytes:
    """Decode what may lack its padding, or have a line of an advertisement after it."""
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        kept = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
        return binascii.a2b_base64(
            kept[: len(kept) // 4 * 4] if len(kept) % 4 == 1 else kept + b"=="
        )

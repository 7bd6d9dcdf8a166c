"""
From what arrived to the reports in it: bare, in gzip, in zip, in a mail, or one in the other.

What something is, its content says; names and types are not believed. Nothing is written to
disk and nothing is unpacked at once: `Payload.blocks` unpacks as it is read, within `Limits`.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from maildns.errors import ReportError
from maildns.reports.cleaning import clean
from maildns.reports.effort import Effort, wrapping
from maildns.reports.limits import LIMITS, Limits
from maildns.reports.mime import Part, leaves, looks_like_mail, report_type, split_mail
from maildns.reports.model import ReportKind

BLOCK = 128 << 10
_START = 4096
_GZIP = b"\x1f\x8b"
_MOST_SAID = 200  # characters of an error that repeats names out of the file
_MOST_MEMBERS = 10_000  # of one gzip file
_MEMBER = 4  # pieces that one of them is, beside what is in it
_START_OF_BODY = 64 << 10
_MARKS = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)+")
_OURS = re.compile(rb"<(?:[\w.-]+:)?(?:feedback|report_metadata|policy_published)\b", re.IGNORECASE)
FAILURE_PROSE = re.compile(
    rb"A message claiming to be from you has failed the published\s+DMARC\s+policy"
)
_OUR_TYPES = re.compile(r"[+/](?:xml|json|gzip|x-gzip|zip|x-zip-compressed|x-zip)\Z")
_OUR_NAMES = re.compile(r"\.(?:xml|json|gz|zip|gzip)\Z", re.IGNORECASE)


class _Form(StrEnum):
    """What octets are, seen from their start."""

    GZIP = "gzip"
    ZIP = "zip"
    MAIL = "mail"
    XML = "XML"
    JSON = "JSON"
    OTHER = "other"


_PACKED = {_Form.GZIP, _Form.ZIP, _Form.MAIL}


@dataclass(frozen=True, slots=True)
class Payload:
    """
    One report, still unread.

    `kind` is what its start says it is: None when it cannot be told, and then `problem` says why,
    as it does where unpacking its very start failed. `name` is for people. `effort`, from which
    reading takes, is shared with the other reports that arrived with it.
    """

    name: str
    kind: ReportKind | None
    problem: str = ""
    _open: Callable[[], Iterator[bytes]] = field(default=lambda: iter(()), repr=False)
    effort: Effort = field(default_factory=Effort, repr=False, compare=False)

    def blocks(self) -> Iterator[bytes]:
        """
        Unpack from the start, again at each call.

        Raises ReportError where it is broken, or larger than the limits allow.
        """
        if self.kind is None:
            raise ReportError(self.problem)
        return self._open()

    def octets(self, most: int = LIMITS.octets) -> bytes:
        """All of it at once; raises ReportError like `blocks`, and beyond *most* octets."""
        whole = bytearray()
        for block in self.blocks():
            whole += block
            if len(whole) > most:
                raise ReportError(f"the report has more than {_size(most)}")
        return bytes(whole)


def open_payloads(octets: bytes, limits: Limits = LIMITS) -> Iterator[Payload]:
    """
    Give each report that *octets* hold; none when nothing in them claims to be one.

    What claims to be one and cannot be read is given too, with its `problem`, so that the others
    beside it are not lost. Raises ReportError when the whole is too large or cannot be opened.
    """
    if len(octets) > limits.input_octets:
        raise ReportError(f"{_size(len(octets))} arrived; {_size(limits.input_octets)} at most")
    meter = _Meter(limits, len(octets), Effort(limits.pieces), wrapping(limits.wrapping))
    yield from _unwrap(_Wrapped("", lambda: _sliced(octets), octets), meter, limits.nesting)


def first_payload(octets: bytes, kind: ReportKind, limits: Limits = LIMITS) -> Payload:
    """Give the first report of *kind* in *octets*; raises ReportError, which says what is there instead."""
    problem = f"nothing in it claims to be a report ({kind})"
    for payload in open_payloads(octets, limits):
        if payload.kind is kind:
            return payload
        problem = payload.problem or f"it is a report of another kind ({payload.kind}, not {kind})"
    raise ReportError(problem)


@dataclass(slots=True)
class _Meter:
    """What all reports of one arrival may unpack to, together, and the work that they may make."""

    limits: Limits
    arrived: int
    effort: Effort  # of reading them
    wrapping: Effort  # of what they come in
    most: list[int] = field(default_factory=list)
    total: int = 0

    def begin(self) -> int:
        """Give the number of one more that is unpacked."""
        if len(self.most) >= self.limits.packed:
            raise ReportError(f"more than {self.limits.packed} are packed in it, one in the other")
        self.most.append(0)
        return len(self.most) - 1

    def note(self, number: int, octets: int) -> None:
        """Note how far that *number* has been unpacked; reading it again costs nothing."""
        new = octets - self.most[number]
        if new <= 0:
            return
        self.most[number] = octets
        self.total += new
        limits = self.limits
        if self.total > limits.total_octets:
            raise ReportError(
                f"all reports in it together have more than {_size(limits.total_octets)}"
            )
        if self.total > limits.ratio_from and self.total > limits.ratio * self.arrived:
            raise ReportError(f"all in it unpacks to more than {limits.ratio} times its size")


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """Something that may be packed: `whole` where it is held in one piece already."""

    name: str
    blocks: Callable[[], Iterator[bytes]]
    whole: bytes | None = None
    claims: bool = True  # its name, its type or its place says that it is a report

    def start(self) -> bytes:
        """Its first octets."""
        if self.whole is not None:
            return self.whole[:_START]
        start = b""
        for block in self.blocks():
            start += block
            if len(start) >= _START:
                break
        return start[:_START]

    def all(self, limits: Limits) -> bytes:
        """The whole of it, for a form that cannot be read from the front."""
        if self.whole is not None:
            return self.whole
        return Payload(self.name, ReportKind.AGGREGATE, _open=self.blocks).octets(
            limits.input_octets
        )


def _unwrap(wrapped: _Wrapped, meter: _Meter, levels: int) -> Iterator[Payload]:
    """Give the reports in *wrapped*; a fault of this one is given as a payload of no kind."""
    try:
        start = wrapped.start()
        form = _form(start)
        if form in _PACKED:
            yield from _unpacked(wrapped, form, meter, levels)
        elif (found := _payload(wrapped, form, start, meter.effort)) is not None:
            yield found
    except ReportError as error:
        yield Payload(wrapped.name, None, error.problem)


def _unpacked(wrapped: _Wrapped, form: _Form, meter: _Meter, levels: int) -> Iterator[Payload]:
    if levels == 0:
        raise ReportError("it is packed within too many others")
    unpack = {_Form.GZIP: _gzip, _Form.ZIP: _zip, _Form.MAIL: _mail}[form]
    yield from unpack(wrapped, meter, levels)


def _form(start: bytes) -> _Form:
    if start.startswith(_GZIP):
        return _Form.GZIP
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _Form.ZIP
    text = _MARKS.sub(b"", start).replace(b"\0", b"").lstrip()
    if text.startswith(b"{"):
        return _Form.JSON
    if text.startswith(b"<"):
        return _Form.XML
    if looks_like_mail(start):  # first: a mail may have the report in the open
        return _Form.MAIL
    return _Form.XML if _OURS.search(text) else _Form.OTHER


def _payload(wrapped: _Wrapped, form: _Form, start: bytes, effort: Effort) -> Payload | None:
    """Give the report, or why it is none; None where it never claimed to be one."""
    text = _MARKS.sub(b"", start).replace(b"\0", b"").lstrip()
    if form is _Form.JSON and (wrapped.claims or b'"policies"' in text):
        return Payload(wrapped.name, ReportKind.TLS, _open=wrapped.blocks, effort=effort)
    if form is _Form.XML and (_OURS.search(text) or (wrapped.claims and not _is_page(text))):
        return Payload(wrapped.name, ReportKind.AGGREGATE, _open=wrapped.blocks, effort=effort)
    if not wrapped.claims or not wrapped.name:
        return None
    said = f"starts with '{clean(text[:40].decode('latin-1'))}'" if text else "is empty"
    return Payload(wrapped.name, None, f"neither XML nor JSON: it {said}")


def _is_page(text: bytes) -> bool:
    return bool(re.match(rb"<(?:!doctype\s+)?html\b", text, re.IGNORECASE))


def _sliced(octets: bytes) -> Iterator[bytes]:
    view = memoryview(octets)
    for place in range(0, len(octets), BLOCK):
        yield bytes(view[place : place + BLOCK])


def _gzip(wrapped: _Wrapped, meter: _Meter, levels: int) -> Iterator[Payload]:
    number = meter.begin()

    def blocks() -> Iterator[bytes]:
        return _metered(number, _joined(_gunzip(wrapped.blocks(), meter.wrapping)), meter)

    first = list(islice(blocks(), 2))
    if len(first) < 2:  # all of it: it need not be unpacked again
        whole = b"".join(first)
        inner = _Wrapped(wrapped.name, lambda: _sliced(whole), whole, wrapped.claims)
    else:
        inner = _Wrapped(wrapped.name, blocks, claims=wrapped.claims)
    yield from _unwrap(inner, meter, levels - 1)


def _joined(pieces: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Join what is small: small members have small pieces, and readers look at all of it for each."""
    held = bytearray()
    taken = 0
    for taken, piece in pieces:
        held += piece
        if len(held) >= BLOCK // 2:
            yield taken, bytes(held)
            held.clear()
    if held:
        yield taken, bytes(held)


def _gunzip(blocks: Iterator[bytes], effort: Effort) -> Iterator[tuple[int, bytes]]:
    """
    Unpack gzip members one after the other (RFC 1952 section 2.2), with the octets taken in so far.

    What follows the last member, such as padding, is overlooked. Raises ReportError for gzip that
    is damaged or cut off, or of more members than anybody makes.
    """
    unpacker = zlib.decompressobj(wbits=31)
    taken, members, packed = 0, 1, b""
    for block in blocks:
        taken += len(block)
        packed += block
        while packed and not (unpacker.eof and packed == _GZIP[:1]):  # else the next block says
            if unpacker.eof and not _is_member(packed, members):
                return
            if unpacker.eof:
                effort.spend(_MEMBER)
                unpacker, members = zlib.decompressobj(wbits=31), members + 1
            octets = _inflated(unpacker, packed)
            packed = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if octets:
                yield taken, octets
    while not unpacker.eof and (octets := _inflated(unpacker, b"")):
        yield taken, octets
    if not unpacker.eof:
        raise ReportError("the gzip is cut off before its end")


def _is_member(packed: bytes, before: int) -> bool:
    """Whether another member starts here; raises ReportError where too many came *before*."""
    if before >= _MOST_MEMBERS:
        raise ReportError(f"the gzip has more than {_MOST_MEMBERS} members")
    return packed.startswith(_GZIP)


def _inflated(unpacker: Any, packed: bytes) -> bytes:
    try:
        octets: bytes = unpacker.decompress(packed, BLOCK)
    except zlib.error as error:
        raise ReportError(f"the gzip is damaged: {error}") from error
    return octets


def _metered(number: int, pieces: Iterator[tuple[int, bytes]], meter: _Meter) -> Iterator[bytes]:
    """Let through what is unpacked, as long as it is not too much."""
    limits = meter.limits
    octets = 0
    for taken, piece in pieces:
        octets += len(piece)
        if octets > limits.octets:
            raise ReportError(f"it unpacks to more than {_size(limits.octets)}")
        if octets > limits.ratio_from and octets > limits.ratio * taken:
            raise ReportError(
                f"it unpacks to more than {limits.ratio} times its size: no report does"
            )
        meter.note(number, octets)
        yield piece


def _zip(wrapped: _Wrapped, meter: _Meter, levels: int) -> Iterator[Payload]:
    octets = wrapped.all(meter.limits)
    # Counted before they are read, for each is an object of a kilobyte; by chance a few more.
    if octets.count(b"PK\x01\x02") > 2 * meter.limits.members:
        raise ReportError(f"the zip file has more than {meter.limits.members} members")
    try:
        archive = zipfile.ZipFile(io.BytesIO(octets))
        members = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise ReportError(f"the zip file is damaged: {clean(str(error), _MOST_SAID)}") from error
    members = [one for one in members if not one.filename.startswith("__MACOSX/")]
    if len(members) > meter.limits.members:
        raise ReportError(
            f"the zip file has {len(members)} members; {meter.limits.members} at most"
        )
    for number, member in enumerate(members):
        name = _beside(wrapped.name, member.filename or str(number))
        yield from _unwrap(_member(name, archive, member, meter), meter, levels - 1)


def _member(
    name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, meter: _Meter
) -> _Wrapped:
    number = meter.begin()
    return _Wrapped(name, lambda: _metered(number, _unzip(archive, member), meter))


def _unzip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[tuple[int, bytes]]:
    if member.flag_bits & 1:
        raise ReportError("the zip file is encrypted")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        # The others take as much memory as the file says.
        raise ReportError(f"the zip file is packed by method {member.compress_type}, not deflate")
    try:
        with archive.open(member) as opened:
            while block := opened.read(BLOCK):
                yield member.compress_size, block
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise ReportError(f"the zip file is damaged: {clean(str(error), _MOST_SAID)}") from error


def _mail(wrapped: _Wrapped, meter: _Meter, levels: int) -> Iterator[Payload]:
    octets = wrapped.all(meter.limits)
    if _is_failure_report(octets, meter):
        name = wrapped.name or "mail"
        yield Payload(name, ReportKind.FAILURE, "", lambda: _sliced(octets), meter.wrapping)
        return
    for number, part in enumerate(leaves(octets, meter.limits, meter.wrapping), start=1):
        yield from _unwrap(_part(wrapped.name, number, part), meter, levels - 1)


def _is_failure_report(octets: bytes, meter: _Meter) -> bool:
    """
    Whether a mail says itself that it is one (RFC 6591 section 3.1, RFC 5965 section 2).

    Some say so in prose alone, and some in a mail that is no multipart/report.
    """
    header, body = split_mail(octets, meter.wrapping)
    kind = header.get_content_type()
    if kind == "multipart/report" and "feedback" in report_type(header):
        return True
    prose = kind in {"text/plain", "multipart/report"}
    if prose and FAILURE_PROSE.search(octets[body : body + _START_OF_BODY]):
        return True
    if not kind.startswith("multipart/"):
        return False
    first = islice(leaves(octets, meter.limits, meter.wrapping), 10)
    return any(part.type == "message/feedback-report" for part in first)


def _part(outer: str, number: int, part: Part) -> _Wrapped:
    octets = part.octets()
    claims = bool(_OUR_TYPES.search(part.type) or _OUR_NAMES.search(part.name))
    name = _beside(outer, part.name or f"part {number}")
    return _Wrapped(name, lambda: _sliced(octets), octets, claims)


def _beside(outer: str, inner: str) -> str:
    """Name something by where it is and its own name, of which no path is kept."""
    own = clean(inner.replace("\\", "/").rpartition("/")[2], 200) or "?"
    return f"{outer} > {own}" if outer else own


def _size(octets: int) -> str:
    return f"{octets / (1 << 20):.0f} MB" if octets >= 1 << 20 else f"{octets} octets"

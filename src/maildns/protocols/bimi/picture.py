"""
The picture itself: whether an SVG file is one that mailbox providers show (SVG Tiny PS).

The octets come from a stranger. They are unpacked and read up to a bound, a document type and with
it every entity is refused before anything is expanded, and nothing that they name is fetched. What
the picture looks like, and that it has two colours at least, is not judged.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from maildns.errors import InputError
from maildns.finding import Finding, Severity, rule

PROFILE_DRAFT: Final = "draft-svg-tiny-ps-abrotman-12"
MAX_OCTETS: Final = 32 * 1024  # the draft's section 2.4, unpacked
MAX_READ_OCTETS: Final = 1 << 20  # a larger one is not read at all
MAX_TITLE: Final = 64
MIN_PIXELS: Final = 96  # Gmail
_SHOWN: Final = 60

UNREADABLE = rule(
    "bimi-picture-unreadable",
    Severity.ERROR,
    "what is served is no SVG picture",
    help="""What stands at the address is not SVG at all, is cut off or not well formed, or has a
    document type, which could hide anything and is not read. No picture is shown. Save it as plain SVG
    without a DOCTYPE, packed with gzip at most.""",
    reference="draft-brand-indicators-for-message-identification-14 section 7.6",
)
PROFILE = rule(
    "bimi-picture-profile",
    Severity.ERROR,
    "the picture is not SVG Tiny PS",
    help="""Mailbox providers show no SVG but that of the profile Tiny PS: version 1.2, baseProfile
    tiny-ps, no x or y at the root, nothing that runs, moves or is fetched from elsewhere, no pixel
    image within. Drawing programs write more than that: convert the picture, or take the named parts
    out by hand.""",
    reference=f"{PROFILE_DRAFT} sections 2.1, 2.3 and 6.2",
)
TITLE = rule(
    "bimi-picture-title",
    Severity.ERROR,
    "the picture has no title of its own",
    help="""Exactly one title must stand directly below the root, and name whose picture it is, in
    at most 64 characters: it is what a screen reader says. What a drawing program or a template left
    there names nobody. Write the name of the company or brand.""",
    reference=f"{PROFILE_DRAFT} section 2.1",
)
NOT_SQUARE = rule(
    "bimi-picture-not-square",
    Severity.WARN,
    "the picture is not square",
    help="""Mailbox providers show it in a square or a circle, and cut off or reject what does not fit.
    Give the root a viewBox as wide as it is high, with the mark in its middle.""",
    reference=f"{PROFILE_DRAFT}; bimigroup.org, Creating BIMI SVG Logo Files",
)
DIMENSIONS = rule(
    "bimi-picture-dimensions",
    Severity.WARN,
    "the width and height of the picture will not do",
    help="""Gmail wants width and height, where they are given, in pixels, 96 at least, and neither it
    nor Apple takes percentages. Write them as numbers, the same for both.""",
    reference=f"{PROFILE_DRAFT}; Google Workspace help, Set up BIMI",
)
TOO_LARGE = rule(
    "bimi-picture-too-large",
    Severity.WARN,
    "the picture is larger than 32 KB",
    help="""More than 32 KB, unpacked, may be refused, and some providers do. Simplify the paths, and
    take out what the drawing program keeps for itself.""",
    reference=f"{PROFILE_DRAFT} section 2.4",
)

SVG: Final = "http://www.w3.org/2000/svg"
_ROOT_RULES: Final[Mapping[str, str]] = {"version": "1.2", "baseProfile": "tiny-ps"}
# Section 2.3: these may be left out, or have just this value.
_FIXED: Final[Mapping[str, str]] = {
    "zoomAndPan": "disable",
    "externalResourcesRequired": "false",
    "focusable": "false",
    "snapshotTime": "none",
    "playbackOrder": "all",
    "timelineBegin": "onLoad",
}
# The elements of the profile (the BIMI Group's schema SVG_PS-latest).
_ELEMENTS: Final = frozenset(
    (
        *("svg", "title", "desc", "metadata", "defs", "g", "use"),
        *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"),
        *("text", "tspan", "tbreak", "textArea"),
        *("linearGradient", "radialGradient", "stop", "solidColor"),
    )
)
_FORBIDDEN: Final[Mapping[str, str]] = {
    "script": "a script",
    "handler": "a script",
    "listener": "a script",
    "image": "a pixel image",
    "foreignObject": "content that is not SVG",
    "a": "a link",
    "animate": "an animation",
    "animateColor": "an animation",
    "animateMotion": "an animation",
    "animateTransform": "an animation",
    "set": "an animation",
    "audio": "sound",
    "video": "a film",
    "style": "a style sheet",
    "switch": "a part that is shown on a condition",
}
_GENERIC_TITLES: Final = frozenset(  # without case and punctuation
    (
        *("", "no title", "title", "untitled", "your title here", "document", "drawing", "layer 1"),
        *("svg", "svg logo", "bimi", "bimi logo", "bimi svg", "vector", "image", "picture", "icon"),
        *("logo", "my logo", "your logo", "mark", "brand", "brand name"),
        *("company", "company name", "your company", "example"),
    )
)
_EXPORTED_TITLE: Final = "bimi svg tiny"  # what the conversion tools write
_URL: Final = re.compile(r"url\(\s*['\"]?\s*([^)'\"]{0,200})", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?:[eE][+-]?\d{1,2})?")
_SEPARATOR: Final = re.compile(r"[\s,]+")
_WORDS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Picture:
    """
    What a picture turned out to be.

    `svg` are its octets, unpacked, empty where they are no picture; `title` what it is called, `size` the
    width and height of its view box. `findings` say what is wrong with it.
    """

    svg: bytes
    title: str = ""
    size: tuple[float, float] | None = None
    findings: tuple[Finding, ...] = ()


def judge_picture(octets: bytes, subject: str = "") -> Picture:
    """
    Judge the *octets* of an SVG file, packed by gzip or not; *subject* is its address.

    Anything at all may be given: what cannot be read is a finding.

    >>> [one.rule for one in judge_picture(b"<html/>").findings]
    ['bimi-picture-unreadable']
    """
    try:
        svg = unpacked(octets)
    except InputError as error:
        return Picture(b"", findings=(UNREADABLE.finding(subject, error.problem),))
    reader = _Reader()
    problem = reader.read(svg)
    if problem:
        return Picture(b"", findings=(UNREADABLE.finding(subject, problem),))
    title = " ".join("".join(reader.titles[0]).split()) if reader.titles else ""
    size = _view_box(reader.root.get("viewBox", ""))
    found = (
        *_profile(reader, subject),
        *_title(reader, title, subject),
        *_sizes(reader.root, size, subject),
        *_octets(svg, subject),
    )
    return Picture(svg, _printable(title), size, found)


def unpacked(octets: bytes) -> bytes:
    """
    The SVG within *octets*, which may be packed by gzip (RFC 6170 section 5.2).

    Raises `InputError` when the packing is broken or there is more within than is read.
    """
    if octets[:2] != b"\x1f\x8b":
        if len(octets) > MAX_READ_OCTETS:
            raise InputError(f"it is larger than {MAX_READ_OCTETS} octets, and not read")
        return octets
    packed = zlib.decompressobj(wbits=31)
    try:
        svg = packed.decompress(octets, MAX_READ_OCTETS + 1)
    except zlib.error:
        raise InputError("it is packed by gzip, and cannot be unpacked") from None
    if len(svg) > MAX_READ_OCTETS:
        raise InputError(f"it unpacks to more than {MAX_READ_OCTETS} octets, and is not read")
    if not packed.eof:
        raise InputError("it is packed by gzip, and cut off")
    return svg


# --- what is in it --------------------------------------------------------------------


class _RefusedError(Exception):
    """The document has what is not read."""


@dataclass(slots=True)
class _Reader:
    """Goes through a document once, and keeps what the rules are about."""

    root: dict[str, str] = field(default_factory=dict)
    titles: list[list[str]] = field(default_factory=list)
    faults: dict[str, None] = field(default_factory=dict)  # each once, in order
    depth: int = 0
    foreign: int = 0  # how deep within metadata
    in_title: bool = False

    def read(self, svg: bytes) -> str:
        """Read the whole of *svg*; what keeps it from being read, empty where nothing does."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartDoctypeDeclHandler = _no_document_type
        try:
            parser.Parse(svg, True)  # noqa: FBT003 - expat takes it by position alone
        except expat.ExpatError as error:
            return f"it is not well-formed XML: {expat.ErrorString(error.code)}"
        except _RefusedError as error:
            return str(error)
        except (LookupError, ValueError):
            return "it is in an encoding that is not known"
        return ""

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, local = tag.rpartition(" ")
        if not self.depth:
            if local != "svg":
                raise _RefusedError(f"it is no SVG: its root is {_printable(local)}")
            self.root = attributes
            if space != SVG:
                self._fault(f'the root is not in the name space of SVG: write xmlns="{SVG}"')
        self.depth += 1
        if self.foreign or (space == SVG and local == "metadata"):
            # What drawing programs and RDF keep there is not drawn.
            self.foreign += 1
        elif self.depth > 1:
            self._element(space, local)
        if local in {"script", "image"}:
            self._fault(f"there is {_FORBIDDEN[local]} (<{local}>)")
        for key, value in attributes.items():
            self._attribute(key, value)
        if self.depth == 2 and local == "title":
            self.titles.append([])
            self.in_title = True

    def _element(self, space: str, local: str) -> None:
        if space not in {SVG, ""}:  # none at all is told of once, of the root
            self._fault(f"<{_printable(local)}> is not an element of SVG")
        elif local in _FORBIDDEN:
            self._fault(f"there is {_FORBIDDEN[local]} (<{local}>)")
        elif local not in _ELEMENTS:
            self._fault(f"<{_printable(local)}> is not in the profile")

    def _attribute(self, key: str, value: str) -> None:
        space, _, local = key.rpartition(" ")
        if local == "href" and not value.strip().startswith("#"):
            self._fault(f"{_target(value)} is referred to")
        elif not space and local[:2].lower() == "on" and len(local) > 2:
            self._fault(f"there is a script ({_printable(local)}=)")
        elif not space and local == "style":
            self._fault("there is a style (style=)")
        elif not space and local in _FIXED and value.strip() != _FIXED[local]:
            self._fault(f'{local} may only be "{_FIXED[local]}"')
        if "(" in value:
            for target in _URL.findall(value):
                if not target.startswith("#"):
                    self._fault(f"{_target(target)} is referred to")

    def _end(self, _tag: str) -> None:
        self.depth -= 1
        self.foreign = max(0, self.foreign - 1)
        if self.depth == 1:
            self.in_title = False

    def _text(self, text: str) -> None:
        if self.in_title and sum(map(len, self.titles[-1])) <= 4 * MAX_TITLE:
            self.titles[-1].append(text)

    def _instruction(self, target: str, _data: str) -> None:
        if target == "xml-stylesheet":
            self._fault("a style sheet is referred to")

    def _fault(self, says: str) -> None:
        if len(self.faults) < 20:
            self.faults[says] = None


def _no_document_type(*_declaration: object) -> None:
    raise _RefusedError("it has a document type (<!DOCTYPE>), and is not read any further")


def _target(value: str) -> str:
    text = value.strip()
    if text[:5].lower() == "data:":
        return f"a file within ({_printable(text[:30])})"
    return f"another file ({_printable(text)})" if text else "nothing"


def _printable(text: str) -> str:
    """*text*, cut, without what would move a terminal's cursor."""
    return "".join(char for char in text if char.isprintable())[:_SHOWN]


# --- the rules ------------------------------------------------------------------------


def _profile(reader: _Reader, subject: str) -> Iterator[Finding]:
    faults = []
    for key, wanted in _ROOT_RULES.items():  # section 2.1
        has = reader.root.get(key)
        if has != wanted:
            shown = "missing" if has is None else f'"{_printable(has)}"'
            faults.append(f'{key} is {shown}, not "{wanted}"')
    faults += [
        f"the root has the attribute {key}" for key in ("x", "y") if key in reader.root
    ]  # section 6.2
    faults += reader.faults
    if faults:
        more = f", and {len(faults) - 6} more" if len(faults) > 6 else ""
        yield PROFILE.finding(subject, "; ".join(faults[:6]) + more)


def _title(reader: _Reader, title: str, subject: str) -> Iterator[Finding]:
    if not reader.titles:
        yield TITLE.finding(subject, "there is no title below the root")
    elif not title:
        yield TITLE.finding(subject, "the title is empty")
    elif len(reader.titles) > 1:
        yield TITLE.finding(subject, f"there are {len(reader.titles)} titles below the root")
    elif (plain := _WORDS.sub(" ", title).strip().lower()) in _GENERIC_TITLES or (
        plain.startswith(_EXPORTED_TITLE)
    ):
        says = f"the title {_printable(title)!r} is that of a template, and names nobody"
        yield TITLE.finding(subject, says, severity=Severity.WARN)
    elif len(title) > MAX_TITLE:
        says = f"the title has more than {MAX_TITLE} characters"
        yield TITLE.finding(subject, says, severity=Severity.WARN)


def _sizes(
    root: Mapping[str, str], size: tuple[float, float] | None, subject: str
) -> Iterator[Finding]:
    if size is None:
        says = "there is no viewBox" if "viewBox" not in root else "the viewBox is malformed"
        yield NOT_SQUARE.finding(subject, says)
    elif size[0] != size[1]:
        yield NOT_SQUARE.finding(subject, f"the viewBox is {size[0]:g} wide and {size[1]:g} high")
    poor = [
        f"{key} is {_printable(root[key])}"
        for key in ("width", "height")
        if key in root and not _in_pixels(root[key])
    ]
    if poor:
        says = f"{' and '.join(poor)}, not a number of pixels from {MIN_PIXELS} on"
        yield DIMENSIONS.finding(subject, says)


def _octets(svg: bytes, subject: str) -> Iterator[Finding]:
    if len(svg) > MAX_OCTETS:
        yield TOO_LARGE.finding(subject, f"the picture has {len(svg)} octets, not {MAX_OCTETS}")


def _view_box(text: str) -> tuple[float, float] | None:
    numbers = _SEPARATOR.split(text.strip()[:200])
    if len(numbers) != 4 or not all(map(_NUMBER.fullmatch, numbers)):
        return None
    width, height = float(numbers[2]), float(numbers[3])
    return (width, height) if width > 0 and height > 0 else None


def _in_pixels(text: str) -> bool:
    number = text.strip().removesuffix("px")
    return _NUMBER.fullmatch(number) is not None and float(number) >= MIN_PIXELS

"""
Elements of a report, read in two ways that give the same.

`read_plain` reads the XML that nearly all reporters write (no attributes, comments, entities or
CDATA) with one regular expression, and says None to anything else. `Reading` gives everything to
expat, after mending what reporters are known to break; there is no DTD and no entity in it, ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias
from xml.parsers import expat

from maildns.errors import ReportError
from maildns.reports.cleaning import Oddities
from maildns.reports.limits import LIMITS, Limits


class Element(NamedTuple):
    """
    One element: its name without a prefix, its text, its children.

    Of an element with children `text` is empty unless it has text of its own beside them; then it
    is all the text within it, such as of HTML in the name of an organization.
    """

    name: str
    text: str
    children: tuple[Element, ...] = ()

    def child(self, name: str) -> Element | None:
        """The first child called *name*."""
        for one in self.children:
            if one.name == name:
                return one
        return None

    def all(self, name: str) -> list[Element]:
        """The children called *name*."""
        return [one for one in self.children if one.name == name]

    def words(self) -> str:
        """All the text within it."""
        if self.text or not self.children:
            return self.text
        return " ".join(one.words() for one in self.children)


_Tokens: TypeAlias = list[tuple[str, str, str, str]]
_TOKEN = re.compile(r"<(/?)([A-Za-z_][A-Za-z0-9_.-]*)[ \t\r\n]*(/?)>([^<]*)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NO_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPACE = " \t\r\n"
_PADDING = _SPACE + "\0\ufffd"


def read_plain(text: str, levels: int = LIMITS.depth - 1) -> list[Element] | None:
    """
    Read elements that stand one after the other, with nothing but space between them.

    None where *text* is anything but whole elements, nests deeper than *levels*, or is not of the
    plainest kind.
    """
    text = text.strip(_SPACE)
    tokens: _Tokens = _TOKEN.findall(text)
    # Every "<" starts a token, and each token reaches to the next "<": they tile the text.
    if len(tokens) != text.count("<") or text[:1] != "<" or "&" in text or "]]>" in text:
        return None
    if (_CONTROL if text.isascii() else _NO_XML).search(text):
        return None
    return _tree(tokens, levels)


def _tree(tokens: _Tokens, levels: int) -> list[Element] | None:
    top: list[Element] = []
    below = top
    opened: list[tuple[str, str, list[Element]]] = []
    for closing, name, empty, text in tokens:
        if not closing and not empty:
            opened.append((name, text, below))
            below = []
            if len(opened) > levels:
                return None
            continue
        if closing:
            if empty or not opened:
                return None
            begun, own, above = opened.pop()
            if begun != name or (below and own.strip(_SPACE)):
                return None
            above.append(_new(Element, (name, "" if below else own, tuple(below))))
            below = above
        else:
            below.append(Element(name, ""))
        if text and text.strip(_SPACE):
            return None  # text beside elements
    return None if opened else top


_new = tuple.__new__


def local(name: str) -> str:
    """Give *name* without its prefix."""
    return name.rpartition(":")[2] if ":" in name else name


_STRAY_AMP = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_STRAY_LESS = re.compile(r"<(?!/?[A-Za-z_][\w.:-]*(?:\s[^<>]*)?/?>|[!?])")
_NO_CHARACTER = re.compile(
    r"&#(?:x0*(?:[0-8bcef]|1[0-9a-f])|0*(?:[0-8]|1[124-9]|2\d|3[01]));", re.IGNORECASE
)
_SCHEMA_TAG = re.compile(r"</?xs:schema\b[^<>]*>")


def mended(text: str, oddities: Oddities) -> str:
    """Mend in *text* what reporters are known to write and XML does not allow."""
    for fault, instead, says in (
        (_SCHEMA_TAG, "", "a tag of an XML schema stands in it"),
        (_NO_XML, "\ufffd", "characters that XML does not allow"),
        (_NO_CHARACTER, "\ufffd", "characters that XML does not allow"),
        (_STRAY_AMP, "&amp;", "'&' that is not escaped"),
        (_STRAY_LESS, "&lt;", "'<' that is not escaped"),
    ):
        text, times = fault.subn(instead, text)
        if times:
            oddities.add(says)
    return text


_UNFINISHED = {
    expat.errors.codes[said]
    for said in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    )
}


class Reading:
    """
    A document given to expat piece by piece; elements below the root are handed out when whole.

    Raises ReportError, from `feed`, for what is not well formed, for any DTD, and for elements
    that are too deep or too large.
    """

    def __init__(self, limits: Limits, found: Callable[[Element], None]) -> None:
        self.root: tuple[str, dict[str, str]] | None = None
        self.ended = False
        self.trailing = False  # whether something but padding follows the root
        self._limits = limits
        self._found = found
        self._opened: list[tuple[str, list[str | Element], list[Element]]] = []
        self._names: set[str] = set()
        self._fed = 0
        self._since = 0  # octets fed when the last element below the root was whole
        self._closed_at = -1
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse

    def feed(self, text: str, *, final: bool = False) -> None:
        """Read on. What follows the end of the root is overlooked, but for `trailing`."""
        if self._has_ended():
            self.trailing |= bool(text.strip(_PADDING))
            return
        octets = text.encode("utf-8", "replace")
        self._fed += len(octets)
        try:
            self._parser.Parse(octets, final)
        except expat.ExpatError as error:
            if self._has_ended():
                self._note_trailing(octets)
                return
            if final and error.code in _UNFINISHED:
                raise ReportError("it is cut off before its end") from error
            said = expat.ErrorString(error.code)
            raise ReportError(
                f"not well-formed XML at line {error.lineno}, column {error.offset + 1}: {said}"
            ) from error
        if self._has_ended():
            self._note_trailing(octets)
        if self._fed - self._since > self._limits.element_octets:
            raise ReportError(f"an element has more than {self._limits.element_octets >> 10} kB")

    def _note_trailing(self, octets: bytes) -> None:
        """Look at what stands after the root's end tag, which is in *octets*."""
        after = octets[self._closed_at - self._fed + len(octets) :].partition(b">")[2]
        self.trailing = bool(after.strip(_PADDING.encode()))

    def _has_ended(self) -> bool:
        return self.ended

    def between(self, tag: str) -> bool:
        """Whether the last thing fed was the end *tag* of an element below the root, and was seen."""
        return len(self._opened) == 1 and self._closed_at + len(tag.encode()) == self._fed

    def _refuse(self, *_: object) -> None:
        raise ReportError("it has a DTD; reports have none, and attacks do")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self.root is None:
            self.root = (name, attributes)
        self._names.update(attributes, (name,))
        if len(self._names) > self._limits.names:  # expat remembers each
            raise ReportError(f"it has more than {self._limits.names} names of elements")
        if len(self._opened) >= self._limits.depth:
            raise ReportError(f"elements nest deeper than {self._limits.depth}")
        self._opened.append((name, [], []))

    def _text(self, text: str) -> None:
        if len(self._opened) > 1:
            self._opened[-1][1].append(text)

    def _end(self, _: str) -> None:
        name, within, children = self._opened.pop()
        own = "".join(one for one in within if isinstance(one, str))
        text = own if own.strip(_SPACE) or not children else ""
        if text and children:
            text = " ".join(one if isinstance(one, str) else one.words() for one in within)
        element = Element(local(name), text, tuple(children))
        if len(self._opened) > 1:
            self._opened[-1][1].append(element)
            self._opened[-1][2].append(element)
        elif self._opened:
            self._since = self._parser.CurrentByteIndex
            self._closed_at = self._parser.CurrentByteIndex
            self._found(element)
        else:
            self.ended = True
            self._closed_at = self._parser.CurrentByteIndex

"""How much work the reports of one arrival may ask for: a small packed text can ask for hours of it."""

from __future__ import annotations

from maildns.errors import ReportError
from maildns.reports.limits import LIMITS

ROW = 10  # pieces that a record is beside its text, where it is read from elements
REPORT = 100  # pieces that an aggregate report is beside its text
IPV6 = 12  # pieces that an address is, which costs more than the rest of a record that is known


class Effort:
    """
    What may still be read of all that arrived together.

    It is counted in pieces, not in seconds, so that the same is refused on every machine; a million
    take about a second. A quarter more than *pieces* is kept for what is written as reports usually
    are: it is read on when what is not has taken all of the rest.
    """

    def __init__(
        self, pieces: int = LIMITS.pieces, are: str = "are not written as reports usually are"
    ) -> None:
        self._most = pieces
        self._are = are
        self._kept = pieces // 4
        self._left = pieces + self._kept

    def spend(self, pieces: int) -> None:
        """Take so many away; raises ReportError where they are not left."""
        if pieces > max(self._left - self._kept, 0):
            raise ReportError(
                f"more than {self._most:,} pieces of it, and of what came with it, {self._are}"
            )
        self._left -= pieces

    def spend_on_usual(self, pieces: int) -> None:
        """Take so many away, of what is kept as well; raises ReportError where they are not left."""
        if pieces > self._left:
            raise ReportError(
                f"it and what came with it have more than {self._most:,} pieces: no reports do"
            )
        self._left -= pieces


def wrapping(pieces: int = LIMITS.wrapping) -> Effort:
    """Give what may be spent on the mails and the gzip around reports, which is counted by itself."""
    return Effort(pieces, "are header fields and parts of mails, or members of gzip")


def pieces_of(text: str) -> int:
    """
    How many pieces of XML *text* is: its tags, its entities, and each 16 characters.

    >>> pieces_of("<a/><b>one</b> &amp; two")
    6
    """
    # An empty element has one tag, and is as much work as one that has two.
    tags = text.count("<") + text.count("/>")
    return tags + text.count("&") + len(text) // 16


def usual_pieces_of(text: str) -> int:
    """
    How many pieces *text* is, of a record or a head, where it is read as a usual one.

    >>> usual_pieces_of("x" * 240)
    18
    """
    return 8 + len(text) // 24


def header_pieces_of(header: bytes) -> int:
    """
    How many pieces a *header* is, with the part that it stands before: lines, and each 4 octets.

    >>> header_pieces_of(b"From: a@b.example")
    64
    """
    return 60 + header.count(b"\n") + len(header) // 4


def json_pieces_of(text: str) -> int:
    """
    How many pieces of JSON *text* is: texts, commas, brackets, and each 16 characters.

    >>> json_pieces_of('{"a": [1, 2]}')
    15
    """
    marks = text.count('"') // 2 + text.count(",")
    marks += text.count("[") + text.count("]") + text.count("}")
    return marks + text.count("{") * ROW + len(text) // 16

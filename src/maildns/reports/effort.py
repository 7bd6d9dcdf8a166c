"""How much work the reports of one arrival may ask for: a small packed text can ask for minutes of it."""

from __future__ import annotations

from maildns.errors import ReportError
from maildns.reports.limits import LIMITS


class Effort:
    """
    What may still be read the long way of all that arrived together.

    It is counted in pieces, not in seconds, so that the same is refused on every machine: of XML
    that is not written as reports usually are its tags, its entities and each 16 characters; of
    JSON each 16 octets. A million pieces take about a second. What is usual costs nothing.
    """

    def __init__(self, pieces: int = LIMITS.pieces) -> None:
        self._most = pieces
        self._left = pieces

    def spend(self, pieces: int) -> None:
        """Take so many away; raises ReportError where they are not left."""
        self._left -= pieces
        if self._left < 0:
            raise ReportError(
                f"more than {self._most:,} pieces of it, and of what came with it, are not written"
                " as reports usually are"
            )


def pieces_of(text: str) -> int:
    """
    How many pieces of XML *text* is.

    >>> pieces_of("<a/><b>one</b> &amp; two")
    6
    """
    # An empty element has one tag, and is as much work as one that has two.
    tags = text.count("<") + text.count("/>")
    return tags + text.count("&") + len(text) // 16

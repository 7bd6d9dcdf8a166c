"""
What parts of reports mean, remembered by their text, for reports are mostly made of the same parts.

A record is cut into the source's address, the count, and the rest, which is alike in many records;
the published policy is alike in all reports about a domain. What is remembered is bounded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from maildns.reports.cleaning import Oddities
from maildns.reports.effort import Effort, pieces_of, usual_pieces_of
from maildns.reports.limits import LIMITS
from maildns.reports.markup import Element, read_plain
from maildns.reports.model import PublishedPolicy
from maildns.reports.reading import Meaning, read_meaning, read_published
from maildns.reports.usual import read_usual

CLOSING = "</record>"
_LEVELS = LIMITS.depth - 1  # below the root
_LONGEST = 2048
_MOST_CHARACTERS = 2_000_000  # of all records that are remembered
_MOST_POLICIES = 1024
PLAINLY = 2  # times as quick as the exact way is what is read as plain elements
_S = r"[ \t\r\n]*"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# The start of a record: an address of IPv4, or what may be one of IPv6, and the count.
FRONT = re.compile(
    rf"{_S}<record>{_S}<row>{_S}<source_ip>(?:((?:{_OCTET}\.){{3}}{_OCTET})|([0-9A-Fa-f:.]{{2,45}}))"
    rf"</source_ip>{_S}<count>([0-9]{{1,9}})</count>{_S}"
)


class _Memory:
    """Records by their text; emptied when it is full, for then the next report is another one."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[Meaning, tuple[str, ...]]] = {}
        self._characters = 0

    def keep(self, rest: str, read: tuple[Meaning, tuple[str, ...]]) -> None:
        if self._characters > _MOST_CHARACTERS:
            self.known.clear()
            self._characters = 0
        self._characters += len(rest)
        self.known[rest] = read


_memory = _Memory()


def meaning_of(rest: str, effort: Effort | None = None) -> tuple[Meaning, tuple[str, ...]] | None:
    """
    What a record says behind `FRONT` and up to its end tag, and what is odd in it.

    None where it is not plain, so that only the exact way can tell. What is not remembered is
    taken from *effort*; raises ReportError as that does.
    """
    known = _memory.known.get(rest)
    if known is not None:
        return known
    if effort is not None:
        effort.spend_on_usual(usual_pieces_of(rest))
    usual = read_usual(rest)
    read = (usual, ()) if usual is not None else _plain(rest)
    if usual is None and read is not None and effort is not None:
        effort.spend(pieces_of(rest) // PLAINLY)
    if read is not None and len(rest) <= _LONGEST:
        _memory.keep(rest, read)
    return read


def _plain(rest: str) -> tuple[Meaning, tuple[str, ...]] | None:
    found = read_plain(f"<record><row>{rest}{CLOSING}", _LEVELS)
    if found is None or len(found) != 1:
        return None
    oddities = Oddities()
    return read_meaning(found[0], oddities), oddities.told()


class Policy(NamedTuple):
    """A policy_published: its element, what it means, and what is odd in it."""

    element: Element
    read: PublishedPolicy
    odd: tuple[str, ...]


def policy_of(text: str) -> Policy | None:
    """What *text* says if it is a policy_published and nothing else, plain and short; else None."""
    return _policy_of(text) if len(text) <= _LONGEST else None


@lru_cache(_MOST_POLICIES)
def _policy_of(text: str) -> Policy | None:
    found = read_plain(text, _LEVELS)
    if found is None or len(found) != 1 or found[0].name != "policy_published":
        return None
    oddities = Oddities()
    return Policy(found[0], read_published(found[0], oddities), oddities.told())

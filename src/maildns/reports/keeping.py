"""
The contract between those who bring reports in and those who keep them.

A report is kept at most once. Whoever brings one in lets go of it (moves the mail, answers 250)
only when `keep` has returned, for then it is safe on disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Kept(StrEnum):
    """What became of something that was brought in."""

    NEW = "new"
    KNOWN = "known"  # the same report was kept before
    CONFLICT = "conflict"  # the same id with other content; both are there, the first counts
    BAD = "bad"  # in quarantine, with its reason
    NO_REPORT = "no report"  # nothing in it claims to be one


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    Something that may hold reports: the octets as they came, and where from.

    `source` is for people, such as a path or `imap://host/INBOX#17`. `sender` is the envelope
    sender, `ip` the host that brought it, where that is known; `authentication` what floor 2 says
    of the mail that it came in: the result of DMARC, or empty.
    """

    octets: bytes
    source: str
    sender: str = ""
    ip: str = ""
    authentication: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one report of an arrival; `reason` says why where it is not new."""

    kept: Kept
    source: str
    reporter: str = ""
    report_id: str = ""
    domain: str = ""
    rows: int = 0
    messages: int = 0
    reason: str = ""


class Keeper(Protocol):
    """Keeps reports; safe on disk when it returns."""

    def keep(self, arrivals: Iterable[Arrival]) -> list[Receipt]:
        """Keep what *arrivals* hold, in as few transactions as may be; one receipt for each report."""
        ...

"""
What a store tells about the reports it keeps: plain values, and the ports that give them.

Days are UTC, and a window has both its ends. Whoever judges takes these values, never a store, so
that every judgement can be tested on a table of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

from maildns.reports.model import DkimAuth, Override, PublishedPolicy, SpfAuth, TlsFailure


@dataclass(frozen=True, slots=True)
class Window:
    """The days from `since` to `until`, both of them included."""

    since: date
    until: date

    @classmethod
    def last(cls, days: int, until: date) -> Window:
        """
        The *days* days that end with *until*.

        >>> str(Window.last(7, date(2026, 5, 7)).since)
        '2026-05-01'
        """
        return cls(until - timedelta(days=days - 1), until)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.until - self.since).days + 1

    def each(self) -> Iterator[date]:
        """Every day, the first one first."""
        return (self.since + timedelta(days=passed) for passed in range(self.days))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.since <= day <= self.until


class SourceDay(NamedTuple):
    """
    Messages of one day and one source that one reporter treated alike.

    `domain` is the domain whose policy was applied, `day` the one in which the report begins.
    `detailed` is False where raw results are gone because retention rolled them up into counts.
    """

    domain: str
    day: date
    reporter: str
    source_ip: str
    messages: int
    disposition: str
    dkim_aligned: str
    spf_aligned: str
    header_from: str
    envelope_from: str = ""
    dkim: tuple[DkimAuth, ...] = ()
    spf: tuple[SpfAuth, ...] = ()
    overrides: tuple[Override, ...] = ()
    detailed: bool = True

    @property
    def passes(self) -> bool:
        """DMARC passes."""
        return self.dkim_aligned == "pass" or self.spf_aligned == "pass"


class DomainDay(NamedTuple):
    """A domain's counts of one day, in messages."""

    domain: str
    day: date
    messages: int
    passing: int  # DMARC passes: one of the next two
    dkim_aligned: int
    spf_aligned: int
    quarantined: int
    rejected: int


class ReportSeen(NamedTuple):
    """An aggregate report that is kept; `authentication` is the result of DMARC of its mail."""

    domain: str
    reporter: str
    report_id: str
    begin: datetime
    end: datetime
    messages: int
    published: PublishedPolicy
    authentication: str = ""


class TlsDay(NamedTuple):
    """What one reporter's TLS report says of one policy on one day, in sessions."""

    domain: str
    day: date
    reporter: str
    policy_type: str
    successful: int
    failed: int
    strings: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    failures: tuple[TlsFailure, ...] = ()


class KeyUse(NamedTuple):
    """
    How mail of a domain used one DKIM key, in messages, over the days that were asked for.

    `first` and `last` are the first and last of those days on which a signature of it passed, else
    on which any was met.
    """

    dkim_domain: str
    selector: str
    passed: int
    failed: int
    first: date
    last: date


class Memo(NamedTuple):
    """A text that was remembered, and when."""

    text: str
    at: datetime


class Evidence(Protocol):
    """What can be asked of a store; an empty *domain* means all of them."""

    def domains(self, window: Window) -> list[str]:
        """The domains that aggregate or TLS reports in *window* are about, sorted."""
        ...

    def last_day(self) -> date | None:
        """The newest day that any report is about; None in an empty store."""
        ...

    def domain_days(self, window: Window, domain: str = "") -> list[DomainDay]:
        """Daily counts, by domain and day."""
        ...

    def source_days(
        self, window: Window, domain: str = "", source_ip: str = ""
    ) -> Iterator[SourceDay]:
        """What sources sent, by day; alike messages of one reporter and day are one value."""
        ...

    def reports(self, window: Window, domain: str = "") -> list[ReportSeen]:
        """Which aggregate reports came, by beginning."""
        ...

    def tls_days(self, window: Window, domain: str = "") -> list[TlsDay]:
        """What TLS reports say, by day."""
        ...

    def key_uses(self, window: Window, domain: str) -> list[KeyUse]:
        """Which DKIM keys signed mail of *domain*, by d= and selector; roll-ups included."""
        ...

    def first_seen(self, domain: str) -> dict[str, date]:
        """The first day of each source address of *domain*, whole history, roll-ups included."""
        ...


class Memory(Protocol):
    """Small texts kept beside the reports: names of addresses, alerts that were sent."""

    def recall(self, kind: str, keys: Iterable[str]) -> dict[str, Memo]:
        """What is remembered under *keys*; those that are not known are left out."""
        ...

    def remember(self, kind: str, texts: Mapping[str, str], at: datetime) -> None:
        """Keep *texts* by key, in place of what was there."""
        ...

    def forget(self, kind: str, keys: Iterable[str]) -> None:
        """Forget what is remembered under *keys*."""
        ...

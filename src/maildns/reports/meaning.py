"""
What the reports say of each source, and what kind of source that makes it.

A policy hurts only whom it hits, so everything later rests on one question: is this mail that the
owner wants? An address that the SPF record permits, or that the config names, is the owner's own
word. A signature of ours that passes from elsewhere was carried there by a forwarder. What proves
nothing at all is somebody else's; unless it is a service that sends on order, which says that
somebody in the house ordered it and nobody set it up. What proves to be another's, by a domain that
is not ours, may be a newsletter of ours or a forger with a domain: its owner alone can tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from maildns.dnsdata import is_within
from maildns.reports.known import Role
from maildns.reports.model import DkimAuth, SpfAuth
from maildns.reports.views import SourceDay
from maildns.reports.who import Named, Naming

LISTS = frozenset({"mailing_list"})
FORWARDED = frozenset({"forwarded", "trusted_forwarder"})  # RFC 9990 keeps the second alone
_PASSING_ON = frozenset({Role.MAILBOX, Role.GATEWAY, Role.FORWARDER})
_MANY_REPORTERS = 3  # a forwarder's mail ends at few receivers; a sender's goes everywhere
_PROVEN_SHARE = 0.95
_MARK_SHARE = 0.1  # less may be one reporter's guess, or one mail that was sent again and again
_FOREIGN_SHARE = 0.5
_SAMPLE_ROWS = 200  # of a source, to name it by


class Kind(StrEnum):
    """What a source is to the domain's owner."""

    OURS = "ours"  # the config or the SPF record says so, or it signs with our key everywhere
    SERVICE = "service"  # sends on our order, and proves it
    NOT_SET_UP = "not set up"  # sends on order, and none of its mail proves to be ours
    FORWARDER = "forwarder"  # passes mail of ours on
    LIST = "list"  # a mailing list that members of ours write to
    UNDECIDED = "undecided"  # proves to be of another domain: whether we want it, no report tells
    STRANGER = "stranger"  # proves nothing: somebody else's mail

    @property
    def wanted(self) -> bool:
        """Whether a policy must not hit it."""
        return self in {Kind.OURS, Kind.SERVICE, Kind.NOT_SET_UP}


@dataclass(slots=True)
class Tally:
    """Messages, counted by what became of them."""

    messages: int = 0
    passing: int = 0
    dkim_aligned: int = 0
    spf_aligned: int = 0
    dkim_raw: int = 0
    spf_raw: int = 0
    quarantined: int = 0
    rejected: int = 0
    overridden: int = 0

    @property
    def failing(self) -> int:
        """Messages that do not pass DMARC."""
        return self.messages - self.passing

    @property
    def passing_share(self) -> float:
        """From 0 to 1; 1 where there is no mail."""
        return self.passing / self.messages if self.messages else 1.0

    @property
    def dkim_share(self) -> float:
        """How much has an aligned signature that passes, from 0 to 1; 1 where there is no mail."""
        return self.dkim_aligned / self.messages if self.messages else 1.0

    def count(self, row: SourceDay) -> None:
        """Count the messages of *row*."""
        messages = row.messages
        self.messages += messages
        if row.dkim_aligned == "pass":
            self.dkim_aligned += messages
        if row.spf_aligned == "pass":
            self.spf_aligned += messages
        if row.passes:
            self.passing += messages
        if row.disposition == "quarantine":
            self.quarantined += messages
        elif row.disposition == "reject":
            self.rejected += messages
        if row.overrides:
            self.overridden += messages
        for one in row.dkim:
            if one.result == "pass":
                self.dkim_raw += messages
                break
        for each in row.spf:
            if each.result == "pass":
                self.spf_raw += messages
                break

    def add(self, other: Tally) -> None:
        """Count all that *other* counted."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Source:
    """
    One address that sent as one domain, over a window.

    `signatures` counts messages by d= and selector, of signatures for names in the domain, that
    passed; `broken` likewise those that did not. `foreign` counts messages by other domains that SPF or
    a signature proved, `envelopes` by domains of ours that SPF did; of those without details by the
    domain itself. `froms` counts them by the domain in From:,
    `overrides` by the reason that the reporter gave. `by_day` is messages and how many of them pass.
    """

    domain: str
    ip: str
    first: date
    last: date
    tally: Tally = field(default_factory=Tally)
    signatures: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: Counter[tuple[str, str]] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    envelopes: Counter[str] = field(default_factory=Counter)
    froms: Counter[str] = field(default_factory=Counter)
    overrides: Counter[str] = field(default_factory=Counter)
    reporters: Counter[str] = field(default_factory=Counter)
    by_day: dict[date, tuple[int, int]] = field(default_factory=dict)
    named: Named = field(default_factory=lambda: Named("", Role.UNKNOWN, ""))
    kind: Kind = Kind.STRANGER
    sample: list[SourceDay] = field(default_factory=list, repr=False)

    def count(self, row: SourceDay) -> None:
        """Count the messages of *row*."""
        self.tally.count(row)
        self.first, self.last = min(self.first, row.day), max(self.last, row.day)
        self.froms[row.header_from] += row.messages
        self.reporters[row.reporter] += row.messages
        for kind in {override.type for override in row.overrides}:
            self.overrides[kind] += row.messages
        marks = _marks(row.domain, row.dkim, row.spf)
        for key in marks.signatures:
            self.signatures[key] += row.messages
        for key in marks.broken:
            self.broken[key] += row.messages
        for name in marks.foreign:
            self.foreign[name] += row.messages
        # What retention rolled up tells of no envelope: that the domain's own passed is likeliest.
        rolled_up = not row.detailed and row.spf_aligned == "pass"
        for name in (row.domain,) if rolled_up else marks.envelopes:
            self.envelopes[name] += row.messages
        sent, passed = self.by_day.get(row.day, (0, 0))
        self.by_day[row.day] = (
            sent + row.messages,
            passed + (row.messages if row.passes else 0),
        )
        if len(self.sample) < _SAMPLE_ROWS:
            self.sample.append(row)


@dataclass(slots=True)
class Sender:
    """Sources of one name and kind, taken together; the busiest source first."""

    title: str
    kind: Kind
    sources: list[Source]
    tally: Tally

    @property
    def by(self) -> str:
        """What gave it away."""
        return self.sources[0].named.by

    @property
    def addresses(self) -> list[str]:
        """Its addresses, the busiest first."""
        return [source.ip for source in self.sources]


def sources_of(rows: Iterable[SourceDay], naming: Naming | None = None) -> list[Source]:
    """Fold *rows* into their sources, the busiest first, each named and told apart."""
    sources = folded(rows)
    name_sources(sources, naming or Naming())
    return sources


def folded(rows: Iterable[SourceDay]) -> list[Source]:
    """Fold *rows* into their sources, the busiest first; nobody has named them yet."""
    found: dict[tuple[str, str], Source] = {}
    for row in rows:
        key = (row.domain, row.source_ip)
        source = found.get(key)
        if source is None:
            source = found[key] = Source(row.domain, row.source_ip, row.day, row.day)
        source.count(row)
    return sorted(found.values(), key=lambda one: (-one.tally.messages, one.ip))


def name_sources(sources: Iterable[Source], known: Naming) -> None:
    """Name *sources* anew and tell them apart, by what is *known* of who sends."""
    for source in sources:
        source.named = known.name(source.domain, source.ip, source.sample)
        source.kind = kind_of(source, stranger=known.is_stranger(source.ip))
        if source.kind is Kind.UNDECIDED and source.named.role in {Role.UNKNOWN, Role.HOSTING}:
            title, by = _foreign_name(source), "the domain that its mail proves to be of"
            source.named = replace(source.named, title=title, by=by)


def kind_of(source: Source, *, stranger: bool = False) -> Kind:
    """What *source* is; *stranger* where its owner says that it is not his."""
    role, tally = source.named.role, source.tally
    if stranger:
        return Kind.STRANGER
    if source.named.ours:
        return Kind.SERVICE if role is Role.SENDER else Kind.OURS
    if tally.spf_aligned:  # the SPF record of a name of ours permits the address
        return Kind.SERVICE if role is Role.SENDER else Kind.OURS
    if role is Role.LIST or _is_marked(source, LISTS):
        return Kind.LIST
    if role is Role.SENDER:
        return Kind.SERVICE if tally.dkim_aligned else Kind.NOT_SET_UP
    if role is Role.FORWARDER or _is_marked(source, FORWARDED):
        return Kind.FORWARDER
    if tally.dkim_share >= _MARK_SHARE and tally.messages:
        return Kind.OURS if _signs_everywhere(source) else Kind.FORWARDER
    # A signature of ours that is broken was made by us: it got so on the way.
    if role in _PASSING_ON and source.broken:
        return Kind.FORWARDER
    proven = max(source.foreign.values(), default=0)
    if proven and proven >= _FOREIGN_SHARE * tally.messages:
        return Kind.UNDECIDED
    return Kind.STRANGER


def _is_marked(source: Source, kinds: frozenset[str]) -> bool:
    """Whether reporters say often enough that mail from here was passed on in one of these ways."""
    said = sum(source.overrides[kind] for kind in kinds)
    return said > 0 and said >= _MARK_SHARE * source.tally.messages


class _Marks(NamedTuple):
    """What the raw results of a row prove; keys are d= and selector."""

    signatures: tuple[tuple[str, str], ...]
    broken: tuple[tuple[str, str], ...]
    foreign: frozenset[str]
    envelopes: frozenset[str]


@lru_cache(maxsize=4096)  # a domain's mail has few ways of being signed
def _marks(domain: str, dkim: tuple[DkimAuth, ...], spf: tuple[SpfAuth, ...]) -> _Marks:
    ours = [one for one in dkim if is_within(one.domain, domain)]
    # RFC 9989 section 4.4.2: of SPF, only the domain of MAIL FROM counts
    senders = {one.domain for one in spf if one.result == "pass" and one.scope != "helo"}
    proven = senders | {one.domain for one in dkim if one.result == "pass"}
    return _Marks(
        tuple((one.domain, one.selector) for one in ours if one.result == "pass"),
        tuple((one.domain, one.selector) for one in ours if one.result != "pass"),
        frozenset(name for name in proven if not is_within(name, domain)),
        frozenset(name for name in senders if is_within(name, domain)),
    )


def _foreign_name(source: Source) -> str:
    """The other domain that most of its mail is of; of equals, that of most dots is a part of it."""
    return min(source.foreign, key=lambda name: (-source.foreign[name], name.count("."), name))


def _signs_everywhere(source: Source) -> bool:
    """All signed with our key, to receivers of many kinds, by nobody who is known to pass mail on."""
    if source.named.role in _PASSING_ON:
        return False
    proven = source.tally.dkim_share >= _PROVEN_SHARE
    return proven and len(source.reporters) >= _MANY_REPORTERS


def senders_of(sources: Iterable[Source]) -> list[Sender]:
    """Join *sources* that have one name and kind; the busiest first. Unnamed strangers are one."""
    found: dict[tuple[str, Kind], Sender] = {}
    for source in sources:
        title = source.named.title
        if source.kind is Kind.STRANGER and source.named.role is Role.UNKNOWN:
            title = "unknown sources"
        sender = found.get((title, source.kind))
        if sender is None:
            sender = found[title, source.kind] = Sender(title, source.kind, [], Tally())
        sender.sources.append(source)
        sender.tally.add(source.tally)
    return sorted(found.values(), key=lambda one: (-one.tally.messages, one.title))

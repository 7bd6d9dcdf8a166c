"""
What a domain publishes, as far as it is held against its reports: the networks of its SPF terms, its keys.

Inquiries: who runs them says which world they ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import Txt, name
from maildns.errors import RecordSyntaxError
from maildns.protocols import dkim
from maildns.protocols.spf import All, Directive, Redirect, SpfResult, Term
from maildns.protocols.spf.coverage import pieces_of
from maildns.protocols.spf.ranges import networks_of
from maildns.protocols.spf.reading import Reading, read
from maildns.reports.who import Network

MAX_KEYS = 300  # anybody can invent selectors
MAX_NETWORKS = 20_000  # of one term; more are a mistake, or somebody else's joke
_WIDEST = {4: 8, 6: 16}  # a network as wide as this tells of nobody


class KeyState(StrEnum):
    """What stands in the DNS for a selector."""

    PUBLISHED = "published"
    REVOKED = "revoked"  # p= is empty (RFC 6376 section 3.6.1)
    MISSING = "missing"
    UNKNOWN = "unknown"  # the DNS did not say, or what stands there cannot be read


@dataclass(frozen=True, slots=True)
class Published:
    """
    What a domain has in the DNS.

    `terms` are those of its SPF record that let somebody send, with the networks; `sure` says that
    all of them could be read. `keys` is by d= and selector.
    """

    domain: str
    terms: tuple[tuple[str, tuple[Network, ...]], ...] = ()
    sure: bool = False
    keys: Mapping[tuple[str, str], KeyState] = field(default_factory=dict)


def look_up(domain: str, selectors: Iterable[tuple[str, str]] = ()) -> Inquiry[Published]:
    """
    Ask for the SPF record of *domain* with all below it, and for the keys of *selectors* (d= and s=).

    Of these the first `MAX_KEYS` are asked for.
    Nothing is raised for what the DNS says.
    """
    reading = yield from read(domain)
    terms, sure = _terms(reading)
    named = list(dict.fromkeys(selectors))[:MAX_KEYS]
    wanted = [(pair, owner) for pair in named if (owner := _owner(*pair))]
    answers: list[Answer] = []
    if wanted:
        answers = list((yield [Question(owner, "TXT") for _, owner in wanted]))
    states = {pair: _state(answer) for (pair, _), answer in zip(wanted, answers, strict=True)}
    return Published(domain, terms, sure, states)


def _terms(reading: Reading) -> tuple[tuple[tuple[str, tuple[Network, ...]], ...], bool]:
    record = reading.record(reading.domain)
    failed = reading.too_large or any(answer.failed for answer in reading.known.values())
    if record is None:
        return (), not failed
    found = [(str(term), _permitted(reading, term)) for term in record.terms if _lets_send(term)]
    return tuple(found), not failed


def _lets_send(term: Term) -> bool:
    if isinstance(term, Directive):
        return not isinstance(term.mechanism, All)
    return isinstance(term, Redirect)


def _permitted(reading: Reading, term: Term) -> tuple[Network, ...]:
    """The networks that *term* alone lets send, whatever the mail is."""
    found: list[Network] = []
    for version in (4, 6):
        pieces = pieces_of(reading, term, version)
        ranges = [(one.first, one.last) for one in pieces if one.result is SpfResult.PASS]
        narrow = (one for one in networks_of(ranges, version) if one.prefixlen > _WIDEST[version])
        found += list(narrow)[:MAX_NETWORKS]
    return tuple(found)


def _owner(domain: str, selector: str) -> str:
    """Where the key stands; empty where what a reporter wrote is no name."""
    try:
        return name(f"{selector}._domainkey.{domain}") if domain and selector else ""
    except RecordSyntaxError:
        return ""


def _state(answer: Answer) -> KeyState:
    if answer.void:
        return KeyState.MISSING
    if answer.failed:
        return KeyState.UNKNOWN
    texts = [record.text for record in answer.records if isinstance(record, Txt)]
    try:
        keys = [dkim.parse_key(text) for text in texts]
    except RecordSyntaxError:
        return KeyState.UNKNOWN
    return KeyState.REVOKED if keys and all(key.revoked for key in keys) else KeyState.PUBLISHED

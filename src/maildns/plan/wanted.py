"""
What is wanted at a name, and which of the records found there are ours to change.

A TXT RRset is shared by many (SPF beside a dozen site verifications), so a wish
for one never owns the whole: its *claim* says which strings are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from maildns.dnsdata import Caa, Rdata, Txt
from maildns.plan.contents import Key


class Kind(StrEnum):
    """What a wanted record is for; in the order in which people read a domain."""

    ADDRESS = "address"
    MX = "mx"
    SPF = "spf"
    HELO = "helo"
    DKIM = "dkim"
    DMARC = "dmarc"
    GRANT = "report grant"
    TLSA = "tlsa"
    MTA_STS = "mta-sts"
    TLS_RPT = "tls-rpt"
    CLIENTS = "clients"
    BIMI = "bimi"
    CAA = "caa"
    PTR = "ptr"
    FORMER = "no longer wanted"


@dataclass(frozen=True, slots=True)
class Claim:
    """
    Which records of an RRset are ours: all, the TXT of one version tag, or some CAA tags.

    >>> Claim(prefix="v=spf1").covers(Txt.of("google-site-verification=x"))
    False
    """

    prefix: str = ""
    tags: frozenset[str] = frozenset()

    def covers(self, record: Rdata) -> bool:
        """Whether *record* is ours to change."""
        if self.prefix and isinstance(record, Txt):
            # A record with a stray leading blank or other case is a broken one of ours.
            start = record.joined[: len(self.prefix) + 8].lstrip().lower()
            return start.startswith(self.prefix.lower().encode())
        if self.tags and isinstance(record, Caa):
            return record.tag.lower() in self.tags
        return not (self.prefix or self.tags)


WHOLE = Claim()


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    Records that should stand at `name`: `records` may be empty, then ours should go.

    `group` is the domain or server that the wish comes from, `ttl_seconds` None where the
    owner has no opinion; `reason` is a sentence for people.
    """

    group: str
    kind: Kind
    name: str
    rrtype: str
    records: tuple[Rdata, ...]
    claim: Claim = field(default=WHOLE)
    ttl_seconds: int | None = None
    reason: str = ""

    @property
    def key(self) -> Key:
        """Name and type."""
        return (self.name, self.rrtype)

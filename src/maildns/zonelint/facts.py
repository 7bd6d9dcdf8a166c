"""What a zone text says of its names: who stands where, what is cut off, what has an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from maildns.dnsdata import Cname, Rdata, parent
from maildns.zonefile import ZoneRecord, unquoted_words

Key = tuple[str, str]


class ZoneFacts:
    """
    The records of a text, to be looked up by name and type.

    Places are indexes into `records`. A text may be a part of a zone, or hold several.
    """

    def __init__(self, text: str, records: Sequence[ZoneRecord]) -> None:
        self.text = text
        self.records = records
        self.sets: dict[Key, list[int]] = {}
        self.types: dict[str, set[str]] = {}
        for at, record in enumerate(records):
            rrtype = record.rdata.rrtype
            self.sets.setdefault((record.owner, rrtype), []).append(at)
            self.types.setdefault(record.owner, set()).add(rrtype)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.split("\n")

    @cached_property
    def apexes(self) -> frozenset[str]:
        """The zones that are here as a whole: the names with an SOA."""
        return frozenset(owner for owner, rrtype in self.sets if rrtype == "SOA")

    @cached_property
    def existing(self) -> frozenset[str]:
        """All owners and the names above them (RFC 8020), wildcards left out."""
        found: set[str] = set()
        for owner in self.types:
            at = owner
            while at not in found and at != ".":
                found.add(at)
                at = parent(at)
        return frozenset(found)

    def has_bare_words(self, at: int) -> bool:
        """Whether a TXT record of several strings has some without quotes."""
        record = self.records[at]
        own = "\n".join(self.lines[record.line - 1 : record.last_line])
        moved = replace(record, line=1, last_line=1 + record.last_line - record.line)
        return bool(unquoted_words(own, moved))

    def rdata(self, owner: str, rrtype: str) -> list[Rdata]:
        """The record data of one set."""
        return [self.records[at].rdata for at in self.sets.get((owner, rrtype), ())]

    def alias_of(self, owner: str) -> str | None:
        """The target of the CNAME at *owner*."""
        for rdata in self.rdata(owner, "CNAME"):
            if isinstance(rdata, Cname):
                return rdata.target
        return None

    def lacks_address(self, host: str) -> bool:
        """
        Whether this text is the authority over *host* and gives it no address.

        False where it cannot be known: the host is in no zone that is here as a whole,
        or below a delegation, an alias or a wildcard.
        """
        if self.types.get(host, set()) & {"A", "AAAA", "CNAME", "ALIAS", "ANAME"}:
            return False
        apex = self.apex_of(host)
        if apex is None:
            return False
        at = host
        while at != apex:
            if {"NS", "DNAME"} & self.types.get(at, set()):
                return False
            at = parent(at)
            if host not in self.existing and f"*.{at}" in self.types:
                return False
        return True

    def apex_of(self, owner: str) -> str | None:
        """The zone that *owner* is in, the longest; None: none that is here as a whole."""
        at = owner
        while True:
            if at in self.apexes:
                return at
            if at == ".":
                return None
            at = parent(at)

    def is_existing(self, owner: str) -> bool:
        """Whether a wildcard leaves *owner* alone, since it or something below it is here."""
        return owner in self.existing

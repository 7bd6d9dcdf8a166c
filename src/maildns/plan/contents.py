"""
What a provider holds, and what is to change in it.

`ZoneContents` is the provider's own word, read from the zone itself; an `Answer`
is what the world sees of it. They are two types because they differ: by caches,
by wildcards, and by aliases that a resolver follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from maildns.dnsdata import Cname, RRset

Key = tuple[str, str]  # name and record type


@dataclass(frozen=True, slots=True)
class RRsetChange:
    """
    One RRset before and after; None means that there is none.

    `before` is exactly what must stand there when the change is carried out, or
    the plan is stale; its TTL is not compared.
    """

    name: str
    rrtype: str
    before: RRset | None
    after: RRset | None

    @property
    def key(self) -> Key:
        """Name and type."""
        return (self.name, self.rrtype)


@dataclass(frozen=True, slots=True)
class ZoneContents:
    """
    The RRsets at the names and types that were asked for.

    A key in neither `rrsets` nor `unknown` holds nothing. `aliases` maps a name to
    the target of the CNAME that stands there. `authoritative` says whether TTLs are
    the zone's own, not a cache's remainder; `cached` are the keys for which that is not so
    where contents of several places are put together.
    """

    rrsets: Mapping[Key, RRset] = field(default_factory=dict)
    aliases: Mapping[str, RRset] = field(default_factory=dict)
    unknown: Mapping[Key, str] = field(default_factory=dict)
    authoritative: bool = True
    cached: frozenset[Key] = frozenset()

    def has_own_ttl(self, key: Key) -> bool:
        """Whether the TTL at *key* is the zone's own."""
        return self.authoritative and key not in self.cached

    def get(self, name: str, rrtype: str) -> RRset | None:
        """The RRset at just this name; None when there is none, or it is unknown."""
        if rrtype == "CNAME":
            return self.aliases.get(name)
        return self.rrsets.get((name, rrtype))

    def alias(self, name: str) -> str | None:
        """The target of the CNAME at *name*."""
        rrset = self.aliases.get(name)
        record = rrset.records[0] if rrset else None
        return record.target if isinstance(record, Cname) else None

    @classmethod
    def of(cls, rrsets: Iterable[RRset], *, authoritative: bool = True) -> ZoneContents:
        """Make one of *rrsets*; CNAME records become its aliases."""
        kept = {rrset.key: rrset for rrset in rrsets}
        aliases = {name: kept.pop((name, kind)) for name, kind in list(kept) if kind == "CNAME"}
        return cls(kept, aliases, authoritative=authoritative)

"""
What a reply holds, sorted for validation: sets by name and type, and apart from them the signatures.

Only records of class IN count. Everything here is hostile, and bounded in number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rrset
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.RRSIG import RRSIG

from maildns.net.convert import ttl_from_dns

MAX_PROOFS = 12  # NSEC or NSEC3 sets looked at in one answer
MAX_SIGNERS = 3  # whose signatures of one set are tried

Name: TypeAlias = dns.name.Name
RRset: TypeAlias = dns.rrset.RRset


def home_of(name: Name, rdtype: RdataType) -> Name:
    """The name whose zone holds the records: a DS stands above the cut (RFC 4035 section 2.4)."""
    return name.parent() if rdtype == RdataType.DS and name != dns.name.root else name


def signers_of(rrset: RRset, signatures: Iterable[RRSIG]) -> list[Name]:
    """Whose signatures there are: zones that the records may be in, the closest first."""
    home = home_of(rrset.name, rrset.rdtype)
    signers = {one.signer for one in signatures if home.is_subdomain(one.signer)}
    return sorted(signers, key=len, reverse=True)[:MAX_SIGNERS]


def is_expanded(rrset: RRset, signature: RRSIG) -> bool:
    """Whether the records were lent by a wildcard (RFC 4035 section 5.3.4)."""
    return signature.labels < len(rrset.name) - 1 - rrset.name.is_wild()


class Section:
    """One reply, its sets by name and type; only those of class IN."""

    def __init__(self, reply: dns.message.Message) -> None:
        self._rcode = reply.rcode()
        self._answer, self._signatures = _sorted(reply.answer)
        self._authority, self._authority_signatures = _sorted(reply.authority)

    @property
    def nothing(self) -> bool:
        """The reply says that the name, at the end of all aliases, does not exist."""
        return self._rcode == dns.rcode.NXDOMAIN

    def answer(self, name: Name, rdtype: RdataType) -> RRset | None:
        """The set of the answer section at *name*."""
        return self._answer.get((name, rdtype))

    def alias(self, name: Name) -> RRset | None:
        """The DNAME above *name* that is closest to it, else the CNAME at it."""
        above = name
        while above != dns.name.root:
            above = above.parent()
            dname = self._answer.get((above, RdataType.DNAME))
            # A CNAME made of a DNAME is not signed (RFC 6672 section 5.3.1).
            if dname is not None and (name, RdataType.CNAME) not in self._signatures:
                return dname
        return self._answer.get((name, RdataType.CNAME))

    def signatures(self, rrset: RRset) -> list[RRSIG]:
        """The signatures of a set of the answer section."""
        return self._signatures.get((rrset.name, rrset.rdtype), [])

    def proofs(self) -> list[tuple[RRset, list[RRSIG]]]:
        """The NSEC and NSEC3 sets, with their signatures."""
        found = [
            (rrset, self._authority_signatures.get(key, []))
            for key, rrset in self._authority.items()
            if key[1] in {RdataType.NSEC, RdataType.NSEC3}
        ]
        return found[:MAX_PROOFS]

    def deniers(self, name: Name) -> list[Name]:
        """The zones whose proofs there are and that *name* may be in, the closest first."""
        signers = {one.signer for _, signatures in self.proofs() for one in signatures}
        above = [signer for signer in signers if name.is_subdomain(signer)]
        return sorted(above, key=len, reverse=True)[:MAX_SIGNERS]

    def speaks_of(self, name: Name) -> bool:
        """Whether the reply says that there is nothing at *name* (RFC 2308 section 2.2)."""
        return self.nothing or self._soa(name) is not None

    def negative_ttl(self, name: Name) -> int | None:
        """RFC 2308 section 5."""
        soa = self._soa(name)
        if soa is None:
            return None
        # RFC 9077: no longer than the proofs may be kept, for the SOA here is not checked.
        proven = [one.original_ttl for _, signatures in self.proofs() for one in signatures]
        return min(ttl_from_dns(soa.ttl), ttl_from_dns(soa[0].minimum), *proven)

    def _soa(self, name: Name) -> RRset | None:
        found = [
            rrset
            for (owner, rdtype), rrset in self._authority.items()
            if rdtype == RdataType.SOA and name.is_subdomain(owner)
        ]
        return found[0] if found else None


def _sorted(
    section: Iterable[RRset],
) -> tuple[dict[tuple[Name, RdataType], RRset], dict[tuple[Name, RdataType], list[RRSIG]]]:
    """The sets of a section, and apart from them the signatures by what they cover."""
    sets: dict[tuple[Name, RdataType], RRset] = {}
    signatures: dict[tuple[Name, RdataType], list[RRSIG]] = {}
    for rrset in section:
        if rrset.rdclass != dns.rdataclass.IN:
            continue
        if rrset.rdtype != RdataType.RRSIG:
            sets.setdefault((rrset.name, rrset.rdtype), rrset)
            continue
        for one in rrset:
            if isinstance(one, RRSIG):
                signatures.setdefault((rrset.name, one.type_covered), []).append(one)
    return sets, signatures

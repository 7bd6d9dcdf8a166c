"""
A zone as the lab serves it: a value, replaced whole by every change.

The plain sets answer ordinary questions. Signatures, NSEC records and the DNSKEY
are made when a client first asks for them (RFC 4034, RFC 4035 section 2), so an
update costs nothing until someone wants it proven.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

import dns.dnssec
import dns.dnssectypes
import dns.name
import dns.node
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.dnskeybase import Flag

from maildns.dnsdata import Ns, RRset, Soa, is_within
from maildns.errors import InputError
from maildns.net.convert import name_to_dns, rdataset_to_dns, rrset_from_dns

SIGNATURE_SECONDS = 30 * 86_400
RESIGN_SECONDS = 7 * 86_400
CLOCK_SKEW_SECONDS = 3_600
DEFAULT_TTL_SECONDS = 300

Sets = Mapping[dns.name.Name, Mapping[dns.rdatatype.RdataType, dns.rdataset.Rdataset]]


class Kind(Enum):
    """What a zone has to say about a name and a type (RFC 1034 section 4.3.2)."""

    DATA = 1
    ALIAS = 2
    NO_DATA = 3
    NO_NAME = 4
    REFERRAL = 5


@dataclass(frozen=True, slots=True)
class Found:
    """
    The zone's word: `source` is the owner in the zone, a wildcard's or the name itself.

    `encloser` is the closest name that exists above one that does not.
    """

    kind: Kind
    source: dns.name.Name
    rdataset: dns.rdataset.Rdataset | None = None
    encloser: dns.name.Name | None = None


class SigningKey:
    """The one key of a zone, both KSK and ZSK; ECDSA P-256 (RFC 6605, RFC 8624 section 3.1)."""

    def __init__(self, private: ec.EllipticCurvePrivateKey | None = None) -> None:
        self.private = private or ec.generate_private_key(ec.SECP256R1())
        self.dnskey: DNSKEY = dns.dnssec.make_dnskey(
            self.private.public_key(),
            dns.dnssectypes.Algorithm.ECDSAP256SHA256,
            flags=Flag.ZONE | Flag.SEP,
        )

    def __repr__(self) -> str:
        return f"SigningKey(tag={dns.dnssec.key_id(self.dnskey)})"


@dataclass(frozen=True)
class Zone:
    """The contents of one zone; `key` is None when it is not signed."""

    origin: dns.name.Name
    sets: Sets
    key: SigningKey | None = None
    names: frozenset[dns.name.Name] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {self.origin}
        for owner in self.sets:
            above = owner
            while above not in names:  # with the empty non-terminals, RFC 4592 section 2.2.2
                names.add(above)
                above = above.parent()
        object.__setattr__(self, "names", frozenset(names))
        object.__setattr__(self, "_signed", None)

    def find(self, qname: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> Found:
        """What this zone says of *qname* and *rdtype*; *qname* must lie in the zone."""
        cut = self._cut_above(qname, rdtype)
        if cut is not None:
            return Found(Kind.REFERRAL, cut, self.sets[cut][dns.rdatatype.NS])
        if qname in self.names:
            return self._at(qname, rdtype, None)
        encloser = qname.parent()
        while encloser not in self.names:
            encloser = encloser.parent()
        wildcard = dns.name.Name((b"*", *encloser.labels))
        if wildcard in self.sets:  # RFC 4592 section 3.3.1
            return self._at(wildcard, rdtype, encloser)
        return Found(Kind.NO_NAME, qname, encloser=encloser)

    def _at(
        self,
        owner: dns.name.Name,
        rdtype: dns.rdatatype.RdataType,
        encloser: dns.name.Name | None,
    ) -> Found:
        rdataset = self.get(owner, rdtype)
        if rdataset is not None:
            return Found(Kind.DATA, owner, rdataset, encloser)
        alias = self.get(owner, dns.rdatatype.CNAME)
        if alias is not None and rdtype not in _PROOF_TYPES:
            return Found(Kind.ALIAS, owner, alias, encloser)
        return Found(Kind.NO_DATA, owner, encloser=encloser)

    def _cut_above(
        self, qname: dns.name.Name, rdtype: dns.rdatatype.RdataType
    ) -> dns.name.Name | None:
        depth = len(self.origin.labels)
        for count in range(depth + 1, len(qname.labels) + 1):
            ancestor = qname.split(count)[1]
            if dns.rdatatype.NS in self.sets.get(ancestor, {}):
                at_cut = (
                    ancestor == qname and rdtype == dns.rdatatype.DS
                )  # RFC 4035 section 3.1.4.1
                return None if at_cut else ancestor
        return None

    def get(
        self, owner: dns.name.Name, rdtype: dns.rdatatype.RdataType
    ) -> dns.rdataset.Rdataset | None:
        """The set at just this name and type, one made by signing included."""
        if rdtype in _MADE_BY_SIGNING and self.key is not None:
            return self.signed().get(owner, rdtype)
        return self.sets.get(owner, {}).get(rdtype)

    @property
    def soa(self) -> dns.rdataset.Rdataset:
        """The SOA set; every zone has one."""
        return self.sets[self.origin][dns.rdatatype.SOA]

    def signed(self) -> Signed:
        """The signatures, made now when there are none or they grow old; the zone must have a key."""
        if self.key is None:
            raise ValueError(f"{self.origin} is not signed")
        signed: Signed | None = getattr(self, "_signed", None)
        if signed is None or time.time() - signed.since > RESIGN_SECONDS:
            signed = Signed(self, self.key)
            object.__setattr__(self, "_signed", signed)
        return signed

    def rrsets(self) -> list[RRset]:
        """All sets but those made by signing, the SOA first, then by name."""
        found = []
        for owner in sorted(self.sets):
            for rdtype, rdataset in sorted(self.sets[owner].items()):
                rrset = rrset_from_dns(owner.to_text(omit_final_dot=True).lower(), rdataset)
                found.append((rdtype != dns.rdatatype.SOA or owner != self.origin, rrset))
        return [rrset for _, rrset in sorted(found, key=lambda pair: pair[0])]

    def text(self) -> str:
        """The zone as zone-file text."""
        return "".join(line + "\n" for rrset in self.rrsets() for line in rrset.lines())


_MADE_BY_SIGNING = frozenset({dns.rdatatype.DNSKEY, dns.rdatatype.NSEC, dns.rdatatype.RRSIG})
_PROOF_TYPES = frozenset({dns.rdatatype.NSEC, dns.rdatatype.RRSIG, dns.rdatatype.CNAME})


class Signed:
    """The signatures and NSEC records of one version of a zone."""

    def __init__(self, zone: Zone, key: SigningKey) -> None:
        self.since = time.time()
        copy = dns.zone.Zone(zone.origin, relativize=False)
        for owner, sets in zone.sets.items():
            node = copy.find_node(owner, create=True)
            node.rdatasets = [
                dns.rdataset.from_rdata_list(rdataset.ttl, list(rdataset))
                for rdataset in sets.values()
            ]
        dns.dnssec.sign_zone(
            copy,
            keys=[(key.private, key.dnskey)],
            inception=int(self.since) - CLOCK_SKEW_SECONDS,
            expiration=int(self.since) + SIGNATURE_SECONDS,
        )
        self._nodes: dict[dns.name.Name, dns.node.Node] = dict(copy.nodes)
        self._chain = sorted(
            owner
            for owner, node in self._nodes.items()
            if node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.NSEC) is not None
        )

    def get(
        self,
        owner: dns.name.Name,
        rdtype: dns.rdatatype.RdataType,
        covers: dns.rdatatype.RdataType = dns.rdatatype.NONE,
    ) -> dns.rdataset.Rdataset | None:
        """The set at *owner*; of RRSIG, the one that *covers* a type."""
        node = self._nodes.get(owner)
        return None if node is None else node.get_rdataset(dns.rdataclass.IN, rdtype, covers)

    def covering(self, name: dns.name.Name) -> dns.name.Name:
        """The owner of the NSEC at *name*, or of the one that shows it does not exist."""
        return self._chain[max(0, bisect.bisect_right(self._chain, name) - 1)]


# --- making one -----------------------------------------------------------------------


def build_zone(origin: str, rrsets: Iterable[RRset], key: SigningKey | None) -> Zone:
    """
    Make the zone *origin* of *rrsets*; an SOA and NS record are added where none stand.

    Raises `InputError` when a record lies outside the zone or stands beside a CNAME.
    """
    sets: dict[dns.name.Name, dict[dns.rdatatype.RdataType, dns.rdataset.Rdataset]] = {}
    present: set[str] = set()
    for rrset in rrsets:
        if not is_within(rrset.name, origin):
            raise InputError(f"{rrset.name} does not lie in the zone {origin}")
        rdataset = rdataset_to_dns(rrset)
        sets.setdefault(name_to_dns(rrset.name), {})[rdataset.rdtype] = rdataset
        if rrset.name == origin:
            present.add(rrset.rrtype)
    for rrset in _missing_at_apex(origin, present):
        rdataset = rdataset_to_dns(rrset)
        sets.setdefault(name_to_dns(origin), {})[rdataset.rdtype] = rdataset
    for owner, types in sets.items():
        if dns.rdatatype.CNAME in types and len(types) > 1:  # RFC 2181 section 10.1
            raise InputError(f"{owner} has a CNAME and other records")
    return Zone(name_to_dns(origin), sets, key)


def _missing_at_apex(origin: str, present: set[str]) -> Iterator[RRset]:
    within = "" if origin == "." else f".{origin}"
    if "SOA" not in present:
        soa = Soa(f"ns{within}", f"hostmaster{within}", 1, 3600, 900, 604_800, DEFAULT_TTL_SECONDS)
        yield RRset.of(origin, DEFAULT_TTL_SECONDS, [soa])
    if "NS" not in present:
        yield RRset.of(origin, DEFAULT_TTL_SECONDS, [Ns(f"ns{within}")])

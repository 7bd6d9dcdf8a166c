"""
Zones signed before they are served, rightly or with a fault (RFC 4034, RFC 4035, RFC 5155).

Signed here and not by the name server, so that each fault can be had exactly, and so that all
servers of a zone serve the same signatures.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import dns.dnssec
import dns.dnssectypes
import dns.name
import dns.node
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.util
import dns.rrset
import dns.transaction
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.NSEC3 import NSEC3
from dns.rdtypes.ANY.RRSIG import RRSIG
from dns.rdtypes.dnskeybase import Flag

Algorithm = dns.dnssectypes.Algorithm
DAY: Final = 86_400
_IN: Final = dns.rdataclass.IN


@dataclass
class Signing:
    """
    How a zone is signed.

    `until_days` is how long the signatures hold, negative when they have expired. `broken` names
    sets, as (owner, type), whose signatures are false. `iterations` asks for NSEC3 with so many.
    `ds_matches` false delegates to a key that the zone does not have.
    """

    signed: bool = True
    algorithm: Algorithm = Algorithm.ECDSAP256SHA256
    until_days: float = 30
    broken: set[tuple[str, str]] = field(default_factory=set)
    iterations: int | None = None
    ds_matches: bool = True


@dataclass(frozen=True)
class ZoneKey:
    """The one key of a zone, both KSK and ZSK."""

    private: Any
    dnskey: DNSKEY

    @classmethod
    def new(cls, algorithm: Algorithm = Algorithm.ECDSAP256SHA256) -> ZoneKey:
        """A fresh key: P-256, or RSA where the algorithm wants that."""
        private: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm is Algorithm.ECDSAP256SHA256
            else rsa.generate_private_key(65_537, 2048)
        )
        flags = Flag.ZONE | Flag.SEP
        return cls(private, dns.dnssec.make_dnskey(private.public_key(), algorithm, flags=flags))

    def ds(self, origin: str) -> str:
        """The DS record for the parent, in presentation form."""
        made = dns.dnssec.make_ds(dns.name.from_text(origin), self.dnskey, "SHA256")
        return made.to_text()


def sign(text: str, origin: str, key: ZoneKey, signing: Signing) -> str:
    """The zone *text* with its signatures and its proofs of absence."""
    apex = dns.name.from_text(origin)
    zone = dns.zone.from_text(text, apex, relativize=False)
    until = int(time.time() + signing.until_days * DAY)
    signer = partial(
        _sign_rrset,
        apex=apex,
        key=key,
        until=until,
        broken={
            (dns.name.from_text(name), dns.rdatatype.from_text(of)) for name, of in signing.broken
        },
    )
    if signing.iterations is None:
        pair = [(key.private, key.dnskey)]
        dns.dnssec.sign_zone(zone, keys=pair, rrset_signer=signer)
    else:
        _sign_nsec3(zone, key, signing.iterations, signer)
    return zone.to_text(relativize=False)


def _sign_rrset(
    txn: dns.transaction.Transaction,
    rrset: dns.rrset.RRset,
    *,
    apex: dns.name.Name,
    key: ZoneKey,
    until: int,
    broken: set[tuple[dns.name.Name, dns.rdatatype.RdataType]],
) -> None:
    signature = dns.dnssec.sign(
        rrset,
        key.private,
        apex,
        key.dnskey,
        inception=min(int(time.time()), until) - 15 * DAY,
        expiration=until,
        policy=dns.dnssec.allow_all_policy,
        origin=apex,
        deterministic=False,
    )
    if (rrset.name, rrset.rdtype) in broken:
        signature = _falsified(signature)
    txn.add(rrset.name, rrset.ttl, signature)


def _falsified(signature: RRSIG) -> RRSIG:
    """The same signature with one octet changed."""
    octets = bytearray(signature.signature)
    octets[-1] ^= 1
    made = signature.replace(signature=bytes(octets))
    if not isinstance(made, RRSIG):
        raise TypeError(made)
    return made


# --- NSEC3, which dnspython does not make ------------------------------------------------


def _sign_nsec3(zone: dns.zone.Zone, key: ZoneKey, iterations: int, signer: Any) -> None:
    apex = zone.origin
    if apex is None:
        raise ValueError("a zone without origin")
    with zone.writer() as txn:
        ttl = zone.get_soa(txn).minimum
        txn.add(apex, ttl, key.dnskey)
        parameters = dns.rdata.from_text(_IN, dns.rdatatype.NSEC3PARAM, f"1 0 {iterations} -")
        txn.add(apex, 0, parameters)
        chain = []
        for name, types, signed in list(_walk(txn, apex)):
            _sign_sets(txn, name, signed, signer)
            hashed = dns.dnssec.nsec3_hash(name, None, iterations, 1)
            chain.append((hashed, types + ([dns.rdatatype.RRSIG] if signed else [])))
        chain.sort()
        for at, (hashed, types) in enumerate(chain):
            following = chain[(at + 1) % len(chain)][0]
            owner = dns.name.Name((hashed.lower().encode(), *apex.labels))
            rrset = dns.rrset.from_rdata(owner, ttl, _nsec3(iterations, following, types))
            txn.add(rrset)
            signer(txn, rrset)


def _sign_sets(
    txn: dns.transaction.Transaction,
    name: dns.name.Name,
    types: list[dns.rdatatype.RdataType],
    signer: Any,
) -> None:
    for rdtype in types:
        rdataset = txn.get(name, rdtype)
        if rdataset is not None:
            signer(txn, dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset)))


def _walk(
    txn: dns.transaction.Transaction, apex: dns.name.Name
) -> Iterator[tuple[dns.name.Name, list[dns.rdatatype.RdataType], list[dns.rdatatype.RdataType]]]:
    """Each name that needs a proof, empty ones between included, its types, and those to sign."""
    stored = {name: txn.get_node(name) for name in txn.iterate_names()}
    names = set(stored)
    for name in stored:
        above = name
        while above != apex:
            names.add(above)
            above = above.parent()
    for name in sorted(names):
        node = stored.get(name)
        types = [one.rdtype for one in node.rdatasets] if node is not None else []
        cut = name != apex and dns.rdatatype.NS in types
        yield name, types, [one for one in types if not cut or one == dns.rdatatype.DS]


def _nsec3(iterations: int, following: str, types: list[dns.rdatatype.RdataType]) -> NSEC3:
    octets = dns.rdata.from_text(_IN, dns.rdatatype.NSEC3, f"1 0 {iterations} - {following}")
    windows = dns.rdtypes.util.Bitmap.from_rdtypes(types).windows
    made = octets.replace(windows=tuple(windows))
    if not isinstance(made, NSEC3):
        raise TypeError(made)
    return made

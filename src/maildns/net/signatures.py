"""
Signatures over sets of records: which one holds, and why none does (RFC 4035 section 5.3).

Hostile zones can make validation dear: many keys with one tag, many signatures of each
(CVE-2023-50387), NSEC3 hashes without end (CVE-2023-50868). All work of one answer is drawn from
one `Budget`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dns.dnssec
import dns.dnssectypes
import dns.exception
import dns.name
import dns.rdataset
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS
from dns.rdtypes.ANY.RRSIG import RRSIG
from dns.rdtypes.dnskeybase import Flag

from maildns.net.convert import name_from_dns

# RFC 9904: what a validator must know. RSA with SHA-1 and ECC-GOST count as unknown: RFC 9905, RFC 9906.
ALGORITHMS = frozenset({8, 10, 13, 14, 15, 16})
DIGESTS = frozenset({2, 4})  # SHA-256 and SHA-384; SHA-1 counts as unknown, RFC 9905
MAX_CHECKS = 96  # of signatures, in one answer and the chain to it
MAX_FAILED_CHECKS = 16
MAX_HASHES = 160  # of NSEC3, for one answer


class Untrusted(Exception):
    """The data fails validation; its text says what is wrong. It never leaves the validator."""


@dataclass(slots=True)
class Budget:
    """The work that one answer may cost."""

    checks: int = MAX_CHECKS
    failures: int = MAX_FAILED_CHECKS
    hashes: int = MAX_HASHES

    def check(self) -> None:
        """Pay for checking a signature; raises `Untrusted` when nothing is left."""
        self.checks -= 1
        if self.checks < 0 or self.failures <= 0:
            raise Untrusted("the answer takes more signature checks than any honest one")

    def hash(self) -> None:
        """Pay for the NSEC3 hash of a name; raises `Untrusted` when nothing is left."""
        self.hashes -= 1
        if self.hashes < 0:
            raise Untrusted("the answer takes more NSEC3 hashes than any honest one")


def usable_anchors(anchors: Iterable[DS]) -> list[DS]:
    """Those of a DS set that can be followed; an empty list makes the zone insecure (RFC 4035 section 5.2)."""
    return [one for one in anchors if one.algorithm in ALGORITHMS and one.digest_type in DIGESTS]


def anchored_keys(
    zone: dns.name.Name, keys: Iterable[DNSKEY], anchors: Sequence[DS], budget: Budget
) -> list[DNSKEY]:
    """The keys that *anchors* vouch for."""
    found = []
    for key in keys:
        tag = dns.dnssec.key_id(key)
        for anchor in anchors:
            if (anchor.key_tag, anchor.algorithm) != (tag, key.algorithm) or not _signs(key):
                continue
            budget.check()
            digest = dns.dnssectypes.DSDigest(anchor.digest_type)
            if dns.dnssec.make_ds(zone, key, digest, validating=True).digest == anchor.digest:
                found.append(key)
                break
    return found


def _signs(key: DNSKEY) -> bool:
    """RFC 4034 section 2.1.1, RFC 5011 section 2.1."""
    return bool(key.flags & Flag.ZONE) and not key.flags & Flag.REVOKE and key.protocol == 3


def verify(
    rrset: dns.rrset.RRset,
    signatures: Iterable[RRSIG],
    zone: dns.name.Name,
    keys: Sequence[DNSKEY],
    *,
    now: float,
    budget: Budget,
) -> RRSIG:
    """
    The signature that proves *rrset* to be from *zone*.

    Raises `Untrusted` with what is wrong with the best of them.
    """
    what = f"{name_from_dns(rrset.name)} {dns.rdatatype.to_text(rrset.rdtype)}"
    faults: list[tuple[int, str]] = []
    for signature in signatures:
        if signature.signer != zone:
            continue
        fault = _fault_of_form(rrset, signature, what) or _fault_of_time(signature, now, what)
        candidates = [key for key in keys if _made_with(signature, key)]
        if not fault and not candidates:
            tag, of = signature.key_tag, name_from_dns(zone)
            fault = (1, f"the signature of {what} was made with the key {tag}, which {of} has not")
        if not fault and any(_holds(rrset, signature, key, budget) for key in candidates):
            return signature
        faults.append(fault or (2, f"the signature of {what} does not fit the records"))
    raise Untrusted(max(faults)[1] if faults else f"{what} is not signed by {name_from_dns(zone)}")


def _fault_of_form(rrset: dns.rrset.RRset, signature: RRSIG, what: str) -> tuple[int, str] | None:
    if signature.algorithm not in ALGORITHMS:
        return 0, f"{what} is signed by none of the algorithms that count"
    if signature.type_covered != rrset.rdtype or signature.labels > len(rrset.name) - 1:
        return 0, f"the signature of {what} is for other records"
    return None


def _fault_of_time(signature: RRSIG, now: float, what: str) -> tuple[int, str] | None:
    if signature.expiration < now:
        return 3, f"the signature of {what} expired on {_when(signature.expiration)}"
    if signature.inception > now:
        return 3, f"the signature of {what} is not valid before {_when(signature.inception)}"
    return None


def _when(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _made_with(signature: RRSIG, key: DNSKEY) -> bool:
    return (
        key.algorithm == signature.algorithm
        and dns.dnssec.key_id(key) == signature.key_tag
        and _signs(key)
    )


def _holds(rrset: dns.rrset.RRset, signature: RRSIG, key: DNSKEY, budget: Budget) -> bool:
    budget.check()
    alone = dns.rdataset.from_rdata(0, key)
    try:
        # The time is judged above, with words; here any moment within the signature's own span will do.
        dns.dnssec.validate_rrsig(
            rrset, signature, {signature.signer: alone}, now=signature.inception
        )
    except (dns.exception.DNSException, ValueError):
        budget.failures -= 1
        return False
    return True

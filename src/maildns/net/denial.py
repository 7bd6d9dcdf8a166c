"""
Proofs that there is nothing: NSEC (RFC 4035 section 5.4) and NSEC3 (RFC 5155 section 8).

The records given here are already known to be the zone's own. A proof is only as good as what it
rules out: the name itself, and the wildcard that could stand in for it. A record of the parent's
side of a delegation says nothing about what is below (RFC 6840 section 4).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from enum import Enum
from typing import Protocol, TypeAlias

import dns.dnssec
import dns.name
import dns.rdatatype
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.NSEC import NSEC
from dns.rdtypes.ANY.NSEC3 import NSEC3

from maildns.net.signatures import Budget

MAX_ITERATIONS = 150  # RFC 9276 section 3.2: more makes the answer insecure
NXNAME = RdataType.make(
    128
)  # RFC 9824 section 3.3: the name does not exist, whatever the NSEC says
_HASHED_BY_SHA1 = 1
_OPT_OUT = 1

Name: TypeAlias = dns.name.Name


class Denied(Enum):
    """What is proven."""

    NO_NAME = 1
    NO_DATA = 2
    INSECURE = 3  # an unsigned delegation may stand there (opt-out), or hashing is too dear


class Denial(Protocol):
    """The NSEC or the NSEC3 records of one zone that came with one answer."""

    def no_name(self, name: Name) -> Denied | None:
        """Whether neither *name* nor a wildcard for it exists; None where that is not proven."""

    def no_data(self, name: Name, rdtype: RdataType) -> Denied | None:
        """Whether *name*, or the wildcard for it, has nothing of the type; None where not proven."""

    def no_match(self, name: Name, labels: int) -> Denied | None:
        """Whether a wildcard *labels* long is the closest match for *name* (RFC 4035 section 5.3.4)."""

    def delegation(self, name: Name) -> Denied | None:
        """
        What stands at *name* if not a DS record.

        INSECURE for a delegation to an unsigned zone, NO_DATA where no zone begins, None where
        nothing is proven (RFC 4035 section 5.2).
        """


def types_of(record: NSEC | NSEC3) -> frozenset[int]:
    """The types in the bitmap."""
    return frozenset(
        window * 256 + at * 8 + bit
        for window, bitmap in record.windows
        for at, octet in enumerate(bitmap)
        for bit in range(8)
        if octet & (0x80 >> bit)
    )


def _is_delegation(types: frozenset[int]) -> bool:
    """The parent's side of a zone cut."""
    return RdataType.NS in types and RdataType.SOA not in types


def _rules_out(types: frozenset[int], rdtype: RdataType) -> bool:
    """Whether the bitmap at the very name shows that there is nothing of the type."""
    if rdtype in types or RdataType.CNAME in types:  # RFC 6840 section 4.3
        return False
    if rdtype == RdataType.DS:  # RFC 4035 section 5.2: the parent's word counts, not the child's
        return RdataType.SOA not in types
    return not _is_delegation(types)  # RFC 6840 section 4.1


def _says_nothing_below(types: frozenset[int]) -> bool:
    """RFC 6840 section 4.1: below a delegation or a DNAME the record proves nothing."""
    return _is_delegation(types) or RdataType.DNAME in types


def _wildcard(encloser: Name) -> Name | None:
    try:
        return dns.name.Name((b"*", *encloser.labels))
    except dns.name.NameTooLong:
        return None


def _at_delegation(types: frozenset[int], name: Name) -> Denied | None:
    if RdataType.DS in types or (RdataType.SOA in types and name != dns.name.root):
        return None
    return Denied.INSECURE if RdataType.NS in types else Denied.NO_DATA


class NsecDenial:
    """NSEC records of *zone*, each with its owner."""

    def __init__(self, zone: Name, records: Sequence[tuple[Name, NSEC]]) -> None:
        self._zone = zone
        self._records = [
            (owner, record.next, types_of(record))
            for owner, record in records
            if owner.is_subdomain(zone) and record.next.is_subdomain(zone)
        ]

    def no_name(self, name: Name) -> Denied | None:
        """See `Denial`."""
        types = self._at(name)
        if types is not None and NXNAME in types:
            return Denied.NO_NAME
        encloser = self._encloser(name)
        if encloser is None:
            return None
        wildcard = _wildcard(encloser)
        gone = wildcard is None or self._encloser(wildcard) is not None
        return Denied.NO_NAME if gone else None

    def no_data(self, name: Name, rdtype: RdataType) -> Denied | None:
        """See `Denial`."""
        types = self._at(name)
        if types is not None:
            return Denied.NO_DATA if _rules_out(types, rdtype) else None
        if self._is_empty_non_terminal(name):
            return Denied.NO_DATA
        encloser = self._encloser(name)
        wildcard = None if encloser is None else _wildcard(encloser)
        if wildcard is None:
            return None
        types = self._at(wildcard)
        stands_in = types is not None and _rules_out(types, rdtype)
        empty = self._is_empty_non_terminal(wildcard)
        return Denied.NO_DATA if stands_in or empty else None

    def no_match(self, name: Name, labels: int) -> Denied | None:
        """See `Denial`."""
        encloser = self._encloser(name)
        if encloser is None or len(encloser) - 1 != labels:
            return None
        return Denied.NO_NAME

    def delegation(self, name: Name) -> Denied | None:
        """See `Denial`."""
        types = self._at(name)
        if types is not None:
            return _at_delegation(types, name)
        nothing = self.no_data(name, RdataType.DS) or self.no_name(name)
        return Denied.NO_DATA if nothing else None

    def _at(self, name: Name) -> frozenset[int] | None:
        return next((types for owner, _, types in self._records if owner == name), None)

    def _covering(self, name: Name) -> tuple[Name, Name] | None:
        """The gap that *name* would stand in; it exists neither itself nor as what others stand below."""
        if not name.is_subdomain(self._zone):
            return None
        for owner, following, types in self._records:
            last = following == self._zone  # the zone's last record points back to its apex
            if not owner < name or not (last or name < following):
                continue
            if not (name.is_subdomain(owner) and _says_nothing_below(types)):
                return owner, following
        return None

    def _is_empty_non_terminal(self, name: Name) -> bool:
        """Names below exist, so *name* does, without records (RFC 4592 section 2.2.2)."""
        gap = self._covering(name)
        return gap is not None and gap[1].is_subdomain(name)

    def _encloser(self, name: Name) -> Name | None:
        """The closest name that exists above *name*, where *name* is shown not to."""
        gap = self._covering(name)
        if gap is None or gap[1].is_subdomain(name):
            return None
        return max((_common(name, end) for end in gap), key=len)


def _common(one: Name, other: Name) -> Name:
    return one.split(one.fullcompare(other)[2])[1]


class Nsec3Denial:
    """NSEC3 records of *zone*, each with its owner; those of other parameters than the first are left out."""

    def __init__(self, zone: Name, records: Sequence[tuple[Name, NSEC3]], budget: Budget) -> None:
        self._zone = zone
        self._budget = budget
        self._hashes: dict[Name, str] = {}
        known = [
            (owner, record)
            for owner, record in records
            if record.algorithm == _HASHED_BY_SHA1
            and record.flags in {0, _OPT_OUT}  # RFC 5155 section 8.2
            and len(owner) == len(zone) + 1
            and owner.is_subdomain(zone)
        ]
        self._salt = known[0][1].salt if known else b""
        self._iterations = known[0][1].iterations if known else 0
        self._records = [
            (owner.labels[0].decode("ascii", "replace").upper(), record)
            for owner, record in known
            if (record.salt, record.iterations) == (self._salt, self._iterations)
        ]

    def no_name(self, name: Name) -> Denied | None:
        """RFC 5155 section 8.4; see `Denial`."""
        if self._iterations > MAX_ITERATIONS:
            return Denied.INSECURE
        record = self._at(name)
        if record is not None:
            return Denied.NO_NAME if NXNAME in types_of(record) else None
        proof = self._encloser(name)
        if proof is None:
            return None
        encloser, cover = proof
        wildcard = _wildcard(encloser)
        if wildcard is not None and self._covering(wildcard) is None:
            return None
        return Denied.INSECURE if cover.flags & _OPT_OUT else Denied.NO_NAME  # section 9.2

    def no_data(self, name: Name, rdtype: RdataType) -> Denied | None:
        """RFC 5155 sections 8.5 to 8.7; see `Denial`."""
        if self._iterations > MAX_ITERATIONS:
            return Denied.INSECURE
        record = self._at(name)
        if record is not None:
            return Denied.NO_DATA if _rules_out(types_of(record), rdtype) else None
        proof = self._encloser(name)
        if proof is None:
            return None
        encloser, cover = proof
        if cover.flags & _OPT_OUT:  # an unsigned delegation, or the empty way to one
            return Denied.INSECURE
        wildcard = _wildcard(encloser)
        record = None if wildcard is None else self._at(wildcard)
        if record is None or not _rules_out(types_of(record), rdtype):
            return None
        return Denied.NO_DATA

    def no_match(self, name: Name, labels: int) -> Denied | None:
        """RFC 5155 section 8.8; see `Denial`."""
        if self._iterations > MAX_ITERATIONS:
            return Denied.INSECURE
        cover = self._covering(name.split(labels + 2)[1])
        if cover is None:
            return None
        return Denied.INSECURE if cover.flags & _OPT_OUT else Denied.NO_NAME

    def delegation(self, name: Name) -> Denied | None:
        """RFC 5155 section 8.6 and 8.9; see `Denial`."""
        if self._iterations > MAX_ITERATIONS:
            return Denied.INSECURE
        record = self._at(name)
        if record is not None:
            return _at_delegation(types_of(record), name)
        nothing = self.no_data(name, RdataType.DS) or self.no_name(name)
        return Denied.NO_DATA if nothing is Denied.NO_NAME else nothing

    def _hash(self, name: Name) -> str:
        known = self._hashes.get(name)
        if known is None:
            self._budget.hash()
            known = dns.dnssec.nsec3_hash(name, self._salt, self._iterations, _HASHED_BY_SHA1)
            self._hashes[name] = known
        return known

    def _at(self, name: Name) -> NSEC3 | None:
        if not self._records:
            return None
        hashed = self._hash(name)
        return next((record for owner, record in self._records if owner == hashed), None)

    def _covering(self, name: Name) -> NSEC3 | None:
        if not self._records:
            return None
        hashed = self._hash(name)
        for owner, record in self._records:
            # base32hex sorts as the octets do (RFC 4648 section 7)
            following = base64.b32hexencode(record.next).decode("ascii").rstrip("=")
            last = following <= owner
            if (owner < hashed < following) or (last and (hashed > owner or hashed < following)):
                return record
        return None

    def _encloser(self, name: Name) -> tuple[Name, NSEC3] | None:
        """The closest encloser, and the record that covers the next closer name (RFC 5155 section 8.3)."""
        if not name.is_subdomain(self._zone):
            return None
        for length in range(len(name) - 1, len(self._zone) - 1, -1):
            encloser = name.split(length)[1]
            record = self._at(encloser)
            if record is None:
                continue
            if _says_nothing_below(types_of(record)):
                return None
            cover = self._covering(name.split(length + 1)[1])
            return None if cover is None else (encloser, cover)
        return None

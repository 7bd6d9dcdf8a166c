"""
Keys, signatures and proofs as values, read from the presentation text that answers carry.

A record that cannot be read is left out: whether it is well-formed is the validator's business
(`maildns.net.validation`). `ask_dnssec` is what has to be asked for the rules.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import Opaque, Rdata, RRset, absolute, labels

T = TypeVar("T")

# IANA, DNSSEC Algorithm Numbers
ALGORITHMS = {
    1: "RSA/MD5", 3: "DSA/SHA-1", 5: "RSA/SHA-1", 6: "DSA-NSEC3-SHA1", 7: "RSA/SHA-1 (NSEC3)",
    8: "RSA/SHA-256", 10: "RSA/SHA-512", 12: "ECC-GOST", 13: "ECDSA P-256", 14: "ECDSA P-384",
    15: "Ed25519", 16: "Ed448", 17: "SM2/SM3", 23: "GOST R 34.10-2012",
}  # fmt: skip
DIGESTS = {1: "SHA-1", 2: "SHA-256", 3: "GOST R 34.11-94", 4: "SHA-384"}
RSA = frozenset({1, 5, 7, 8, 10})
DEPRECATED = frozenset({1, 3, 5, 6, 7, 12})  # RFC 9904, RFC 9905, RFC 9906
DEPRECATED_DIGESTS = frozenset({1, 3})
COUNTED = frozenset({8, 10, 13, 14, 15, 16})
COUNTED_DIGESTS = frozenset({2, 4})
_HASHES = {1: hashlib.sha1, 2: hashlib.sha256, 4: hashlib.sha384}


@dataclass(frozen=True, slots=True)
class Key:
    """A DNSKEY or CDNSKEY record (RFC 4034 section 2)."""

    flags: int
    protocol: int
    algorithm: int
    public: bytes

    @property
    def octets(self) -> bytes:
        """The record's data on the wire."""
        return self.flags.to_bytes(2, "big") + bytes((self.protocol, self.algorithm)) + self.public

    @property
    def tag(self) -> int:
        """RFC 4034 appendix B."""
        octets = self.octets + b"\0" * (len(self.octets) % 2)
        total = sum(int.from_bytes(octets[at : at + 2], "big") for at in range(0, len(octets), 2))
        return (total + (total >> 16)) & 0xFFFF

    @property
    def is_entry_point(self) -> bool:
        """It has the SEP flag: a key that the parent's DS is made for."""
        return bool(self.flags & 1)

    @property
    def modulus_bits(self) -> int | None:
        """The size of an RSA key in bits; None of another (RFC 3110 section 2)."""
        if self.algorithm not in RSA or len(self.public) < 3:
            return None
        exponent = self.public[0]
        start = 1 + exponent if exponent else 3 + int.from_bytes(self.public[1:3], "big")
        return int.from_bytes(self.public[start:], "big").bit_length()

    def __str__(self) -> str:
        size = f", {self.modulus_bits} bits" if self.modulus_bits else ""
        return f"{self.tag} ({algorithm_name(self.algorithm)}{size})"


@dataclass(frozen=True, slots=True)
class DelegationSigner:
    """A DS or CDS record (RFC 4034 section 5)."""

    tag: int
    algorithm: int
    digest_type: int
    digest: bytes

    @property
    def counts(self) -> bool:
        """Validators follow it: its algorithm and digest are not deprecated (RFC 9904, RFC 9905)."""
        return self.algorithm in COUNTED and self.digest_type in COUNTED_DIGESTS

    def vouches_for(self, zone: str, key: Key) -> bool | None:
        """Whether it is made of *key* of *zone*; None where its digest is not known here."""
        make = _HASHES.get(self.digest_type)
        if make is None:
            return None
        if (self.tag, self.algorithm) != (key.tag, key.algorithm):
            return False
        return make(_wire_name(zone) + key.octets).digest() == self.digest

    def __str__(self) -> str:
        return f"{self.tag} {self.algorithm} {self.digest_type} {self.digest.hex().upper()}"


@dataclass(frozen=True, slots=True)
class Signature:
    """An RRSIG record (RFC 4034 section 3); times in seconds since 1970."""

    covered: str
    algorithm: int
    ttl_seconds: int
    expiration: int
    inception: int
    tag: int

    @property
    def span(self) -> int:
        """For how many seconds it holds in all."""
        return self.expiration - self.inception


@dataclass(frozen=True, slots=True)
class Hashing:
    """How a zone hashes names: NSEC3PARAM, or the beginning of an NSEC3 record (RFC 5155)."""

    opt_out: bool
    iterations: int
    salt: str


def algorithm_name(number: int) -> str:
    """What people call an algorithm."""
    return ALGORITHMS.get(number, f"algorithm {number}")


def ds_of(zone: str, key: Key) -> str:
    """The DS record with SHA-256 that a parent needs for *key*, as a line of a zone file."""
    digest = hashlib.sha256(_wire_name(zone) + key.octets).digest()
    return f"{absolute(zone)} IN DS {DelegationSigner(key.tag, key.algorithm, 2, digest)}"


@lru_cache(maxsize=4096)
def _wire_name(name: str) -> bytes:
    octets = [_label_octets(label) for label in labels(name)]
    return b"".join(bytes((len(one),)) + one for one in octets) + b"\0"


def _label_octets(label: str) -> bytes:
    found = bytearray()
    rest = label
    while rest:
        if rest[0] != "\\":
            found += rest[0].encode("ascii", "replace")
            rest = rest[1:]
        elif rest[1:4].isdigit() and len(rest) >= 4:
            found.append(int(rest[1:4]) & 0xFF)
            rest = rest[4:]
        else:
            found += rest[1:2].encode("ascii", "replace")
            rest = rest[2:]
    return bytes(found)


# --- reading ------------------------------------------------------------------------------


def keys(records: Iterable[Rdata]) -> tuple[Key, ...]:
    """The keys among *records*."""
    return tuple(_read(records, "DNSKEY", "CDNSKEY", reader=_key))


def delegation_signers(records: Iterable[Rdata]) -> tuple[DelegationSigner, ...]:
    """The DS among *records*."""
    return tuple(_read(records, "DS", "CDS", reader=_delegation_signer))


def signatures(records: Iterable[Rdata]) -> tuple[Signature, ...]:
    """The signatures among *records*."""
    return tuple(_read(records, "RRSIG", reader=_signature))


def hashings(records: Iterable[Rdata]) -> tuple[Hashing, ...]:
    """How the NSEC3PARAM and NSEC3 among *records* hash."""
    return tuple(_read(records, "NSEC3PARAM", "NSEC3", reader=_hashing))


def denies_compactly(authority: Iterable[RRset]) -> bool:
    """Whether an NSEC says that the name exists and, by NXNAME, that it does not (RFC 9824)."""
    return any(
        not {"NXNAME", "TYPE128"}.isdisjoint(record.text.split()[1:])
        for rrset in authority
        if rrset.rrtype in {"NSEC", "NSEC3"}
        for record in rrset.records
        if isinstance(record, Opaque)
    )


def _read(
    records: Iterable[Rdata], *rrtypes: str, reader: Callable[[str], T | None]
) -> Iterator[T]:
    for record in records:
        if isinstance(record, Opaque) and record.rrtype in rrtypes:
            found = reader(record.text)
            if found is not None:
                yield found


@lru_cache(maxsize=4096)
def _key(text: str) -> Key | None:
    words = text.split()
    try:
        flags, protocol, algorithm = (int(word) for word in words[:3])
        public = base64.b64decode("".join(words[3:]), validate=True)
    except (ValueError, binascii.Error):
        return None
    in_range = 0 <= flags < 65536 and 0 <= protocol < 256 and 0 <= algorithm < 256
    return Key(flags, protocol, algorithm, public) if in_range else None


@lru_cache(maxsize=4096)
def _delegation_signer(text: str) -> DelegationSigner | None:
    words = text.split()
    try:
        tag, algorithm, digest_type = (int(word) for word in words[:3])
        return DelegationSigner(tag, algorithm, digest_type, bytes.fromhex("".join(words[3:])))
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def _signature(text: str) -> Signature | None:
    words = text.split()
    try:
        return Signature(
            words[0],
            int(words[1]),
            int(words[3]),
            _seconds(words[4]),
            _seconds(words[5]),
            int(words[6]),
        )
    except (ValueError, IndexError):
        return None


@lru_cache(maxsize=4096)
def _hashing(text: str) -> Hashing | None:
    words = text.split()
    try:
        flags, iterations = int(words[1]), int(words[2])
        return Hashing(bool(flags & 1), iterations, "" if words[3] == "-" else words[3])
    except (ValueError, IndexError):
        return None


def _seconds(text: str) -> int:
    """A time of a signature: 14 digits of a date, or seconds (RFC 4034 section 3.2)."""
    if len(text) != 14:
        return int(text)
    return int(datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp())


# --- asking -------------------------------------------------------------------------------


def ask_dnssec(apex: str, policy_host: str) -> Inquiry[bool]:
    """
    Ask for what the rules need of the zone at *apex*; true when it has keys.

    Of a zone without keys nothing more is asked. *policy_host* is the host of an MTA-STS policy,
    empty where there is none.
    """
    first = [Question(apex, "DNSKEY"), Question(apex, "DS")] if apex else []
    host = [Question(policy_host, "A")] if policy_host else []
    answers: Sequence[Answer] = (yield [*first, *host]) if first or host else ()
    if not (apex and answers[0].found):
        return False
    yield [Question(apex, rrtype) for rrtype in ("NSEC3PARAM", "CDS")]
    return True


def direct_dnssec(domain: str, apex: str) -> list[Question]:
    """What each name server of a signed zone is asked: its keys, and for a name that does not exist."""
    return [Question(apex, "DNSKEY"), Question(f"_no-such-name.{domain}", "TXT")]

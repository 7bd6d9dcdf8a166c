"""The key that a signature names: found in an answer, and fit to be used (RFC 6376 section 6.1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final, cast

from maildns.ask import Answer
from maildns.dnsdata import Rdata, Txt
from maildns.errors import InputError, RecordSyntaxError
from maildns.protocols.dkim.key import (
    LEAST_RSA_BITS,
    PublicKey,
    algorithm_of,
    bits,
    public_key_from_record,
)
from maildns.protocols.dkim.record import KeyRecord, parse_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

MAIL: Final = ("email",)  # what a key signs for: RFC 6376 section 3.6.1, tag s
MOST_RSA_BITS = 8192  # verifying takes its time; RFC 8301 section 3.2 asks for 4096


class DkimResult(StrEnum):
    """What is known of a signature, in the words of RFC 8601 section 2.7.1."""

    NONE = "none"  # the message is not signed
    PASS = "pass"  # noqa: S105 - it verifies; no password
    FAIL = "fail"  # it does not: the message or the signature was changed
    NEUTRAL = "neutral"  # it could not be processed, for a reason that has no other word
    POLICY = "policy"  # what it rests on is not acceptable here: SHA-1, a short key, too many
    TEMPERROR = "temperror"  # it cannot be known now: the key could not be fetched
    PERMERROR = "permerror"  # it is wrongly written, or there is no key that it could be made with


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a signature is not verified."""

    result: DkimResult
    reason: str


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A key record, and the key in it."""

    record: KeyRecord
    key: PublicKey
    bits: int


def key_in(
    answer: Answer, algorithm: str, services: tuple[str, ...] = MAIL
) -> PublishedKey | Refusal:
    """
    The key in *answer* that can verify a signature made by *algorithm*, or why there is none.

    It must be for one of *services*.

    TXT records beside it that are no key records are passed over, as a wildcard may
    bring them; of several key records none is chosen.
    """
    if answer.failed:  # RFC 6376 section 6.1.2 step 1
        why = answer.detail or answer.outcome
        return Refusal(DkimResult.TEMPERROR, f"the key cannot be fetched: {why}")
    return _key_among(answer.records, algorithm, services)


@lru_cache(maxsize=512)
def _key_among(
    records: tuple[Rdata, ...], algorithm: str, services: tuple[str, ...]
) -> PublishedKey | Refusal:
    texts = [record for record in records if isinstance(record, Txt)]
    if not texts:  # step 2
        return _permanent("there is no key record")
    if len(texts) > 1:
        keys = [text for text in texts if isinstance(_read(text), KeyRecord)]
        if len(keys) > 1:  # step 3, and section 3.6.2.2: what happens then is undefined
            return _permanent(f"{len(keys)} key records stand at one name")
        texts = keys or texts
    return _usable(texts[0], algorithm, services)


def _permanent(reason: str) -> Refusal:
    return Refusal(DkimResult.PERMERROR, reason)


def _read(text: Txt) -> KeyRecord | str:
    try:
        return parse_key(text.text)
    except RecordSyntaxError as error:
        return error.problem


def _usable(text: Txt, algorithm: str, services: tuple[str, ...]) -> PublishedKey | Refusal:
    record = _read(text)
    if not isinstance(record, KeyRecord):  # RFC 6376 section 6.1.2 step 4
        return _permanent(f"the key record is wrongly written: {record}")
    kind, _, hash_name = algorithm.partition("-")
    if record.revoked:  # RFC 6376 section 6.1.2 step 7
        return _permanent("the key is revoked")
    if not record.serves(services):  # RFC 6376 section 3.6.1, tag s
        wanted = "mail" if services == MAIL else " or ".join(services)
        return _permanent(f"the key is not for {wanted}: s={':'.join(record.services)}")
    if record.hashes and hash_name not in record.hashes:  # step 6
        return _permanent(f"the key does not allow {hash_name}: h={':'.join(record.hashes)}")
    if record.key_type != kind:  # step 8
        return _permanent(f"the key is of type {record.key_type[:30]}, the signature {kind}")
    try:
        key = public_key_from_record(record)
    except InputError as error:
        return _permanent(f"the key record is wrongly written: {error.problem}")
    size = bits(key)
    if kind == "rsa" and not LEAST_RSA_BITS <= size <= MOST_RSA_BITS:  # RFC 8301 section 3.2
        fault = "too weak" if size < LEAST_RSA_BITS else "longer than is verified here"
        return Refusal(DkimResult.POLICY, f"an RSA key of {size} bits is {fault}")
    return PublishedKey(record, key, size)


@lru_cache(maxsize=1)
def rsa_scheme() -> tuple[PKCS1v15, SHA256]:
    """The one way in which RSA signs mail (RFC 6376 section 3.3.1, RFC 8017 section 8.2)."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return PKCS1v15(), SHA256()


def is_signed_by(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether *signature* over the canonical *data* was made with the other half of *key*."""
    try:
        if algorithm_of(key) == "rsa":
            cast("RSAPublicKey", key).verify(signature, data, *rsa_scheme())
        else:
            # RFC 8463 section 3: the signature is over the hash
            cast("Ed25519PublicKey", key).verify(signature, sha256(data).digest())
    except _invalid_signature():
        return False
    return True


@lru_cache(maxsize=1)
def _invalid_signature() -> type[Exception]:
    from cryptography.exceptions import InvalidSignature

    return InvalidSignature

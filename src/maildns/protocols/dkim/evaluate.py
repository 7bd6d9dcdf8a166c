"""Is the key that signs the key that is published? (RFC 6376 section 6.1.2)"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import Txt
from maildns.errors import InputError, RecordSyntaxError
from maildns.protocols.dkim.build import key_name
from maildns.protocols.dkim.key import (
    LEAST_RSA_BITS,
    PrivateKey,
    PublicKey,
    algorithm_of,
    bits,
    public_key_from_record,
    public_octets,
)
from maildns.protocols.dkim.record import KeyRecord, parse_key


class KeyResult(StrEnum):
    """How a published key compares with the one that signs."""

    MATCH = "match"  # signatures verify
    MISMATCH = "mismatch"  # another key stands there
    MISSING = "missing"  # nothing does
    REVOKED = "revoked"  # withdrawn: p is empty
    INVALID = "invalid"  # wrongly published: verifiers cannot or must not use it
    TEMPERROR = "temperror"  # it cannot be known now


@dataclass(frozen=True, slots=True)
class KeyVerdict:
    """The result for the key record at `name`; `record` where one could be read."""

    result: KeyResult
    name: str
    reason: str = ""
    record: KeyRecord | None = None


def check_key(
    domain: str, selector: str, public_key: PrivateKey | PublicKey | None = None
) -> Inquiry[KeyVerdict]:
    """
    Compare the record of *selector* at *domain* with *public_key* (or a private key's public half).

    Without a key any that verifiers would use is a match.

    Raises `RecordSyntaxError` when selector and domain do not make a name.
    """
    owner = key_name(selector, domain)
    (answer,) = yield (Question(owner, "TXT"),)
    return judge_answer(answer, public_key)


def judge_answer(answer: Answer, public_key: PrivateKey | PublicKey | None = None) -> KeyVerdict:
    """Like `check_key`, of an *answer* that is already there."""
    owner = answer.question.name
    if answer.failed:  # RFC 6376 section 6.1.2 step 1
        why = answer.detail or answer.outcome
        return KeyVerdict(KeyResult.TEMPERROR, owner, f"the DNS did not answer: {why}")
    texts = [record.text for record in answer.records if isinstance(record, Txt)]
    if not texts:  # step 2
        return KeyVerdict(KeyResult.MISSING, owner, "there is no TXT record")
    if len(texts) > 1:  # section 3.6.2.2: a selector has one record
        reason = f"{len(texts)} TXT records stand there; verifiers may take any"
        return KeyVerdict(KeyResult.INVALID, owner, reason)
    read = _read_cached if len(texts[0]) <= _CACHED_CHARACTERS else _read
    result, reason, record, published = read(texts[0])
    if (
        published is not None
        and public_key is not None
        and public_octets(public_key) != public_octets(published)
    ):
        result, reason = KeyResult.MISMATCH, "the record holds another key"
    return KeyVerdict(result, owner, reason, record)


_Read: TypeAlias = "tuple[KeyResult, str, KeyRecord | None, PublicKey | None]"


def _read(text: str) -> _Read:
    """What the key record *text* comes to, by itself, and the key where it can be used."""
    try:
        record = parse_key(text)
    except RecordSyntaxError as error:  # step 4
        return KeyResult.INVALID, error.problem, None, None
    if record.revoked:  # RFC 6376 section 6.1.2 step 8
        return KeyResult.REVOKED, "p is empty", record, None
    unusable = _unusable(record)
    if unusable:
        return KeyResult.INVALID, unusable, record, None
    try:
        published = public_key_from_record(record)
    except InputError as error:
        return KeyResult.INVALID, error.problem, record, None
    if algorithm_of(published) == "rsa" and bits(published) < LEAST_RSA_BITS:
        reason = f"{bits(published)} bits are too few"  # RFC 8301 section 3.2
        return KeyResult.INVALID, reason, record, None
    return KeyResult.MATCH, "", record, published


# Services that sign for many publish one key under many names.
_read_cached = lru_cache(maxsize=2048)(_read)
_CACHED_CHARACTERS = 2048


def _unusable(record: KeyRecord) -> str:
    """Why verifiers do not use a record that is well written; empty when they do."""
    if not record.for_mail:  # RFC 6376 section 3.6.1, tag s
        return f"the key is not for mail: s={':'.join(record.services)}"
    if record.hashes and "sha256" not in record.hashes:  # RFC 8301 section 3.1: no SHA-1
        return f"the key allows no usable hash: h={':'.join(record.hashes)}"
    return ""

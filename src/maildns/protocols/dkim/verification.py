"""
Are a message's signatures good? (RFC 6376 section 6, RFC 8301, RFC 8463)

All keys are asked for together; then the body is read once, whatever the number of
signatures, and only if a signature is still in question.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.frozen import quickly
from maildns.protocols.dkim.build import key_name
from maildns.protocols.dkim.canonical import (
    MAX_COMMON_NAMES,
    BodyHash,
    body_hashes,
    signed_header,
    without_signature,
)
from maildns.protocols.dkim.lookup import (
    MAIL,
    DkimResult,
    PublishedKey,
    Refusal,
    is_signed_by,
    key_in,
)
from maildns.protocols.dkim.message import Field, Message, Source, read_message
from maildns.protocols.dkim.record import KeyRecord
from maildns.protocols.dkim.signature import Signature, parse_signature

MAX_SIGNATURES = 20  # RFC 6376 section 8.4: many signatures are an attack
CLOCK_SKEW_SECONDS = 300
_SIGNATURE = b"dkim-signature"


@dataclass(frozen=True, slots=True)
class DkimVerdict:
    """
    What is known of one signature.

    `reason` says why the result is not `pass`; `warnings` what a pass leaves open. `signature`
    is None where it could not be read, and what it says is then empty; `record` is None and
    `bits`, the size of the key, 0 where no key was found that could be used.
    """

    result: DkimResult
    reason: str = ""
    signature: Signature | None = None
    record: KeyRecord | None = None
    bits: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def domain(self) -> str:
        """Who signs, as a name."""
        return name(self.signature.domain) if self.signature else ""

    @property
    def selector(self) -> str:
        """Which key, as a name."""
        return name(self.signature.selector) if self.signature else ""

    @property
    def identity(self) -> str:
        """For whom: the tag `i`, or what stands for it."""
        return self.signature.full_identity if self.signature else ""

    @property
    def algorithm(self) -> str:
        """Such as `rsa-sha256`."""
        return self.signature.algorithm if self.signature else ""

    @property
    def signature_start(self) -> str:
        """The first letters of `b`, which tell signatures apart in a report (RFC 6008)."""
        return self.signature.start if self.signature else ""

    @property
    def testing(self) -> bool:
        """
        The key says that it is being tried.

        Mail that fails is then to be treated as though it were not signed (RFC 6376 section
        3.6.1); the result is told as it is.
        """
        return self.record is not None and self.record.testing


_make_verdict = quickly(DkimVerdict)


@dataclass(slots=True)
class Candidate:
    """A signature on its way: what it says, where its key is, and what stands against it."""

    field: Field
    signature: Signature | None = None
    question: Question | None = None
    key: PublishedKey | None = None
    refusal: Refusal | None = None


def verify(
    message: Source,
    *,
    now: float | None = None,
    max_signatures: int = MAX_SIGNATURES,
    services: tuple[str, ...] = MAIL,
) -> Inquiry[list[DkimVerdict]]:
    """
    Verify every DKIM signature of *message*: one verdict for each, in their order.

    *message* is octets, an iterable of chunks or an open binary file. *now*, in seconds
    since 1970, is what expiry is measured by; the clock's time when left out. Signatures
    beyond *max_signatures* are not looked at: their result is `policy`. A key must be for one of
    *services* (RFC 6376 section 3.6.1, tag s). A message without signatures has no verdicts. No fault of message, key or DNS raises.
    """
    mail = read_message(message)
    moment = time.time() if now is None else now
    found = mail.named(_SIGNATURE)
    candidates = [_read(mail, field, moment) for field in found[:max_signatures]]
    questions = questions_of(candidates)
    answers = (yield questions) if questions else ()
    take_keys(candidates, questions, answers, services)
    for candidate in candidates:
        _check_strictness(candidate)
    hashes = body_hashes(mail.body, wanted_hashes(candidates))
    verdicts = [_verdict(mail, candidate, hashes) for candidate in candidates]
    if len(found) > max_signatures:
        reason = f"more than {max_signatures} signatures"
        many = DkimVerdict(DkimResult.POLICY, reason)
        verdicts += [many] * (len(found) - len(candidates))
    return verdicts


# --- steps, in order; a candidate that has a refusal is done --------------------------


def signed_names(signature: Signature) -> tuple[bytes, ...]:
    """The names of the fields that are signed, as `Field.name` has them."""
    headers = signature.headers
    return (_octets_of if len(headers) <= MAX_COMMON_NAMES else _octets_of.__wrapped__)(headers)


@lru_cache(maxsize=256)  # a sender's list is the same in all its mail
def _octets_of(headers: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(header.lower().encode("ascii") for header in headers)


def text_of(field: Field) -> str:
    """The value of *field* as text (RFC 8616: it may be UTF-8; what is not stands as Latin-1)."""
    try:
        return field.value.decode("utf-8")
    except UnicodeDecodeError:
        return field.value.decode("latin-1")


def _read(mail: Message, field: Field, now: float) -> Candidate:
    """RFC 6376 section 6.1.1: is the field in order?"""
    candidate = Candidate(field)
    try:
        signature = candidate.signature = parse_signature(text_of(field))
        candidate.question = key_question(signature.selector, signature.domain)
    except RecordSyntaxError as error:
        candidate.refusal = Refusal(DkimResult.PERMERROR, error.problem)
        return candidate
    candidate.refusal = judge_form(mail, signature, now)
    return candidate


@lru_cache(maxsize=1024)  # most mail comes from the same domains
def key_question(selector: str, domain: str) -> Question:
    """What is asked for the key; raises `RecordSyntaxError` when that is no name."""
    return Question(key_name(selector, domain), "TXT")


def judge_form(mail: Message, signature: Signature, now: float) -> Refusal | None:
    """What stands against a well-written *signature* before its key is known."""
    if mail.malformed:
        return Refusal(DkimResult.PERMERROR, mail.malformed)
    if signature.algorithm == "rsa-sha1":  # RFC 8301 section 3.1: MUST NOT
        return Refusal(DkimResult.POLICY, "signatures with SHA-1 are not accepted")
    if signature.expires is not None and signature.expires < now - CLOCK_SKEW_SECONDS:
        return Refusal(DkimResult.PERMERROR, "the signature has expired")  # RFC 6376 section 6.1.1
    return None


def questions_of(candidates: Iterable[Candidate]) -> tuple[Question, ...]:
    """Each question of those that are still in question, once."""
    asked = {
        one.question.name: one.question for one in candidates if one.question and not one.refusal
    }
    return tuple(asked.values())


def take_keys(
    candidates: Iterable[Candidate],
    questions: Sequence[Question],
    answers: Sequence[Answer],
    services: tuple[str, ...] = MAIL,
) -> None:
    """Give each candidate its key (RFC 6376 section 6.1.2)."""
    pairs = zip(questions, answers, strict=True)
    by_name = {question.name: answer for question, answer in pairs}
    for candidate in candidates:
        if candidate.refusal or candidate.question is None or candidate.signature is None:
            continue
        found = key_in(by_name[candidate.question.name], candidate.signature.algorithm, services)
        if isinstance(found, Refusal):
            candidate.refusal = found
        else:
            candidate.key = found


def _check_strictness(candidate: Candidate) -> None:
    """RFC 6376 section 3.6.1, tag t, flag s: the identity is in the domain itself."""
    signature, key = candidate.signature, candidate.key
    if key is None or signature is None or "s" not in key.record.flags:
        return
    if name(signature.full_identity.rpartition("@")[2]) != name(signature.domain):
        reason = "the key allows no identity in a subdomain (t=s)"
        candidate.refusal = Refusal(DkimResult.PERMERROR, reason)


def wanted_hashes(candidates: Iterable[Candidate]) -> set[tuple[str, int | None]]:
    """The body hashes that are still in question."""
    return {
        (one.signature.body_form, one.signature.body_length)
        for one in candidates
        if one.signature and not one.refusal
    }


def judge_hashes(
    mail: Message, candidate: Candidate, hashes: dict[tuple[str, int | None], BodyHash]
) -> Refusal | None:
    """RFC 6376 section 6.1.3: do the body and the header agree with the signature?"""
    signature, key = candidate.signature, candidate.key
    if candidate.refusal or signature is None or key is None:
        return candidate.refusal
    body = hashes[signature.body_form, signature.body_length]
    if signature.body_length is not None and body.octets < signature.body_length:
        # RFC 6376 section 3.5, tag l: MUST NOT be larger than the body
        reason = f"l={signature.body_length} is more than the body's {body.octets} octets"
        return Refusal(DkimResult.PERMERROR, reason)
    if body.digest != signature.body_hash:  # step 3
        is_now = b64encode(body.digest).decode("ascii")
        reason = f"the body was changed: its hash is {is_now}, not that of bh="
        return Refusal(DkimResult.FAIL, reason)
    unsigned = without_signature(candidate.field)
    data = signed_header(mail, signed_names(signature), unsigned, signature.header_form)
    if not is_signed_by(key.key, signature.signature, data):  # step 4
        reason = (
            "the header was changed, or another key signed: the body's hash is right, b= is not"
        )
        return Refusal(DkimResult.FAIL, reason)
    return None


def _verdict(
    mail: Message, candidate: Candidate, hashes: dict[tuple[str, int | None], BodyHash]
) -> DkimVerdict:
    refusal = judge_hashes(mail, candidate, hashes)
    signature, key = candidate.signature, candidate.key
    record, bits = (key.record, key.bits) if key else (None, 0)
    if refusal:
        return DkimVerdict(refusal.result, refusal.reason, signature, record, bits)
    warnings = _warnings(mail, signature, hashes) if signature else ()
    return _make_verdict(DkimResult.PASS, "", signature, record, bits, warnings)


def _warnings(
    mail: Message, signature: Signature, hashes: dict[tuple[str, int | None], BodyHash]
) -> tuple[str, ...]:
    """What a signature that verifies leaves open to whoever handles the message."""
    warnings = []
    if signature.body_length is not None:  # RFC 6376 section 8.2
        body = hashes[signature.body_form, signature.body_length]
        covered = f"l= covers {signature.body_length} of the body's {body.octets} octets"
        warnings.append(f"{covered}: the rest may be anyone's")
    for header in (b"from", b"subject", b"to", b"date"):  # RFC 6376 section 8.15
        there = mail.names.count(header)
        if there > 1 and there > (signed := signed_names(signature).count(header)):
            shown = header.decode().title()
            warnings.append(f"{shown} stands {there} times, and {signed} of them are signed")
    return tuple(warnings)

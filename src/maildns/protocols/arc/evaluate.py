"""Is the chain of seals whole? (RFC 8617 section 5.2)"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.protocols.arc.record import ArcSet, read_chain
from maildns.protocols.dkim.build import key_name
from maildns.protocols.dkim.canonical import (
    RELAXED,
    body_hashes,
    canonical_field,
    without_signature,
)
from maildns.protocols.dkim.lookup import DkimResult, Refusal, is_signed_by, key_in
from maildns.protocols.dkim.message import Message, Source, read_message
from maildns.protocols.dkim.verification import (
    Candidate,
    judge_form,
    judge_hashes,
    questions_of,
    take_keys,
    wanted_hashes,
)


class ArcResult(StrEnum):
    """The state of a chain, in the words of RFC 8617 section 4.4."""

    NONE = "none"  # there is none
    PASS = "pass"  # noqa: S105 - every seal is good, and the last message signature; no password
    FAIL = "fail"  # it is broken, or could not be followed


@dataclass(frozen=True, slots=True)
class ArcVerdict:
    """
    The state of the chain, the number of its `instances`, and who sealed them, oldest first.

    `oldest_pass` is the instance since which the message is as it was: its signature and all
    after it verify; 0 when all do (RFC 8617 section 5.2). `temporary`: it failed because a
    key could not be fetched, so another time it may not.
    """

    result: ArcResult
    reason: str = ""
    instances: int = 0
    sealers: tuple[str, ...] = ()
    oldest_pass: int = 0
    temporary: bool = False


def verify(message: Source, *, now: float | None = None) -> Inquiry[ArcVerdict]:
    """
    Validate the ARC chain of *message* (octets, an iterable of chunks or an open file).

    *now*, in seconds since 1970, is what expiry is measured by; the clock's time when left
    out. A chain that passes says that its forwarders saw what they say, not that they are
    to be trusted. No fault of message, key or DNS raises.
    """
    mail = read_message(message)
    try:
        chain = read_chain(mail)
    except RecordSyntaxError as error:
        return ArcVerdict(ArcResult.FAIL, error.problem)  # RFC 8617 section 5.2 step 3
    if not chain:
        return ArcVerdict(ArcResult.NONE)
    sealers = tuple(name(one.seal.domain) for one in chain)
    broken = mail.malformed or _broken_claim(chain)
    if broken:
        return ArcVerdict(ArcResult.FAIL, broken, len(chain), sealers)
    moment = time.time() if now is None else now
    signed = [_candidate(mail, one, moment) for one in chain]
    own = tuple(filter(None, map(_seal_question, chain)))
    questions = tuple(dict.fromkeys([*questions_of(signed), *own]))
    answers = yield questions
    take_keys(signed, questions, answers)
    hashes = body_hashes(mail.body, wanted_hashes(signed))
    faults = [judge_hashes(mail, candidate, hashes) for candidate in signed]
    # RFC 8617 section 5.2: step 4 is the last message signature, step 6 every seal
    fault = _said_of("message signature", len(chain), faults[-1]) or _broken_seal(
        chain, dict(zip(questions, answers, strict=True))
    )
    if fault:
        temporary = fault.result is DkimResult.TEMPERROR
        return ArcVerdict(ArcResult.FAIL, fault.reason, len(chain), sealers, temporary=temporary)
    # step 5: back to the first that does not verify
    oldest = max((at for at, one in enumerate(faults, 1) if one), default=-1) + 1
    return ArcVerdict(ArcResult.PASS, "", len(chain), sealers, oldest_pass=oldest)


def _broken_claim(chain: Sequence[ArcSet]) -> str:
    """What the seals say of the chain before them that cannot be (RFC 8617 section 5.2)."""
    if chain[-1].seal.chain == "fail":  # step 2
        return f"the sealer of instance {len(chain)} found the chain broken"
    for number, one in enumerate(chain, 1):  # step 3
        right = "none" if number == 1 else "pass"
        if one.seal.chain != right:
            return f"the seal of instance {number} says cv={one.seal.chain}, not {right}"
    return ""


def _candidate(mail: Message, one: ArcSet, now: float) -> Candidate:
    candidate = Candidate(one.signature_field, one.signature)
    try:
        owner = key_name(one.signature.selector, one.signature.domain)
    except RecordSyntaxError as error:
        candidate.refusal = Refusal(DkimResult.PERMERROR, error.problem)
        return candidate
    candidate.question = Question(owner, "TXT")
    candidate.refusal = judge_form(mail, one.signature, now)
    return candidate


def _seal_question(one: ArcSet) -> Question | None:
    try:
        return Question(key_name(one.seal.selector, one.seal.domain), "TXT")
    except RecordSyntaxError:
        return None


def _said_of(what: str, number: int, fault: Refusal | None) -> Refusal | None:
    if fault is None:
        return None
    return Refusal(fault.result, f"the {what} of instance {number}: {fault.reason}")


def _broken_seal(chain: Sequence[ArcSet], answers: dict[Question, Answer]) -> Refusal | None:
    """The first seal that does not verify, and why."""
    for number, (one, data) in enumerate(zip(chain, _sealed(chain), strict=True), 1):
        fault = _said_of("seal", number, _judge_seal(one, data, answers))
        if fault:
            return fault
    return None


def _judge_seal(one: ArcSet, data: bytes, answers: dict[Question, Answer]) -> Refusal | None:
    question = _seal_question(one)
    if question is None:
        return Refusal(DkimResult.PERMERROR, "its key has no name")
    if one.seal.algorithm == "rsa-sha1":  # RFC 8301 section 3.1
        return Refusal(DkimResult.POLICY, "signatures with SHA-1 are not accepted")
    key = key_in(answers[question], one.seal.algorithm)
    if isinstance(key, Refusal):
        return key
    if not is_signed_by(key.key, one.seal.signature, data):
        return Refusal(DkimResult.FAIL, "a field of the chain was changed, or another key sealed")
    return None


def _sealed(chain: Sequence[ArcSet]) -> Iterator[bytes]:
    """What each seal covers: all sets up to its own, its own without `b` (section 5.1.1)."""
    before = b""
    for one in chain:
        own = b"\r\n".join(canonical_field(f, RELAXED) for f in (one.results, one.signature_field))
        yield before + own + b"\r\n" + canonical_field(without_signature(one.seal_field), RELAXED)
        before += own + b"\r\n" + canonical_field(one.seal_field, RELAXED) + b"\r\n"

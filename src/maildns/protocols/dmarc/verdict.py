"""The values that both readers of DMARC share: identifiers in, a verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.frozen import quickly, replacing
from maildns.protocols.dmarc.record import Alignment, DmarcRecord, Policy, Reading

Reader = Literal["rfc9989", "rfc7489"]
MAX_SIGNATURES = 100  # as many as an aggregate report tells of one message (RFC 9990 section 3.1)
READERS: tuple[Reader, ...] = ("rfc9989", "rfc7489")


class DmarcResult(StrEnum):
    """The results of the method `dmarc` (RFC 9989 section 9.1, RFC 7489 section 11.2)."""

    NONE = "none"  # no policy applies: there is none, or there is no usable one
    PASS = "pass"  # noqa: S105 - no password: SPF or DKIM passed, for an aligned domain
    FAIL = "fail"  # neither did
    TEMPERROR = "temperror"  # it cannot be known now
    PERMERROR = "permerror"  # the record is wrong and asks for no reports


@dataclass(frozen=True, slots=True)
class DmarcVerdict:
    """
    The verdict, and how it came about.

    `policy` is what the owner asks for this author domain, None where that was
    not needed; `disposition` what follows from it for this message: `none` unless
    the result is `fail`, and one level lower in test mode. `spf_aligned` and `dkim_aligned` say that the
    mechanism passed for an aligned domain. Domains are None where the evaluation
    ended before they were known.
    """

    result: DmarcResult
    disposition: Policy = Policy.NONE
    policy: Policy | None = None
    policy_domain: str | None = None
    organizational_domain: str | None = None
    spf_aligned: bool = False
    dkim_aligned: bool = False
    record: DmarcRecord | None = None
    reasons: tuple[str, ...] = ()


_verdict = quickly(DmarcVerdict)
_replace = replacing(DmarcVerdict)


class Identifier(NamedTuple):
    """A domain that SPF or DKIM spoke of: mechanism (`spf` or `dkim`), domain, its result."""

    mechanism: str
    domain: str
    result: str


class Found(NamedTuple):
    """The record that applies, where it stands, and the author's organizational domain."""

    reading: Reading
    domain: str
    organizational_domain: str | None  # None: cannot be known


class Sorted(NamedTuple):
    """Identifiers that are aligned, and those of which it cannot be known."""

    aligned: Sequence[Identifier]
    unsure: Sequence[Identifier]


def usable_identifiers(
    spf: tuple[str, str] | None, dkim: Iterable[tuple[str, str]] | None
) -> list[Identifier]:
    """
    Those that can matter: passed, or could not be judged; with a valid domain, each once.

    Of signatures the first `MAX_SIGNATURES`: each may cost a walk, and anyone can add one.
    """
    given = [("spf", *spf)] if spf else []
    given.extend(("dkim", *signature) for signature in dkim or ())
    kept: dict[Identifier, None] = {}
    for mechanism, domain, said in given:
        result = said.lower()  # a word of RFC 8601 section 2.7, in either case
        if result in {"pass", "temperror"} and domain and len(kept) <= MAX_SIGNATURES:
            try:
                kept[Identifier(mechanism, name(domain), result)] = None
            except RecordSyntaxError:
                continue
    return list(kept)


def is_relaxed(record: DmarcRecord, mechanism: str) -> bool:
    """Whether *mechanism* may be aligned by its organizational domain alone."""
    mode = record.spf_alignment if mechanism == "spf" else record.dkim_alignment
    return mode is Alignment.RELAXED


def first_verdict(found: Found, *, needs_policy: bool = False) -> DmarcVerdict:
    """
    What is known before alignment: `fail`, or that no policy can be applied.

    A record without a policy is wrongly published where *needs_policy* is set
    (RFC 7489 section 6.3) or a tag is faulty; otherwise it asks for nothing.
    """
    record, dropped = found.reading
    reasons = [f"_dmarc.{found.domain}: {tag} is faulty and was ignored" for tag in dropped]
    result = DmarcResult.FAIL
    if record.policy is None:
        # RFC 9989 section 4.10.1: no usable policy, and nowhere to report to
        wrong = needs_policy or not {"p", "sp", "np"}.isdisjoint(dropped)
        result = DmarcResult.PERMERROR if wrong else DmarcResult.NONE
        reasons.append(f"_dmarc.{found.domain} has no usable policy and no usable rua")
    return _verdict(
        result,
        policy_domain=found.domain,
        organizational_domain=found.organizational_domain,
        record=record,
        reasons=tuple(reasons),
    )


def passed(verdict: DmarcVerdict, aligned: Sequence[Identifier]) -> DmarcVerdict:
    """The verdict once *aligned* identifiers have passed."""
    mechanisms = {identifier.mechanism for identifier in aligned}
    notes = (f"{one.mechanism} passed for {one.domain}, which is aligned" for one in aligned)
    return _replace(
        verdict,
        result=DmarcResult.PASS,
        spf_aligned="spf" in mechanisms,
        dkim_aligned="dkim" in mechanisms,
        reasons=(*verdict.reasons, *notes),
    )


def not_passed(verdict: DmarcVerdict, unsure: Sequence[Identifier]) -> DmarcVerdict:
    """The verdict when nothing passed: `fail`, or `temperror` if one of *unsure* might have."""
    notes = [f"{one.mechanism} for {one.domain} cannot be known now" for one in unsure]
    if not unsure:
        notes.append("neither SPF nor DKIM passed for an aligned domain")
    result = DmarcResult.TEMPERROR if unsure else DmarcResult.FAIL
    return _replace(verdict, result=result, reasons=(*verdict.reasons, *notes))


def with_policy(verdict: DmarcVerdict, policy: Policy | None, lowered_by: str = "") -> DmarcVerdict:
    """Say which *policy* applies, and what follows from it; *lowered_by* names the tag that softens it."""
    if policy is None or verdict.result is not DmarcResult.FAIL:
        return _replace(verdict, policy=policy)
    if not lowered_by or policy is Policy.NONE:
        return _replace(verdict, policy=policy, disposition=policy)
    reasons = (*verdict.reasons, f"{lowered_by}: {policy.one_lower} instead of {policy}")
    return _replace(verdict, policy=policy, disposition=policy.one_lower, reasons=reasons)

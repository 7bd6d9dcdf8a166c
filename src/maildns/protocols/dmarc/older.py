"""
DMARC the way of receivers that still follow RFC 7489.

Organizational domains come from the public suffix list, `pct` counts, and `np`,
`t` and `psd` are unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from maildns.ask import Answer, Inquiry
from maildns.protocols.dmarc.record import read_as_rfc7489
from maildns.protocols.dmarc.treewalk import policy_question, reading_of, record_texts
from maildns.protocols.dmarc.verdict import (
    DmarcResult,
    DmarcVerdict,
    Found,
    Identifier,
    first_verdict,
    is_relaxed,
    not_passed,
    passed,
    with_policy,
)

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


def registered_domain(domain: str) -> str:
    """
    The organizational domain by the public suffix list (RFC 7489 section 3.2).

    A public suffix is its own. The list is that of the installed
    `publicsuffixlist`; nothing is fetched.

    >>> registered_domain("mail.example.co.uk")
    'example.co.uk'
    """
    return _suffixes().privatesuffix(domain) or domain


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def evaluate_rfc7489(author: str, identifiers: Sequence[Identifier]) -> Inquiry[DmarcVerdict]:
    """Judge by RFC 7489 section 6.6.2; see `maildns.protocols.dmarc.evaluate`."""
    organizational = registered_domain(author)
    owners = tuple(dict.fromkeys((author, organizational)))
    answers = yield tuple(policy_question(owner) for owner in owners)
    found = _discover(dict(zip(owners, answers, strict=True)), organizational)
    if isinstance(found, DmarcVerdict):
        return found
    verdict = first_verdict(found, needs_policy=True)
    if verdict.result is not DmarcResult.FAIL:
        return verdict
    near = [one for one in identifiers if _is_aligned(one, author, found)]
    aligned = [one for one in near if one.result == "pass"]
    verdict = passed(verdict, aligned) if aligned else not_passed(verdict, near)
    record = found.reading.record
    policy = record.policy if author == found.domain else record.for_subdomains
    # RFC 7489 section 6.6.4: mail outside of the sample is treated one level lower
    verdict = with_policy(verdict, policy, "pct=0" if record.percent == 0 else "")
    if record.percent in {None, 0, 100} or verdict.result is not DmarcResult.FAIL:
        return verdict
    sample = f"applied to a sample of {record.percent} % of such mail"
    return replace(verdict, reasons=(*verdict.reasons, sample))


def _discover(answers: dict[str, Answer], organizational: str) -> Found | DmarcVerdict:
    """Find the record that applies (RFC 7489 section 6.6.3)."""
    nothing = DmarcVerdict(DmarcResult.NONE, organizational_domain=organizational)
    for owner, answer in answers.items():
        if answer.failed:
            reason = f"the DNS did not answer for _dmarc.{owner}"
            return replace(nothing, result=DmarcResult.TEMPERROR, reasons=(reason,))
        reading = reading_of(answer, read_as_rfc7489)
        if reading is not None:
            return Found(reading, owner, organizational)
        if record_texts(answer):  # step 5: several records end the search
            return replace(nothing, reasons=(f"_dmarc.{owner} has several DMARC records",))
    return replace(nothing, reasons=(f"no DMARC record applies below {organizational}",))


def _is_aligned(identifier: Identifier, author: str, found: Found) -> bool:
    """RFC 7489 section 3.1."""
    if identifier.domain == author:
        return True
    if not is_relaxed(found.reading.record, identifier.mechanism):
        return False
    return registered_domain(identifier.domain) == found.organizational_domain

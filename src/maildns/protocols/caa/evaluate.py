"""What an authority finds before it issues (RFC 8659 section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from maildns.ask import Inquiry, Question
from maildns.dnsdata import Caa, name, parent
from maildns.protocols.caa.record import CRITICAL, KNOWN_TAGS, issuer_of


class CaaResult(StrEnum):
    """How the climb ended."""

    FOUND = "found"  # these records decide
    NONE = "none"  # there are none up to the root: any authority may issue
    TEMPERROR = "temperror"  # it cannot be known; an authority must not issue


@dataclass(frozen=True, slots=True)
class CaaLookup:
    """The records that decide for a name, and the name `owner` at which they were found."""

    result: CaaResult
    owner: str = ""
    records: tuple[Caa, ...] = ()
    ttl_seconds: int | None = None
    reason: str = ""


def relevant(host: str) -> Inquiry[CaaLookup]:
    """
    Find the CAA records that decide for *host*: its own, or those of the nearest name above.

    Aliases are followed, but what stands above an alias's target is not looked at. Of a
    wildcard name the name behind it counts. Raises `RecordSyntaxError` when *host* is no name.
    """
    at = name(host).removeprefix("*.")
    while at != ".":  # RFC 8659 section 3
        (answer,) = yield (Question(at, "CAA"),)
        if answer.failed:
            reason = f"{answer.question}: {answer.detail or answer.outcome}"
            return CaaLookup(CaaResult.TEMPERROR, at, reason=reason)
        records = tuple(record for record in answer.records if isinstance(record, Caa))
        if records:
            return CaaLookup(CaaResult.FOUND, at, records, answer.ttl_seconds)
        at = parent(at)
    return CaaLookup(CaaResult.NONE, reason="there are no CAA records; any authority may issue")


def refusal(
    records: Sequence[Caa], issuer: str, *, wildcard: bool = False, tag: str = "issue"
) -> str | None:
    """
    Say why *records* forbid *issuer*, an authority's domain name, to issue; None when they do not.

    *tag* is `issue`, or `issuemail` or `issuevmc` for such certificates. Conditions beyond
    the issuer, such as its account, are not judged. Raises `RecordSyntaxError` when *issuer*
    is no name.
    """
    for record in records:
        # RFC 8659 section 4.1: a critical record that is not understood forbids all.
        if record.flags & CRITICAL and record.tag.lower() not in KNOWN_TAGS:
            return f"a critical record with the unknown tag {record.tag} forbids everyone to issue"
    tags = {record.tag.lower() for record in records}
    if wildcard and tag == "issue" and "issuewild" in tags:
        tag = "issuewild"  # RFC 8659 section 4.3: it takes the place of issue
    deciding = [record for record in records if record.tag.lower() == tag]
    if not deciding:
        return None
    issuers = [issuer_of(record) for record in deciding]
    permitted = [one.domain for one in issuers if one is not None and one.domain]
    wanted = name(issuer)
    if wanted in permitted:
        return None
    return f"{tag} permits {', '.join(permitted) or 'nobody'}, not {wanted}"


def permits(
    records: Sequence[Caa], issuer: str, *, wildcard: bool = False, tag: str = "issue"
) -> bool:
    """
    Whether *records* let *issuer* issue; see `refusal` for why not.

    >>> from maildns.protocols.caa.record import parse
    >>> permits([parse('0 issue "letsencrypt.org"')], "letsencrypt.org")
    True
    """
    return refusal(records, issuer, wildcard=wildcard, tag=tag) is None

"""What a reporter finds when it looks for the place to report to (RFC 8460 section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from maildns.ask import Inquiry, Question
from maildns.dnsdata import Txt
from maildns.errors import RecordSyntaxError
from maildns.protocols.tlsrpt.record import TlsRptRecord, announces, owner_name, parse


class TlsRptResult(StrEnum):
    """How the lookup ended."""

    FOUND = "found"  # there is one record, and it is well formed
    NONE = "none"  # there is none
    PERMERROR = "permerror"  # several, or a malformed one: the same to a reporter as none
    TEMPERROR = "temperror"  # it cannot be known now


@dataclass(frozen=True, slots=True)
class TlsRptLookup:
    """The record at `owner`; `reason` says why there is none that counts."""

    result: TlsRptResult
    owner: str
    record: TlsRptRecord | None = None
    reason: str = ""
    ttl_seconds: int | None = None
    texts: tuple[str, ...] = ()


def record_lookup(domain: str) -> Inquiry[TlsRptLookup]:
    """
    Look up the TLS-RPT record of *domain*, a recipient's domain or a mail host.

    Texts that do not begin with `v=TLSRPTv1;` are passed over. Raises `RecordSyntaxError`
    when *domain* is no name.
    """
    owner = owner_name(domain)
    (answer,) = yield (Question(owner, "TXT"),)
    if answer.failed:
        reason = answer.detail or str(answer.outcome)
        return TlsRptLookup(TlsRptResult.TEMPERROR, owner, None, f"{answer.question}: {reason}")
    texts = tuple(
        record.text
        for record in answer.records
        if isinstance(record, Txt) and announces(record.text)
    )
    ttl = answer.ttl_seconds
    if not texts:
        reason = f"there is no TLS-RPT record at {owner}"
        return TlsRptLookup(TlsRptResult.NONE, owner, None, reason, ttl)
    if len(texts) > 1:  # RFC 8460 section 3
        reason = f"there are {len(texts)} TLS-RPT records at {owner}; reporters use none of them"
        return TlsRptLookup(TlsRptResult.PERMERROR, owner, None, reason, ttl, texts)
    try:
        record = parse(texts[0])
    except RecordSyntaxError as error:
        return TlsRptLookup(TlsRptResult.PERMERROR, owner, None, str(error), ttl, texts)
    return TlsRptLookup(TlsRptResult.FOUND, owner, record, "", ttl, texts)

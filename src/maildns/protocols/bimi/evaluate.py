"""What a receiver finds when it looks for the picture (draft section 7.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import Txt
from maildns.errors import RecordSyntaxError
from maildns.protocols.bimi.record import BimiRecord, announces, owner_name, parse


class BimiResult(StrEnum):
    """How the lookup ended."""

    FOUND = "found"  # there is a record with a picture
    DECLINED = "declined"  # the domain wants none
    NONE = "none"  # there is no record
    PERMERROR = "permerror"  # several, or a malformed one
    TEMPERROR = "temperror"  # it cannot be known now


_JOINTS = re.compile(r"[-._]+")
_LABEL = re.compile(r"[A-Za-z0-9-]{1,63}")


@dataclass(frozen=True, slots=True)
class BimiLookup:
    """The record at `owner`; `reason` says why there is none that counts."""

    result: BimiResult
    owner: str
    record: BimiRecord | None = None
    reason: str = ""
    ttl_seconds: int | None = None


def record_lookup(
    domain: str,
    selector: str = "default",
    *,
    organizational_domain: str = "",
    local_part: str = "",
) -> Inquiry[BimiLookup]:
    """
    Look up the BIMI record of *domain*, the author's, and then of its organizational domain.

    Where the record asks for it by `lps`, one of the author's own is looked for beside it, by
    *local_part*, what stands before the ``@`` of the author's address. Whether DMARC lets the
    picture be shown is not asked. Raises `RecordSyntaxError` when a name is none.
    """
    owners = [owner_name(domain, selector)]
    if organizational_domain:
        owners.append(owner_name(organizational_domain, selector))
    lookup = BimiLookup(BimiResult.NONE, owners[0])
    for owner in dict.fromkeys(owners):
        (answer,) = yield (Question(owner, "TXT"),)
        lookup = _judge(owner, answer)
        if lookup.result is not BimiResult.NONE:
            return (yield from _of_the_author(lookup, local_part))
    return lookup


def local_part_selector(local_part: str) -> str | None:
    """
    Make the selector that stands for *local_part*; None where it cannot be one.

    Draft section 4.5: what follows a plus sign goes, dots and underscores become hyphens.

    >>> local_part_selector("News_.Letter+may"), local_part_selector("o'hara")
    ('news-letter', None)
    """
    joined = _JOINTS.sub("-", local_part.partition("+")[0]).strip("-")
    return joined.lower() if _LABEL.fullmatch(joined) else None


def _of_the_author(lookup: BimiLookup, local_part: str) -> Inquiry[BimiLookup]:
    """The record of the local part, where *lookup* sends there and one stands there (draft section 4.5)."""
    prefixes = None if lookup.record is None else lookup.record.local_part_prefixes
    selector = local_part_selector(local_part)
    if prefixes is None or selector is None:
        return lookup
    # No prefix at all means every sender.
    if prefixes and not selector.startswith(tuple(prefix.lower() for prefix in prefixes)):
        return lookup
    owner = f"{selector}._bimi.{lookup.owner.partition('._bimi.')[2]}"
    # RFC 1035 section 2.3.4: a name over 253 octets cannot exist.
    if owner == lookup.owner or len(owner) > 253:
        return lookup
    (answer,) = yield (Question(owner, "TXT"),)
    found = _judge(owner, answer)
    return lookup if found.result is BimiResult.NONE else found


def _judge(owner: str, answer: Answer) -> BimiLookup:
    if answer.failed:
        reason = f"{answer.question}: {answer.detail or answer.outcome}"
        return BimiLookup(BimiResult.TEMPERROR, owner, reason=reason)
    ttl = answer.ttl_seconds
    texts = [one.text for one in answer.records if isinstance(one, Txt) and announces(one.text)]
    if not texts:
        return BimiLookup(BimiResult.NONE, owner, None, f"there is no BIMI record at {owner}", ttl)
    if len(texts) > 1:
        reason = f"there are {len(texts)} BIMI records at {owner}; receivers use none of them"
        return BimiLookup(BimiResult.PERMERROR, owner, None, reason, ttl)
    try:
        record = parse(texts[0])
    except RecordSyntaxError as error:
        return BimiLookup(BimiResult.PERMERROR, owner, None, str(error), ttl)
    if record.declines:
        return BimiLookup(BimiResult.DECLINED, owner, record, "the domain wants no picture", ttl)
    return BimiLookup(BimiResult.FOUND, owner, record, "", ttl)

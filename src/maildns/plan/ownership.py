"""
Ownership, settled before the diff: what should stand at each name, foreign records included.

Ours are the records that a wish claims, and those that the ledger says we published
last time. Everything else found there is foreign and is copied into what is desired,
so that the diff is a plain comparison and never touches what it does not own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from maildns.dnsdata import Rdata, RRset, Txt
from maildns.errors import RecordSyntaxError
from maildns.intent.model import DEFAULT_TTL_SECONDS
from maildns.plan.contents import Key, ZoneContents
from maildns.plan.wanted import Kind, Wanted
from maildns.protocols import dkim, dmarc

Ledger = Mapping[Key, tuple[Rdata, ...]]  # what was published last time, in one view

# Nothing else may stand beside a CNAME (RFC 2181 section 10.1); these are asked for.
BESIDE_ALIAS = ("A", "AAAA", "TXT", "MX", "CAA", "NS", "SRV")
# Records that are lists of tags, whose order says nothing.
_READ: Mapping[Kind, Callable[[str], object]] = {Kind.DMARC: dmarc.parse, Kind.DKIM: dkim.parse_key}


@dataclass(frozen=True, slots=True)
class Settled:
    """
    An RRset as it stands and as it should; `ours` are our records in it.

    `lost` are those that go and that we never published. `unknown` says why what stands
    there could not be learnt, `blocked` why what is wanted cannot be had.
    """

    group: str
    kind: Kind
    name: str
    rrtype: str
    before: RRset | None
    after: RRset | None
    reason: str = ""
    ours: tuple[Rdata, ...] = ()
    unknown: str = ""
    blocked: str = ""
    lost: tuple[Rdata, ...] = ()


def keys_to_read(wishes: Iterable[Wanted], ledger: Ledger) -> list[Key]:
    """What must be known of the zone to settle *wishes*, in a stable order."""
    keys: dict[Key, None] = {}
    for wish in wishes:
        keys[wish.key] = None
        if wish.rrtype == "CNAME":
            keys.update({(wish.name, rrtype): None for rrtype in BESIDE_ALIAS})
    keys.update(dict.fromkeys(ledger))
    return list(keys)


def settle(wishes: Sequence[Wanted], contents: ZoneContents, ledger: Ledger) -> list[Settled]:
    """Bring the wishes and what stands there together; order follows the wishes."""
    by_key: dict[Key, list[Wanted]] = {}
    for wish in wishes:
        by_key.setdefault(wish.key, []).append(wish)
    for key in ledger:
        by_key.setdefault(key, [Wanted("", Kind.FORMER, *key, (), reason="no longer wanted")])
    settled = []
    freed = {owner for owner, rrtype in by_key if rrtype == "CNAME"}  # settled by themselves
    for key, wished in by_key.items():
        if key[0] not in freed and wished[0].records:  # once for all types of a name
            freed.add(key[0])
            settled.extend(_settle_alias(wished[0], contents))
        if wished[0].kind is Kind.FORMER:
            settled.append(_settle_former(wished[0], contents, ledger))
        elif key[1] == "CNAME":
            beside = _beside(key[0], by_key, contents, ledger)
            settled.append(_settle_one(key, wished, contents, ledger, beside))
        else:
            settled.append(_settle_one(key, wished, contents, ledger))
    return settled


def _beside(
    owner: str, wished: Mapping[Key, list[Wanted]], contents: ZoneContents, ledger: Ledger
) -> list[str]:
    """The types of the records that will stand at *owner* beside an alias: there can be none."""
    beside = []
    for rrtype in BESIDE_ALIAS:
        there = contents.get(owner, rrtype)
        former = ledger.get((owner, rrtype), ())
        stays = there is not None and any(record not in former for record in there.records)
        if stays or any(wish.records for wish in wished.get((owner, rrtype), ())):
            beside.append(rrtype)
    return beside


def _settle_one(
    key: Key,
    wished: list[Wanted],
    contents: ZoneContents,
    ledger: Ledger,
    beside: Sequence[str] = (),
) -> Settled:
    first = wished[0]
    place = (first.group, first.kind, *key)
    if key in contents.unknown:
        return Settled(*place, None, None, first.reason, unknown=contents.unknown[key])
    before = contents.get(*key)
    if beside:
        blocked = f"an alias may not stand beside the {', '.join(beside)} records there"
        return Settled(*place, before, before, first.reason, blocked=blocked)
    present = before.records if before else ()
    former = ledger.get(key, ())
    claims = [wish.claim for wish in wished]
    foreign = [
        record
        for record in present
        if record not in former and not any(claim.covers(record) for claim in claims)
    ]
    wanted = [
        _as_published(wish.kind, record, present) for wish in wished for record in wish.records
    ]
    wish_ttl = next((wish.ttl_seconds for wish in wished if wish.ttl_seconds is not None), None)
    ttl = _ttl(wish_ttl, before, authoritative=contents.has_own_ttl(key))
    after = RRset.of(key[0], ttl, [*foreign, *wanted]) if foreign or wanted else None
    lost = tuple(one for one in present if one not in (*foreign, *wanted, *former))
    return Settled(*place, before, after, first.reason, tuple(dict.fromkeys(wanted)), lost=lost)


def _settle_alias(wish: Wanted, contents: ZoneContents) -> list[Settled]:
    """A CNAME where we want something else must go first: nothing may stand beside it."""
    alias = contents.aliases.get(wish.name)
    if alias is None:
        return []
    reason = "an alias may not stand beside other records (RFC 2181 section 10.1)"
    return [Settled(wish.group, wish.kind, wish.name, "CNAME", alias, None, reason)]


def _settle_former(former: Wanted, contents: ZoneContents, ledger: Ledger) -> Settled:
    """Take away what we published and want no more; what others changed since then stays."""
    before = contents.get(*former.key)
    place = (former.group, former.kind, *former.key)
    if former.key in contents.unknown:
        return Settled(*place, None, None, former.reason, unknown=contents.unknown[former.key])
    left = [
        record for record in (before.records if before else ()) if record not in ledger[former.key]
    ]
    after = RRset.of(former.name, before.ttl_seconds, left) if before and left else None
    return Settled(*place, before, after, former.reason)


def _as_published(kind: Kind, record: Rdata, present: Sequence[Rdata]) -> Rdata:
    """
    The record that stands there and says the same, else *record*.

    The same text cut into other strings is the same record, and so is a policy or key with
    its tags in another order: nobody gains by a change.
    """
    if isinstance(record, Txt):
        for other in present:
            if isinstance(other, Txt) and _same(kind, record, other):
                return other
    return record


def _same(kind: Kind, one: Txt, other: Txt) -> bool:
    if one.joined == other.joined:
        return True
    read = _READ.get(kind)
    try:
        return read is not None and read(one.text) == read(other.text)
    except RecordSyntaxError:
        return False


def _ttl(wish: int | None, before: RRset | None, *, authoritative: bool) -> int:
    """The owner's TTL, else the one that stands there; a cache's remainder says nothing."""
    if before is not None and (wish is None or not authoritative):
        return before.ttl_seconds
    return wish if wish is not None else DEFAULT_TTL_SECONDS

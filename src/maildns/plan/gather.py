"""What stands in the DNS today, asked of a world: for zones that no publisher can read."""

from __future__ import annotations

from collections.abc import Collection

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import Cname, RRset
from maildns.plan.contents import Key, ZoneContents

ROUND = 2000  # questions put together; a world may answer them in parallel


def observe(keys: Collection[Key]) -> Inquiry[ZoneContents]:
    """
    Ask for *keys* and return what was seen, as if it were the zone.

    A failed answer makes its key unknown, never absent. A record that a wildcard
    expands to is taken for one of its own. TTLs may be a cache's remainder. When a whole
    round fails the rest is not asked: it would only wait as long.
    """
    ordered = list(keys)
    rrsets: dict[Key, RRset] = {}
    aliases: dict[str, RRset] = {}
    unknown: dict[Key, str] = {}
    for start in range(0, len(ordered), ROUND):
        part = ordered[start : start + ROUND]
        answers = yield [Question(*key) for key in part]
        for key, answer in zip(part, answers, strict=True):
            if answer.failed:
                unknown[key] = f"{answer.outcome}{': ' if answer.detail else ''}{answer.detail}"
            elif answer.aliases:
                aliases[key[0]] = RRset(key[0], "CNAME", _ttl(answer), (Cname(answer.aliases[0]),))
            elif answer.found:
                _keep(key, answer, rrsets, aliases)
        if all(answer.failed for answer in answers):
            unknown.update(dict.fromkeys(ordered[start + ROUND :], unknown[part[-1]]))
            break
    return ZoneContents(rrsets, aliases, unknown, authoritative=False)


def _keep(
    key: Key,
    answer: Answer,
    rrsets: dict[Key, RRset],
    aliases: dict[str, RRset],
) -> None:
    rrset = RRset.of(key[0], _ttl(answer), answer.records)
    if rrset.rrtype == "CNAME":
        aliases[key[0]] = rrset
    elif rrset.rrtype == key[1]:
        rrsets[key] = rrset


def _ttl(answer: Answer) -> int:
    return answer.ttl_seconds if answer.ttl_seconds is not None else 0

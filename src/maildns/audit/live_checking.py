"""The verb with all that is live: the DNS first, then the servers that it names, then the rules."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from maildns.audit.documents import LiveDocumentFetcher
from maildns.audit.facts import DnsFacts, Earlier, Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.probing import LivePolicyFetcher, Probed, probe
from maildns.audit.registry import judge
from maildns.audit.sharing import Audit
from maildns.dnsdata import name
from maildns.net.bulk import DEADLINE_SECONDS, run_bulk
from maildns.net.probe import LiveProber, ProbeOptions
from maildns.net.resolver import Resolver
from maildns.net.smtp import TIMEOUT_SECONDS
from maildns.protocols.bimi.authorities import trusted_roots

TOGETHER: Final = 100  # domains whose servers are talked to at the same time
DNS_SHARE: Final = 0.6  # of a domain's time that the DNS may take; the rest is for its servers

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Sight:
    """
    What is looked at beside the public DNS.

    `views` are the resolvers of further views of a split DNS, by name. With `talk` the mail servers
    are talked to, with `deep` more than once, and the MTA-STS policy and what the BIMI record names
    are fetched; certificates are judged by `authorities_pem`, the system's authorities where it is
    None, and those of marks by the known authorities and `mark_authorities_pem`. `earlier` is what an
    earlier check saw of a domain.
    """

    views: Mapping[str, Resolver] = field(default_factory=dict)
    talk: bool = True
    deep: bool = False
    authorities_pem: str | None = None
    mark_authorities_pem: str = ""
    earlier: Mapping[str, Earlier] = field(default_factory=dict)


def check_live(
    domains: Iterable[str],
    resolver: Resolver,
    *,
    sight: Sight | None = None,
    scope: Scope | None = None,
    now: datetime | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
    progress: Progress = lambda _what, _done, _of: None,
) -> Iterator[Audit]:
    """
    Check *domains* with their live servers; yield each when it is done, about in order.

    They share *resolver*, its cache, and what was learnt of servers that several of them use. Each
    domain takes at most about *deadline_seconds*. No mail is sent. *progress* is told what is being
    done, how much of it, and of how much.

    Raises `RecordSyntaxError`, before anything is asked, when one of *domains* is no name;
    `UsageError` when there is no certificate in the authorities.
    """
    names = list(dict.fromkeys(name(domain) for domain in domains))
    seen = sight or Sight()
    if seen.mark_authorities_pem:
        trusted_roots(seen.mark_authorities_pem)
    at = now or datetime.now(UTC)
    for start in range(0, len(names), TOGETHER):
        some = names[start : start + TOGETHER]
        begun = time.monotonic()
        facts = _asked(some, resolver, scope, deadline_seconds * DNS_SHARE, progress)
        views = {
            view: _asked(some, other, scope, deadline_seconds * DNS_SHARE)
            for view, other in seen.views.items()
        }
        left = max(1.0, deadline_seconds - (time.monotonic() - begun))
        probed = asyncio.run(_probed(list(facts.values()), seen, left, progress))
        for domain, found in zip(facts, probed, strict=True):
            whole = Facts(
                facts[domain],
                at,
                found.talks,
                found.policy,
                {view: others[domain] for view, others in views.items()},
                seen.earlier.get(domain),
                found.documents,
            )
            yield Audit(domain, judge(whole), whole)


def _asked(
    names: Sequence[str],
    resolver: Resolver,
    scope: Scope | None,
    seconds: float,
    progress: Progress = lambda _what, _done, _of: None,
) -> dict[str, DnsFacts]:
    """What the DNS says of each of *names*, in their order."""
    found: dict[int, DnsFacts] = {}
    progress("DNS", 0, len(names))
    inquiries = (gather(one, scope) for one in names)
    for number, facts in run_bulk(inquiries, resolver, deadline_seconds=seconds):
        found[number] = facts
        progress("DNS", len(found), len(names))
    return {one: found[number] for number, one in enumerate(names)}


async def _probed(
    facts: Sequence[DnsFacts], sight: Sight, seconds: float, progress: Progress
) -> list[Probed]:
    """What the servers of each domain showed."""
    if not sight.talk:
        return [Probed()] * len(facts)
    options = ProbeOptions(
        timeout_seconds=min(seconds, TIMEOUT_SECONDS),
        deep=sight.deep,
        authorities_pem=sight.authorities_pem,
    )
    prober = LiveProber(options)
    done = dict.fromkeys(range(len(facts)), (0, 0))

    async def one(number: int, dns: DnsFacts) -> Probed:
        def told(part: int, of: int) -> None:
            done[number] = (part, of)
            parts, totals = zip(*done.values(), strict=True)
            progress("servers", sum(parts), sum(totals))

        found = await probe(
            dns,
            prober,
            fetcher,
            documents=documents,
            deadline_seconds=seconds,
            progress=told,
        )
        if found.documents is None:
            return found
        marks = replace(found.documents, authorities_pem=sight.mark_authorities_pem)
        return replace(found, documents=marks)

    pem = sight.authorities_pem
    with (
        closing(LivePolicyFetcher(authorities_pem=pem)) as fetcher,
        closing(LiveDocumentFetcher(authorities_pem=pem)) as documents,
    ):
        return list(await asyncio.gather(*(one(at, dns) for at, dns in enumerate(facts))))

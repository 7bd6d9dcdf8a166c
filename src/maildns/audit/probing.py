"""
The verb: talk to a domain's live servers, fetch its MTA-STS policy and what its BIMI record names.

The ports are given by the caller: a `Prober`, and functions that fetch. Everything ends at one
deadline, and what did not answer until then is not known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, TypeVar

from maildns.audit.documents import DocumentFetcher, fetch_documents
from maildns.audit.facts import BimiDocuments, DnsFacts
from maildns.audit.live import addresses_of, document_urls, mail_visits, service_visits
from maildns.net.handshake import plain_pem, trusting_context
from maildns.net.https import FetchedPolicy, FetchResult, fetch_policy
from maildns.net.talk import Prober, Reached, Talk
from maildns.protocols.mtasts import policy_url

_T = TypeVar("_T")

DEADLINE_SECONDS: Final = 15.0
MAX_POLICY_ADDRESSES: Final = 4

# domain, the addresses of its policy host, the seconds that it may take
PolicyFetcher: TypeAlias = Callable[[str, Sequence[str], float], Awaitable[FetchedPolicy]]
Progress: TypeAlias = Callable[[int, int], None]  # how many are done, of how many

_BLOCKED = (
    "no mail server of the domain answers at port 25: most likely this network lets nobody out to "
    "it, as many do; try it from the mail server itself"
)


@dataclass(frozen=True, slots=True)
class Probed:
    """What live servers showed: the fields `talks`, `policy` and `documents` of `Facts`."""

    talks: tuple[Talk, ...] | None = None
    policy: FetchedPolicy | None = None
    documents: BimiDocuments | None = None


async def probe(
    dns: DnsFacts,
    prober: Prober | None,
    fetcher: PolicyFetcher | None = None,
    *,
    documents: DocumentFetcher | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
    progress: Progress = lambda _done, _of: None,
) -> Probed:
    """
    Talk to the mail hosts of *dns* and the services that it announces, and fetch its policy.

    All of it at the same time, for *deadline_seconds* at most. Without *prober* nobody is talked
    to, without *fetcher* no policy is fetched, without *documents* nothing that the BIMI record
    names.
    """
    deadline = asyncio.get_running_loop().time() + deadline_seconds
    visits = [] if prober is None else [*mail_visits(dns), *service_visits(dns)]
    fetched = fetcher is not None and dns.sts.record is not None
    named = documents is not None and bool(document_urls(dns.bimi))
    total, done = len(visits) + fetched + named, 0

    async def counted(one: Awaitable[_T]) -> _T:
        nonlocal done
        found = await one
        done += 1
        progress(done, total)
        return found

    async with asyncio.TaskGroup() as group:
        policy = None
        if fetcher is not None and fetched:
            fetching = _fetch(dns, fetcher, deadline_seconds)
            policy = group.create_task(counted(fetching))
        brand = None
        if documents is not None and named:
            fetching_both = fetch_documents(dns, documents, deadline_seconds)
            brand = group.create_task(counted(fetching_both))
        talks = [
            group.create_task(counted(prober.talk(visit, deadline)))
            for visit in visits
            if prober is not None
        ]
    found = tuple(task.result() for task in talks)
    return Probed(
        None if prober is None else mark_blocked(found),
        None if policy is None else policy.result(),
        None if brand is None else brand.result(),
    )


def mark_blocked(talks: tuple[Talk, ...]) -> tuple[Talk, ...]:
    """
    Mark the talks at port 25 as `BLOCKED` where not a single one was answered.

    A refusal is an answer: the network that carries it carries connections, too. Whether it is
    the network, or all the domain's servers are down, nobody can tell from here. Addresses of a
    family that this machine does not have say nothing of it.
    """
    at_25 = [talk for talk in talks if talk.port == 25 and talk.reached is not Reached.NO_ROUTE]
    if any(talk.reached is not Reached.NO_ANSWER for talk in at_25):
        return talks
    return tuple(
        replace(talk, reached=Reached.BLOCKED, failure=f"{talk.failure}; {_BLOCKED}")
        if talk in at_25
        else talk
        for talk in talks
    )


# --- the policy -----------------------------------------------------------------------


async def _fetch(dns: DnsFacts, fetcher: PolicyFetcher, seconds: float) -> FetchedPolicy:
    host = f"mta-sts.{dns.domain}"
    answers = [dns.answer(host, rrtype) for rrtype in ("A", "AAAA")]
    if all(answer.void for answer in answers):
        reason = f"{host} has no address"
        return _not_fetched(dns.domain, FetchResult.REFUSED, reason)
    places = [str(address) for address in addresses_of(dns, host)]
    if not places:
        failed = next(answer for answer in answers if answer.failed)
        reason = f"{failed.question}: {failed.detail or failed.outcome}"
        return _not_fetched(dns.domain, FetchResult.UNREACHABLE, reason)
    try:
        async with asyncio.timeout(seconds):
            return await fetcher(dns.domain, places[:MAX_POLICY_ADDRESSES], seconds)
    except TimeoutError:
        reason = f"{host} did not answer in time"
        return _not_fetched(dns.domain, FetchResult.UNREACHABLE, reason)


def _not_fetched(domain: str, result: FetchResult, reason: str) -> FetchedPolicy:
    report_as = "sts-policy-fetch-error"
    return FetchedPolicy(result, policy_url(domain), reason=reason, report_as=report_as)


class LivePolicyFetcher:
    """
    Fetches policies over HTTPS, each in a thread: a `PolicyFetcher`.

    Addresses are tried in turn until one answers. *authorities_pem* are the roots that are
    trusted, those of the system where it is None. Close it when it is not needed any more. Raises
    `UsageError` when there is no certificate in *authorities_pem*.
    """

    def __init__(self, *, authorities_pem: str | None = None, port: int = 443) -> None:
        trusting_context(authorities_pem)
        self._authorities_pem = authorities_pem and plain_pem(authorities_pem)
        self._port = port
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="mta-sts")

    async def __call__(self, domain: str, places: Sequence[str], seconds: float) -> FetchedPolicy:
        """The policy of *domain*, from one of the addresses *places*."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._fetch, domain, places, seconds)

    def _fetch(self, domain: str, places: Sequence[str], seconds: float) -> FetchedPolicy:
        found = _not_fetched(domain, FetchResult.UNREACHABLE, "its address is not known")
        for place in places:
            found = fetch_policy(
                domain,
                timeout_seconds=seconds / len(places),
                address=place,
                port=self._port,
                authorities_pem=self._authorities_pem,
            )
            if found.result is not FetchResult.UNREACHABLE:
                break
        return found

    def close(self) -> None:
        """Let the threads go; a fetch that is under way ends at its own deadline."""
        self._threads.shutdown(wait=False, cancel_futures=True)

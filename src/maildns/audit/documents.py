"""
The documents that a BIMI record names: the picture and the mark certificate, fetched for the rules.

Their hosts' addresses are asked for while the DNS facts are gathered. Many domains may name the same
document: it is fetched once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias

from maildns.audit.facts import BimiDocuments, DnsFacts
from maildns.audit.live import addresses_of, document_urls
from maildns.net.handshake import plain_pem, trusting_context
from maildns.net.web import Fetched, FetchResult, Wanted, fetch_document, place_of

MAX_ADDRESSES: Final = 4  # of one host that are tried

_PICTURE: Final = Wanted("the picture", "image/svg+xml", 256 * 1024)
_CERTIFICATE: Final = Wanted("the file of certificates", "*/*", 256 * 1024)
_PLAIN: Final = ("identity",)
_PACKED: Final = ("identity", "gzip", "x-gzip")  # as servers announce .svgz


@dataclass(frozen=True, slots=True)
class Request:
    """One document: where it is, the addresses by host that may be connected to, what it is."""

    url: str
    addresses: Mapping[str, Sequence[str]]
    wanted: Wanted
    encodings: Sequence[str] = _PLAIN


# what to fetch, the seconds that it may take
DocumentFetcher: TypeAlias = Callable[[Request, float], Awaitable[Fetched]]


async def fetch_documents(
    dns: DnsFacts, fetcher: DocumentFetcher, seconds: float
) -> BimiDocuments | None:
    """Fetch what the BIMI record of *dns* names, both at once; None where it names nothing."""
    record = dns.bimi.record
    urls = document_urls(dns.bimi)
    if record is None or not urls:
        return None
    places = [place for url in urls if (place := place_of(url))]
    addresses = {
        place.host: [str(one) for one in addresses_of(dns, place.host)][:MAX_ADDRESSES]
        for place in places
    }
    picture = Request(record.location, addresses, _PICTURE, _PACKED)
    certificate = Request(record.authority_evidence or "", addresses, _CERTIFICATE)
    return BimiDocuments(
        *await asyncio.gather(
            _fetch(dns, picture, fetcher, seconds), _fetch(dns, certificate, fetcher, seconds)
        )
    )


async def _fetch(
    dns: DnsFacts, request: Request, fetcher: DocumentFetcher, seconds: float
) -> Fetched | None:
    place = place_of(request.url)
    if place is None:
        return None  # what is wrong with the address is told of the record
    answers = [dns.answer(place.host, rrtype) for rrtype in ("A", "AAAA")]
    if all(answer.void for answer in answers):
        return Fetched(FetchResult.REFUSED, request.url, reason=f"{place.host} has no address")
    if not request.addresses[place.host]:
        failed = next(answer for answer in answers if answer.failed)
        reason = f"{failed.question}: {failed.detail or failed.outcome}"
        return Fetched(FetchResult.UNREACHABLE, request.url, reason=reason)
    try:
        async with asyncio.timeout(seconds):
            return await fetcher(request, seconds)
    except TimeoutError:
        reason = f"{place.host} did not answer in time"
        return Fetched(FetchResult.UNREACHABLE, request.url, reason=reason)


class LiveDocumentFetcher:
    """
    Fetches documents over HTTPS, each in a thread and once: a `DocumentFetcher`.

    *authorities_pem* are the roots that web servers' certificates are trusted by, those of the system
    where it is None. Close it when it is not needed any more. Raises `UsageError` when there is no
    certificate in *authorities_pem*.
    """

    def __init__(self, *, authorities_pem: str | None = None) -> None:
        trusting_context(authorities_pem)
        self._authorities_pem = authorities_pem and plain_pem(authorities_pem)
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="bimi")
        self._begun: dict[tuple[str, Wanted], asyncio.Future[Fetched]] = {}

    async def __call__(self, request: Request, seconds: float) -> Fetched:
        """The document of *request*; one that is on its way already is waited for."""
        key = request.url, request.wanted
        fetching = self._begun.get(key)
        if fetching is None:
            loop = asyncio.get_running_loop()
            fetching = loop.run_in_executor(self._threads, self._fetch, request, seconds)
            self._begun[key] = fetching
        return await asyncio.shield(fetching)

    def _fetch(self, request: Request, seconds: float) -> Fetched:
        return fetch_document(
            request.url,
            request.addresses,
            request.wanted,
            timeout_seconds=seconds,
            authorities_pem=self._authorities_pem,
            encodings=request.encodings,
        )

    def close(self) -> None:
        """Let the threads go; a fetch that is under way ends at its own deadline."""
        self._threads.shutdown(wait=False, cancel_futures=True)

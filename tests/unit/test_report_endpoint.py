"""TLS reports by HTTPS: kept before they are answered, and bounded."""

from __future__ import annotations

import asyncio
import gzip
from datetime import date

import httpx
import pytest
from report_texts import aggregate
from tls_report import tls_report

from maildns.reports.config import HttpsSettings
from maildns.reports.endpoint import TlsReportEndpoint, only_at
from maildns.reports.keeping import Kept
from maildns.reports.sources.committing import Committer
from maildns.reports.store import Store, queries
from maildns.reports.views import Window

PACKED = "application/tlsrpt+gzip"
PLAIN = "application/tlsrpt+json"
URL = "https://example.com/tlsrpt"


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "reports.db") as opened:
        yield opened


def exchange(keeper, *requests, settings=None, wrap=lambda endpoint: endpoint):
    """The answers to *requests*, each a dictionary of what httpx is told."""
    endpoint = TlsReportEndpoint(keeper, settings)

    async def talk():
        transport = httpx.ASGITransport(wrap(endpoint), client=("192.0.2.1", 4711))
        async with httpx.AsyncClient(transport=transport) as client:
            return [
                await client.request(**{"method": "POST", "url": URL, **one}) for one in requests
            ]

    try:
        return asyncio.run(talk())
    finally:
        endpoint.close()


def post(octets, type=PACKED, **headers):
    fields = {"content-type": type, **{k.replace("_", "-"): v for k, v in headers.items()}}
    return {"content": octets, "headers": fields}


def test_a_report_is_kept_once_however_it_is_packed(store):
    report = tls_report()
    answers = exchange(
        store,
        post(gzip.compress(report)),
        post(report, PLAIN),
        post(gzip.compress(report, 1), "application/gzip; charset=binary"),
        post(gzip.compress(report), PLAIN, content_encoding="gzip"),
    )
    assert [(one.status_code, one.text) for one in answers] == [
        (200, "kept\n"),
        *[(200, "known before\n")] * 3,
    ]
    with store.evidence() as evidence:
        (told,) = evidence.tls_days(Window(date(2026, 5, 1), date(2026, 5, 31)))
    assert told[:6] == ("example.com", date(2026, 5, 4), "reporter.example", "sts", 10, 3)


REFUSED = [
    ({"method": "GET"}, 405, "nothing is shown here"),
    ({"method": "PUT"}, 405, "another method"),
    (post(b"{}", "text/plain"), 415, "another type"),
    ({"content": b"{}"}, 415, "no type"),
    (post(b"{}", PLAIN, content_encoding="br"), 415, "packed otherwise"),
    (post(b"x" * 2000), 413, "too long"),
    (post(b"", PLAIN), 400, "nothing"),
    (post(b"hello", PLAIN), 400, "no JSON"),
    (post(gzip.compress(b"hello")), 400, "no JSON, packed"),
    (post(gzip.compress(b"{}")[:-9]), 400, "cut short"),
    (post(b"\x1f\x8bnonsense"), 400, "no gzip"),
    (post(b"{}", PLAIN), 400, "JSON, but no report"),
    (post(gzip.compress(aggregate())), 400, "a DMARC report: those come by mail, with a sender"),
    (post(gzip.compress(tls_report().replace(b"sts", b"st\x1b[31ms")[:200])), 400, "broken"),
    (post(gzip.compress(b"{" + b" " * (80 << 20))), 400, "a bomb"),
]


@pytest.mark.parametrize("request_, status, reason", REFUSED)
def test_what_is_no_tls_report_is_refused(store, request_, status, reason):
    settings = HttpsSettings(max_octets=1000 if status == 413 else 1 << 20)
    (answer,) = exchange(store, request_, settings=settings)
    assert answer.status_code == status, reason
    assert answer.text.rstrip("\n").isprintable()
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    with store.evidence() as evidence:
        assert evidence.last_day() is None


def test_what_cannot_be_read_is_in_quarantine_with_its_source(store):
    (answer,) = exchange(store, post(tls_report()[:100], PLAIN))
    assert answer.status_code == 400
    with store.reading() as reader:
        (held,) = queries.held(reader)
    assert held.source.startswith("https://192.0.2.1/#")


def test_a_body_without_a_length_is_read_no_further_than_the_limit(store):
    sent = []

    async def drip():
        for _ in range(1000):
            sent.append(1)
            yield b"{" * 100

    settings = HttpsSettings(max_octets=1000)
    (answer,) = exchange(store, post(drip(), PLAIN), settings=settings)
    assert answer.status_code == 413
    assert len(sent) < 20


class Down:
    def keep(self, arrivals):
        raise OSError(28, "No space left on device")


class Silent:
    def keep(self, arrivals):
        return []


@pytest.mark.parametrize("keeper", [Down(), Silent()])
def test_what_could_not_be_kept_is_to_be_sent_again(keeper):
    (answer,) = exchange(keeper, post(tls_report(), PLAIN))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "space" not in answer.text, "what is wrong here is not the client's business"


def test_a_client_that_comes_too_often_is_told_so(store):
    settings = HttpsSettings(reports_per_minute=2)
    requests = [post(tls_report(f"id-{number}"), PLAIN) for number in range(4)]
    answers = exchange(store, *requests, settings=settings)
    assert [one.status_code for one in answers] == [200, 200, 429, 429]


def test_no_more_than_so_many_are_under_way(store):
    endpoint = TlsReportEndpoint(store, HttpsSettings(max_requests=2))

    async def slow():
        yield b"{"
        await asyncio.sleep(0.2)
        yield tls_report()[1:]

    async def talk():
        transport = httpx.ASGITransport(endpoint)
        async with httpx.AsyncClient(transport=transport) as client:
            requests = [
                client.post(URL, content=slow(), headers={"content-type": PLAIN}) for _ in range(4)
            ]
            return await asyncio.gather(*requests)

    answers = asyncio.run(talk())
    endpoint.close()
    assert sorted(one.status_code for one in answers) == [200, 200, 503, 503]


def test_a_client_that_goes_away_is_not_answered_and_leaves_room():
    class Never:
        def keep(self, arrivals):
            raise AssertionError

    endpoint = TlsReportEndpoint(Never(), HttpsSettings(max_requests=1))
    said = []

    async def talk():
        messages = iter(
            [
                {"type": "http.request", "body": b"{", "more_body": True},
                {"type": "http.disconnect"},
            ]
        )

        async def receive():
            return next(messages)

        async def send(message):
            said.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": [(b"content-type", PLAIN.encode())],
            "client": None,
        }
        await endpoint(scope, receive, send)

    asyncio.run(talk())
    endpoint.close()
    assert said == []
    assert endpoint._admission.inside == 0


def test_it_is_served_at_its_path_alone(store):
    requests = [{**post(tls_report(), PLAIN), "url": f"https://x.example{path}"} for path in
                ("/tlsrpt", "/", "/tlsrpt/x", "/TLSRPT")]  # fmt: skip
    answers = exchange(store, *requests, wrap=lambda endpoint: only_at("/tlsrpt", endpoint))
    assert [one.status_code for one in answers] == [200, 404, 404, 404]


def test_a_committer_may_be_shared_and_is_not_closed(store):
    told = []
    committer = Committer(store, tell=told.append)
    for number in range(2):
        exchange(committer, post(tls_report(f"id-{number}"), PLAIN))
    committer.close()
    assert [one.kept for one in told] == [Kept.NEW, Kept.NEW]


def test_it_takes_part_in_the_life_of_its_server(store):
    endpoint = TlsReportEndpoint(store)
    said = []

    async def talk():
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive():
            return next(messages)

        async def send(message):
            said.append(message["type"])

        await endpoint({"type": "lifespan"}, receive, send)

    asyncio.run(talk())
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

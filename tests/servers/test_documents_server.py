"""Documents fetched from live HTTPS servers: pictures and certificates as BIMI records name them."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import threading
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from pki import make, server_context

from maildns.audit.documents import LiveDocumentFetcher, Request
from maildns.errors import UsageError
from maildns.net.web import MAX_REDIRECTS, FetchResult, Wanted, fetch_document

pytestmark = pytest.mark.server

HOST, OTHER = "www.example.com", "static.example.com"
BODY = b"<svg/>" * 100
WANTED = Wanted("the picture", "image/svg+xml", len(BODY))
FETCHED, REFUSED, UNREACHABLE = (
    FetchResult.FETCHED,
    FetchResult.REFUSED,
    FetchResult.UNREACHABLE,
)


@dataclass
class Served:
    """A server, and the requests that came."""

    port: int
    root_pem: str
    answers: dict[str, tuple[int, dict[str, str], bytes]]
    asked: list[tuple[str, str]] = field(default_factory=list)

    def url(self, path, host=HOST):
        return f"https://{host}:{self.port}{path}"

    def fetch(self, url, **more):
        given = {"timeout_seconds": 5, "authorities_pem": self.root_pem} | more
        addresses = given.pop("addresses", {HOST: ["127.0.0.1"]})
        return fetch_document(url, addresses, given.pop("wanted", WANTED), **given)


def _handler(served):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            served.asked.append((self.headers["Host"], self.path))
            status, headers, body = served.answers.get(self.path, (404, {}, b"nothing"))
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_arguments):
            """Say nothing."""

    return Handler


@pytest.fixture
def served():
    root = make("Test Root", authority=True, days=(-900, 900))
    context = server_context((make(HOST, root, names=[HOST, OTHER]),))
    found = Served(0, root.pem, {"/logo.svg": (200, {}, BODY)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    server.handle_error = lambda *_: None
    server.socket = context.wrap_socket(server.socket, server_side=True)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_document_is_fetched_from_the_address_that_is_known(served):
    found = served.fetch(served.url("/logo.svg?v=1"))
    assert (found.result, found.reason.count("404")) == (REFUSED, 1)
    url = served.url("/logo.svg")
    found = served.fetch(url)
    assert (found.result, found.body, found.url, found.final_url) == (FETCHED, BODY, url, url)
    assert served.asked == [(HOST, "/logo.svg?v=1"), (HOST, "/logo.svg")]


ANSWERS = [
    ((500, {}, b""), UNREACHABLE, "500", "it may be better tomorrow"),
    ((429, {}, b""), UNREACHABLE, "429", "too many of us"),
    ((204, {}, b""), REFUSED, "204", "nothing there"),
    ((200, {}, BODY + b"x"), REFUSED, "larger", "an octet too many"),
    ((200, {"Content-Length": "9999"}, BODY), UNREACHABLE, HOST, "cut off"),
    ((200, {"Content-Encoding": "gzip"}, BODY), REFUSED, "compresses", "not asked for"),
    ((302, {}, b""), REFUSED, "302", "to nowhere"),
    ((302, {"Location": "http://www.example.com/"}, b""), REFUSED, "not an https", "in clear"),
    ((302, {"Location": "https://[bad"}, b""), REFUSED, "not an https", "to no address"),
    ((302, {"Location": "https://127.0.0.1/"}, b""), UNREACHABLE, "not asked", "to itself"),
    ((302, {"Location": f"https://{OTHER}/"}, b""), UNREACHABLE, OTHER, "a host not known"),
    ((302, {"Location": "/odd"}, b""), REFUSED, f"more than {MAX_REDIRECTS}", "in a circle"),
]


@pytest.mark.parametrize(("answer", "result", "words", "reason"), ANSWERS)
def test_what_the_server_does_wrong_is_told(served, answer, result, words, reason):
    served.answers["/odd"] = answer
    found = served.fetch(served.url("/odd"))
    assert (found.result, found.body) == (result, b""), reason
    assert words in found.reason, found.reason
    assert (found.about == "size") is (words == "larger")
    assert len(served.asked) <= MAX_REDIRECTS + 1


def test_redirects_are_followed_to_hosts_whose_addresses_are_known(served):
    served.answers["/a"] = 301, {"Location": "/b"}, b""
    served.answers["/b"] = 302, {"Location": served.url("/logo.svg", OTHER)}, b""
    addresses = {HOST: ["127.0.0.1"], OTHER: ["127.0.0.1"]}
    found = served.fetch(served.url("/a"), addresses=addresses)
    assert (found.result, found.body) == (FETCHED, BODY)
    assert found.final_url == served.url("/logo.svg", OTHER)
    assert served.asked[-1] == (OTHER, "/logo.svg")


def test_a_packed_picture_is_taken_as_it_is_where_that_is_allowed(served):
    served.answers["/logo.svgz"] = 200, {"Content-Encoding": "gzip"}, b"\x1f\x8b packed"
    found = served.fetch(served.url("/logo.svgz"), encodings=("identity", "gzip"))
    assert (found.result, found.body) == (FETCHED, b"\x1f\x8b packed")


def test_a_server_that_is_another_or_of_a_stranger_is_refused(served):
    url = served.url("/logo.svg", "another.example.com")
    found = served.fetch(url, addresses={"another.example.com": ["127.0.0.1"]})
    assert (found.result, found.about) == (REFUSED, "certificate")
    assert "does not name" in found.reason
    stranger = make("Stranger", authority=True).pem
    found = served.fetch(served.url("/logo.svg"), authorities_pem=stranger)
    assert (found.result, found.about) == (REFUSED, "certificate")
    assert served.asked == []


def test_the_next_address_is_tried_where_one_does_not_answer(served):
    found = served.fetch(served.url("/logo.svg"), addresses={HOST: ["127.9.9.9", "127.0.0.1"]})
    assert found.result is FETCHED
    found = served.fetch(served.url("/logo.svg"), addresses={HOST: ["127.9.9.9"]})
    assert found.result is UNREACHABLE


def test_a_document_that_many_name_is_fetched_once(served):
    request = Request(served.url("/logo.svg"), {HOST: ["127.0.0.1"]}, WANTED)

    async def many():
        with closing(LiveDocumentFetcher(authorities_pem=served.root_pem)) as fetcher:
            return await asyncio.gather(*(fetcher(request, 5) for _ in range(20)))

    assert {one.body for one in asyncio.run(many())} == {BODY}
    assert len(served.asked) == 1


def test_authorities_that_are_none_are_misuse():
    with pytest.raises(UsageError):
        LiveDocumentFetcher(authorities_pem="no certificate")

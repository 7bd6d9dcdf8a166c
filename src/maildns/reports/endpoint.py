"""
The HTTPS endpoint that TLS reports are posted to (RFC 8460 section 5.4), as an ASGI application.

    from maildns.reports.endpoint import TlsReportEndpoint

    endpoint = TlsReportEndpoint(store)     # Starlette: Mount("/tlsrpt", endpoint)

A report is answered with 200 when it is committed. Who sends it is not known: RFC 8460 has reports
over HTTPS neither signed nor logged in, so nothing is said of its reporter.
"""

from __future__ import annotations

import asyncio
import codecs
import itertools
import logging
import os
import secrets
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from maildns.reports.config import HttpsSettings
from maildns.reports.keeping import Arrival, Keeper, Kept, Receipt
from maildns.reports.sources.admission import Admission, client_of
from maildns.reports.sources.committing import Committer, why_not_kept

_log: Final = logging.getLogger(__name__)
_BODY_SECONDS: Final = 60.0
_LOOK_OCTETS: Final = 256
_GZIP: Final = b"\x1f\x8b"
# RFC 8460 sections 6.4 and 6.5; the others are what senders take for them.
_TYPES: Final = frozenset(
    {
        "application/tlsrpt+gzip",
        "application/tlsrpt+json",
        "application/gzip",
        "application/x-gzip",
        "application/json",
    }
)

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class _Refused(Exception):
    """A request that is not taken: its status and why."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers


class TlsReportEndpoint:
    """
    Takes TLS reports by POST, at whatever path it is mounted, and has them kept by *keeper*.

    *settings* bounds them; `path` in it is for `only_at`. Answers: 200 for a report that is kept, now
    or before; 400 for what is none, or cannot be read (a copy is in quarantine then); 405 for another
    method; 408 for a body that takes too long; 413 for one that is too long; 415 for another type;
    429 for a client that comes too often; 503 when it could not be kept or there is too much at once.
    Several processes may serve one store.
    """

    def __init__(
        self,
        keeper: Keeper | Committer,
        settings: HttpsSettings | None = None,
    ) -> None:
        self.settings = settings or HttpsSettings()
        self._committer = keeper if isinstance(keeper, Committer) else Committer(keeper)
        self._is_ours = self._committer is not keeper
        self._admission = Admission(
            self.settings.max_requests, self.settings.max_requests, self.settings.reports_per_minute
        )
        self._numbers = itertools.count(1)
        self._run = secrets.token_hex(4)

    def close(self) -> None:
        """Return when what is under way is kept; a committer that was given stays open."""
        if self._is_ours:
            self._committer.close()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or take part in the server's lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            words = await self._taken(scope, receive)
        except _Refused as refused:
            await _respond(send, refused.status, str(refused), refused.headers)
        except _GoneError:
            return  # nobody is there to be answered
        else:
            await _respond(send, 200, words, {})

    async def _taken(self, scope: Message, receive: Receive) -> str:
        """Take the report that a request brings; raises `_Refused`."""
        address = str((scope.get("client") or ("",))[0])
        client = client_of(address)
        headers = _headers(scope)
        if scope["method"] != "POST":
            raise _Refused(405, "reports are sent by POST", allow="POST")
        self._check(headers)
        if not self._admission.may_bring(client):
            raise _Refused(429, "too many reports, try again later", retry_after="60")
        if not self._admission.enter(client):
            raise _Refused(503, "too much at once, try again later", retry_after="10")
        try:
            octets = await self._body(receive)
            _check_form(octets)
            return await self._kept(octets, address)
        finally:
            self._admission.leave(client)

    def _check(self, headers: dict[str, str]) -> None:
        """Refuse by what the header fields say, before the body is read."""
        type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if type not in _TYPES:
            wanted = "application/tlsrpt+gzip or application/tlsrpt+json"
            raise _Refused(415, f"a TLS report is {wanted}", accept_post=wanted.replace(" or", ","))
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip", "x-gzip", ""}:
            raise _Refused(415, "a report may be packed with gzip alone")
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and len(length) < 20:
            self._check_length(int(length))

    def _check_length(self, length: int) -> None:
        if length > self.settings.max_octets:
            most = self.settings.max_octets
            raise _Refused(413, f"a report has at most {most} octets here", connection="close")

    async def _body(self, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                return await self._read(receive)
        except TimeoutError:
            raise _Refused(408, "the report took too long", connection="close") from None

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            body += message.get("body", b"")
            self._check_length(len(body))
            if not message.get("more_body"):
                return bytes(body)

    async def _kept(self, octets: bytes, address: str) -> str:
        source = f"https://{address or 'client'}/#{self._run}-{next(self._numbers)}"
        keeping = self._committer.keep(Arrival(octets, source, ip=address))
        (outcome,) = await asyncio.gather(keeping, return_exceptions=True)
        if isinstance(outcome, BaseException):  # whatever it is: the report is not ours
            _log.error("a report could not be kept: %s", why_not_kept(outcome))
            raise _Refused(503, "it could not be kept, try again later", retry_after="300")
        return _words(outcome)


class _GoneError(Exception):
    """The client has gone away."""


def _check_form(octets: bytes) -> None:
    """Refuse what is no JSON, packed or not: other reports do not come this way."""
    start = octets[:_LOOK_OCTETS]
    if start.startswith(_GZIP):
        try:
            start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(octets, _LOOK_OCTETS)
        except zlib.error:
            raise _Refused(400, "this is not what gzip makes") from None
    if not start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"):
        raise _Refused(400, "a TLS report is JSON, or JSON packed with gzip")


def _words(receipts: list[Receipt]) -> str:
    """The answer that *receipts* make; raises `_Refused`."""
    kinds = {receipt.kept for receipt in receipts}
    if not kinds:
        raise _Refused(503, "it could not be kept, try again later", retry_after="300")
    if Kept.BAD in kinds:
        reasons = (receipt.reason for receipt in receipts if receipt.kept is Kept.BAD)
        raise _Refused(400, f"the report cannot be read: {next(reasons)}")
    if kinds == {Kept.NO_REPORT}:
        raise _Refused(400, "this is no report")
    return "known before" if kinds == {Kept.KNOWN} else "kept"


def only_at(path: str, endpoint: TlsReportEndpoint) -> Callable[..., Awaitable[None]]:
    """Serve *endpoint* at *path* alone; 404 elsewhere. For a server that has nothing else to serve."""

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != path:
            await _respond(send, 404, "there is nothing here", {})
        else:
            await endpoint(scope, receive, send)

    return application


def application() -> Callable[..., Awaitable[None]]:
    """
    Make the endpoint as `maildns.toml` has it, for a server that is told of a factory.

    `MAILDNS_CONFIG` names the file, `maildns.toml` where that is not set. It is served at `path` of
    `[reports.https]` alone. Raises `ConfigError` and `InputError` for what cannot be used.
    """
    from maildns.intent.load import load
    from maildns.reports.config import https_of, settings_of
    from maildns.reports.store import Store

    intent, source = load(Path(os.environ.get("MAILDNS_CONFIG", "maildns.toml")))
    settings = https_of(intent, source) or HttpsSettings()
    store = Store(settings_of(intent, source).store)
    return only_at(settings.path, TlsReportEndpoint(store, settings))


def _headers(scope: Message) -> dict[str, str]:
    """The header fields, by lower-case name; of one that is there twice the last."""
    return {
        name.decode("latin-1").lower(): text.decode("latin-1") for name, text in scope["headers"]
    }


async def _respond(send: Send, status: int, words: str, headers: dict[str, str]) -> None:
    body = f"{words}\n".encode()
    fields = {
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(len(body)),
        "x-content-type-options": "nosniff",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    said = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": said})
    await send({"type": "http.response.body", "body": body})

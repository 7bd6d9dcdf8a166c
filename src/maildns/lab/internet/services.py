"""
The small servers of the pretend internet, in one process inside: policies and pictures over HTTPS, a greeting over IMAP, and name servers that misbehave.

Run as `python -I services.py FILE`, FILE being the JSON text of a `Wanted`: nothing but the
standard library is imported, so that it starts at once.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, cast

_SECONDS: Final = 10.0
_MAX_HEAD: Final = 16 * 1024
DNS_PORT: Final = 53
PICTURE_PATH: Final = "/logo.svg"
MARK_PATH: Final = "/mark.pem"
# What is served beside policies: by its path, the ending of the file's name, and its type.
_DOCUMENTS: Final = {
    PICTURE_PATH: ("picture", "image/svg+xml"),
    MARK_PATH: ("mark", "application/pem-certificate-chain"),
}


@dataclass(frozen=True)
class Wanted:
    """
    What to run.

    `web` are addresses of the HTTPS server, `sites` the folder of its certificates, policies and pictures;
    `imap` maps addresses to certificate files; `silent` are addresses at which questions are
    taken and not answered; `relays` maps addresses to the name servers to which they pass
    questions over UDP, and how they pass on the answers: plain, garbage, liar. `mail` maps
    addresses to what stands at port 25 there: mute, drip, flood, garbage.
    """

    sites: str
    web: list[str]
    imap: dict[str, str]
    silent: list[str]
    relays: dict[str, tuple[str, str]]
    mail: dict[str, str]


async def serve(wanted: Wanted) -> None:
    """Run until cancelled."""
    loop = asyncio.get_running_loop()
    sites = Path(wanted.sites)
    secure = _by_name(sites)
    for address in wanted.web:
        await asyncio.start_server(partial(_web, sites), address, 443, ssl=secure)
    for address, certificate in wanted.imap.items():
        context = _context(Path(certificate))
        await asyncio.start_server(_imap, address, 993, ssl=context)
    kept = [_silent(address) for address in wanted.silent]
    for address, (backend, manner) in wanted.relays.items():
        await loop.create_datagram_endpoint(
            partial(_Relay, backend, manner), local_addr=(address, DNS_PORT)
        )
    for address, manner in wanted.mail.items():
        await asyncio.start_server(partial(_no_mail_server, manner), address, 25)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
    del kept


# --- HTTPS ---------------------------------------------------------------------------------


def _context(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _by_name(sites: Path) -> ssl.SSLContext:
    """A context that shows each name's own certificate; a name without one is refused."""
    known: dict[str, ssl.SSLContext] = {}

    def choose(sock: ssl.SSLObject, name: str | None, _context_used: ssl.SSLContext) -> int | None:
        path = sites / f"{Path(name or 'none').name}.pem"
        if not path.exists():
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        if path.name not in known:
            known[path.name] = _context(path)
        sock.context = known[path.name]
        return None

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = choose
    return context


async def _web(sites: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _SECONDS)
        lines = head[:_MAX_HEAD].decode("latin-1").split("\r\n")
        path = lines[0].split(" ")[1]
        host = next((one[5:].strip() for one in lines if one.lower().startswith("host:")), "")
        writer.write(_response(sites, host.partition(":")[0].lower(), path))
        await writer.drain()
    writer.close()


def _response(sites: Path, host: str, path: str) -> bytes:
    name = Path(host or "none").name
    if path in _DOCUMENTS:
        ending, kind = _DOCUMENTS[path]
        document = sites / f"{name}.{ending}"
        if not document.exists():
            return _message("404 Not Found", b"there is no such file\n")
        return _message("200 OK", document.read_bytes(), f"Content-Type: {kind}\r\n")
    redirect = sites / f"{name}.redirect"
    if redirect.exists() and path == "/.well-known/mta-sts.txt":
        place = redirect.read_text(encoding="utf-8")
        return _message("302 Found", b"", f"Location: {place}\r\n")
    policy = sites / f"{name}.txt"
    if not policy.exists():
        return _message("404 Not Found", b"there is no policy\n")
    return _message("200 OK", policy.read_bytes(), "Content-Type: text/plain\r\n")


def _message(status: str, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


# --- IMAP ----------------------------------------------------------------------------------


async def _imap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet, say what it can, take leave; nobody can log in (RFC 9051 section 7.1)."""
    with suppress(OSError, ValueError, TimeoutError):
        writer.write(b"* OK [CAPABILITY IMAP4rev2 AUTH=PLAIN] ready\r\n")
        while line := await asyncio.wait_for(reader.readline(), _SECONDS):
            tag, _, verb = line.strip().partition(b" ")
            if verb.upper() == b"CAPABILITY":
                writer.write(b"* CAPABILITY IMAP4rev2 AUTH=PLAIN\r\n" + tag + b" OK done\r\n")
            elif verb.upper() == b"LOGOUT":
                writer.write(b"* BYE bye\r\n" + tag + b" OK done\r\n")
                break
            else:
                writer.write(tag + b" NO not here\r\n")
            await writer.drain()
    writer.close()


# --- what is no mail server ------------------------------------------------------------------


async def _no_mail_server(
    manner: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Trouble the client in the given *manner*, for as long as it stays."""
    with suppress(OSError, asyncio.IncompleteReadError):
        if manner == "garbage":
            writer.write(bytes(range(256)) * 4 + b"\r\n")
        elif manner == "mute":
            await reader.read()
        while manner in {"drip", "flood"}:
            # A greeting of many lines that never comes to its last (RFC 5321 section 4.2.1).
            writer.write(b"220-" if manner == "drip" else b"220-" + b"x" * 4000 + b"\r\n")
            await writer.drain()
            if manner == "drip":
                await asyncio.sleep(0.5)
                writer.write(b"\r\n")
    writer.close()


# --- name servers that misbehave -------------------------------------------------------------


def _silent(address: str) -> tuple[socket.socket, socket.socket]:
    """Sockets that take questions over UDP and TCP, and that nobody reads."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    tcp = socket.socket(family, socket.SOCK_STREAM)
    for one in (udp, tcp):
        one.bind((address, DNS_PORT))
    tcp.listen(64)
    return udp, tcp


class _Relay(asyncio.DatagramProtocol):
    """Passes questions over UDP to a name server, and its answers back."""

    def __init__(self, backend: str, manner: str) -> None:
        self._backend = backend
        self._manner = manner
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own is no DatagramTransport in Python 3.11
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        task = asyncio.ensure_future(self._pass_on(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, data: bytes, client: tuple[str | int, ...]) -> None:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()
        onward, _ = await loop.create_datagram_endpoint(
            partial(_Once, answered), remote_addr=(self._backend, DNS_PORT)
        )
        try:
            onward.sendto(data)
            reply = await asyncio.wait_for(answered, _SECONDS)
        except (OSError, TimeoutError):
            return
        finally:
            onward.close()
        if self._transport is not None:
            self._transport.sendto(_changed(reply, self._manner), client)


def _changed(reply: bytes, manner: str) -> bytes:
    if manner == "garbage":
        return reply[:2] + b"\xff" * 60  # the number of the question, so that it is looked at
    if manner == "liar":
        return bytes((reply[0] ^ 0xFF,)) + reply[1:]
    return reply


class _Once(asyncio.DatagramProtocol):
    """Takes one answer."""

    def __init__(self, answered: asyncio.Future[bytes]) -> None:
        self._answered = answered

    def datagram_received(self, data: bytes, _addr: tuple[str | int, ...]) -> None:
        if not self._answered.done():
            self._answered.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answered.done():
            self._answered.set_exception(exc)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Wanted(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))

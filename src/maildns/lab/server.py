"""
A name server on loopback, in this process: the zones of a lab for real clients.

UDP and TCP share one port; a background thread runs both, and leaving the `with`
block stops it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Self, cast

import dns.dnssec
import dns.name
import dns.rdataset
import dns.rdatatype
import dns.tsig

from maildns.ask import Question
from maildns.dnsdata import RRset, absolute, name
from maildns.errors import RecordSyntaxError, UsageError
from maildns.lab.folder import Folder
from maildns.lab.respond import zone_for
from maildns.lab.service import Service
from maildns.lab.zone import SigningKey, Zone, build_zone
from maildns.net.convert import name_from_dns, name_to_dns, rdtype_to_dns, rrset_from_dns
from maildns.net.servers import is_loopback
from maildns.zonefile import parse_records, rrsets_of

PORT_ATTEMPTS = 32  # a port must be free for UDP and TCP both
TCP_IDLE_SECONDS = 10.0
START_SECONDS = 10.0

ZoneSource = str | Iterable[RRset]


class LabServer:
    """
    An authoritative name server for *zones*, each zone's text or RRsets by its origin.

    An SOA and NS record are added where none are given, and a zone delegates to those
    below it that are here, too. It answers on *address*, on
    *port* or a free one; knows *tsig_keys*, secrets by name for hmac-sha256, and
    takes updates signed with one of them; signs its zones unless *signed* is false.
    A client that asks for recursion is answered as a validating resolver would, for
    names in these zones; other names are REFUSED.

    With *folder*, zones and keys are kept there, and what was kept counts more than
    *zones*: a second run goes on where the first stopped. `on_query` is told each
    question; `asked` remembers them.

    Raises `UsageError` for an address that is not loopback unless *force* is true or
    one that cannot be bound, `InputError` for a zone that cannot be read.

    >>> with LabServer({"example.com": "@ TXT v=spf1"}, signed=False) as lab:
    ...     lab.rrset("example.com", "TXT").records[0].text
    'v=spf1'
    """

    def __init__(  # noqa: PLR0913 - the parts of one lab, each given by name
        self,
        zones: Mapping[str, ZoneSource],
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        tsig_keys: Mapping[str, bytes] | None = None,
        signed: bool = True,
        folder: Path | None = None,
        open_updates: bool = False,
        on_query: Callable[[Question], None] | None = None,
        force: bool = False,
    ) -> None:
        if not force and not is_loopback(address):
            raise UsageError(
                f"the lab answers on loopback alone, not on {address!r}",
                hint="say force when the whole network may see these zones",
            )
        self.address = address
        self.port = port
        self.signed = signed
        self._folder = None if folder is None else Folder(folder)
        self._service = Service(
            self._load(zones),
            _keyring(tsig_keys or {}),
            open_updates=open_updates,
            on_query=on_query,
            on_change=self._keep,
        )
        self._running: _Running | None = None

    # --- its life -----------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Answer from now on; returns when it really does."""
        if self._running is None:
            udp, tcp = _bind(self.address, self.port)
            self.port = udp.getsockname()[1]
            self._running = _Running(self._service, udp, tcp)

    def stop(self) -> None:
        """Answer no more; the port is free when this returns."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    @property
    def server(self) -> str:
        """Its address and port, as `Resolver` and `--server` want it."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    # --- its zones ----------------------------------------------------------------

    @property
    def asked(self) -> list[Question]:
        """The questions put to it, in order; the latest 100,000."""
        return list(self._service.asked)

    @property
    def origins(self) -> list[str]:
        """The names of its zones, sorted."""
        return sorted(name_from_dns(origin) for origin in self._service.zones)

    def rrset(self, owner: str, rrtype: str) -> RRset | None:
        """The records that stand at just this name and type."""
        zone = zone_for(self._service.zones, name_to_dns(owner))
        found = None if zone is None else zone.get(name_to_dns(owner), rdtype_to_dns(rrtype))
        return None if found is None else rrset_from_dns(owner, found)

    def zone_text(self, origin: str) -> str:
        """One zone as text, without what signing adds; raises `UsageError` when there is none."""
        return self._zone(origin).text()

    def replace_zone(self, origin: str, source: ZoneSource) -> None:
        """Put *source* in the place of the zone *origin*, or add that zone."""
        origin = name(origin)
        old = self._service.zones.get(name_to_dns(origin))
        key = old.key if old is not None else self._signing_key(origin)
        zone = build_zone(origin, _rrsets(origin, source), key)
        before = self._service.zones
        for linked in _linked({**before, zone.origin: zone}).values():
            if before.get(linked.origin) is not linked:
                self._service.replace(linked)

    def trust_anchor(self, origin: str) -> str:
        """The DS record that a validator needs to believe the zone, as zone-file text."""
        zone = self._zone(origin)
        if zone.key is None:
            raise UsageError(f"the zone {origin} is not signed")
        digest = dns.dnssec.make_ds(zone.origin, zone.key.dnskey, "SHA256")
        return f"{absolute(name(origin))} IN DS {digest.to_text()}"

    def _zone(self, origin: str) -> Zone:
        zone = self._service.zones.get(name_to_dns(name(origin)))
        if zone is None:
            raise UsageError(f"the lab has no zone {origin}")
        return zone

    def _load(self, zones: Mapping[str, ZoneSource]) -> dict[dns.name.Name, Zone]:
        sources: dict[str, ZoneSource] = {name(origin): zones[origin] for origin in zones}
        if self._folder is not None:
            for origin in self._folder.origins():
                sources.setdefault(origin, "")
        loaded = {}
        for origin, source in sources.items():
            kept = self._folder.read_zone(origin) if self._folder is not None else None
            rrsets = _rrsets(origin, source if kept is None else kept)
            zone = build_zone(origin, rrsets, self._signing_key(origin))
            loaded[zone.origin] = zone
            if kept is None:
                self._keep(zone)
        return _linked(loaded)

    def _signing_key(self, origin: str) -> SigningKey | None:
        if not self.signed:
            return None
        return SigningKey() if self._folder is None else self._folder.signing_key(origin)

    def _keep(self, zone: Zone) -> None:
        if self._folder is not None:
            self._folder.write_zone(name_from_dns(zone.origin), zone.text())


def _rrsets(origin: str, source: ZoneSource) -> list[RRset]:
    if not isinstance(source, str):
        return list(source)
    return list(rrsets_of(parse_records(source, origin=origin)).values())


def _linked(zones: Mapping[dns.name.Name, Zone]) -> dict[dns.name.Name, Zone]:
    """
    *zones*, each zone with the delegations to those right below it.

    The NS records are the child's own where its parent has none; the DS is always made
    of the child's key, so that parent and child make one chain of trust (RFC 4035
    section 2.4).
    """
    linked = dict(zones)
    for origin in sorted(zones):
        parent = zone_for(zones, origin.parent()) if origin != dns.name.root else None
        if parent is not None:
            linked[parent.origin] = _delegating(linked[parent.origin], zones[origin])
    return linked


def _delegating(parent: Zone, child: Zone) -> Zone:
    here = parent.sets.get(child.origin, {})
    cut = {kind: found for kind, found in here.items() if kind != dns.rdatatype.DS}
    servers = cut.setdefault(dns.rdatatype.NS, child.sets[child.origin][dns.rdatatype.NS])
    if child.key is not None:
        digest = dns.dnssec.make_ds(child.origin, child.key.dnskey, "SHA256")
        cut[dns.rdatatype.DS] = dns.rdataset.from_rdata_list(servers.ttl, [digest])
    if cut == here:
        return parent
    return Zone(parent.origin, {**parent.sets, child.origin: cut}, parent.key)


def _keyring(secrets: Mapping[str, bytes]) -> dict[dns.name.Name, dns.tsig.Key]:
    keyring = {}
    for key_name, secret in secrets.items():
        try:
            owner = name_to_dns(name(key_name))
        except RecordSyntaxError as error:
            raise UsageError(f"{key_name!r} is not the name of a key: {error.problem}") from None
        keyring[owner] = dns.tsig.Key(owner, secret, dns.tsig.HMAC_SHA256)
    return keyring


# --- sockets --------------------------------------------------------------------------


def _bind(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same port; a free one when *port* is 0."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for attempt in range(PORT_ATTEMPTS):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        tcp = socket.socket(family, socket.SOCK_STREAM)
        try:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            udp.bind((address, port))
            tcp.bind((address, udp.getsockname()[1]))
            tcp.listen(128)
        except (OSError, OverflowError) as error:
            udp.close()
            tcp.close()
            if port or attempt == PORT_ATTEMPTS - 1:
                raise UsageError(
                    f"cannot answer on {address}, port {port or 'any'}: {error}",
                    hint="another server may hold the port; port 0 takes a free one",
                ) from None
        else:
            udp.settimeout(0)
            tcp.settimeout(0)
            return udp, tcp
    raise UsageError(f"no port is free on {address}")


class _Running:
    """The background thread, its loop, and what is needed to stop both."""

    def __init__(self, service: Service, udp: socket.socket, tcp: socket.socket) -> None:
        self._service, self._udp, self._tcp = service, udp, tcp
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="maildns-lab", daemon=True)
        self._thread.start()
        self._ready.wait(START_SECONDS)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _Datagrams(self._service), sock=self._udp
        )
        streams: set[asyncio.Task[None]] = set()
        acceptor = asyncio.create_task(self._accept(streams))
        self._ready.set()
        await self._stopping.wait()
        transport.close()
        for task in (acceptor, *streams):
            task.cancel()
        await asyncio.gather(acceptor, *streams, return_exceptions=True)
        self._tcp.close()
        await asyncio.sleep(0)  # lets the transport close its socket

    async def _accept(self, streams: set[asyncio.Task[None]]) -> None:
        while True:
            try:
                connection, _ = await self._loop.sock_accept(self._tcp)
            except OSError:  # too many open files, or the client has gone: the next one counts
                await asyncio.sleep(0.05)
                continue
            connection.settimeout(0)
            task = asyncio.create_task(self._converse(connection))
            streams.add(task)
            task.add_done_callback(streams.discard)

    async def _converse(self, connection: socket.socket) -> None:
        """Answer what comes on one connection until it ends or falls silent (RFC 7766 section 6.2)."""
        with connection, contextlib.suppress(OSError, EOFError, TimeoutError):
            while True:
                length = struct.unpack("!H", await self._read(connection, 2))[0]
                response = self._service.handle(await self._read(connection, length), udp=False)
                if response is None:
                    return
                framed = struct.pack("!H", len(response)) + response
                sending = self._loop.sock_sendall(connection, framed)
                await asyncio.wait_for(sending, TCP_IDLE_SECONDS)

    async def _read(self, connection: socket.socket, count: int) -> bytes:
        octets = b""
        while len(octets) < count:
            waiting = self._loop.sock_recv(connection, count - len(octets))
            part = await asyncio.wait_for(waiting, TCP_IDLE_SECONDS)
            if not part:
                raise EOFError
            octets += part
        return octets


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, service: Service) -> None:
        self._service = service
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Its class does not derive from DatagramTransport before Python 3.12.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = self._service.handle(data, udp=True)
        if response is not None and self._transport is not None:
            self._transport.sendto(response, addr)

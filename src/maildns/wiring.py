"""
The one place that builds real ports from the config: worlds, publishers, keys, the ledger.

Nothing below it knows where a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from maildns.dnsdata import name as host_name
from maildns.errors import ConfigError, InputError, MaildnsError, UsageError
from maildns.finding import Finding
from maildns.intent.load import ConfigSource, load
from maildns.intent.model import Intent, Rfc2136Publisher, ZoneFilePublisher
from maildns.materials import read_materials
from maildns.net.drivers import BlockingWorld
from maildns.plan.desired import PUBLIC
from maildns.plan.making import Place
from maildns.plan.materials import Materials
from maildns.publish.contract import Publisher
from maildns.publish.ledger import LedgerFile
from maildns.publish.zone_world import ZoneWorld

MAX_WORLD_OCTETS = 256 * 1024 * 1024


@dataclass(frozen=True)
class Project:
    """A config file, read: what is wanted, with the keys and certificates it names."""

    intent: Intent
    source: ConfigSource
    now: datetime

    @cached_property
    def materials(self) -> Materials:
        """Keys and certificates, read when first needed; raises `ConfigError`."""
        return read_materials(self.intent, self.source, now=self.now)

    @cached_property
    def publishers(self) -> Mapping[str, Publisher]:
        """The publishers by name; raises `ConfigError` when a secret cannot be read."""
        return {name: _publisher(self, name) for name in self.intent.publisher}

    def exposures(self) -> list[Finding]:
        """Which TSIG secrets others on this machine can read."""
        from maildns.publish.tsig import exposure

        files = [
            self.source.file(wish.key_file)
            for wish in self.intent.publisher.values()
            if isinstance(wish, Rfc2136Publisher) and wish.key_file is not None
        ]
        return [finding for file in files for finding in exposure(file)]

    @cached_property
    def ledger(self) -> LedgerFile:
        """What was published before."""
        return LedgerFile(self.source.path.with_suffix(".state.json"))

    def views(self) -> list[str]:
        """The views, the public one first."""
        return [PUBLIC, *(view for view in self.intent.view if view != PUBLIC)]

    def publishers_of(self, view: str) -> dict[str, Publisher]:
        """The publishers of a view: those it names; of the public one all that no other names."""
        named = self.intent.view[view].publisher if view in self.intent.view else ()
        if not named and view == PUBLIC:
            taken = {name for one in self.intent.view.values() for name in one.publisher}
            named = tuple(name for name in self.intent.publisher if name not in taken)
        return {name: self.publishers[name] for name in named}


def open_project(path: Path) -> Project:
    """Read the config at *path*; raises `ConfigError`."""
    intent, source = load(path)
    return Project(intent, source, datetime.now(UTC))


def world_of(file: Path | None, servers: Sequence[str] = ()) -> BlockingWorld:
    """
    The world that questions are asked of: a zone file, given servers, or the system's resolver.

    Raises `InputError` when the file cannot be read, `UsageError` for a server nobody can ask.
    """
    if file is None:
        from maildns.net.resolver import Resolver

        return Resolver(servers=tuple(servers), validate="auto")
    from maildns.net.world import World

    return World.from_zone(read_text(file), path=file)


def read_text(file: Path) -> str:
    """The text of a file, bounded; raises `InputError`."""
    try:
        with file.open("rb") as opened:
            octets = opened.read(MAX_WORLD_OCTETS + 1)
    except OSError as error:
        raise InputError(f"cannot read it: {error.strerror}", path=file) from None
    if len(octets) > MAX_WORLD_OCTETS:
        raise InputError("this is too large", path=file)
    return octets.decode("utf-8", "replace")


def places_of(
    project: Project,
    world_file: Path | None = None,
    servers: Sequence[str] = (),
    *,
    ask_servers: bool = False,
) -> dict[str, Place]:
    """
    Where each view is read and proven, the public one first.

    With *world_file* no network is used: zones on name servers are read from the file too,
    unless *ask_servers* says that they are about to be written.
    """
    world = world_of(world_file, servers)
    places = {}
    for view in project.views():
        readers = tuple(
            publisher
            for publisher in project.publishers_of(view).values()
            if ask_servers or not world_file or publisher.local
        )
        own = world
        if view != PUBLIC:
            own = _view_world(project, view, readers, world, offline=bool(world_file))
        places[view] = Place(own, readers, project.ledger.of(view))
    return places


def _view_world(
    project: Project,
    view: str,
    readers: Sequence[Publisher],
    public: BlockingWorld,
    *,
    offline: bool,
) -> BlockingWorld:
    """What a further view shows: its own resolver's word, else its zones over the public world."""
    resolver = project.intent.view[view].resolver
    if offline:
        return ZoneWorld(readers, public)
    if resolver:
        return world_of(None, [resolver])
    if not readers:
        raise project.source.error(
            ("view", view),
            f"nothing shows what stands in view {view}",
            "give it a publisher, or a resolver that shows it",
        )
    return ZoneWorld(readers, public)


# --- publishers -----------------------------------------------------------------------


def _publisher(project: Project, name: str) -> Publisher:
    wish = project.intent.publisher[name]
    if isinstance(wish, ZoneFilePublisher):
        return _zone_files(project, name, wish)
    return _rfc2136(project, name, wish)


def _zone_files(project: Project, name: str, wish: ZoneFilePublisher) -> Publisher:
    from maildns.publish.zone_file import ZoneFilePublisher as OneFile
    from maildns.publish.zone_files import ZoneFiles

    zones = wish.zones or tuple(project.intent.domain)
    place = ("publisher", name, "path")
    if len(zones) > 1 and "{zone}" not in wish.path:
        raise project.source.error(
            place,
            f"one file cannot hold {len(zones)} zones",
            'write path = "zones/{zone}.zone", or name the one zone: zones = ["..."]',
        )
    return ZoneFiles(
        {
            zone: OneFile(project.source.file(wish.path.replace("{zone}", zone), place), zone)
            for zone in zones
        },
    )


def _rfc2136(project: Project, name: str, wish: Rfc2136Publisher) -> Publisher:
    from maildns.publish.rfc2136 import Rfc2136Publisher as NameServer
    from maildns.publish.tsig import TsigKey, key_from_environment, read_key_file

    key = TsigKey("", b"")
    try:
        if wish.key_file is not None:
            path = project.source.file(wish.key_file, ("publisher", name, "key_file"))
            key = read_key_file(path, wish.key_name or "")
        elif wish.key_env is not None:
            key = key_from_environment(wish.key_env, wish.key_name or "")
        address, port = _host_and_port(wish.server)
        return NameServer(
            address,
            port,
            zones=wish.zones,
            key_name=key.name,
            key_secret=key.secret,
            algorithm=key.algorithm,
            timeout_seconds=wish.timeout,
        )
    except ConfigError:
        raise
    except MaildnsError as error:
        raise project.source.error(("publisher", name), str(error), error.hint) from None


def _host_and_port(text: str) -> tuple[str, int]:
    """Where a primary server is: an address or a host name, and its port."""
    from maildns.net.servers import parse_server

    try:
        server = parse_server(text)
    except UsageError:
        host, _, port = text.partition(":")
        if not port or not port.isdecimal():
            host, port = text, "53"
        return host_name(host), int(port)
    return server.host, server.port

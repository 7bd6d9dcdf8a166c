"""Plans made in memory: a config text and a zone text in, a plan out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from maildns.dnsdata import RRset, is_within, name
from maildns.intent.load import parse, settings
from maildns.intent.model import Intent
from maildns.net.world import World
from maildns.plan.contents import Key, RRsetChange, ZoneContents
from maildns.plan.making import Place, make_plan
from maildns.plan.materials import Materials, ServerIdentity
from maildns.plan.model import Plan
from maildns.plan.ownership import Ledger
from maildns.protocols import dkim

NOW = datetime(2026, 11, 23, tzinfo=UTC)
# The same in every process, so that tests run side by side have the same names.
KEY = dkim.key_record(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

SERVER = '[server."mail.example.com"]\nipv4 = "93.184.216.34"\n'
CONFIG = (
    SERVER + '[domain."example.com"]\ndkim = [{ selector = "abc", key = "abc.pem" }]\n'
    'dmarc = { reports_to = ["postmaster@example.com"] }\n'
)


class MemoryZone:
    """A publisher that holds its zones in memory."""

    local = True

    def __init__(self, text: str, *zones: str) -> None:
        self.world = World.from_zone(text)
        self.zones = zones

    @property
    def label(self) -> str:
        return "memory"

    def place_of(self, zone: str) -> str:
        return f"memory of {zone}"

    def zone_of(self, owner: str) -> str | None:
        return max((zone for zone in self.zones if is_within(owner, zone)), key=len, default=None)

    def read(self, keys: Collection[Key]) -> ZoneContents:
        asked = [*keys, *((owner, "CNAME") for owner, _ in keys)]
        found = [self.world.rrset(*key) for key in dict.fromkeys(asked)]
        return ZoneContents.of([rrset for rrset in found if rrset is not None])

    def publish(self, changes: Collection[RRsetChange]) -> None:
        for change in changes:
            if change.after is None:
                self.world.take(change.name, change.rrtype)
            else:
                self.world.put(change.after)


def keys_for(intent: Intent) -> dict[tuple[str, str], dkim.KeyRecord]:
    return {
        (domain, name(key.selector)): KEY
        for domain in intent.domain
        for key in settings(intent, domain).dkim
    }


def plan_for(
    config: str,
    zone: str = "",
    *,
    ledger: Ledger | None = None,
    publishers: Mapping[str, MemoryZone] | None = None,
    servers: Mapping[str, ServerIdentity] | None = None,
    world: World | None = None,
) -> Plan:
    """Plan *config* over the world that *zone* describes; *publishers* by view."""
    intent = parse(config)
    held = publishers or {}
    shown = world or World.from_zone(zone)
    views = ["public", *(view for view in intent.view if view != "public")]
    places = {
        view: Place(shown, (held[view],) if view in held else (), ledger or {}) for view in views
    }
    return make_plan(intent, Materials(keys_for(intent), servers or {}), places, now=NOW)


def lines(plan: Plan) -> dict[str, list[str]]:
    """What would stand at each changed name and type."""
    return {
        f"{change.name} {change.rrtype}": [str(r) for r in _records(change.after)]
        for change in plan.changes
    }


def _records(rrset: RRset | None) -> tuple[object, ...]:
    return rrset.records if rrset else ()

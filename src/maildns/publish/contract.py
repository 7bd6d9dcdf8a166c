"""
What every publisher promises.

A publisher holds some zones at one DNS host. It reads the zone itself, not a
resolver's idea of it, and publishes all of a zone's changes or none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from maildns.plan.contents import Key, RRsetChange, ZoneContents

__all__ = ["Key", "Publisher", "RRsetChange", "ZoneContents"]


class Publisher(Protocol):
    """Reads and writes zones at one place."""

    @property
    def label(self) -> str:
        """What people call it: `zone file /etc/bind/db.example`, `name server 127.0.0.1:53`."""
        ...

    def place_of(self, zone: str) -> str:
        """Where just *zone* is kept, for people."""
        ...

    @property
    def local(self) -> bool:
        """Whether it is read without a network."""
        ...

    def zone_of(self, name: str) -> str | None:
        """The zone that *name* would be put in; None when it is in none of this publisher's."""
        ...

    def read(self, keys: Collection[Key]) -> ZoneContents:
        """
        What stands at *keys*, and which of their names are aliases.

        A server that cannot be asked makes its keys `unknown`. Raises `InputError` when a
        zone file cannot be read, `PublishError` when a server refuses our key.
        """
        ...

    def publish(self, changes: Sequence[RRsetChange]) -> None:
        """
        Carry *changes* out, all or none in each zone.

        Raises `StalePlan` when a `before` does not hold, `PublishError` when the
        place refuses or cannot be reached.
        """
        ...

"""Several zone files as one publisher."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from maildns.dnsdata import parent
from maildns.errors import UsageError
from maildns.plan.contents import Key, RRsetChange, ZoneContents
from maildns.publish.zone_file import ZoneFilePublisher


class ZoneFiles:
    """One zone file for each zone of *files*."""

    local = True

    def __init__(self, files: Mapping[str, ZoneFilePublisher]) -> None:
        self._files = dict(files)

    @property
    def label(self) -> str:
        """What people call it."""
        if len(self._files) == 1:
            return next(iter(self._files.values())).label
        return f"{len(self._files)} zone files"

    def place_of(self, zone: str) -> str:
        """The file of *zone*."""
        return self._files[zone].label

    def zone_of(self, name: str) -> str | None:
        """The closest zone above *name*; raises `InputError` when its file cannot be read."""
        home = name
        while True:
            file = self._files.get(home)
            if file is not None:
                return file.zone_of(name)
            if home == ".":
                return None
            home = parent(home)

    def read(self, keys: Collection[Key]) -> ZoneContents:
        """What stands at *keys*; raises `InputError` when a file cannot be read."""
        parts = [self._files[zone].read(group) for zone, group in self._by_zone(keys).items()]
        return ZoneContents(
            {key: rrset for part in parts for key, rrset in part.rrsets.items()},
            {owner: rrset for part in parts for owner, rrset in part.aliases.items()},
            {key: why for part in parts for key, why in part.unknown.items()},
        )

    def publish(self, changes: Sequence[RRsetChange]) -> None:
        """Carry *changes* out, each file as a whole; raises as `ZoneFilePublisher.publish` does."""
        by_key = {change.key: change for change in changes}
        for zone, keys in self._by_zone(by_key).items():
            self._files[zone].publish([by_key[key] for key in keys])

    def _by_zone(self, keys: Collection[Key]) -> dict[str, list[Key]]:
        groups: dict[str, list[Key]] = {}
        for key in keys:
            zone = self.zone_of(key[0])
            if zone is None:
                raise UsageError(f"{key[0]} is in none of these zones")
            groups.setdefault(zone, []).append(key)
        return groups

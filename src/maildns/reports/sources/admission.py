"""Who may come in, and how often: no client keeps the others out."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_address

_MOST_CLIENTS = 10_000  # that are remembered


def client_of(address: str) -> str:
    """
    What counts as one client: an IPv4 address, or the network that one IPv6 customer has.

    >>> client_of("192.0.2.1"), client_of("2001:db8::1:2:3:4"), client_of("::ffff:192.0.2.1")
    ('192.0.2.1', '2001:db8::/64', '192.0.2.1')
    >>> client_of("")
    ''
    """
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return f"{ip_address(int(ip) >> 64 << 64)}/64"


class Admission:
    """
    Counts what is under way, in all and for each client, and how often each came within a minute.

    *clock* gives seconds. A client may come *per_minute* times at once and again as time passes.
    """

    def __init__(
        self,
        most: int,
        per_client: int,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most = most
        self.per_client = per_client
        self.per_minute = per_minute
        self._clock = clock
        self._inside: dict[str, int] = {}
        self._spent: dict[str, tuple[float, float]] = {}  # how much, as of when

    @property
    def inside(self) -> int:
        """How many are in."""
        return sum(self._inside.values())

    def enter(self, client: str, *, trusted: bool = False) -> bool:
        """Let *client* in, who must `leave` then; False when it may not come in now."""
        here = self._inside.get(client, 0)
        if self.inside >= self.most or (here >= self.per_client and not trusted):
            return False
        self._inside[client] = here + 1
        return True

    def leave(self, client: str) -> None:
        """One that was let in has left."""
        here = self._inside.pop(client, 0) - 1
        if here > 0:
            self._inside[client] = here

    def may_bring(self, client: str) -> bool:
        """Whether *client* may bring one thing more now; counts it."""
        now = self._clock()
        spent = self._left_of(client, now)
        if spent + 1 > self.per_minute:
            return False
        if client not in self._spent and len(self._spent) >= _MOST_CLIENTS:
            self._forget(now)
        self._spent[client] = (spent + 1, now)
        return True

    def _left_of(self, client: str, now: float) -> float:
        spent, when = self._spent.get(client, (0.0, now))
        return max(0.0, spent - (now - when) * self.per_minute / 60)

    def _forget(self, now: float) -> None:
        """Forget who has nothing on the account, else who came longest ago."""
        for client in [one for one in self._spent if not self._left_of(one, now)]:
            del self._spent[client]
        by_age = sorted(self._spent, key=lambda one: self._spent[one][1])
        for client in by_age[: max(0, len(by_age) - _MOST_CLIENTS // 2)]:
            del self._spent[client]

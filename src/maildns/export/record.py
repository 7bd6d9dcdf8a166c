"""The records of an export: what is wanted, sorted into the zones that will hold it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from maildns.dnsdata import Ptr, Rdata, Txt, is_within, labels, parent, relative
from maildns.errors import UsageError
from maildns.plan.wanted import Wanted

DEFAULT_TTL_SECONDS = 3600
_REVERSE = ("in-addr.arpa", "ip6.arpa")


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """
    One record to publish.

    `zone` is the zone that holds it, as far as can be told without asking the DNS;
    `group` is the domain or server that it is for, `kind` and `reason` say what for.
    """

    zone: str
    group: str
    kind: str
    name: str
    rrtype: str
    ttl_seconds: int
    rdata: Rdata
    reason: str = ""

    @property
    def label(self) -> str:
        """The owner relative to the zone; ``@`` for the zone itself."""
        return relative(self.name, self.zone)

    @property
    def is_reverse(self) -> bool:
        """Whether it stands in a reverse zone, which mostly somebody else holds."""
        return is_reverse_zone(self.zone)


def is_reverse_zone(zone: str) -> bool:
    """Say whether *zone* is for addresses (RFC 1035 section 3.5, RFC 3596 section 2.5)."""
    return any(is_within(zone, top) for top in _REVERSE)


def from_wanted(
    wishes: Iterable[Wanted],
    zones: Iterable[str],
    *,
    default_ttl_seconds: int = DEFAULT_TTL_SECONDS,
) -> list[ExportRecord]:
    """
    The records that *wishes* ask for, by zone: those of *zones* first, reverse zones last.

    A wish without a TTL gets *default_ttl_seconds*. A record that is wished twice stands
    once, and all records of an RRset have its lowest TTL (RFC 2181 section 5.2). Wishes for
    absence are left out: an export says what should stand, not what should go.
    """
    order = {zone: at for at, zone in enumerate(zones)}
    known = frozenset(order)
    found: dict[tuple[str, str, Rdata], ExportRecord] = {}
    for wish in wishes:
        zone = zone_of(wish.name, known)
        ttl = default_ttl_seconds if wish.ttl_seconds is None else wish.ttl_seconds
        for rdata in wish.records:
            record = ExportRecord(
                zone, wish.group, str(wish.kind), wish.name, wish.rrtype, ttl, rdata, wish.reason
            )
            found.setdefault((wish.name, wish.rrtype, rdata), record)
            order.setdefault(zone, len(order))
    records = sorted(found.values(), key=lambda one: (one.is_reverse, order[one.zone]))
    return list(_with_one_ttl(records))


def _with_one_ttl(records: Sequence[ExportRecord]) -> Iterator[ExportRecord]:
    lowest: dict[tuple[str, str], int] = {}
    for record in records:
        key = (record.name, record.rrtype)
        lowest[key] = min(record.ttl_seconds, lowest.get(key, record.ttl_seconds))
    for record in records:
        ttl = lowest[record.name, record.rrtype]
        yield record if record.ttl_seconds == ttl else replace(record, ttl_seconds=ttl)


def zone_of(owner: str, zones: Container[str]) -> str:
    """
    The zone that *owner* stands in: the longest of *zones*, else a guess.

    The guess is the parent of the host, which is right for most: only the DNS knows.

    >>> zone_of("_25._tcp.mail.example.com", ["example.com", "example.net"])
    'example.com'
    >>> zone_of("_25._tcp.mx1.provider.example", [])
    'provider.example'
    """
    above = owner
    while above != ".":
        if above in zones:
            return above
        above = parent(above)
    host = labels(owner)
    while len(host) > 2 and (host[0].startswith("_") or host[0] == "*"):
        host = host[1:]
    return ".".join(host[1:] if len(host) > 2 else host)


def by_zone(records: Iterable[ExportRecord]) -> Iterator[tuple[str, list[ExportRecord]]]:
    """The records zone by zone, each zone where its first record stands."""
    zones: dict[str, list[ExportRecord]] = {}
    for record in records:
        zones.setdefault(record.zone, []).append(record)
    yield from zones.items()


def by_set(
    records: Iterable[ExportRecord],
) -> Iterator[tuple[tuple[str, str], list[ExportRecord]]]:
    """The records RRset by RRset, each where its first record stands."""
    sets: dict[tuple[str, str], list[ExportRecord]] = {}
    for record in records:
        sets.setdefault((record.name, record.rrtype), []).append(record)
    yield from sets.items()


def chosen(records: Sequence[ExportRecord], zones: Sequence[str]) -> list[ExportRecord]:
    """
    Only the records of *zones*; all when it is empty.

    Raises `UsageError` for a zone without records.
    """
    there = {record.zone for record in records}
    for zone in zones:
        if zone not in there:
            listed = ", ".join(sorted(there)[:8]) or "none"
            raise UsageError(f"nothing is exported to the zone {zone}", f"there are: {listed}")
    return [record for record in records if not zones or record.zone in zones]


def shares_its_set(record: ExportRecord) -> bool:
    """
    Whether records of others usually stand beside it, in the same RRset.

    At a domain's apex the TXT RRset is shared with site verifications and the like.
    """
    return isinstance(record.rdata, Txt) and record.name == record.zone


@dataclass(frozen=True, slots=True)
class ReverseRequest:
    """A PTR record, as the request to whoever holds the address."""

    address: str
    owner: str
    target: str

    @property
    def is_internal(self) -> bool:
        """Whether the address is of a private network, whose reverse zone is the owner's own."""
        from ipaddress import ip_address, ip_network

        # RFC 1918 section 3, RFC 4193 section 3.1
        private = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
        try:
            address = ip_address(self.address)
        except ValueError:
            return False
        return any(address in ip_network(network) for network in private)

    @property
    def text(self) -> str:
        """The request in words that a provider's support understands."""
        if self.is_internal:
            return f"In your own network's DNS: {self.owner}. PTR {self.target}."
        return (
            f"Please set the reverse DNS (PTR) of {self.address} to {self.target} "
            f"({self.owner}. PTR {self.target}.)."
        )


def without_reverse(
    records: Sequence[ExportRecord],
    held: Sequence[str] = (),
) -> tuple[list[ExportRecord], list[ReverseRequest]]:
    """
    Part *records* into those to publish and the requests for reverse names.

    A PTR record stands in a zone of whoever holds the address, mostly the provider, who
    has to be asked; of the reverse zones named in *held* the records stay.
    """
    ours, requests = [], []
    for record in records:
        if record.is_reverse and record.zone not in held and isinstance(record.rdata, Ptr):
            address = address_of(record.name)
            requests.append(ReverseRequest(address, record.name, record.rdata.target))
        else:
            ours.append(record)
    return ours, requests


def address_of(reverse: str) -> str:
    """
    The address whose reverse name *reverse* is; the name itself when it is none.

    >>> address_of("1.2.0.192.in-addr.arpa")
    '192.0.2.1'
    """
    from ipaddress import ip_address

    parts = labels(reverse)
    digits = parts[-3::-1]
    if is_within(reverse, "in-addr.arpa") and len(digits) == 4:
        text = ".".join(digits)
    elif is_within(reverse, "ip6.arpa") and len(digits) == 32:
        nibbles = "".join(digits)
        text = ":".join(nibbles[at : at + 4] for at in range(0, 32, 4))
    else:
        return reverse
    try:
        return str(ip_address(text))
    except ValueError:
        return reverse

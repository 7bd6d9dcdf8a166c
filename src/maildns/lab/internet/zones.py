"""Which name server of the pretend internet serves which zone: root, top-level domain, reverse zones and domains."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from maildns.lab.internet.signing import Signing, ZoneKey, sign
from maildns.lab.internet.sites import (
    LAN_SERVER,
    NAME_SERVERS,
    REVERSE_V4,
    REVERSE_V6,
    TLD,
    TTL_SECONDS,
    MailHost,
    Place,
    Records,
    Site,
    absolute,
    serial_now,
)

ROOT_SERVERS: Final = {"a.root-servers.lab": Place(1, 1), "b.root-servers.lab": Place(2, 1)}
TLD_SERVERS: Final = {"a.nic.lab": Place(1, 2), "b.nic.lab": Place(2, 2)}
SILENT: Final = Place(5, 1)  # takes every question and never answers
UDP_ONLY: Final = Place(5, 2)  # the first name server over UDP; refuses TCP
GARBAGE: Final = Place(5, 3)  # answers with octets that are no message
LIAR: Final = Place(5, 4)  # answers with the number of another question
RELAYS: Final = {UDP_ONLY: "plain", GARBAGE: "garbage", LIAR: "liar"}  # how each passes on answers
SERVERS: Final = {
    "ns1.dns.lab": Place(3, 1),
    "ns2.dns.lab": Place(4, 1),
    "ns3.dns.lab": Place(4, 2),  # the second server once more
    "ns-silent.dns.lab": SILENT,
    "ns-udp.dns.lab": UDP_ONLY,
    "ns-garbage.dns.lab": GARBAGE,
    "ns-liar.dns.lab": LIAR,
}
ALIAS: Final = "ns-alias.dns.lab"  # a name server's name that is an alias
LISTENING: Final = {
    "root": [one for place in ROOT_SERVERS.values() for one in place.both],
    "tld": [one for place in TLD_SERVERS.values() for one in place.both],
    "first": list(Place(3, 1).both),
    "second": [*Place(4, 1).both, *Place(4, 2).both],
    "lan": [LAN_SERVER],
}


@dataclass
class Served:
    """
    The signed zones by name server and origin, and the DS record of the root.

    `keys` are those of the zones, so that a zone can be signed again.
    """

    zones: dict[str, dict[str, str]] = field(default_factory=lambda: {one: {} for one in LISTENING})
    keys: dict[str, ZoneKey] = field(default_factory=dict)
    anchor: str = ""

    def put(self, origin: str, text: str, servers: Iterable[str], signing: Signing) -> str:
        """Sign the zone and let *servers* serve it; its DS record, empty where it is not signed."""
        if not signing.signed:
            signed, ds = text, ""
        else:
            key = self.keys.setdefault(origin, ZoneKey.new(signing.algorithm))
            signed = sign(text, origin, key, signing)
            ds = (key if signing.ds_matches else ZoneKey.new(signing.algorithm)).ds(origin)
        for server in servers:
            self.zones[server][origin] = signed
        return ds


def serve(sites: Iterable[Site], hosts: Iterable[MailHost]) -> Served:
    """All zones of a lab with *sites*; *hosts* are all mail hosts, the provider's included."""
    served = Served()
    top = Records()
    for site in sites:
        _delegate(top, site.name, site.delegated_to, _serve_site(served, site))
    ds = served.put("dns.lab", _of_servers(), ("first", "second"), Signing())
    _delegate(top, "dns.lab", NAME_SERVERS, ds)
    for name in NAME_SERVERS:
        _add_place(top, name, SERVERS[name])
    for name, place in (*TLD_SERVERS.items(), *ROOT_SERVERS.items()):
        _add_place(top, name, place)
    root = Records()
    ds = served.put(TLD, _text(TLD, top, TLD_SERVERS), ("tld",), Signing())
    _delegate(root, TLD, TLD_SERVERS, ds)
    pointers = list(_pointers(hosts))
    for above, origin in (("in-addr.arpa", REVERSE_V4), ("ip6.arpa", REVERSE_V6)):
        ds = _serve_reverse(served, above, origin, pointers)
        _delegate(root, above, TLD_SERVERS, ds)
    for name, place in (*TLD_SERVERS.items(), *ROOT_SERVERS.items()):
        _add_place(root, name, place)
    served.anchor = served.put(".", _text(".", root, ROOT_SERVERS), ("root",), Signing())
    return served


def serve_again(served: Served, site: Site) -> None:
    """Make the zone of *site* anew, with the same key and the next serial."""
    _serve_site(served, site, serial_now() + 1)


def root_hints() -> str:
    """The root's name servers for a resolver."""
    records = Records()
    records.set(".", "NS", *map(absolute, ROOT_SERVERS))
    for name, place in ROOT_SERVERS.items():
        _add_place(records, name, place)
    return records.text()


def all_addresses() -> Iterator[str]:
    """The addresses of all name servers."""
    places = (*ROOT_SERVERS.values(), *TLD_SERVERS.values(), *SERVERS.values())
    for place in places:
        yield from place.both
    yield LAN_SERVER


def _serve_site(served: Served, site: Site, serial: int | None = None) -> str:
    serial = serial or serial_now()
    if site.lan is not None:
        served.put(site.name, site.zone_text(site.lan, serial), ("lan",), Signing(signed=False))
    text = site.zone_text(site.records, serial)
    ds = served.put(site.name, text, ("first",), site.signing)
    if site.second_lame:
        return ds
    if site.second is None and not site.second_behind:
        served.zones["second"][site.name] = served.zones["first"][site.name]
        return ds
    other = site.zone_text(site.second or site.records, serial - site.second_behind)
    served.put(site.name, other, ("second",), site.signing)
    return ds


def _serve_reverse(
    served: Served, above: str, origin: str, pointers: Iterable[tuple[str, str]]
) -> str:
    records = Records()
    for owner, target in pointers:
        if owner.endswith(origin):
            records.add(owner, "PTR", absolute(target))
    text = _text(origin, records, NAME_SERVERS)
    ds = served.put(origin, text, ("first", "second"), Signing())
    upper = Records()
    _delegate(upper, origin, NAME_SERVERS, ds)
    return served.put(above, _text(above, upper, TLD_SERVERS), ("tld",), Signing())


def _pointers(hosts: Iterable[MailHost]) -> Iterator[tuple[str, str]]:
    for host in hosts:
        for address in host.place.both:
            if host.pointer:
                yield ipaddress.ip_address(address).reverse_pointer, host.pointer
    for name, place in (*SERVERS.items(), *TLD_SERVERS.items(), *ROOT_SERVERS.items()):
        for address in place.both:
            yield ipaddress.ip_address(address).reverse_pointer, name


def _of_servers() -> str:
    records = Records()
    for name, place in SERVERS.items():
        _add_place(records, name, place)
    records.set(ALIAS, "CNAME", "ns2.dns.lab.")
    return _text("dns.lab", records, NAME_SERVERS)


def _delegate(records: Records, name: str, servers: Iterable[str], ds: str) -> None:
    records.set(name, "NS", *map(absolute, servers))
    if ds:
        records.set(name, "DS", ds)


def _add_place(records: Records, name: str, place: Place) -> None:
    records.set(name, "A", place.ipv4)
    records.set(name, "AAAA", place.ipv6)


def _text(origin: str, records: Records, servers: Iterable[str]) -> str:
    names = [absolute(one) for one in servers]
    apex = absolute(origin)
    mail = "hostmaster.mail.lab."
    soa = f"{apex} {TTL_SECONDS} SOA {names[0]} {mail} {serial_now()} 14400 3600 1209600 3600\n"
    return soa + "".join(f"{apex} {TTL_SECONDS} NS {one}\n" for one in names) + records.text()

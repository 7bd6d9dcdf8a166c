"""
Who sent it: from an address in a report to a name that its owner knows.

The surest evidence first: what the operator says, the servers and senders of `maildns.toml`, the
networks behind a domain's SPF includes, a confirmed reverse name. What the mail itself proved (a
signature or an envelope domain of a known service that passed) names a service where the address
does not, for a forwarder carries the marks of others. Nothing here asks the network: the names and
networks are looked up by `naming`, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from maildns.reports.geography import Place
from maildns.reports.known import KnownSender, Role, sender_of_name
from maildns.reports.views import SourceDay

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Named:
    """
    A sender: its name, what it does, and what gave it away.

    `ours` says that the domain's owner wants mail from here: by the config, or by the SPF record.
    `host` is the confirmed reverse name where one is known, `place` what a geography file says.
    """

    title: str
    role: Role
    by: str
    ours: bool = False
    host: str = ""
    place: Place = field(default_factory=Place)


@dataclass(frozen=True)
class Naming:
    """
    All that is known beforehand of who sends.

    `operator` are networks that the config names, `strangers` those it says are not ours; `own` the
    servers of the config by address. `includes` are, for each domain, the networks that its SPF
    record permits, with the term that does; `hosts` the confirmed names of addresses.
    """

    operator: tuple[tuple[Network, str], ...] = ()
    strangers: tuple[Network, ...] = ()
    own: Mapping[str, str] = field(default_factory=dict)
    includes: Mapping[str, tuple[tuple[Network, str], ...]] = field(default_factory=dict)
    wanted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)

    @cached_property
    def _include_tables(self) -> dict[str, NetworkTable]:
        return {domain: NetworkTable(pairs) for domain, pairs in self.includes.items()}

    @cached_property
    def _operator_table(self) -> NetworkTable:
        return NetworkTable(self.operator)

    @cached_property
    def _stranger_table(self) -> NetworkTable:
        return NetworkTable((network, "not ours") for network in self.strangers)

    def name(self, domain: str, source_ip: str, rows: Iterable[SourceDay] = ()) -> Named:
        """Say who sends from *source_ip* as *domain*; *rows* are what the reports say of it."""
        host = self.hosts.get(source_ip, "")
        place = self.places.get(source_ip, Place())
        found = self._by_address(domain, source_ip, host) or _by_proof(domain, rows)
        if found is None:
            title = host or place.organization or source_ip
            by = "its reverse name" if host else "the geography file" if place.organization else ""
            found = Named(title, Role.UNKNOWN, by)
        return Named(found.title, found.role, found.by, found.ours, host, place)

    def is_stranger(self, source_ip: str) -> bool:
        """Whether the operator says that mail from here is not ours."""
        return self._stranger_table.find(source_ip) is not None

    def _by_address(self, domain: str, source_ip: str, host: str) -> Named | None:
        said = self._operator_table.find(source_ip)
        if said:
            return Named(said, Role.OWN, "maildns.toml names this network", ours=True)
        server = self.own.get(source_ip)
        if server:
            return Named(server, Role.OWN, "a server of maildns.toml", ours=True)
        table = self._include_tables.get(domain)
        term = table.find(source_ip) if table else None
        if term:
            service = sender_of_name(_target(term))
            title, role = (
                (service.title, service.role) if service else (_target(term) or term, Role.SENDER)
            )
            if term.startswith(("ip4:", "ip6:", "a", "mx")) and not service:
                title, role = host or source_ip, Role.OWN
            return Named(title, role, f"permitted by {term} in the SPF record", ours=True)
        service = sender_of_name(host) if host else None
        if service is None:
            return None
        ours = service.key in self.wanted.get(domain, frozenset())
        return Named(service.title, service.role, f"its reverse name {host}", ours=ours)


def _target(term: str) -> str:
    """The name that an SPF term leads to; empty where it names none."""
    return term.replace("=", ":", 1).partition(":")[2]


class NetworkTable:
    """Networks with a word each; the narrowest that holds an address counts."""

    def __init__(self, pairs: Iterable[tuple[Network, str]]) -> None:
        self._by_length: dict[tuple[int, int], dict[int, str]] = {}
        for network, word in pairs:
            key = (network.version, network.prefixlen)
            self._by_length.setdefault(key, {}).setdefault(int(network.network_address), word)
        self._lengths = sorted(self._by_length, key=lambda key: -key[1])

    def find(self, text: str) -> str | None:
        """The word of the narrowest network that holds the address *text*; None of any other text."""
        if not self._lengths:
            return None
        if not self._lengths:
            return None
        try:
            address = ip_address(text)
        except ValueError:
            return None
        bits = address.max_prefixlen
        for version, length in self._lengths:
            if version == address.version:
                start = int(address) >> (bits - length) << (bits - length)
                word = self._by_length[version, length].get(start)
                if word is not None:
                    return word
        return None


def networks(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[Network, str], ...]:
    """
    Networks written as text, with a word each; raises `ValueError` for what is none.

    >>> networks([("192.0.2.7", "printer")])
    ((IPv4Network('192.0.2.7/32'), 'printer'),)
    """
    return tuple((ip_network(text, strict=False), word) for text, word in pairs)


def _by_proof(domain: str, rows: Iterable[SourceDay]) -> Named | None:
    """The service whose own signature or envelope domain passed in most of the mail."""
    votes: dict[str, tuple[int, KnownSender, str]] = {}
    for row in rows:
        proofs = [(one.domain, "its signature d=") for one in row.dkim if one.result == "pass"]
        proofs += [(one.domain, "its envelope domain ") for one in row.spf if one.result == "pass"]
        for proven, how in proofs:
            service = None if proven == domain else sender_of_name(proven)
            if service:
                before = votes.get(service.key, (0, service, ""))[0]
                votes[service.key] = (before + row.messages, service, how + proven)
    if not votes:
        return None
    _, service, by = max(votes.values(), key=lambda vote: (vote[0], vote[1].key))
    return Named(service.title, service.role, by)

"""
What stands in the pretend internet: mail hosts and domains, as values that a fault can change.

A healthy domain is made first, then faults change it, then zones and configurations are written
from it. Addresses look like public ones, since rules complain about those of documentation.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from maildns.lab.internet.authority import CAA_DOMAIN, Authority, Key, key_digest, new_key
from maildns.lab.internet.mark import picture_of
from maildns.lab.internet.services import MARK_PATH, PICTURE_PATH
from maildns.lab.internet.signing import Signing, ZoneKey

TLD: Final = "lab"
TTL_SECONDS: Final = 3600
SELECTOR: Final = "mail"
NAME_SERVERS: Final = ("ns1.dns.lab", "ns2.dns.lab")
BRAND_HOST: Final = "brand"
STRING_OCTETS: Final = 255  # RFC 1035 section 3.3.14


@dataclass(frozen=True, slots=True)
class Place:
    """An IPv4 and an IPv6 address: the host *host* of the network *net*."""

    net: int
    host: int

    @property
    def ipv4(self) -> str:
        """Such as 77.77.10.1."""
        return f"77.77.{self.net}.{self.host}"

    @property
    def ipv6(self) -> str:
        """Such as 2a77:77:10::1."""
        return f"2a77:77:{self.net}::{self.host}"

    @property
    def both(self) -> tuple[str, str]:
        """IPv4, IPv6."""
        return self.ipv4, self.ipv6


REVERSE_V4: Final = "77.77.in-addr.arpa"
REVERSE_V6: Final = "7.7.0.0.7.7.a.2.ip6.arpa"
WEB: Final = Place(12, 1)  # serves the policies of MTA-STS, pictures and mark certificates
NOBODY: Final = Place(12, 9)  # nothing listens there
PUBLIC_RESOLVER: Final = "127.0.0.1"
LAN_SERVER: Final = "10.77.0.53"  # shows what a LAN sees


class Records:
    """Record sets by owner and type, in presentation form; names without a last dot."""

    def __init__(self) -> None:
        self._sets: dict[tuple[str, str], list[str]] = {}

    def set(self, owner: str, rrtype: str, *values: str) -> None:
        """Let just *values* stand there; none at all removes the set."""
        if values:
            self._sets[owner, rrtype] = list(values)
        else:
            self._sets.pop((owner, rrtype), None)

    def add(self, owner: str, rrtype: str, *values: str) -> None:
        """Put *values* beside what stands there."""
        self._sets.setdefault((owner, rrtype), []).extend(values)

    def get(self, owner: str, rrtype: str) -> list[str]:
        """What stands there."""
        return list(self._sets.get((owner, rrtype), ()))

    def remove_name(self, owner: str) -> None:
        """Remove all sets at *owner*."""
        for one in [key for key in self._sets if key[0] == owner]:
            del self._sets[one]

    def copy(self) -> Records:
        """The same sets, apart from these."""
        made = Records()
        made._sets = {key: list(values) for key, values in self._sets.items()}
        return made

    def text(self) -> str:
        """The records as zone-file text with absolute names."""
        return "".join(
            f"{absolute(owner)} {TTL_SECONDS} {rrtype} {value}\n"
            for (owner, rrtype), values in self._sets.items()
            for value in values
        )


def absolute(name: str) -> str:
    """*name* with its last dot."""
    return name if name.endswith(".") else f"{name}."


def txt(text: str) -> str:
    """*text* as the data of a TXT record, in as many strings as it needs."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    parts = [escaped[at : at + STRING_OCTETS] for at in range(0, len(escaped), STRING_OCTETS)]
    return " ".join(f'"{part}"' for part in parts or [""])


def tlsa(usage: int, selector: int, matching: int, data: str) -> str:
    """The data of a TLSA record."""
    return f"{usage} {selector} {matching} {data}"


@dataclass
class MailHost:
    """
    A name and address of its own on a Postfix instance.

    `settings` are parameters of its smtpd beyond the usual. `listening` is false where the port
    is closed, `self_signed` where nobody has issued its certificate, `sends_issuer` false where it
    shows that alone. `answers_clients` adds the ports for mail programs. `misbehaves` names what
    stands there instead of a mail server, see `maildns.lab.internet.services`.
    """

    name: str
    place: Place
    second: bool = False  # on the second instance
    pointer: str | None = None
    names: list[str] = field(default_factory=list)  # of the certificate
    days: int = 80  # until it expires
    self_signed: bool = False
    sends_issuer: bool = True
    listening: bool = True
    answers_clients: bool = False
    misbehaves: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    key: Key = field(default_factory=new_key, repr=False)
    next_key: Key = field(default_factory=new_key, repr=False)

    def __post_init__(self) -> None:
        self.pointer = self.pointer or self.name
        self.names = self.names or [self.name]

    @property
    def tlsa_name(self) -> str:
        """Where its TLSA records stand."""
        return f"_25._tcp.{self.name}"

    @property
    def tlsa_records(self) -> list[str]:
        """The right TLSA records: of the key in use and of the next."""
        return [tlsa(3, 1, 1, key_digest(key)) for key in (self.key, self.next_key)]


@dataclass
class Policy:
    """
    The MTA-STS policy of a domain as its web server shows it.

    `text` None: there is none (404). `redirect` is a path to be sent to instead. `names` are
    those of the certificate.
    """

    text: str | None
    names: list[str]
    redirect: str = ""


@dataclass
class Brand:
    """
    The picture of a domain as its web server shows it, and its mark certificate.

    `picture` None: there is none (404). `certified` is the picture within the certificate, `names`
    and `days` are the certificate's.
    """

    picture: bytes | None
    certified: bytes
    names: list[str]
    days: int = 300


@dataclass
class Site:
    """
    A mail domain and all that belongs to it.

    `hosts` are those that lie in the domain itself; other domains use the provider's.
    `name_servers` are those that the zone names, `delegated_to` those that the zone above names.
    On the second name server the zone has `second` instead of `records` where that is given, with
    a serial less by `second_behind`; `second_lame`: it knows nothing of the zone. `lan` is what
    the name server of the LAN shows. `brand` is what its BIMI record names, where it has one.
    """

    name: str
    records: Records
    hosts: list[MailHost]
    policy: Policy
    authority: Authority
    signing: Signing = field(default_factory=Signing)
    name_servers: list[str] = field(default_factory=lambda: list(NAME_SERVERS))
    delegated_to: list[str] = field(default_factory=lambda: list(NAME_SERVERS))
    second: Records | None = None
    second_behind: int = 0
    second_lame: bool = False
    lan: Records | None = None
    brand: Brand | None = None

    def key(self) -> ZoneKey:
        """A fresh key for its zone."""
        return ZoneKey.new(self.signing.algorithm)

    def at(self, label: str) -> str:
        """The name below the domain: `at("_dmarc")`."""
        return f"{label}.{self.name}"

    @property
    def host(self) -> MailHost:
        """The first mail host of its own."""
        return self.hosts[0]

    def zone_text(self, records: Records, serial: int) -> str:
        """The zone file with *records*, before it is signed."""
        soa = (
            f"{absolute(self.name)} {TTL_SECONDS} SOA {absolute(self.name_servers[0])} "
            f"hostmaster.{absolute(self.name)} {serial} 14400 3600 1209600 3600\n"
        )
        servers = "".join(
            f"{absolute(self.name)} {TTL_SECONDS} NS {absolute(one)}\n" for one in self.name_servers
        )
        return soa + servers + records.text()


@dataclass(frozen=True)
class Common:
    """What all domains of a lab share: the authority, the provider's hosts, the DKIM key in base64."""

    authority: Authority
    provider: list[MailHost]
    dkim_key: str


def provider_hosts() -> list[MailHost]:
    """The two mail hosts of the provider, one on each Postfix instance."""
    return [
        MailHost("mx1.mail.lab", Place(10, 1), answers_clients=True),
        MailHost("mx2.mail.lab", Place(11, 1), second=True),
    ]


def healthy(name: str, common: Common, hosts: list[MailHost]) -> Site:
    """A domain at which nothing is wrong; its mail goes to *hosts*, or where there are none to the provider's."""
    records = Records()
    serving = hosts or common.provider
    policy_name = f"mta-sts.{name}"
    site = Site(name, records, hosts, _policy(serving, policy_name), common.authority)
    records.set(name, "MX", *(f"{10 * n} {one.name}." for n, one in enumerate(serving, 1)))
    sources = " ".join(f"ip4:{one.place.ipv4} ip6:{one.place.ipv6}" for one in serving)
    records.set(name, "TXT", txt(f"v=spf1 {sources} -all"))
    records.set(name, "CAA", f'0 issue "{CAA_DOMAIN}"')
    key = f"v=DKIM1; k=rsa; p={common.dkim_key}"
    records.set(f"{SELECTOR}._domainkey.{name}", "TXT", txt(key))
    records.set(f"_dmarc.{name}", "TXT", txt(f"v=DMARC1; p=reject; rua=mailto:dmarc@{name}"))
    records.set(f"_mta-sts.{name}", "TXT", txt(f"v=STSv1; id={_today()}000000;"))
    records.set(policy_name, "A", WEB.ipv4)
    records.set(policy_name, "AAAA", WEB.ipv6)
    records.set(f"_smtp._tls.{name}", "TXT", txt(f"v=TLSRPTv1; rua=mailto:tls@{name}"))
    announce(records, name, common.provider[0].name)
    for host in hosts:
        add_host(records, host)
    return site


def add_brand(site: Site) -> Brand:
    """Publish a picture of the domain, and its mark certificate."""
    host = site.at(BRAND_HOST)
    place = f"https://{host}"
    record = f"v=BIMI1; l={place}{PICTURE_PATH}; a={place}{MARK_PATH};"
    site.records.set(site.at("default._bimi"), "TXT", txt(record))
    site.records.set(host, "A", WEB.ipv4)
    site.records.set(host, "AAAA", WEB.ipv6)
    picture = picture_of(site.name)
    site.brand = Brand(picture, picture, [site.name])
    return site.brand


def add_host(records: Records, host: MailHost) -> None:
    """Publish *host*: its addresses, its SPF record for HELO, and its TLSA records."""
    records.set(host.name, "A", host.place.ipv4)
    records.set(host.name, "AAAA", host.place.ipv6)
    records.set(host.name, "TXT", txt("v=spf1 a -all"))
    records.set(host.tlsa_name, "TLSA", *host.tlsa_records)


def announce(records: Records, name: str, host: str) -> None:
    """What mail programs look for (RFC 6186, RFC 8314)."""
    for service, port in (("_submissions", 465), ("_submission", 587), ("_imaps", 993)):
        records.set(f"{service}._tcp.{name}", "SRV", f"0 1 {port} {host}.")
    for service in ("_imap", "_pop3", "_pop3s"):
        records.set(f"{service}._tcp.{name}", "SRV", "0 0 0 .")


def _policy(hosts: list[MailHost], name: str) -> Policy:
    return Policy(policy_text([host.name for host in hosts]), [name])


def policy_text(hosts: list[str], mode: str = "enforce") -> str:
    """A policy file (RFC 8461 section 3.2)."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts)]
    return "".join(f"{line}\r\n" for line in [*lines, "max_age: 2419200"])


def _today() -> str:
    return f"{datetime.now(UTC):%Y%m%d}"


def serial_now() -> int:
    """A serial in the usual form of date and number (RFC 1912 section 2.2)."""
    return int(f"{_today()}10")


def fresh_name(prefix: str) -> str:
    """A name that no other lab has."""
    return f"{prefix}{secrets.token_hex(3)}"

"""
The model of `maildns.toml`, and the source of its JSON schema and reference page.

A field's description is what the reference says of it, so it promises, names its
unit and its default's reason. Names are stored as A-labels; people may write
U-labels. Secrets have no field: they come by file or environment variable.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from maildns.intent.reports import Reports
from maildns.intent.values import (
    HostName,
    IPv4s,
    IPv6s,
    Names,
    Secret,
    Table,
    Texts,
    Ttl,
    host_name,
)

DEFAULT_TTL_SECONDS = 3600
Policy = Literal["none", "quarantine", "reject"]
Alignment = Literal["relaxed", "strict"]


class Server(Table):
    """A mail server, under the name that its MX record and its HELO use."""

    ipv4: IPv4s = Field((), description="Its public IPv4 addresses, for A and SPF.")
    ipv6: IPv6s = Field((), description="Its public IPv6 addresses, for AAAA and SPF.")
    helo: HostName | None = Field(
        None,
        description="The name it says in HELO, where that is not its own name.",
    )
    priority: Annotated[int, Field(ge=0, le=65535)] = Field(
        10,
        description="Its MX preference where a domain does not say; lower comes first.",
    )
    managed: bool = Field(
        default=True,
        description="Whether the records at its own name (A, AAAA, SPF for HELO, TLSA) are planned; "
        "false for a host that somebody else's DNS describes.",
    )
    sends: bool = Field(default=True, description="Whether it sends mail, so SPF must permit it.")
    receives: bool = Field(
        default=True,
        description="Whether it takes mail, so MX records may name it.",
    )
    certificate: Path | None = Field(
        None,
        description="Its TLS certificate (PEM, chain allowed); makes the TLSA record.",
    )
    key: Path | None = Field(
        None,
        description="Its TLS private or public key (PEM), in place of a certificate or beside it, "
        "to be checked against it.",
    )
    next_key: Path | None = Field(
        None,
        description="The key that the next certificate will use; its TLSA record is published ahead.",
    )
    passphrase: Secret | None = Field(None, description="Where the keys' passphrase is.")
    tlsa: Texts = Field(
        ("3 1 1",),
        description="TLSA parameters to publish: usage, selector, matching type.",
    )
    tlsa_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(
        (25,),
        description="TCP ports with a TLSA record.",
    )
    caa: Texts = Field((), description="Authorities that may issue its certificate (CAA).")
    ttl: Ttl | None = Field(None, description="TTL of its records, in seconds.")


class DkimKey(Table):
    """A DKIM key: its selector and where the key is."""

    selector: str = Field(description="The selector: the key stands at SELECTOR._domainkey.DOMAIN.")
    key: str = Field(
        description="The private or public key (PEM); {domain} and {selector} stand for theirs.",
    )
    passphrase: Secret | None = Field(None, description="Where the key's passphrase is.")
    testing: bool = Field(default=False, description="Publish t=y: receivers ignore failures.")

    @model_validator(mode="after")
    def _selector_is_a_name(self) -> DkimKey:
        host_name(self.selector)
        return self


class Dmarc(Table):
    """The DMARC policy of a domain (RFC 9989 section 4.7)."""

    policy: Policy = Field("none", description="p: what receivers do with mail that fails.")
    subdomain_policy: Policy | None = Field(None, description="sp: the same for subdomains.")
    nonexistent_policy: Policy | None = Field(
        None,
        description="np: the same for subdomains that do not exist.",
    )
    testing: bool = Field(default=False, description="t: apply the policy one level lower.")
    percent: Annotated[int, Field(ge=0, le=100)] | None = Field(
        None,
        description="pct: only for readers of the old RFC 7489; those of RFC 9989 ignore it.",
    )
    dkim_alignment: Alignment = Field("relaxed", description="adkim: how closely d= must match.")
    spf_alignment: Alignment = Field(
        "relaxed", description="aspf: likewise for the envelope sender."
    )
    reports_to: Texts = Field(
        (), description="rua: mail addresses (or URIs) for aggregate reports."
    )
    failure_reports_to: Texts = Field((), description="ruf: the same for failure reports.")
    failure_options: Texts = Field((), description="fo: which failures to report: 0, 1, d, s.")
    psd: Literal["y", "n", "u"] | None = Field(
        None,
        description="psd: y for a public suffix, n to end a receiver's walk here.",
    )


class Spf(Table):
    """What the SPF record says besides the servers and senders (RFC 7208)."""

    ip4: Texts = Field((), description="More IPv4 networks that may send.")
    ip6: Texts = Field((), description="More IPv6 networks that may send.")
    include: Texts = Field((), description="More domains whose record is included.")
    terms: Texts = Field((), description="More mechanisms, as they stand in a record.")
    others: Literal["fail", "softfail", "neutral"] = Field(
        "fail",
        description="What mail from anywhere else gets: -all, ~all or ?all.",
    )


class MtaSts(Table):
    """The MTA-STS policy of a domain (RFC 8461)."""

    mode: Literal["testing", "enforce", "none"] = Field("testing", description="The policy's mode.")
    max_age: Annotated[int, Field(ge=0, le=31_557_600)] | None = Field(
        None,
        description="How long senders keep the policy, in seconds: a day in testing, else a week.",
    )
    mx: Texts = Field((), description="Patterns allowed besides the domain's MX hosts.")
    web: str | None = Field(
        None,
        description="The host or address that serves https://mta-sts.DOMAIN/, for its record.",
    )

    @property
    def max_age_seconds(self) -> int:
        """What `max_age` says, or a day in testing and a week otherwise."""
        if self.max_age is not None:
            return self.max_age
        days = 1 if self.mode == "testing" else 7
        return int(timedelta(days=days).total_seconds())


class Clients(Table):
    """The services that mail programs look for (RFC 6186, RFC 8314)."""

    host: HostName | None = Field(
        None,
        description="The host that offers them, where it is not the domain's first server.",
    )
    imap: bool = Field(default=True, description="IMAP over TLS, port 993.")
    pop3: bool = Field(default=False, description="POP3 over TLS, port 995.")
    submission: bool = Field(default=True, description="Submission over TLS, port 465.")
    starttls: tuple[Literal["imap", "pop3", "smtp"], ...] = Field(
        ("smtp",),
        description="Those offered with STARTTLS on their old ports as well.",
    )
    web: HostName | None = Field(
        None,
        description="The host that serves the settings files of Thunderbird and Outlook; adds "
        "autoconfig, autodiscover and their SRV record.",
    )


class Bimi(Table):
    """The logo shown beside mail (BIMI, an Internet-Draft)."""

    logo: str = Field(description="https URI of the SVG Tiny PS logo.")
    evidence: str | None = Field(None, description="https URI of the mark certificate (PEM).")
    selector: str = Field("default", description="The BIMI selector.")


def _sts(value: Any) -> Any:
    return {"mode": value} if isinstance(value, str) else value


def _clients(value: Any) -> Any:
    if value is False:
        return None
    return {} if value is True else value


class DomainDefaults(Table):
    """What a domain may say; `[defaults]` says it for all domains that do not."""

    servers: dict[HostName, Annotated[int, Field(ge=0, le=65535)]] | Names | None = Field(
        None,
        description="The servers that handle its mail, or a table of server and MX preference; "
        "all servers when it is left out.",
    )
    receives: bool = Field(default=True, description="false: it takes no mail (null MX, RFC 7505).")
    senders: Texts = Field(
        (),
        description="Other services that send its mail: a preset's name (`maildns init "
        "--list-senders` lists them), or any SPF mechanism such as include:spf.example.net.",
    )
    spf: Spf = Field(Spf(), description="What SPF says besides.")
    dkim: tuple[DkimKey, ...] = Field((), description="Its DKIM keys.")
    dmarc: Dmarc | None = Field(Dmarc(), description="Its DMARC policy.")
    mta_sts: Annotated[MtaSts | None, BeforeValidator(_sts)] = Field(
        None,
        description="Its MTA-STS policy: a mode, or a table.",
    )
    tls_rpt: Texts = Field((), description="Where TLS reports go: mail addresses or https URIs.")
    clients: Annotated[Clients | None, BeforeValidator(_clients)] = Field(
        None,
        description="SRV records for mail programs: true, or a table.",
    )
    bimi: Bimi | None = Field(None, description="Its BIMI logo.")
    caa: Texts = Field((), description="Authorities that may issue certificates (CAA).")
    ttl: Ttl | None = Field(None, description="TTL of its records, in seconds.")


class Domain(DomainDefaults):
    """A domain and how its mail is handled."""

    parked: bool = Field(
        default=False,
        description="true: no mail at all: null MX, SPF -all, DMARC reject, no DKIM key valid.",
    )


class Defaults(DomainDefaults):
    """What holds for every domain that does not say otherwise."""


class ViewServer(Table):
    """A server as one view sees it."""

    ipv4: IPv4s | None = Field(None, description="Its IPv4 addresses in this view.")
    ipv6: IPv6s | None = Field(None, description="Its IPv6 addresses in this view.")


class View(Table):
    """One side of a split DNS: what its resolvers show, and where it is published."""

    server: dict[HostName, ViewServer] = Field(
        default_factory=dict,
        description="Servers with other addresses here than in public.",
    )
    publisher: Texts = Field(
        (),
        description="The publishers of this view's zones; of the public view all that no other "
        "view names.",
    )
    resolver: str | None = Field(
        None,
        description="A name server that shows this view, to read what is there.",
    )


class ZoneFilePublisher(Table):
    """Publishes by editing zone files in place."""

    type: Literal["zonefile"]
    path: str = Field(description="The zone file; {zone} stands for the zone's name.")
    zones: Names = Field(
        (), description="The zones it holds; the configured domains when left out."
    )


class Rfc2136Publisher(Table):
    """Publishes by DNS UPDATE (RFC 2136), signed with TSIG (RFC 8945)."""

    type: Literal["rfc2136"]
    server: str = Field(description="The primary server: address, or address:port.")
    zones: Names = Field((), description="Its zones; found by asking it when left out.")
    key_file: Path | None = Field(
        None,
        description="The TSIG key: a file as tsig-keygen prints it, or the base64 secret alone.",
    )
    key_env: str | None = Field(
        None,
        description="The environment variable that holds it: the secret, or algorithm:name:secret.",
    )
    key_name: HostName | None = Field(
        None,
        description="The TSIG key's name, where the file or variable does not say it.",
    )
    timeout: Annotated[float, Field(gt=0, le=120)] = Field(
        5.0,
        description="How long to wait for the server, in seconds.",
    )


Publisher = Annotated[ZoneFilePublisher | Rfc2136Publisher, Field(discriminator="type")]


class Intent(Table):
    """One description of the mail servers and their domains."""

    server: dict[HostName, Server] = Field(
        default_factory=dict,
        description="The mail servers, by name.",
    )
    domain: dict[HostName, Domain] = Field(
        default_factory=dict,
        description="The domains, by name.",
    )
    defaults: Defaults = Field(Defaults(), description="What holds for every domain.")
    view: dict[str, View] = Field(
        default_factory=dict,
        description='Views of a split DNS; "public" is the world\'s and need not be named.',
    )
    publisher: dict[str, Publisher] = Field(
        default_factory=dict,
        description="Where records are published.",
    )
    reports: Reports = Field(Reports(), description="The reports that come back.")

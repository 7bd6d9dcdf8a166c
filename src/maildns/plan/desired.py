"""
From the intent to the records it asks for: one list of wishes per view.

Nothing that stands in the DNS today matters here; `ownership` brings the two
together. Every record comes from its protocol's own `build`, so that what is
planned is what the linters praise.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from maildns.dnsdata import (
    AAAA,
    A,
    Cname,
    Mx,
    Ptr,
    Rdata,
    Txt,
    is_within,
    name,
    parent,
    reverse_name,
)
from maildns.errors import ConfigError, RecordSyntaxError, UsageError
from maildns.intent.load import settings
from maildns.intent.model import Dmarc, Domain, Intent, Server, Spf
from maildns.intent.senders import sender_named
from maildns.plan.materials import Materials
from maildns.plan.wanted import WHOLE, Claim, Kind, Wanted
from maildns.protocols import bimi, caa, clients, dmarc, mtasts, spf, tlsrpt

PUBLIC = "public"
SPF_CLAIM = Claim(prefix="v=spf1")
DMARC_CLAIM = Claim(prefix="v=DMARC1")
CAA_CLAIM = Claim(tags=frozenset({"issue"}))
_ALL = {"fail": "-all", "softfail": "~all", "neutral": "?all"}
_ALIGNMENT = {"relaxed": dmarc.Alignment.RELAXED, "strict": dmarc.Alignment.STRICT}
PARKED_DMARC = Dmarc(policy="reject", subdomain_policy="reject", nonexistent_policy="reject")


@dataclass(frozen=True, slots=True)
class Scene:
    """An intent seen from one view, with its materials: what the wishes are read from."""

    intent: Intent
    materials: Materials = field(default_factory=Materials)
    view: str = PUBLIC

    def addresses(self, host: str) -> tuple[IPv4Address | IPv6Address, ...]:
        """The addresses of *host* in this view."""
        server = self.intent.server[host]
        seen = (
            self.intent.view[self.view].server.get(host) if self.view in self.intent.view else None
        )
        v4 = server.ipv4 if seen is None or seen.ipv4 is None else seen.ipv4
        v6 = server.ipv6 if seen is None or seen.ipv6 is None else seen.ipv6
        return (*v4, *v6)

    def public(self) -> Scene:
        """The same from the world's view."""
        return self if self.view == PUBLIC else Scene(self.intent, self.materials)

    def servers_of(self, domain: Domain) -> dict[str, int]:
        """The domain's servers with their MX preference."""
        chosen = domain.servers if domain.servers is not None else tuple(self.intent.server)
        if isinstance(chosen, dict):
            return dict(chosen)
        return {host: self.intent.server[host].priority for host in chosen}


def desired(scene: Scene) -> list[Wanted]:
    """
    All wishes of the view, grouped by domain and server, in a stable order.

    Raises `ConfigError` where a text of the intent makes no record.
    """
    wishes: list[Wanted] = []
    for domain in scene.intent.domain:
        with _placed("domain", domain):
            wishes.extend(of_domain(scene, domain))
    for host, server in scene.intent.server.items():
        with _placed("server", host):
            if server.managed:
                wishes.extend(of_server(scene, host, server))
    return _settled(wishes)


@contextmanager
def _placed(*keys: str) -> Iterator[None]:
    """Say of a record that cannot be made whose it is."""
    try:
        yield
    except (RecordSyntaxError, UsageError) as error:
        wrong = ConfigError(f'{keys[0]} "{keys[1]}": {error}', hint=error.hint)
        wrong.keys = keys
        raise wrong from None


def _settled(wishes: Sequence[Wanted]) -> list[Wanted]:
    """Group the wishes, and drop a HELO policy where a domain's own stands: there may be one."""
    own = {wish.name for wish in wishes if wish.kind is Kind.SPF}
    kept = [wish for wish in wishes if wish.kind is not Kind.HELO or wish.name not in own]
    order = {group: place for place, group in enumerate(dict.fromkeys(one.group for one in kept))}
    return sorted(kept, key=lambda wish: order[wish.group])


# --- a domain -------------------------------------------------------------------------


def of_domain(scene: Scene, domain: str) -> Iterator[Wanted]:
    """The wishes of one domain."""
    own = settings(scene.intent, domain)
    yield mx_wish(scene, domain, own)
    yield spf_wish(scene, domain, own)
    yield from dkim_wishes(scene, domain, own)
    yield from dmarc_wishes(scene, domain, own)
    if not own.parked:
        yield from _transport_wishes(scene, domain, own)
        yield from _client_wishes(scene, domain, own)
        if own.bimi is not None:
            record = bimi.build(own.bimi.logo, authority_evidence=own.bimi.evidence or "")
            owner = f"{own.bimi.selector}._bimi.{domain}"
            yield _text(
                domain,
                Kind.BIMI,
                owner,
                str(record),
                ttl=own.ttl,
                reason="the logo shown beside mail",
            )
    if own.caa:
        yield _caa_wish(domain, domain, own.caa, own.ttl)


def mx_wish(scene: Scene, domain: str, own: Domain) -> Wanted:
    """Where mail for the domain goes (RFC 5321 section 5.1), or that it takes none (RFC 7505)."""
    hosts = {} if own.parked or not own.receives else scene.servers_of(own)
    records: list[Rdata] = [
        Mx(preference, host)
        for host, preference in hosts.items()
        if scene.intent.server[host].receives
    ]
    reason = "mail for the domain goes to its server" + ("s" if len(records) > 1 else "")
    if not records:
        records, reason = [Mx(0, ".")], "the domain takes no mail (null MX)"
    return Wanted(domain, Kind.MX, domain, "MX", tuple(records), WHOLE, own.ttl, reason)


def spf_record(scene: Scene, own: Domain) -> spf.SpfRecord:
    """
    The domain's SPF record: its servers' public addresses, its senders, and no one else.

    It is the same in every view, since receivers in the world judge by it.
    """
    if own.parked:
        return spf.build(all="-all")
    public = scene.public()
    networks: list[str] = []
    terms: list[str] = []
    for host in scene.servers_of(own):
        server = scene.intent.server[host]
        if server.sends:
            addresses = public.addresses(host)
            networks.extend(str(address) for address in addresses)
            # A host whose addresses nobody told us is permitted by name.
            terms.extend([] if addresses else [f"a:{host}"])
    for sender in own.senders:
        terms.extend(sender_named(sender).terms)
    return _spf_record(tuple(networks), tuple(dict.fromkeys([*terms, *own.spf.terms])), own.spf)


@lru_cache(maxsize=1024)  # a provider's domains share their servers and senders
def _spf_record(networks: tuple[str, ...], terms: tuple[str, ...], more: Spf) -> spf.SpfRecord:
    return spf.build(
        ip4=[*(text for text in networks if ":" not in text), *more.ip4],
        ip6=[*(text for text in networks if ":" in text), *more.ip6],
        include=more.include,
        terms=terms,
        all=_ALL[more.others],
    )


def spf_wish(scene: Scene, domain: str, own: Domain) -> Wanted:
    """Who may send for the domain (RFC 7208)."""
    reason = "nobody sends for it" if own.parked else "who may send mail for the domain"
    record = str(spf_record(scene, own))
    return _text(domain, Kind.SPF, domain, record, ttl=own.ttl, reason=reason, claim=SPF_CLAIM)


def dkim_wishes(scene: Scene, domain: str, own: Domain) -> Iterator[Wanted]:
    """The public half of each signing key (RFC 6376 section 3.6); none is valid when parked."""
    if own.parked:
        owner = f"*._domainkey.{domain}"
        yield _text(
            domain, Kind.DKIM, owner, "v=DKIM1; p=", ttl=own.ttl, reason="no key signs for it"
        )
        return
    for key in own.dkim:
        record = scene.materials.dkim[domain, name(key.selector)]
        owner = f"{name(key.selector)}._domainkey.{domain}"
        reason = f"the key that signs as {key.selector}"
        yield _text(domain, Kind.DKIM, owner, str(record), ttl=own.ttl, reason=reason)


def dmarc_record(own: Domain) -> dmarc.DmarcRecord | None:
    """The domain's DMARC record; a parked one asks for rejection."""
    wish = own.dmarc
    if own.parked:
        reports = wish.reports_to if wish is not None else ()
        wish = PARKED_DMARC.model_copy(update={"reports_to": reports})
    return _dmarc_record(wish) if wish is not None else None


@lru_cache(maxsize=1024)  # a provider's domains share one policy
def _dmarc_record(wish: Dmarc) -> dmarc.DmarcRecord:
    return dmarc.build(
        policy=wish.policy,
        subdomain_policy=wish.subdomain_policy,
        nonexistent_policy=wish.nonexistent_policy,
        testing=wish.testing,
        percent=wish.percent,
        dkim_alignment=_ALIGNMENT[wish.dkim_alignment],
        spf_alignment=_ALIGNMENT[wish.spf_alignment],
        reports_to=wish.reports_to,
        failure_reports_to=wish.failure_reports_to,
        failure_options=wish.failure_options,
        psd=wish.psd or "u",
    )


def dmarc_wishes(scene: Scene, domain: str, own: Domain) -> Iterator[Wanted]:
    """The policy (RFC 9989), and the grants of our own domains that take its reports (RFC 9990 section 4)."""
    record = dmarc_record(own)
    if record is None:
        return
    reason = "what receivers do with mail that fails, and where they report"
    yield _text(
        domain,
        Kind.DMARC,
        f"_dmarc.{domain}",
        str(record),
        ttl=own.ttl,
        reason=reason,
        claim=DMARC_CLAIM,
    )
    for host in sorted(report_hosts(record)):
        home = closest(host, scene.intent.domain)
        if home is None or is_within(host, domain) or is_within(domain, home):
            continue
        owner = dmarc.grant_name(domain, host)
        reason = f"lets {host} take the DMARC reports of {domain}"
        yield _text(
            home, Kind.GRANT, owner, "v=DMARC1;", ttl=own.ttl, reason=reason, claim=DMARC_CLAIM
        )


def closest(owner: str, zones: Container[str]) -> str | None:
    """
    The closest of *zones* that *owner* is in.

    >>> closest("a.mail.example.com", {"example.com": 1, "com": 1})
    'example.com'
    """
    while owner not in zones:
        if owner == ".":
            return None
        owner = parent(owner)
    return owner


def report_hosts(record: dmarc.DmarcRecord) -> set[str]:
    """The domains that a DMARC record's reports go to."""
    uris = (*record.aggregate_reports_to, *record.failure_reports_to)
    hosts = (uri.uri.rpartition("@")[2] for uri in uris if uri.uri.lower().startswith("mailto:"))
    return {name(host) for host in hosts if host}


def _transport_wishes(scene: Scene, domain: str, own: Domain) -> Iterator[Wanted]:
    policy = sts_policy(scene, own)
    if policy is not None and own.mta_sts is not None:
        record = str(mtasts.build(policy))
        reason = f"MTA-STS, mode {own.mta_sts.mode}"
        yield _text(domain, Kind.MTA_STS, f"_mta-sts.{domain}", record, ttl=own.ttl, reason=reason)
        if own.mta_sts.web:
            yield _web_wish(domain, f"mta-sts.{domain}", own.mta_sts.web, own.ttl)
    if own.tls_rpt:
        record = str(tlsrpt.build(own.tls_rpt))
        yield _text(
            domain,
            Kind.TLS_RPT,
            f"_smtp._tls.{domain}",
            record,
            ttl=own.ttl,
            reason="where TLS reports go",
        )


def sts_policy(scene: Scene, own: Domain) -> mtasts.StsPolicy | None:
    """
    The MTA-STS policy to serve: every MX host of the domain, and what the owner adds.

    None where none is asked for, and for a domain that takes no mail.
    """
    if own.mta_sts is None or own.parked:
        return None
    hosts = [host for host in scene.servers_of(own) if scene.intent.server[host].receives]
    allowed = [*(hosts if own.receives else []), *own.mta_sts.mx]
    if not allowed and own.mta_sts.mode != "none":
        return None  # RFC 8461 section 3.2: a policy names MX hosts; a domain without has none
    return mtasts.build_policy(
        mode=own.mta_sts.mode,
        mx=allowed,
        max_age=own.mta_sts.max_age_seconds,
    )


def _web_wish(domain: str, owner: str, target: str, ttl: int | None) -> Wanted:
    reason = "serves the MTA-STS policy"
    try:
        record: Rdata = _address(ip_address(target))
    except ValueError:
        record = Cname(name(target))
    return Wanted(domain, Kind.MTA_STS, owner, record.rrtype, (record,), WHOLE, ttl, reason)


def _client_wishes(scene: Scene, domain: str, own: Domain) -> Iterator[Wanted]:
    if own.clients is None:
        return
    host = own.clients.host or next(iter(scene.servers_of(own)), None)
    if host is None:
        return
    groups: dict[tuple[str, str], list[Rdata]] = {}
    for owner, record in clients.service_records(
        domain,
        host=host,
        imap=own.clients.imap,
        submission=own.clients.submission,
        pop3=own.clients.pop3,
        starttls=own.clients.starttls,
        web_host=own.clients.web or "",
    ):
        groups.setdefault((owner, record.rrtype), []).append(record)
    for (owner, rrtype), records in groups.items():
        reason = "where mail programs find the service"
        yield Wanted(domain, Kind.CLIENTS, owner, rrtype, tuple(records), WHOLE, own.ttl, reason)


# --- a server -------------------------------------------------------------------------


def of_server(scene: Scene, host: str, server: Server) -> Iterator[Wanted]:
    """The wishes of one server: addresses, HELO policy, TLSA, CAA, and the PTR of each address."""
    helo = server.helo or host
    for owner in dict.fromkeys((host, helo)):
        yield from _address_wishes(scene, host, owner, server.ttl)
        if server.sends:
            record = str(spf.build(a=True, all="-all"))
            reason = "only this server may say HELO with its name"
            yield _text(
                host, Kind.HELO, owner, record, ttl=server.ttl, reason=reason, claim=SPF_CLAIM
            )
    identity = scene.materials.servers.get(host)
    if identity is not None:
        records = tuple(dict.fromkeys((*identity.tlsa, *identity.next_tlsa)))
        for port in server.tlsa_ports:
            owner = f"_{port}._tcp.{host}"
            reason = "the key that the server shows in TLS"
            yield Wanted(host, Kind.TLSA, owner, "TLSA", records, WHOLE, server.ttl, reason)
    if server.caa:
        yield _caa_wish(host, host, server.caa, server.ttl)
    for address in scene.addresses(host):
        owner = reverse_name(address)
        reason = "the address names the server back"
        yield Wanted(host, Kind.PTR, owner, "PTR", (Ptr(helo),), WHOLE, server.ttl, reason)


def _address_wishes(scene: Scene, host: str, owner: str, ttl: int | None) -> Iterator[Wanted]:
    by_type: dict[str, list[Rdata]] = {}
    for address in scene.addresses(host):
        record = _address(address)
        by_type.setdefault(record.rrtype, []).append(record)
    for rrtype, records in by_type.items():
        reason = "the server's address" + ("es" if len(records) > 1 else "")
        yield Wanted(host, Kind.ADDRESS, owner, rrtype, tuple(records), WHOLE, ttl, reason)


def _address(address: IPv4Address | IPv6Address) -> A | AAAA:
    return A(address) if isinstance(address, IPv4Address) else AAAA(address)


def _caa_wish(group: str, owner: str, issuers: Sequence[str], ttl: int | None) -> Wanted:
    records = tuple(caa.build(issuers))
    reason = "who may issue certificates"
    return Wanted(group, Kind.CAA, owner, "CAA", records, CAA_CLAIM, ttl, reason)


def _text(
    group: str,
    kind: Kind,
    owner: str,
    text: str,
    *,
    ttl: int | None,
    reason: str,
    claim: Claim = WHOLE,
) -> Wanted:
    return Wanted(group, kind, owner, "TXT", (Txt.of(text),), claim, ttl, reason)

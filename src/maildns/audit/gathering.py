"""
Gathering: every DNS question that the rules rest on, asked once, as many together as can be.

An inquiry, so the same code runs for one domain over the network, for thousands at a time, and
over a pretended world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maildns.ask import Inquiry, Outcome, Question, Together
from maildns.audit.facts import DnsFacts, SelectorFacts
from maildns.audit.facts.dnssec import ask_dnssec, direct_dnssec
from maildns.audit.facts.zone import ZoneFacts, ask_servers, zone_facts
from maildns.audit.selectors import common_selectors
from maildns.dnsdata import name
from maildns.protocols import (
    addresses,
    bimi,
    caa,
    clients,
    dane,
    dkim,
    dmarc,
    mtasts,
    mx,
    spf,
    tlsrpt,
)
from maildns.protocols.dkim.build import key_name

MAX_ADDRESSES = 40  # of mail hosts, whose names are looked up
_PLAIN_TYPES = ("A", "AAAA", "MX", "TXT", "NS", "SOA", "CAA", "DS", "DNSKEY", "CNAME")


@dataclass(frozen=True, slots=True)
class Scope:
    """
    How far to look.

    `selectors` are DKIM selectors to ask for, each with where it is known from; `common_selectors`
    says whether those that many services use are tried as well; `servers` whether every name
    server of the zone is asked by itself.
    """

    selectors: tuple[tuple[str, str], ...] = ()
    common_selectors: bool = True
    servers: bool = True


def gather(domain: str, scope: Scope | None = None) -> Inquiry[DnsFacts]:
    """
    Ask everything that the DNS can tell of *domain*.

    Raises `RecordSyntaxError` when *domain* is no name.
    """
    domain = name(domain)
    scope = scope or Scope()
    together = Together()
    mail, tlsa, tree, newer, older, sts, picture, zone, _ = yield from together.run(
        [
            mx.mail_hosts(domain),
            dane.domain_lookup(domain),
            spf.lookup_tree(domain),
            dmarc.evaluate(header_from=domain, spf=(domain, "fail"), reader="rfc9989"),
            dmarc.evaluate(header_from=domain, spf=(domain, "fail"), reader="rfc7489"),
            mtasts.record_lookup(domain),
            bimi.record_lookup(domain),
            zone_facts(domain),
            _ask(_plain_questions(domain)),
        ]
    )
    hosts = (domain, *mail.names) if mail.names else (domain,)
    ips = tuple(dict.fromkeys((host.name, ip) for host in mail.hosts for ip in host.addresses))
    ips = ips[:MAX_ADDRESSES]
    record = newer.record or older.record
    owner = newer.policy_domain or older.policy_domain or domain
    certified = _certified_names(domain, mail, sts)
    policy_host = f"mta-sts.{domain}" if sts.record is not None else ""
    second = yield from together.run(
        [
            _many([tlsrpt.record_lookup(host) for host in dict.fromkeys(hosts)]),
            _many([addresses.forward_confirmed(ip) for _, ip in ips]),
            _many([spf.check_host(ip=str(ip), sender="", helo=host) for host, ip in ips]),
            _many([caa.relevant(host) for host in certified]),
            _destinations(owner, record),
            _selectors(domain, scope),
            _zone_and_servers(domain, zone, policy_host, scope),
        ]
    )
    reports, names, helo, permitted, destinations, selectors, zone = second
    return DnsFacts(
        domain=domain,
        answers=together.known,
        mail=mail,
        dane=tlsa,
        spf=tree,
        dmarc={"rfc9989": newer, "rfc7489": older},
        destinations=destinations,
        sts=sts,
        reports=dict(zip(dict.fromkeys(hosts), reports, strict=True)),
        bimi=picture,
        selectors=selectors,
        addresses={ip: one for (_, ip), one in zip(ips, names, strict=True)},
        helo_spf=dict(zip(ips, helo, strict=True)),
        caa=dict(zip(certified, permitted, strict=True)),
        zone=zone,
    )


def _plain_questions(domain: str) -> list[Question]:
    """What is asked whatever the answers are."""
    below = (f"_domainkey.{domain}", f"_smtp._tls.{domain}", f"*.{domain}")
    services = [Question(f"{one.label}._tcp.{domain}", "SRV") for one in clients.SERVICES]
    return [
        *(Question(domain, rrtype) for rrtype in _PLAIN_TYPES),
        *(Question(owner, "TXT") for owner in below),
        Question(f"_autodiscover._tcp.{domain}", "SRV"),
        *services,
    ]


def _direct_questions(domain: str) -> list[Question]:
    """What every name server is asked by itself."""
    below = (f"_dmarc.{domain}", f"_mta-sts.{domain}", f"_smtp._tls.{domain}")
    return [
        *(Question(domain, rrtype) for rrtype in ("SOA", "NS", "MX", "TXT")),
        *(Question(owner, "TXT") for owner in below),
    ]


def _zone_and_servers(
    domain: str, zone: ZoneFacts, policy_host: str, scope: Scope
) -> Inquiry[ZoneFacts]:
    """The zone's keys and what belongs to them, then what each of its servers says."""
    signed = yield from ask_dnssec(zone.apex, policy_host)
    if not scope.servers:
        return zone
    more = direct_dnssec(domain, zone.apex) if signed else []
    return (yield from ask_servers(zone, [*_direct_questions(domain), *more]))


def _ask(questions: Sequence[Question]) -> Inquiry[None]:
    yield tuple(questions)


def _many(inquiries: Sequence[Inquiry[Any]]) -> Inquiry[list[Any]]:
    """The verdicts of *inquiries*, run in step."""
    return (yield from Together().run(inquiries))


def _certified_names(domain: str, mail: mx.MailHosts, sts: mtasts.StsLookup) -> tuple[str, ...]:
    """The names for which an authority must be able to issue certificates."""
    policy_host = (f"mta-sts.{domain}",) if sts.record is not None else ()
    return tuple(dict.fromkeys((*mail.names, *policy_host)))


def _destinations(
    owner: str, record: dmarc.DmarcRecord | None
) -> Inquiry[tuple[dmarc.Destination, ...]]:
    if record is None:
        return ()
    return tuple((yield from dmarc.external_destinations(owner, record)))


def _selectors(domain: str, scope: Scope) -> Inquiry[tuple[SelectorFacts, ...]]:
    """The key records of the selectors in *scope*; of the common ones just those that exist."""
    wanted = dict(scope.selectors)
    (home,) = yield (Question(f"_domainkey.{domain}", "TXT"),)
    if scope.common_selectors and home.outcome is not Outcome.NO_NAME:  # RFC 8020
        wanted |= {one: "common" for one in common_selectors() if one not in wanted}
    names = {key_name(selector, domain): selector for selector in wanted}
    answers = yield [Question(owner, "TXT") for owner in names]
    return tuple(
        SelectorFacts(selector, wanted[selector], answer, dkim.judge_answer(answer))
        for selector, answer in zip(names.values(), answers, strict=True)
        if answer.found or wanted[selector] != "common"
    )

"""
Gathering: every DNS question that the rules rest on, asked once, as many together as can be.

An inquiry, so the same code runs for one domain over the network, for thousands at a time, and
over a pretended world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maildns.ask import Answer, Inquiry, Outcome, Question, Together, told_again
from maildns.audit.facts import DnsFacts, SelectorFacts
from maildns.audit.facts.dnssec import ask_dnssec, direct_dnssec
from maildns.audit.facts.zone import ZoneFacts, ask_servers, zone_facts
from maildns.audit.live import document_hosts, live_questions, service_owners
from maildns.audit.selectors import common_selectors, sibling_selectors
from maildns.dnsdata import name
from maildns.frozen import quickly
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
from maildns.protocols.addresses.record import IpAddress
from maildns.protocols.dkim.build import key_name

MAX_ADDRESSES = 40  # of mail hosts, whose names are looked up
MAX_NAME = 253  # RFC 1035 section 2.3.4, without the final dot
MAX_SENDERS = 10  # addresses of mail hosts that are tried against the domain's SPF record
MAX_REPORT_HOSTS = 10  # that reports shall go to
_PLAIN_TYPES = ("A", "AAAA", "MX", "TXT", "NS", "SOA", "CAA", "DS", "DNSKEY", "SPF")


@dataclass(frozen=True, slots=True)
class Scope:
    """
    How far to look.

    `selectors` are DKIM selectors to ask for, each with where it is known from, `selectors_of`
    those of single domains; `common_selectors` says whether those that many services use are tried
    as well, and what stands for all selectors or beside them is looked at; `servers` whether every
    name server of the zone is asked by itself.
    """

    selectors: tuple[tuple[str, str], ...] = ()
    selectors_of: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
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
    first = yield from together.run(_first_round(domain))
    mail, tlsa, tree, newer, older, sts, picture, zone, absent, _ = first
    together.known.update(absent)
    (picture,) = yield from together.run([_picture(domain, newer, picture)])
    hosts = _reporting(domain, tlsa)
    ips = _addresses(mail)[:MAX_ADDRESSES]
    record = newer.record or older.record
    certified = _certified_names(domain, mail, sts)
    own = ips[:MAX_SENDERS] if tree.root.record is not None else ()
    policy_host = f"mta-sts.{domain}" if sts.record is not None else ""
    second = yield from together.run_groups(
        [
            [
                _destinations(newer.policy_domain or older.policy_domain or domain, record),
                _selectors(domain, scope),
                _zone_and_servers(domain, zone, policy_host, scope),
                _ask_mail_hosts(_report_hosts(record)),
                live_questions(
                    () if absent else service_owners(domain),
                    (policy_host, *document_hosts(picture)),
                    mail.names,
                ),
                _ask(_later_questions(domain)),
            ],
            [_reports(host) for host in hosts],
            [addresses.forward_confirmed(ip) for _, ip in ips],
            _spf_of(ips, ""),
            [caa.relevant(host) for host in certified],
            _spf_of(own, f"postmaster@{domain}"),
        ]
    )
    (destinations, selectors, zone, *_), reports, names, helo, permitted, sent = second
    return _facts(
        domain=domain,
        answers=together.known,
        mail=mail,
        dane=tlsa,
        spf=tree,
        dmarc={"rfc9989": newer, "rfc7489": older},
        destinations=destinations,
        sts=sts,
        reports=dict(zip(hosts, reports, strict=True)),
        bimi=picture,
        selectors=selectors,
        addresses={ip: one for (_, ip), one in zip(ips, names, strict=True)},
        helo_spf=dict(zip(ips, helo, strict=True)),
        caa=dict(zip(certified, permitted, strict=True)),
        zone=zone,
        exists=_exists(domain, together.known),
        own_spf=dict(zip(own, sent, strict=True)),
    )


_facts = quickly(DnsFacts)


def _first_round(domain: str) -> list[Inquiry[Any]]:
    """All that needs to know nothing but the domain."""
    return [
        mx.mail_hosts(domain),
        dane.domain_lookup(domain),
        spf.lookup_tree(domain),
        dmarc.evaluate(header_from=domain, spf=(domain, "fail"), reader="rfc9989"),
        dmarc.evaluate(header_from=domain, spf=(domain, "fail"), reader="rfc7489"),
        mtasts.record_lookup(domain),
        bimi.record_lookup(domain),
        zone_facts(domain),
        _services(domain),
        _ask(_plain_questions(domain)),
    ]


def _plain_questions(domain: str) -> list[Question]:
    """What is asked whatever the answers are."""
    below = (
        f"_domainkey.{domain}",
        f"_smtp._tls.{domain}",
    )
    return [
        *(Question(domain, rrtype) for rrtype in _PLAIN_TYPES),
        *(Question(owner, "TXT") for owner in below),
        Question(f"mta-sts.{domain}", "A"),
    ]


def _later_questions(domain: str) -> list[Question]:
    """What most often need not be asked, since the name is known not to exist."""
    wildcard = f"*.{domain}"
    return [
        Question(f"mta-sts.{domain}", "AAAA"),
        Question(wildcard, "TXT"),
        Question(wildcard, "MX"),
    ]


def _reporting(domain: str, tlsa: dane.DomainLookup) -> tuple[str, ...]:
    """The domain, and those of its mail hosts that senders may look for a TLS-RPT record at."""
    by_dane = (one.host for one in tlsa.hosts if one.result is dane.LookupResult.DANE)
    return tuple(dict.fromkeys((domain, *by_dane)))


_SERVICE_LABELS = ("_autodiscover", *(one.label for one in clients.SERVICES))


def _services(domain: str) -> Inquiry[dict[Question, Answer]]:
    """Ask for the SRV records; where there is nothing at all below `_tcp`, that says it of each."""
    below = f"_tcp.{domain}"
    questions = [Question(f"{label}.{below}", "SRV") for label in _SERVICE_LABELS]
    (home,) = yield (Question(below, "SRV"),)
    if home.outcome is Outcome.NO_NAME and not home.aliases:  # RFC 8020
        return {one: told_again(home, one, home.ttl_seconds) for one in questions}
    yield questions
    return {}


def _direct_questions(domain: str) -> list[Question]:
    """What every name server is asked by itself."""
    below = (f"_dmarc.{domain}", f"_mta-sts.{domain}", f"_smtp._tls.{domain}")
    return [
        *(Question(domain, rrtype) for rrtype in ("SOA", "NS", "MX", "TXT")),
        *(Question(owner, "TXT") for owner in below),
    ]


def _picture(
    domain: str, newer: dmarc.DmarcVerdict, own: bimi.BimiLookup
) -> Inquiry[bimi.BimiLookup]:
    """The BIMI record that counts: *own*, else that of the organization (draft section 7.2)."""
    home = newer.organizational_domain
    if own.result is not bimi.BimiResult.NONE or home is None or home == domain:
        return own
    above = yield from bimi.record_lookup(home)
    return own if above.result is bimi.BimiResult.NONE else above


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


def _exists(domain: str, known: Mapping[Question, Answer]) -> bool | None:
    """Whether there is such a domain; None where it cannot be known."""
    answers = [known[Question(domain, rrtype)] for rrtype in ("MX", "TXT", "A")]
    if any(one.outcome is Outcome.NO_NAME for one in answers):
        return False
    return None if all(one.failed for one in answers) else True


def _addresses(mail: mx.MailHosts) -> tuple[tuple[str, IpAddress], ...]:
    """Each address of each mail host, with the host."""
    found = ((host.name, ip) for host in mail.hosts for ip in host.addresses)
    return tuple(dict.fromkeys(found))


def _spf_of(places: Sequence[tuple[str, IpAddress]], sender: str) -> list[Inquiry[spf.SpfVerdict]]:
    """What receivers say of mail from *sender* that comes from each of *places*."""
    return [spf.check_host(ip=ip, sender=sender, helo=host) for host, ip in places]


def _certified_names(domain: str, mail: mx.MailHosts, sts: mtasts.StsLookup) -> tuple[str, ...]:
    """The names for which an authority must be able to issue certificates."""
    policy_host = (f"mta-sts.{domain}",) if sts.record is not None else ()
    hosts = [host.name for host in mail.hosts if host.addresses]
    return tuple(dict.fromkeys((*hosts, *policy_host)))


def _destinations(
    owner: str, record: dmarc.DmarcRecord | None
) -> Inquiry[tuple[dmarc.Destination, ...]]:
    if record is None:
        return ()
    return tuple((yield from dmarc.external_destinations(owner, record)))


def _report_hosts(record: dmarc.DmarcRecord | None) -> list[str]:
    """The domains that DMARC reports are mailed to."""
    if record is None:
        return []
    uris = (*record.aggregate_reports_to, *record.failure_reports_to)
    return [uri.host for uri in uris if uri.scheme == "mailto"]


def _reports(domain: str) -> Inquiry[tlsrpt.TlsRptLookup]:
    """The TLS-RPT record of *domain*, and whether its addresses can take mail."""
    lookup = yield from tlsrpt.record_lookup(domain)
    if lookup.record is not None:
        yield from _ask_mail_hosts([dmarc.ReportUri(uri).host for uri in lookup.record.rua])
    return lookup


def _ask_mail_hosts(hosts: Sequence[str]) -> Inquiry[None]:
    """Ask what tells whether mail can go to *hosts*: the MX records, else the addresses."""
    wanted = [host for host in dict.fromkeys(hosts) if host][:MAX_REPORT_HOSTS]
    if not wanted:
        return
    answers = yield [Question(host, "MX") for host in wanted]
    bare = [one.question.name for one in answers if one.outcome is Outcome.NO_DATA]
    if bare:
        yield [Question(host, rrtype) for host in bare for rrtype in ("A", "AAAA")]


def _selectors(domain: str, scope: Scope) -> Inquiry[tuple[SelectorFacts, ...]]:
    """
    The key records of the selectors in *scope*; of the common ones just those that exist.

    One that is an alias exists, whatever it leads to; what a wildcard answers does not.
    """
    (home,) = yield (Question(f"_domainkey.{domain}", "TXT"),)
    named = (*scope.selectors, *scope.selectors_of.get(domain, ()))
    wanted = {key_name(one, domain): (one, source) for one, source in named}
    if not scope.common_selectors:
        answers = yield [Question(owner, "TXT") for owner in wanted]
        return tuple(_selector(*one) for one in zip(wanted.values(), answers, strict=True))
    tries = home.outcome is not Outcome.NO_NAME  # RFC 8020
    if tries:
        wanted = _common(common_selectors(), domain) | wanted
    old = () if home.outcome is Outcome.NO_NAME else (f"_adsp._domainkey.{domain}",)
    answers = yield [Question(owner, "TXT") for owner in (*wanted, *old)]
    # What answers for every selector: asked after those of which most do not exist.
    (wildcard,) = yield (Question(f"*._domainkey.{domain}", "TXT"),)
    found = _existing(wanted, answers, wildcard)
    if tries:
        siblings = sibling_selectors()
        more = [sibling for one in found for sibling in siblings.get(one.selector, ())]
        others = {key: one for key, one in _common(more, domain).items() if key not in wanted}
        found += _existing(others, (yield [Question(key, "TXT") for key in others]), wildcard)
    return tuple(found)


def _common(selectors: Sequence[str], domain: str) -> dict[str, tuple[str, str]]:
    """The names of the keys of common *selectors*, as far as they fit into one."""
    below = f"._domainkey.{domain}"
    room = MAX_NAME - len(below)
    return {one + below: (one, "common") for one in selectors if len(one) <= room}


def _existing(
    wanted: Mapping[str, tuple[str, str]], answers: Sequence[Answer], wildcard: Answer
) -> list[SelectorFacts]:
    everyone = (wildcard.records, wildcard.aliases)
    return [
        _selector(one, answer)
        for one, answer in zip(wanted.values(), answers, strict=False)
        if one[1] != "common"
        or ((answer.found or answer.aliases) and (answer.records, answer.aliases) != everyone)
    ]


def _selector(named: tuple[str, str], answer: Answer) -> SelectorFacts:
    return SelectorFacts(*named, answer, dkim.judge_answer(answer))

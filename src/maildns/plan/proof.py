"""
The proof: the receivers' own algorithms, run over the live world with the plan laid on it.

Each check is one claim about mail, with its evidence. A check that could not be
made is `UNKNOWN`, never passed and never failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple

from maildns.ask import Answer, DnssecStatus, Inquiry, Outcome, Question
from maildns.dnsdata import Txt, name
from maildns.errors import RecordSyntaxError
from maildns.intent.load import settings
from maildns.intent.model import Domain
from maildns.intent.senders import sender_named
from maildns.plan.desired import PUBLIC, Scene, dmarc_record, sts_policy
from maildns.protocols import addresses, dane, dkim, dmarc, mtasts, mx, spf

# Networks that no host on the Internet has (RFC 5737): the outsider lives in one.
MAX_SAMPLE_DEPTH = 5  # includes of includes that are followed to find an address to try
OUTSIDERS = ("203.0.113.77", "198.51.100.77", "192.0.2.77", "203.0.113.177")


class Result(StrEnum):
    """How a check ended."""

    OK = "ok"
    BAD = "bad"  # mail would fail, or could be forged
    WARN = "warn"  # mail works, less well than it could
    UNKNOWN = "unknown"  # could not be known


@dataclass(frozen=True, slots=True)
class Check:
    """A claim about the planned world, and what bears it out."""

    subject: str
    claim: str
    result: Result
    evidence: str
    view: str = "public"

    @property
    def failed(self) -> bool:
        """The claim is false."""
        return self.result is Result.BAD


def prove_domain(scene: Scene, domain: str) -> Inquiry[list[Check]]:
    """Check everything that receivers will ask about mail of and to *domain*."""
    own = settings(scene.intent, domain)
    checks: list[Check] = []
    checks.extend((yield from _prove_mx(scene, domain, own)))
    checks.extend((yield from _prove_spf(scene, domain, own)))
    checks.extend((yield from _prove_dkim(scene, domain, own)))
    checks.extend((yield from _prove_dmarc(domain, own)))
    return checks


# --- where its mail goes --------------------------------------------------------------


def _prove_mx(scene: Scene, domain: str, own: Domain) -> Inquiry[list[Check]]:
    found = yield from mx.mail_hosts(domain)
    if found.result is mx.MxResult.TEMPERROR:
        return [Check(domain, "its MX hosts resolve", Result.UNKNOWN, found.reason)]
    if own.parked or not own.receives:
        null = found.result is mx.MxResult.NULL
        shown = ", ".join(found.names) or found.reason
        return [Check(domain, "it takes no mail", Result.OK if null else Result.BAD, shown)]
    if found.result is not mx.MxResult.FOUND:
        return [Check(domain, "its MX hosts resolve", Result.BAD, found.reason)]
    checks = [_mx_host_check(domain, host) for host in found.hosts]
    policy = sts_policy(scene, own)
    if policy is not None:
        checks.extend((yield from _prove_sts(domain, policy, found.names)))
    return checks


def _mx_host_check(domain: str, host: mx.MailHost) -> Check:
    claim = f"MX {host.name} resolves"
    if host.alias_of:
        evidence = f"it is an alias of {host.alias_of}, which RFC 2181 section 10.3 forbids"
        return Check(domain, claim, Result.BAD, evidence)
    if host.addresses:
        return Check(domain, claim, Result.OK, ", ".join(map(str, host.addresses)))
    if host.outcome in {Outcome.UNREACHABLE, Outcome.BOGUS}:
        return Check(domain, claim, Result.UNKNOWN, host.detail)
    return Check(domain, claim, Result.BAD, "it has no address")


def _prove_sts(domain: str, policy: mtasts.StsPolicy, hosts: Sequence[str]) -> Inquiry[list[Check]]:
    checks = []
    for host in hosts:
        allowed = mtasts.policy_allows(policy, host)
        evidence = f"mx: {', '.join(policy.mx)}"
        result = Result.OK if allowed else Result.BAD
        checks.append(Check(domain, f"MTA-STS allows MX {host}", result, evidence))
    found = yield from mtasts.record_lookup(domain)
    if found.result is mtasts.StsResult.TEMPERROR:
        checks.append(Check(domain, "MTA-STS is announced", Result.UNKNOWN, found.reason))
    elif found.record is None:
        checks.append(Check(domain, "MTA-STS is announced", Result.BAD, found.reason))
    else:
        checks.append(Check(domain, "MTA-STS is announced", Result.OK, f"id {found.record.id}"))
    return checks


# --- who may send ---------------------------------------------------------------------


def _prove_spf(scene: Scene, domain: str, own: Domain) -> Inquiry[list[Check]]:
    checks: list[Check] = []
    sender = f"postmaster@{domain}"
    if not own.parked:
        for host, ip in _sending_addresses(scene, own):
            helo = scene.intent.server[host].helo or host
            verdict = yield from spf.check_host(ip=ip, sender=sender, helo=helo)
            claim = f"mail from {host} [{ip}] passes SPF"
            checks.append(_spf_check(domain, claim, verdict, wanted=("pass",)))
        for text in own.senders:
            checks.extend((yield from _prove_sender(domain, text)))
    outsider = yield from _outsider(domain)
    verdict = yield from spf.check_host(ip=outsider, sender=sender, helo="outsider.invalid")
    stops = {"fail": ("fail",), "softfail": ("softfail",), "neutral": ("neutral",)}[own.spf.others]
    claim = f"mail from an outsider [{outsider}] does not pass SPF"
    wanted = ("fail",) if own.parked else stops
    checks.append(_spf_check(domain, claim, verdict, wanted=wanted))
    tree = yield from spf.lookup_tree(domain)
    checks.append(_cost_check(domain, tree))
    return checks


def _sending_addresses(scene: Scene, own: Domain) -> Iterator[tuple[str, str]]:
    for host in scene.servers_of(own):
        if scene.intent.server[host].sends:
            for address in scene.public().addresses(host):
                yield host, str(address)


def _spf_check(subject: str, claim: str, verdict: spf.SpfVerdict, wanted: tuple[str, ...]) -> Check:
    evidence = f"{verdict.result}"
    if verdict.term:
        evidence += f" by {verdict.term}"
    if verdict.problem:
        evidence += f": {verdict.problem}"
    if verdict.result == "temperror":
        return Check(subject, claim, Result.UNKNOWN, evidence)
    return Check(subject, claim, Result.OK if verdict.result in wanted else Result.BAD, evidence)


def _cost_check(domain: str, tree: spf.LookupTree) -> Check:
    claim = "SPF stays within 10 lookups, and every include can be read"
    costs = ", ".join(f"{term} {cost}" for term, cost in tree.costs())
    evidence = f"{tree.total} of 10" + (f": {costs}" if costs else "")  # RFC 7208 section 4.6.4
    if not tree.problems and tree.complete:
        return Check(domain, claim, Result.OK, evidence)
    evidence += "; " + "; ".join(tree.problems)
    unsure = any(node.temporary for node in tree.root.walk()) and tree.total <= 10
    return Check(domain, claim, Result.UNKNOWN if unsure else Result.BAD, evidence)


def _prove_sender(domain: str, text: str) -> Inquiry[list[Check]]:
    """One address that the service sends from must pass."""
    sender = sender_named(text)
    claim = f"mail from {sender.title} passes SPF"
    checks = []
    if not sender.terms:
        evidence = "it sends with an envelope domain of its own: DMARC rests on its DKIM"
        return [Check(domain, f"mail from {sender.title} needs no SPF term", Result.OK, evidence)]
    for term in sender.terms:
        kind, _, target = term.partition(":")
        if kind.lstrip("+").lower() != "include" or "%" in target:
            continue
        found = yield from _sample(target)
        if not found.address:
            result = Result.BAD if found.missing else Result.UNKNOWN
            checks.append(Check(domain, claim, result, found.why))
            continue
        ip = found.address
        verdict = yield from spf.check_host(
            ip=ip, sender=f"postmaster@{domain}", helo="mail.invalid"
        )
        tried = f"mail from {sender.title} [{ip}] passes SPF"
        checks.append(_spf_check(domain, tried, verdict, wanted=("pass",)))
    return checks


class _Sample(NamedTuple):
    """An address that a policy permits, or why there is none to try."""

    address: str = ""
    why: str = ""
    missing: bool = False  # there is certainly no policy that can be read


def _sample(target: str, depth: int = 0) -> Inquiry[_Sample]:
    """The first address that the policy at *target*, or one that it includes, permits."""
    try:
        domain = name(target)
    except RecordSyntaxError as error:
        return _Sample(why=f"{target}: {error.problem}", missing=True)
    (answer,) = yield (Question(domain, "TXT"),)
    record = _spf_record_of(answer)
    if record is None:
        why = (
            answer.detail or str(answer.outcome)
            if answer.failed
            else "has no SPF record that can be read"
        )
        return _Sample(why=f"{domain} {why}", missing=not answer.failed)
    permits = _permitted(record)
    networks: tuple[IPv4Network | IPv6Network, ...] = (*permits.ip4, *permits.ip6)
    for network in networks:
        return _Sample(str(network[min(1, network.num_addresses - 1)]))
    for include in permits.includes:
        if depth < MAX_SAMPLE_DEPTH and "%" not in include:
            found = yield from _sample(include.partition(":")[2], depth + 1)
            if found.address:
                return found
    return _Sample(why=f"{domain} names no address to try")


def _spf_record_of(answer: Answer) -> spf.SpfRecord | None:
    """The record, where there is just one and it can be read."""
    texts = [record.text for record in answer.records if isinstance(record, Txt)]
    found = [text for text in texts if spf.is_spf(text)]
    try:
        return spf.parse(found[0]) if len(found) == 1 else None
    except RecordSyntaxError:
        return None


@lru_cache(maxsize=1024)  # the same policy is looked at for many domains
def _permitted(record: spf.SpfRecord) -> spf.SpfPermits:
    return spf.permitted(record)


def _outsider(domain: str) -> Inquiry[str]:
    """An address that nothing in the record names; mail from it must not pass."""
    (answer,) = yield (Question(domain, "TXT"),)
    record = _spf_record_of(answer)
    if record is None:
        return OUTSIDERS[0]
    permits = _permitted(record)
    for candidate in OUTSIDERS:
        if not any(
            ip_address(candidate) in network for network in permits.ip4 if network.prefixlen
        ):
            return candidate
    return OUTSIDERS[0]


# --- keys and policy ------------------------------------------------------------------


def _prove_dkim(scene: Scene, domain: str, own: Domain) -> Inquiry[list[Check]]:
    checks = []
    for key in () if own.parked else own.dkim:
        selector = name(key.selector)
        record = scene.materials.dkim[domain, selector]
        public = dkim.public_key_from_record(record)
        verdict = yield from dkim.check_key(domain, selector, public)
        claim = f"the DKIM key on file for {selector} is the one published"
        result = Result.OK if verdict.result is dkim.KeyResult.MATCH else Result.BAD
        if verdict.result is dkim.KeyResult.TEMPERROR:
            result = Result.UNKNOWN
        evidence = verdict.reason or f"{record.key_type} {dkim.bits(public)} at {verdict.name}"
        checks.append(Check(domain, claim, result, evidence))
    return checks


def _prove_dmarc(domain: str, own: Domain) -> Inquiry[list[Check]]:
    planned = dmarc_record(own)
    if planned is None:
        return []
    checks = []
    routes: list[tuple[str, tuple[str, str] | None, list[tuple[str, str]]]] = []
    if not own.parked:
        routes.append(("SPF", (domain, "pass"), []))
        if own.dkim:
            routes.append(("DKIM", None, [(domain, "pass")]))
    for reader in dmarc.READERS:
        for by, spf_result, dkim_results in routes:
            verdict = yield from dmarc.evaluate(
                header_from=domain,
                spf=spf_result,
                dkim=dkim_results,
                reader=reader,
            )
            claim = f"own mail passes DMARC by {by} ({reader})"
            checks.append(_dmarc_check(domain, claim, verdict, passes=True))
        verdict = yield from dmarc.evaluate(
            header_from=domain,
            spf=(domain, "fail"),
            dkim=[],
            reader=reader,
        )
        claim = f"an outsider's mail fails DMARC ({reader})"
        checks.append(_dmarc_check(domain, claim, verdict, passes=False))
    checks.extend((yield from _prove_grants(domain, planned)))
    return checks


def _dmarc_check(domain: str, claim: str, verdict: dmarc.DmarcVerdict, *, passes: bool) -> Check:
    evidence = f"{verdict.result}, disposition {verdict.disposition}"
    if verdict.policy_domain:
        evidence += f", policy of {verdict.policy_domain}"
    if verdict.result == "temperror":
        return Check(domain, claim, Result.UNKNOWN, evidence)
    holds = verdict.result == ("pass" if passes else "fail")
    return Check(domain, claim, Result.OK if holds else Result.BAD, evidence)


def _prove_grants(domain: str, record: dmarc.DmarcRecord) -> Inquiry[list[Check]]:
    destinations = yield from dmarc.external_destinations(domain, record)
    checks = []
    for destination in destinations:
        if not destination.external:
            continue
        claim = f"{destination.host} agrees to take DMARC reports"
        if destination.granted is None:
            checks.append(Check(domain, claim, Result.UNKNOWN, f"cannot ask {destination.name}"))
        elif destination.granted:
            checks.append(Check(domain, claim, Result.OK, destination.name))
        else:
            evidence = f'ask its owner to publish {destination.name} TXT "v=DMARC1;"'
            checks.append(Check(domain, claim, Result.WARN, evidence))
    return checks


# --- a server -------------------------------------------------------------------------


def prove_server(scene: Scene, host: str, now: datetime) -> Inquiry[list[Check]]:
    """Check a server's own names: HELO, addresses and their names, TLSA against its certificate."""
    server = scene.intent.server[host]
    helo = server.helo or host
    checks: list[Check] = []
    for address in scene.addresses(host) if server.managed else ():
        if server.sends and address in scene.public().addresses(host):
            verdict = yield from spf.check_host(ip=str(address), sender="", helo=helo)
            claim = f"HELO {helo} [{address}] passes SPF"
            checks.append(_spf_check(host, claim, verdict, wanted=("pass",)))
        if scene.view == PUBLIC:  # nobody in the world asks for the names of inner addresses
            checks.append((yield from _prove_ptr(host, helo, str(address))))
    checks.extend((yield from _prove_tlsa(scene, host, now)))
    return checks


def _prove_ptr(host: str, helo: str, address: str) -> Inquiry[Check]:
    found = yield from addresses.helo_agrees(address, helo)
    claim = f"{address}, its PTR and HELO {helo} agree"
    unsure = addresses.IprevResult.TEMPERROR
    if found.iprev.result is unsure or found.result is addresses.HeloResult.TEMPERROR:
        return Check(host, claim, Result.UNKNOWN, found.iprev.reason or found.reason)
    if found.result is addresses.HeloResult.PASS and found.is_ptr_name:
        return Check(host, claim, Result.OK, f"PTR {', '.join(found.iprev.names)}")
    # The PTR is the address owner's to publish: a warning, since no plan of ours can mend it.
    reason = found.iprev.reason or found.reason or f"the PTR is {', '.join(found.iprev.names)}"
    return Check(host, claim, Result.WARN, reason)


def _prove_tlsa(scene: Scene, host: str, now: datetime) -> Inquiry[list[Check]]:
    identity = scene.materials.servers.get(host)
    if identity is None:
        return []
    checks: list[Check] = []
    for port in scene.intent.server[host].tlsa_ports:
        by_key = None if identity.chain else identity.spki
        found = yield from dane.planned_match(
            host,
            identity.chain,
            spki_der=by_key,
            port=port,
            now=now,
        )
        checks.extend(_tlsa_checks(host, port, found))
    return checks


def _tlsa_checks(host: str, port: int, found: dane.PlannedMatch) -> Iterator[Check]:
    claim = f"TLSA on port {port} matches what the server shows"
    lookup, verdict = found.lookup, found.verdict
    if lookup.result is dane.LookupResult.DEFER:
        yield Check(host, claim, Result.UNKNOWN, lookup.reason)
        return
    matches = verdict.result is dane.DaneResult.MATCH
    yield Check(host, claim, Result.OK if matches else Result.BAD, verdict.reason)
    if matches and found.unmatched:
        # RFC 7671 section 8: a sender may support, or choose, only some of them.
        triples = ", ".join(str(parameters) for parameters in found.unmatched)
        claim = f"TLSA on port {port} matches for every kind of sender"
        yield Check(host, claim, Result.WARN, f"no record of {triples} matches")
    # RFC 7672 section 2.2: without DNSSEC no sender looks at the record.
    counts = f"TLSA on port {port} counts: its zone is signed with DNSSEC"
    if lookup.dnssec is DnssecStatus.SECURE:
        yield Check(host, counts, Result.OK, f"{lookup.owner} is secure")
    else:
        why = lookup.reason or "the zone is not signed"
        yield Check(host, counts, Result.WARN, f"{why}; without DNSSEC a TLSA record does nothing")

"""
The zone and its name servers (RFC 1034, RFC 1035, RFC 2181, RFC 2182, RFC 7766).

Each server is asked by itself: a resolver may ask any of them, so one that is lame, old or silent
makes mail fail now and then, which is the hardest fault to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_network
from typing import Final

from maildns.ask import Answer
from maildns.audit.facts import Facts
from maildns.audit.facts.zone import NameServer
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, not_applicable, ok, unknown
from maildns.finding import Fix, Severity, rule

DOMAIN = rule(
    "zone-domain-missing",
    Severity.ERROR,
    "the domain does not exist",
    help="""The name servers say that there is no such name, so no mail can be sent to it and mail
    from it is refused. Look for a slip of the pen; if the name is right, its registration may have
    ended, or the zone is not delegated.""",
    reference="RFC 8020 section 2",
)
SERVERS = rule(
    "zone-few-servers",
    Severity.WARN,
    "the zone has only one name server",
    help="""When the one name server cannot be reached, nobody can find out where mail goes or whether
    it is genuine, and mail waits or is refused. Add a second server, in another network.""",
    reference="RFC 1034 section 4.1, RFC 2182 section 5",
)
NETWORK = rule(
    "zone-servers-in-one-network",
    Severity.INFO,
    "all name servers are in one network",
    help="""One broken line or router takes all of them away at once. Have at least one server
    elsewhere.""",
    reference="RFC 2182 section 3.1",
)
IPV6 = rule(
    "zone-servers-without-ipv6",
    Severity.INFO,
    "fewer than two name servers have an IPv6 address",
    help="""Resolvers that have IPv6 alone cannot ask the others. Give two name servers an AAAA
    record.""",
    reference="RFC 3901 section 3",
)
NO_ADDRESS = rule(
    "zone-server-without-address",
    Severity.ERROR,
    "a name server has no address",
    help="""The zone names a server that has neither an A nor an AAAA record, so nobody can ask it.
    Add the address, or take the NS record away, here and at the registrar.""",
    reference="RFC 1035 section 3.3.11",
)
ALIAS = rule(
    "zone-server-is-alias",
    Severity.ERROR,
    "a name server is an alias",
    help="""The name in an NS record must have addresses of its own. Many resolvers do not follow a
    CNAME there, and the server is lost to them. Name the alias's target.""",
    reference="RFC 2181 section 10.3",
)
SILENT = rule(
    "zone-server-silent",
    Severity.WARN,
    "a name server does not answer",
    help="""Resolvers that try it wait and then ask another, which makes every lookup slow now and
    then. It may answer others and not us; look at it from elsewhere before you take it out.""",
    reference="RFC 2182 section 3",
)
LAME = rule(
    "zone-server-lame",
    Severity.ERROR,
    "a name server does not know the zone",
    help="""The zone is delegated to a server that refuses to answer for it, or answers without
    authority. Load the zone there, or take its NS record away, here and at the registrar.""",
    reference="RFC 1912 section 2.8",
)
TCP = rule(
    "zone-server-without-tcp",
    Severity.ERROR,
    "a name server does not take TCP",
    help="""Answers that do not fit a datagram, such as long DKIM keys or signed ones, are asked for
    again by TCP. Where that is closed they cannot be had. Open port 53 for TCP.""",
    reference="RFC 7766 section 5",
)
DISAGREE = rule(
    "zone-servers-disagree",
    Severity.ERROR,
    "the name servers give different records",
    help="""Which records a receiver sees depends on the server it happens to ask, so mail passes and
    fails by turns. Most often a secondary has an old copy: see that it is notified and may transfer
    the zone, and that the serial grows with each change.""",
    reference="RFC 1034 section 4.3.5",
)
SERIALS = rule(
    "zone-serials-differ",
    Severity.WARN,
    "the name servers have different versions of the zone",
    help="""The serials of the SOA records differ. Minutes after a change that is normal; if it stays,
    a server no longer gets the zone. What was asked here is the same on all of them.""",
    reference="RFC 1034 section 4.3.5",
)
DELEGATION = rule(
    "zone-delegation-differs",
    Severity.WARN,
    "the zone above names other servers than the zone itself",
    help="""Resolvers begin with the servers that the zone above names. One that only stands there
    may be out of use; one that only stands in the zone is seldom asked. Make both lists the same:
    change the servers at the registrar, or the NS records in the zone.""",
    reference="RFC 1034 section 4.2.2",
)
GLUE = rule(
    "zone-glue-differs",
    Severity.ERROR,
    "the zone above gives other addresses for a name server",
    help="""The addresses that come with the delegation, the glue, are those that are tried first.
    They are not those that the server has now, so resolvers may ask a host that is gone or another's. Correct
    them at the registrar.""",
    reference="RFC 1034 section 4.2.2",
)
EXPIRE = rule(
    "zone-soa-expires-soon",
    Severity.WARN,
    "secondary servers give the zone up after a short time",
    help="""When the primary cannot be reached, the secondaries go on for the SOA's expire time and
    then answer no more. One to four weeks leave time to mend it.""",
    reference="RFC 1912 section 2.2",
)
RETRY = rule(
    "zone-soa-retry-too-long",
    Severity.INFO,
    "secondary servers retry no sooner than they refresh",
    help="""The SOA's retry time says how soon a secondary tries again after it could not reach the
    primary; it should be a fraction of the refresh time.""",
    reference="RFC 1912 section 2.2",
)
NEGATIVE = rule(
    "zone-negative-ttl-long",
    Severity.INFO,
    "that a name does not exist is remembered for long",
    help="""A new record, such as a new DKIM selector, stays unseen by everybody who asked for it
    before, for as long as the last number of the SOA says. One to three hours is usual.""",
    reference="RFC 2308 section 5",
)
LEAST_EXPIRE: Final = 7 * 86_400
MOST_NEGATIVE: Final = 86_400


@check("zone", always=True)
def domain_exists(facts: Facts) -> Iterator[Result]:
    """There is such a domain."""
    exists = facts.dns.exists
    answer = facts.dns.answer(facts.domain, "TXT")
    if exists:
        yield ok(DOMAIN, facts.domain, "the domain exists", answer)
    elif exists is None:
        why = answer.detail or str(answer.outcome)
        yield unknown(DOMAIN, facts.domain, f"it cannot be known: {why}", answer)
    else:
        yield broken(DOMAIN, facts.domain, "", answer)


@check("zone")
def servers_are_named(facts: Facts) -> Iterator[Result]:
    """There is more than one, each has an address of its own, not all in one place."""
    zone = facts.dns.zone
    if not zone.apex:
        return
    answer = facts.dns.answer(zone.apex, "NS")
    if not zone.hosts:
        if answer.failed:
            yield unknown(SERVERS, zone.apex, answer.detail or str(answer.outcome), answer)
        else:
            yield broken(SERVERS, zone.apex, "the zone names no name server", answer)
        return
    if len(zone.hosts) == 1:
        yield broken(SERVERS, zone.apex, f"{zone.hosts[0]} is the only name server", answer)
    else:
        yield ok(SERVERS, zone.apex, f"{len(zone.hosts)} name servers", answer)
    for host in zone.hosts:
        yield from _address_of(host, zone.addresses[host])
    yield from _where(facts)


def _address_of(host: str, answers: tuple[Answer, ...]) -> Iterator[Result]:
    target = next((answer.owner for answer in answers if answer.aliases), "")
    if target:
        fix = Fix("name the target in its place", f"{target}.")
        yield broken(ALIAS, host, f"{host} is an alias of {target}", *answers, fix=fix)
    elif any(answer.found for answer in answers):
        return
    elif any(answer.failed for answer in answers):
        yield unknown(NO_ADDRESS, host, "it cannot be known whether it has an address", *answers)
    else:
        yield broken(NO_ADDRESS, host, f"the name server {host} has no address", *answers)


def _where(facts: Facts) -> Iterator[Result]:
    zone = facts.dns.zone
    of_host = [zone.addresses_of(host) for host in zone.hosts]
    together = _only_networks(frozenset().union(*of_host)) if len(of_host) > 1 else ""
    if together:
        yield broken(NETWORK, zone.apex, f"all in {together}")
    answers = [one for host in zone.hosts for one in zone.addresses[host]]
    if any(one.failed for one in answers):
        return
    having = [
        host
        for host, addresses in zip(zone.hosts, of_host, strict=True)
        if any(":" in one for one in addresses)
    ]
    if len(having) < 2:
        shown = ", ".join(having) or "none"
        yield broken(IPV6, zone.apex, f"name servers with an IPv6 address: {shown}")
    else:
        yield ok(IPV6, zone.apex, f"{len(having)} name servers have an IPv6 address")


@lru_cache(maxsize=2048)
def _only_networks(every: frozenset[str]) -> str:
    """The one network of each family that all addresses are in; empty where there are more."""
    # RFC 2182 section 3.1 speaks of places; a /24 and a /48 are the least that is routed apart.
    networks = {ip_network((one, 48 if ":" in one else 24), strict=False) for one in every}
    families = {network.version for network in networks}
    return ", ".join(sorted(map(str, networks))) if len(networks) == len(families) else ""


# --- each server by itself ------------------------------------------------------------


@check("zone")
def servers_answer(facts: Facts) -> Iterator[Result]:
    """Each address of each server answers for the zone, by UDP and by TCP."""
    zone = facts.dns.zone
    if not zone.servers:
        if zone.hosts:
            yield not_applicable(SILENT, zone.apex, "the name servers were not asked by themselves")
        return
    well = 0
    for server in zone.servers:
        faults = list(_server(server))
        well += not faults
        yield from faults
    if well == len(zone.servers):
        says = f"each of {well} addresses answers for the zone, by UDP and TCP"
        yield ok(LAME, zone.apex, says, *(server.answers[0] for server in zone.servers))


def _server(server: NameServer) -> Iterator[Result]:
    subject = f"{server.host} [{server.address}]"
    first = server.answers[0]
    if first.failed:
        if _replied(first):
            yield broken(LAME, subject, f"it does not answer for the zone: {first.detail}", first)
        else:
            yield unknown(SILENT, subject, first.detail or "no answer", first)
        return
    by_tcp = server.by_tcp
    if by_tcp.failed and not _replied(by_tcp):
        made = broken if "refused" in by_tcp.detail.lower() else unknown
        yield made(TCP, subject, f"by UDP it answers, by TCP not: {by_tcp.detail}", by_tcp)


def _replied(answer: Answer) -> bool:
    """Whether the server said anything at all."""
    return answer.seen is not None and bool(answer.seen.rcode)


@check("zone")
def servers_agree(facts: Facts) -> Iterator[Result]:
    """All servers that answer give the same records."""
    zone = facts.dns.zone
    servers = [one for one in zone.servers if not one.answers[0].failed]
    if len(servers) < 2:
        return
    differing = False
    for at, first in enumerate(servers[0].answers):
        answers = [one.answers[at] for one in servers if not one.answers[at].failed]
        if first.question.rrtype == "SOA" or len({_content(one) for one in answers}) < 2:
            continue
        differing = True
        question = first.question
        yield broken(DISAGREE, question.name, _versions(servers, at), *answers)
    serials = {one.soa.serial: one for one in servers if one.soa is not None}
    answers = [one.answers[0] for one in servers]
    if len(serials) > 1 and not differing:
        told = ", ".join(f"{serial} at {one.host}" for serial, one in sorted(serials.items()))
        yield broken(SERIALS, zone.apex, f"serials differ: {told}", *answers)
    elif not differing:
        yield ok(DISAGREE, zone.apex, "all servers give the same records and serial", *answers)


def _content(answer: Answer) -> tuple[object, ...]:
    return (answer.outcome, answer.aliases, answer.records)


def _versions(servers: list[NameServer], at: int) -> str:
    """Which server gives what, the shortest way that tells them apart."""
    said: dict[tuple[object, ...], list[str]] = {}
    shown: dict[tuple[object, ...], str] = {}
    for server in servers:
        answer = server.answers[at]
        if answer.failed:
            continue
        key = _content(answer)
        said.setdefault(key, []).append(server.host)
        shown[key] = "; ".join(map(str, answer.records))[:120] or str(answer.outcome)
    rrtype = servers[0].answers[at].question.rrtype
    parts = [f"{', '.join(dict.fromkeys(hosts))}: {shown[key]}" for key, hosts in said.items()]
    return f"{rrtype} differs. " + " | ".join(parts[:4])


# --- the zone above -------------------------------------------------------------------


@check("zone")
def delegation_agrees(facts: Facts) -> Iterator[Result]:
    """The zone above names the same servers, with the addresses that they have."""
    zone = facts.dns.zone
    delegation = zone.delegation
    if delegation is None or not zone.hosts:
        return
    if not delegation.hosts:
        detail = delegation.answer.detail or str(delegation.answer.outcome)
        says = f"the zone above did not say: {detail}"
        yield unknown(DELEGATION, zone.apex, says, delegation.answer)
        return
    above, own = set(delegation.hosts), set(zone.hosts)
    if above != own:
        told = [f"only above: {', '.join(sorted(above - own))}"] if above - own else []
        told += [f"only in the zone: {', '.join(sorted(own - above))}"] if own - above else []
        yield broken(DELEGATION, zone.apex, "; ".join(told), delegation.answer)
    else:
        yield ok(DELEGATION, zone.apex, "the zone above names the same servers", delegation.answer)
    for host, glue in sorted(delegation.glue.items()):
        addresses = zone.addresses_of(host)
        if host in own and addresses and not glue <= addresses:
            says = f"above: {', '.join(sorted(glue))}; it has {', '.join(sorted(addresses))}"
            yield broken(GLUE, host, says, delegation.answer, *zone.addresses[host])


# --- the SOA record -------------------------------------------------------------------


@check("zone")
def soa_times(facts: Facts) -> Iterator[Result]:
    """The SOA's times let secondaries and caches do their work."""
    zone = facts.dns.zone
    soa = zone.soa
    if soa is None:
        return
    answer = facts.dns.answer(zone.apex, "SOA")
    if soa.expire < LEAST_EXPIRE:
        says = f"expire is {soa.expire} seconds, less than a week"
        yield broken(EXPIRE, zone.apex, says, answer)
    else:
        yield ok(EXPIRE, zone.apex, f"expire is {soa.expire // 86_400} days", answer)
    if soa.retry >= soa.refresh:
        says = f"retry is {soa.retry} seconds, refresh {soa.refresh}"
        yield broken(RETRY, zone.apex, says, answer)
    if soa.minimum > MOST_NEGATIVE:
        yield broken(NEGATIVE, zone.apex, f"for {soa.minimum} seconds", answer)

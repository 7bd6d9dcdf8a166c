"""The addresses of the mail hosts and their names (RFC 1912 section 2.1, RFC 8601 section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, of_findings, ok, unknown
from maildns.dnsdata import reverse_name
from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols import addresses
from maildns.protocols.addresses import Iprev, IprevResult
from maildns.protocols.addresses.lint import NO_PTR, NOT_CONFIRMED, PTR_UNKNOWN
from maildns.protocols.addresses.record import IpAddress
from maildns.protocols.mx.evaluate import MailHost
from maildns.protocols.spf import SpfVerdict
from maildns.protocols.spf.record import SpfResult

NO_IPV4 = rule(
    "addresses-no-ipv4",
    Severity.ERROR,
    "the mail host has no IPv4 address",
    help="""Many senders have IPv4 alone, and their mail cannot reach this host. Give it an A record, or
    name a second host that has one.""",
    reference="RFC 3974 section 3",
)
NO_IPV6 = rule(
    "addresses-no-ipv6",
    Severity.INFO,
    "the mail host has no IPv6 address",
    help="""Mail comes by IPv4 for now. Some guidelines want every mail host to be reachable by IPv6 as
    well. Give the host an AAAA record, and its address a PTR record, once the server listens
    there.""",
    reference="RFC 3974 section 3",
)
OTHER_NAME = rule(
    "addresses-other-ptr",
    Severity.INFO,
    "the address has another name than the mail host",
    help="""Name and address agree, but the name is not that of the MX record. It does no harm as long as
    the server greets others by the name of its address.""",
    reference="RFC 1912 section 2.1",
)
HELO_WITHOUT_SPF = rule(
    "addresses-helo-without-spf",
    Severity.INFO,
    "the host's own name has no SPF record",
    help="""Bounces have no sender, so receivers look at the SPF record of the name in HELO. Without one
    anyone can greet by this name, and the bounces of this host count for nothing. Publish v=spf1 a
    -all at it.""",
    reference="RFC 7208 section 2.4",
)
HELO_SPF_FAILS = rule(
    "addresses-helo-spf-fails",
    Severity.WARN,
    "the SPF record of the host's own name does not allow its address",
    help="""When the server greets by this name from this address, receivers take it for forged, and its
    bounces with it. Add the address to the record; v=spf1 a -all is what most hosts need.""",
    reference="RFC 7208 section 2.4",
)

_REFUSING = {SpfResult.FAIL, SpfResult.SOFTFAIL, SpfResult.NEUTRAL}


@check("addresses")
def families(facts: Facts) -> Iterator[Result]:
    """Each mail host is there for IPv4 and for IPv6."""
    for host in facts.dns.mail.hosts:
        if host.addresses:
            yield from _families(facts, host)


def _families(facts: Facts, host: MailHost) -> Iterator[Result]:
    for version, rrtype, one in ((4, "A", NO_IPV4), (6, "AAAA", NO_IPV6)):
        answer = facts.dns.answer(host.name, rrtype)
        has = [_spelled(address)[0] for address in host.addresses if address.version == version]
        if has:
            yield ok(one, host.name, ", ".join(has[:8]), answer)
        elif answer.failed:
            yield unknown(one, host.name, f"{answer.question}: {answer.detail}", answer)
        else:
            yield broken(one, host.name, "", answer)


@check("addresses")
def names(facts: Facts) -> Iterator[Result]:
    """Each address can be reached from anywhere, has one name, and the name has the address."""
    hosts = {
        address: host.name for host in reversed(facts.dns.mail.hosts) for address in host.addresses
    }
    for address, iprev in facts.dns.addresses.items():
        host = hosts.get(address, "")
        special = _special(address, host)
        rrtype = "A" if address.version == 4 else "AAAA"
        yield from of_findings(special, facts.dns.answer(host, rrtype))
        if any(finding.severity is Severity.ERROR for finding in special):
            continue  # of an address that nobody reaches, the name does not matter
        yield from _name(facts, iprev, host)


@lru_cache(maxsize=4096)
def _special(address: IpAddress, host: str) -> tuple[Finding, ...]:
    """The same hosts come again for thousands of domains."""
    return tuple(addresses.lint_address(address, host))


@lru_cache(maxsize=4096)
def _spelled(address: IpAddress) -> tuple[str, str]:
    """The address, and the name where its PTR record stands."""
    return str(address), reverse_name(address)


def _name(facts: Facts, iprev: Iprev, host: str) -> Iterator[Result]:
    subject, reverse = _spelled(iprev.address)
    answer = facts.dns.answer(reverse, "PTR")
    if iprev.result is IprevResult.TEMPERROR:
        yield unknown(PTR_UNKNOWN, subject, iprev.reason, answer)
        return
    found = addresses.lint_iprev(iprev, subject)
    yield from (_asked_for(result, iprev, host) for result in of_findings(found, answer))
    if iprev.result is not IprevResult.PASS:
        return
    if host and host not in iprev.confirmed:
        says = f"the address is called {iprev.confirmed[0]}, not {host}"
        yield broken(OTHER_NAME, subject, says, answer)
    elif not found:
        yield ok(NOT_CONFIRMED, subject, f"{iprev.confirmed[0]} and back", answer)


def _asked_for(result: Result, iprev: Iprev, host: str) -> Result:
    """Where there is no PTR record, the one to ask the owner of the address for."""
    if result.rule != NO_PTR.id or not host:
        return result
    record = f"{_spelled(iprev.address)[1]}. PTR {host}."
    return replace(result, fix=Fix("have the owner of the address publish", record))


@check("addresses")
def greetings(facts: Facts) -> Iterator[Result]:
    """A host that greets by its own name passes SPF (RFC 7208 section 2.3)."""
    for (host, address), verdict in facts.dns.helo_spf.items():
        if host != facts.domain:  # that one is judged with the domain's own record
            result = _greeting(facts, host, _spelled(address)[0], verdict)
            if result is not None:
                yield result


def _greeting(facts: Facts, host: str, address: str, verdict: SpfVerdict) -> Result | None:
    subject, answer = f"{host} [{address}]", facts.dns.answer(host, "TXT")
    if verdict.result is SpfResult.NONE:
        fix = Fix("publish", f'{host}. TXT "v=spf1 a -all"')
        return broken(HELO_WITHOUT_SPF, subject, "", answer, fix=fix)
    if verdict.result is SpfResult.PASS:
        return ok(HELO_SPF_FAILS, subject, "greeting by its own name it passes SPF", answer)
    if verdict.result is SpfResult.TEMPERROR:
        return unknown(HELO_SPF_FAILS, subject, verdict.problem, answer)
    fix = Fix("publish", f'{host}. TXT "v=spf1 a -all"')
    if verdict.result in _REFUSING:
        says = f"greeting by its own name it gets {verdict.result} from {verdict.term or 'SPF'}"
    else:
        says = f"the record is not valid: {verdict.problem}"
    return broken(HELO_SPF_FAILS, subject, says, answer, fix=fix)

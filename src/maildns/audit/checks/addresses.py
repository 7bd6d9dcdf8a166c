"""The addresses of the mail hosts and their names (RFC 1912 section 2.1, RFC 8601 section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, of_findings, ok, unknown
from maildns.dnsdata import address_text, reverse_name
from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols import addresses
from maildns.protocols.addresses import Iprev, IprevResult
from maildns.protocols.addresses.lint import NO_PTR, NOT_CONFIRMED, PTR_UNKNOWN
from maildns.protocols.addresses.record import IpAddress
from maildns.protocols.mx.evaluate import MailHost

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
    return address_text(address), reverse_name(address)


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
    owner = _spelled(iprev.address)[1]
    fix = Fix("have the owner of the address publish", f"{host}.", owner, "PTR")
    return replace(result, fix=fix)

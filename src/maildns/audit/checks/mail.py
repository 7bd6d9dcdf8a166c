"""Where mail goes: MX records and the hosts they name (RFC 5321 section 5, RFC 7505)."""

from __future__ import annotations

from collections.abc import Iterator

from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, of_findings, ok, unknown
from maildns.dnsdata import Mx
from maildns.finding import Severity, rule
from maildns.protocols import mx
from maildns.protocols.mx.lint import HOST_UNKNOWN

RECORDS = rule(
    "mx-records",
    Severity.ERROR,
    "nobody can know where mail goes",
    help="""Senders ask for the MX records first. Where the name servers do not answer, mail waits in
    the senders' queues, for days at most.""",
    reference="RFC 5321 section 5.1",
)
DOMAIN_ALIAS = rule(
    "mx-domain-is-alias",
    Severity.WARN,
    "the domain is an alias",
    help="""A CNAME stands at the domain itself, so its MX, SPF and all other records are those of
    another name, which its owner may change. Some servers rewrite the address to that name. Have
    records of the domain's own.""",
    reference="RFC 5321 section 5.1, RFC 2181 section 10.1",
)
SHARED_ADDRESS = rule(
    "mx-shared-address",
    Severity.INFO,
    "two mail hosts have the same address",
    help="""Senders that could not reach the first try the second, which is the same machine: it
    costs time and gains nothing. Keep one of the names.""",
    reference="RFC 5321 section 5.1",
)
SINGLE = rule(
    "mx-single-host",
    Severity.INFO,
    "there is one mail host, with one address",
    help="""While it is down, mail waits with its senders, which keep it for days; most domains can
    live with that. A second address or host takes mail at once.""",
    reference="RFC 5321 section 4.5.4.1",
)


@check("mx")
def mail_hosts(facts: Facts) -> Iterator[Result]:
    """The MX records can be had, and name hosts that can be reached."""
    mail = facts.dns.mail
    answer = facts.dns.answer(facts.domain, "MX")
    if mail.result is mx.MxResult.TEMPERROR:
        yield unknown(RECORDS, facts.domain, mail.reason, answer)
        return
    records = mail.records or tuple(one for one in answer.records if isinstance(one, Mx))
    unlikely = {host.name for host in mail.hosts if not host.addresses}
    found = list(mx.lint_rrset(records, facts.domain))
    # A host whose name is wrong has no address either: that is said once.
    misnamed = {one.host for one in records if one.host in unlikely and mx.lint(one)}
    for finding in mx.lint_hosts(mail):
        if finding.rule == HOST_UNKNOWN.id:
            yield unknown(HOST_UNKNOWN, facts.domain, finding.says, answer)
        elif not any(host in finding.says for host in misnamed):
            found.append(finding)
    yield from of_findings(found, answer)
    if not any(finding.severity.rank for finding in found):
        shown = ", ".join(f"{one.preference} {one.host}" for one in mail.records)
        yield ok(RECORDS, facts.domain, shown or mail.reason or "the domain itself", answer)


@check("mx")
def no_alias(facts: Facts) -> Iterator[Result]:
    """The domain has records of its own."""
    answer = facts.dns.answer(facts.domain, "MX")
    if answer.aliases and not answer.failed:
        says = f"{facts.domain} is an alias of {answer.owner}"
        yield broken(DOMAIN_ALIAS, facts.domain, says, answer)


@check("mx")
def several_ways(facts: Facts) -> Iterator[Result]:
    """More than one address takes mail, and no two names are the same host."""
    hosts = [host for host in facts.dns.mail.hosts if host.addresses]
    if not hosts:
        return
    answer = facts.dns.answer(facts.domain, "MX")
    owners: dict[object, str] = {}
    for host in hosts:
        for address in host.addresses:
            other = owners.setdefault(address, host.name)
            if other != host.name:
                says = f"{other} and {host.name} both have {address}"
                yield broken(SHARED_ADDRESS, facts.domain, says, answer)
    families = [address.version for host in hosts for address in host.addresses]
    if max(families.count(4), families.count(6)) < 2:
        yield broken(SINGLE, facts.domain, f"{hosts[0].name} alone takes mail", answer)

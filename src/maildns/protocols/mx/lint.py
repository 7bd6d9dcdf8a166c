"""Advice on MX records: on one by itself, on all of a domain, and on the hosts behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from maildns.ask import Outcome
from maildns.dnsdata import Mx, labels
from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols.mx.build import looks_like_address
from maildns.protocols.mx.evaluate import MailHosts, MxResult
from maildns.protocols.mx.record import is_null

# RFC 6761, RFC 6762, RFC 7686, RFC 9476 and the reserved .internal: never in the public DNS
_NOT_PUBLIC = frozenset(
    {
        "alt",
        "example",
        "home",
        "internal",
        "invalid",
        "lan",
        "local",
        "localdomain",
        "localhost",
        "onion",
        "test",
    }
)
_DOCUMENTATION = frozenset({"example"})  # may stand in examples, ours among them

ADDRESS = rule(
    "mx-is-address",
    Severity.ERROR,
    "the MX record holds an address",
    help="""An MX record holds the name of a host; an address there is taken for a name that does not
    exist, and mail is not delivered. Give the address a name by an A or AAAA record, and publish
    that name.""",
    reference="RFC 5321 section 5.1",
    bad="10 192.0.2.1.",
    good="10 mx.example.com.",
)
LOCAL = rule(
    "mx-not-public",
    Severity.ERROR,
    "the mail host has no public name",
    help="""The name ends in a label that does not exist in the public DNS, such as localhost or
    local, so nobody outside can deliver. To take no mail, publish the null MX, 0 . , alone.""",
    reference="RFC 6761 section 6",
    bad="10 localhost.",
    good="10 mx.example.com.",
)
SINGLE_LABEL = rule(
    "mx-single-label",
    Severity.WARN,
    "the mail host is a single label",
    help="""A host name without a dot is a top-level domain. Most often the domain was left out, or
    a zone file lacks it. Publish the whole name.""",
    reference="RFC 5321 section 2.3.5",
    bad="10 mx.",
    good="10 mx.example.com.",
)
NULL_PREFERENCE = rule(
    "mx-null-preference",
    Severity.INFO,
    "the null MX has a preference",
    help="""The null MX is written 0 . ; some software does not recognise it with another number.""",
    reference="RFC 7505 section 3",
    bad="10 .",
    good="0 .",
)
UNDERSCORE = rule(
    "mx-bad-host-name",
    Severity.ERROR,
    "the mail host's name is not that of a host",
    help="""Names of hosts have letters, digits and hyphens alone. Many mail servers refuse to deliver
    to a host with an underscore or another character in its name, and no public authority
    certifies it. Rename the host.""",
    reference="RFC 1123 section 2.1",
    bad="10 mail_server.example.com.",
    good="10 mx.example.com.",
)
NULL_BESIDE = rule(
    "mx-null-with-others",
    Severity.ERROR,
    "the null MX stands beside others",
    help="""The null MX says that a domain takes no mail, the others that it does. Senders differ in
    whom they believe, and mail is lost to some of them. Remove one or the other.""",
    reference="RFC 7505 section 3",
)
DOUBLE_HOST = rule(
    "mx-double-host",
    Severity.WARN,
    "a mail host is listed twice",
    help="""A host that stands there with two preferences is tried twice, to no avail the second time.
    Keep the record with the lower number.""",
    reference="RFC 5321 section 5.1",
)
MANY = rule(
    "mx-many-hosts",
    Severity.WARN,
    "there are very many mail hosts",
    help="""An SPF term `mx` looks up each host and fails beyond ten; senders give up on long lists as
    well. Remove hosts, or let several addresses share a name.""",
    reference="RFC 7208 section 4.6.4",
)
ALIAS = rule(
    "mx-host-is-alias",
    Severity.ERROR,
    "the mail host is an alias",
    help="""The name in an MX record must have addresses of its own; a CNAME is not allowed there.
    Some senders refuse it, and with DANE it is uncertain which name counts. Put the alias's
    target into the MX record, or give the name A and AAAA records.""",
    reference="RFC 2181 section 10.3",
)
NO_ADDRESS = rule(
    "mx-host-without-address",
    Severity.ERROR,
    "the mail host has no address",
    help="""Senders cannot reach a host that has neither an A nor an AAAA record. When it is the only
    one, all mail is returned. Add the address, or remove the MX record.""",
    reference="RFC 5321 section 5.1",
)
HOST_UNKNOWN = rule(
    "mx-host-unreachable-name",
    Severity.WARN,
    "it cannot be known whether the mail host has an address",
    help="""The name servers of the host's name did not answer, or what they answered failed DNSSEC.
    Senders in the same situation keep the mail and try again. Look whether the name servers are
    up, and ask again.""",
    reference="RFC 5321 section 5.1",
)
IMPLICIT = rule(
    "mx-implicit",
    Severity.INFO,
    "there is no MX record",
    help="""Without an MX record senders deliver to the domain's own address, which often is a web
    server. Publish an MX record that names the mail host, or the null MX, 0 . , when the domain
    takes no mail.""",
    reference="RFC 5321 section 5.1",
)
NO_MAIL = rule(
    "mx-no-mail-host",
    Severity.WARN,
    "nothing says where mail goes",
    help="""The domain has neither an MX record nor an address, so its mail is returned, after some
    senders have tried for days. Publish an MX record, or the null MX, 0 . , to say so at once.""",
    reference="RFC 7505 section 1",
)


def lint(record: Mx, subject: str = "") -> list[Finding]:
    """Say what is wrong with one MX record by itself; *subject* is its domain."""
    if is_null(record):
        fix = Fix("publish", "0 .")
        return [] if record.preference == 0 else [NULL_PREFERENCE.finding(subject, fix=fix)]
    if looks_like_address(record.host):
        says = f"the MX record holds the address {record.host}, not the name of a host"
        return [ADDRESS.finding(subject, says)]
    parts = labels(record.host)
    found = []
    if parts[-1] in _NOT_PUBLIC - _DOCUMENTATION:
        found.append(LOCAL.finding(subject, f"{record.host} is not a name of the public DNS"))
    elif len(parts) == 1:
        found.append(
            SINGLE_LABEL.finding(subject, f"the mail host {record.host} is a single label")
        )
    if not all(part.replace("-", "x").isalnum() for part in parts):
        says = f"{record.host} is not the name of a host: letters, digits and hyphens alone"
        found.append(UNDERSCORE.finding(subject, says))
    return found


def lint_rrset(records: Sequence[Mx], subject: str = "") -> list[Finding]:
    """Say what is wrong with the MX records of one domain, each and together."""
    found = [finding for record in records for finding in lint(record, subject)]
    if len(records) > 1 and any(is_null(record) for record in records):
        found.append(NULL_BESIDE.finding(subject))
    hosts = Counter(record.host for record in records)
    for host, count in sorted(hosts.items()):
        if count > 1:
            best = min(record.preference for record in records if record.host == host)
            fix = Fix(f"keep {best} {host}. alone")
            found.append(DOUBLE_HOST.finding(subject, f"{host} is listed {count} times", fix=fix))
    if len(hosts) > 10:
        found.append(MANY.finding(subject, f"there are {len(hosts)} mail hosts"))
    return found


def lint_hosts(hosts: MailHosts, subject: str = "") -> list[Finding]:
    """Say what is wrong with the hosts that `mail_hosts` found."""
    subject = subject or hosts.domain
    if hosts.result is MxResult.NONE:
        return [NO_MAIL.finding(subject)]
    if hosts.result is MxResult.IMPLICIT:
        return [IMPLICIT.finding(subject)]
    found = []
    for host in hosts.hosts:
        if host.alias_of:
            says = f"{host.name} is an alias of {host.alias_of}"
            fix = Fix("name the target", f"{host.preference} {host.alias_of}.")
            found.append(ALIAS.finding(subject, says, fix=fix))
        if host.addresses:
            continue
        if host.outcome in {Outcome.UNREACHABLE, Outcome.BOGUS}:
            says = f"it cannot be known whether {host.name} has an address: {host.detail or host.outcome}"
            found.append(HOST_UNKNOWN.finding(subject, says))
        else:
            what = "does not exist" if host.outcome is Outcome.NO_NAME else "has no address"
            found.append(NO_ADDRESS.finding(subject, f"the mail host {host.name} {what}"))
    return found

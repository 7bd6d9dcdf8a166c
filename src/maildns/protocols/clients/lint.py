"""Advice on the SRV records of mail services."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from maildns.dnsdata import Srv
from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols.clients.build import SERVICES
from maildns.protocols.clients.record import is_absent

_GOOD = "0 1 993 mail.example.com."
_PORTS = {service.label: service.port for service in SERVICES}
_CLEARTEXT = {"_imap", "_pop3"}

PORT_ZERO = rule(
    "clients-port-zero",
    Severity.ERROR,
    "the service has no port",
    help="""No service listens on port 0, so mail programs that follow this record fail. Publish the
    real port, or the target . when the service is not offered.""",
    reference="RFC 2782",
    bad="0 1 0 mail.example.com.",
    good=_GOOD,
)
ADDRESS = rule(
    "clients-target-is-address",
    Severity.ERROR,
    "the target is an address",
    help="""The target of an SRV record is the name of a host; an address there is taken for a name
    that does not exist. Give the address a name, and publish that.""",
    reference="RFC 2782",
    bad="0 1 993 192.0.2.1.",
    good=_GOOD,
)
ABSENT_NUMBERS = rule(
    "clients-absent-with-numbers",
    Severity.INFO,
    "a service that is not offered has a port",
    help="""The target . alone says that a service is not offered; the numbers beside it say nothing,
    but confuse whoever reads them. Publish 0 0 0 . instead.""",
    reference="RFC 6186 section 3.4",
    bad="0 1 143 .",
    good="0 0 0 .",
)
WRONG_PORT = rule(
    "clients-unusual-port",
    Severity.INFO,
    "the port is not the usual one of the service",
    help="""It may be meant so. Many firewalls let only the usual ports pass, and some mail programs
    decide by the port whether TLS begins at once.""",
    reference="RFC 8314 section 7",
)
CLEARTEXT = rule(
    "clients-starttls-service",
    Severity.INFO,
    "a service without TLS from the start is offered",
    help="""On the old ports of IMAP and POP3 TLS begins by STARTTLS, which an attacker can suppress
    where the mail program does not insist. Offer 993 and 995 instead, and publish 0 0 0 . here.""",
    reference="RFC 8314 section 3",
)
ABSENT_BESIDE = rule(
    "clients-absent-with-others",
    Severity.ERROR,
    "a service is offered and not offered",
    help="""The target . says that the service is not offered, the other records that it is. Mail
    programs differ in what they make of it. Remove one or the other.""",
    reference="RFC 2782",
)


def lint(record: Srv, subject: str = "") -> list[Finding]:
    """
    Say what is wrong or risky in one SRV record of a mail service.

    *subject* is its owner's name; where it begins with a known service, the port is judged
    as well.
    """
    if is_absent(record):
        if (record.priority, record.weight, record.port) == (0, 0, 0):
            return []
        return [ABSENT_NUMBERS.finding(subject, fix=Fix("publish", "0 0 0 ."))]
    found = []
    if record.port == 0:
        found.append(PORT_ZERO.finding(subject))
    if _is_address(record.target):
        found.append(ADDRESS.finding(subject, f"the target {record.target} is an address"))
    label = subject.partition(".")[0].lower()
    usual = _PORTS.get(label, record.port)
    if record.port not in {0, usual}:
        says = f"the port is {record.port}, that of {label} is {usual}"
        found.append(WRONG_PORT.finding(subject, says))
    if label in _CLEARTEXT:
        found.append(CLEARTEXT.finding(subject, fix=Fix("publish", "0 0 0 .")))
    return found


def lint_rrset(records: Sequence[Srv], subject: str = "") -> list[Finding]:
    """Say what is wrong with the SRV records of one service, each and together."""
    found = [finding for record in records for finding in lint(record, subject)]
    if len(records) > 1 and any(is_absent(record) for record in records):
        found.append(ABSENT_BESIDE.finding(subject))
    return found


def _is_address(target: str) -> bool:
    try:
        ipaddress.ip_address(target)
    except ValueError:
        return False
    return True

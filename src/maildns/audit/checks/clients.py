"""How mail programs find the server: SRV records (RFC 6186, RFC 8314) and what they lead to."""

from __future__ import annotations

from collections.abc import Iterator

from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, not_applicable, of_findings, ok, unknown
from maildns.dnsdata import Srv
from maildns.finding import Fix, Severity, rule
from maildns.protocols import clients
from maildns.zonelint.rules import SRV_ALIAS, SRV_NO_ADDRESS

NONE = rule(
    "clients-no-records",
    Severity.INFO,
    "mail programs are told of no server",
    help="""Without SRV records mail programs guess the server's name, or ask the person. Publish
    _submissions._tcp and _imaps._tcp for the servers that there are, and `.` as the target of what
    is not offered.""",
    reference="RFC 6186 section 3",
)
PORT = rule(
    "clients-plain-only",
    Severity.WARN,
    "mail programs are sent to a service without TLS from the start, and to none with it",
    help="""Records for STARTTLS services alone let a program talk in the clear when someone takes
    STARTTLS out of the conversation. Offer _submissions (465) and _imaps (993) and publish
    them.""",
    reference="RFC 8314 section 3",
)


@check("clients")
def services(facts: Facts) -> Iterator[Result]:
    """The SRV records are well formed and name hosts with addresses."""
    owners = [f"{one.label}._tcp.{facts.domain}" for one in clients.SERVICES]
    answers = [facts.dns.answer(owner, "SRV") for owner in owners]
    failed = [answer for answer in answers if answer.failed]
    if failed:
        says = failed[0].detail or str(failed[0].outcome)
        yield unknown(NONE, facts.domain, f"it cannot be known: {says}", *failed[:1])
    found = [answer for answer in answers if any(isinstance(one, Srv) for one in answer.records)]
    if not found:
        if not failed and facts.dns.receives:
            yield broken(NONE, facts.domain, "there are no SRV records for mail programs")
        elif not failed:
            yield not_applicable(NONE, facts.domain, "the domain takes no mail")
        return
    for answer in found:
        records = [one for one in answer.records if isinstance(one, Srv)]
        wrong = clients.lint_rrset(records, answer.question.name)
        yield from of_findings(wrong, answer)
        broken_targets = list(_targets(facts, answer.question.name, records))
        yield from broken_targets
        if not broken_targets and not any(one.severity.rank for one in wrong):
            shown = ", ".join(map(str, records))
            yield ok(SRV_NO_ADDRESS, answer.question.name, shown, answer)
    yield from _plain_only(facts)


def _targets(facts: Facts, owner: str, records: list[Srv]) -> Iterator[Result]:
    """What is wrong with the hosts that the records of one service name."""
    for record in records:
        if record.target == ".":
            continue
        answers = [facts.dns.answer(record.target, rrtype) for rrtype in ("A", "AAAA")]
        source = facts.dns.answer(owner, "SRV")
        alias = next((one.owner for one in answers if one.aliases), "")
        if alias:
            to = Srv(record.priority, record.weight, record.port, alias)
            says = f"{record.target} is an alias of {alias}"
            fix = Fix("name the host behind it", str(to))
            yield broken(SRV_ALIAS, owner, says, source, *answers, fix=fix)
        elif all(one.void for one in answers):
            says = f"{record.target} has no address"
            yield broken(SRV_NO_ADDRESS, owner, says, source, *answers)
        elif not any(one.found for one in answers):
            says = f"it cannot be known whether {record.target} has an address"
            yield unknown(SRV_NO_ADDRESS, owner, says, source, *answers)


def _plain_only(facts: Facts) -> Iterator[Result]:
    """A kind of service that is announced with STARTTLS alone."""
    offered: dict[str, dict[bool, str]] = {}
    for service in clients.SERVICES:
        owner = f"{service.label}._tcp.{facts.domain}"
        answer = facts.dns.answer(owner, "SRV")
        if answer.failed:
            return
        if any(isinstance(one, Srv) and one.target != "." for one in answer.records):
            offered.setdefault(service.kind, {})[service.implicit_tls] = owner
    for ways in offered.values():
        if True not in ways:
            yield broken(PORT, ways[False], "", facts.dns.answer(ways[False], "SRV"))

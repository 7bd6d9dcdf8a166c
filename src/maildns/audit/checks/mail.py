"""Where mail goes: MX records and the hosts they name (RFC 5321 section 5, RFC 7505)."""

from __future__ import annotations

from collections.abc import Iterator

from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, of_findings, ok, unknown
from maildns.finding import Severity, rule
from maildns.protocols import mx

RECORDS = rule(
    "mx-records",
    Severity.ERROR,
    "nobody can know where mail goes",
    help="""Senders ask for the MX records first. Where the name servers do not answer, mail waits in
    the senders' queues, for days at most.""",
    reference="RFC 5321 section 5.1",
)


@check("mx")
def mail_hosts(facts: Facts) -> Iterator[Result]:
    """The MX records can be had, and name hosts that can be reached."""
    mail = facts.dns.mail
    answer = facts.dns.answer(facts.domain, "MX")
    if mail.result is mx.MxResult.TEMPERROR:
        yield unknown(RECORDS, facts.domain, mail.reason, answer)
        return
    found = [*mx.lint_rrset(mail.records, facts.domain), *mx.lint_hosts(mail)]
    yield from of_findings(found, answer)
    if not found:
        shown = ", ".join(mail.names) or mail.reason
        yield ok(RECORDS, facts.domain, shown, answer)

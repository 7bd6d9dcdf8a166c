"""Names that answer where they should not: wildcards over the names that mail looks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from maildns.ask import Answer
from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, ok
from maildns.dnsdata import Txt
from maildns.finding import Severity, rule
from maildns.zonelint.rules import WILDCARD

WILDCARD_MX = rule(
    "mx-wildcard",
    Severity.INFO,
    "a wildcard takes mail for every name below the domain",
    help="""With a wildcard MX record mail to any name below the domain is delivered, also what was
    written wrongly or made up, and each such name may be forged: a DMARC policy for names that do
    not exist (np) never applies. Name the subdomains that take mail.""",
    reference="RFC 4592 section 2.1, RFC 9989 section 4.7",
)
LABELS: Final = ("_dmarc", "_mta-sts", "_smtp._tls", "_domainkey")


@check("zone")
def wildcard_texts(facts: Facts) -> Iterator[Result]:
    """No wildcard answers for the names under which mail records are looked for."""
    wild = facts.dns.answer(f"*.{facts.domain}", "TXT")
    if not wild.found:
        if wild.void:
            yield ok(WILDCARD, facts.domain, "no wildcard answers in the place of records", wild)
        return
    for label in LABELS:
        owner = f"{label}.{facts.domain}"
        answer = facts.dns.answer(owner, "TXT")
        if answer.found and _same(answer, wild):
            says = f"a wildcard answers for {owner}: {answer.records[0]}"
            yield broken(WILDCARD, facts.domain, says, answer, wild)


def _same(answer: Answer, wild: Answer) -> bool:
    """Whether the texts are those of the wildcard, which stand there by chance seldom."""
    texts = {record for record in answer.records if isinstance(record, Txt)}
    return texts == set(wild.records)


@check("mx")
def wildcard_mail(facts: Facts) -> Iterator[Result]:
    """No wildcard takes mail for every name."""
    wild = facts.dns.answer(f"*.{facts.domain}", "MX")
    if wild.found:
        shown = ", ".join(map(str, wild.records))
        yield broken(WILDCARD_MX, facts.domain, f"*.{facts.domain} MX {shown}", wild)

"""
BIMI: the picture beside the domain's mail.

What is at the addresses in the record is judged in `bimi_live`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from maildns.ask import Answer
from maildns.audit.checks.places import beside, cannot_know, texts_of
from maildns.audit.facts import DnsFacts, Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, Status, broken, not_applicable, of_findings, ok
from maildns.errors import RecordSyntaxError
from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols import bimi
from maildns.protocols.bimi import BimiResult
from maildns.protocols.bimi.record import announces, owner_name
from maildns.protocols.dmarc.record import Policy
from maildns.protocols.dmarc.treewalk import policy_question, reading_of
from maildns.recognise import SYNTAX_RULES
from maildns.zonelint.rules import SEVERAL

RECORD = rule(
    "bimi-record",
    Severity.INFO,
    "the domain could show its picture beside its mail",
    help="""The DMARC policy is strict enough for BIMI, and there is no record. It is a matter of taste:
    most mailbox providers show a picture only with a mark certificate, which costs money. Publish
    one at default._bimi, or leave it.""",
    reference="draft-brand-indicators-for-message-identification-14 section 4.2",
)
_VERSION = "v=bimi1"


@lru_cache(maxsize=2048)
def _linted(text: str) -> tuple[Finding, ...]:
    try:
        return tuple(bimi.lint(bimi.parse(text)))
    except RecordSyntaxError as error:
        return (SYNTAX_RULES["bimi"].finding("", error.problem, span=error.span),)


@check("bimi")
def record(facts: Facts) -> Iterator[Result]:
    """If there is a record, it is one, well made, and DMARC lets the picture be shown."""
    dns = facts.dns
    owner = dns.bimi.owner
    answer = dns.answer(owner, "TXT")
    if dns.bimi.result is BimiResult.TEMPERROR:
        yield cannot_know(RECORD, owner, answer)
        return
    texts = list(dict.fromkeys(text for text in texts_of(answer) if announces(text)))
    mine = dns.answer(
        owner_name(dns.domain), "TXT"
    )  # it may be that of the organization that counts
    told = list(beside(dns, _VERSION, mine, announces, _linted))
    yield from told
    if len(texts) > 1:
        says = f"there are {len(texts)} BIMI records; receivers use none of them"
        fix = Fix("keep one, remove the others")
        yield broken(SEVERAL["bimi"], owner, says, answer, fix=fix)
    elif texts:
        faults = _linted(texts[0])
        yield from of_findings(faults, answer, subject=owner)
        if all(one.severity is not Severity.ERROR for one in faults):
            yield ok(RECORD, owner, texts[0][:300], answer)
            yield from _permitted(dns)
    elif all(one.status is not Status.BAD for one in told):
        yield _none(dns, answer)


def _permitted(dns: DnsFacts) -> Iterator[Result]:
    """DMARC lets the picture be shown; that there is no policy, or a faulty one, is told of DMARC."""
    place = dns.dmarc["rfc9989"].policy_domain
    if place is None or dns.bimi.result is not BimiResult.FOUND:
        return
    question = policy_question(place)
    answer = dns.answer(question.name, question.rrtype)
    reading = reading_of(answer)
    if reading is None or reading.dropped or reading.record.policy is None:
        return
    policy = reading.record
    below = policy.subdomain_policy
    faults = bimi.lint_dmarc(
        policy=str(policy.policy),
        subdomain_policy=below.value if below is not None else None,
        percentage=policy.percent,
        testing=policy.testing,
        subject=dns.bimi.owner,
    )
    yield from of_findings(faults, answer)


def _none(dns: DnsFacts, answer: Answer) -> Result:
    strict = dns.dmarc["rfc9989"].policy
    if strict in {Policy.QUARANTINE, Policy.REJECT} and dns.sends:
        return broken(RECORD, dns.bimi.owner, "", answer)
    return not_applicable(RECORD, dns.bimi.owner, "there is no BIMI record", answer)

"""DMARC: the record that applies, whether it protects, and where reports go (RFC 9989)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from maildns.ask import Answer
from maildns.audit.checks import dmarc_rules as own
from maildns.audit.checks.places import beside, cannot_know, of_wildcard, takes_mail
from maildns.audit.facts import DnsFacts, Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, Status, broken, not_applicable, of_findings, ok, unknown
from maildns.dnsdata import labels
from maildns.finding import Finding, Fix, Severity
from maildns.protocols.dmarc import rules
from maildns.protocols.dmarc.grants import GRANT_TEXT, Destination
from maildns.protocols.dmarc.lint import lint_text
from maildns.protocols.dmarc.record import DmarcRecord, Policy, read_leniently
from maildns.protocols.dmarc.treewalk import MAX_QUERIES, policy_question, record_texts, walk_names
from maildns.protocols.dmarc.verdict import DmarcResult, DmarcVerdict
from maildns.zonelint.rules import SEVERAL

_VERSION = "v=dmarc1"
_OF_POLICY = frozenset(
    {
        rules.POLICY_NONE.id,
        rules.SUBDOMAINS_WEAKER.id,
        rules.NONEXISTENT_WEAKER.id,
        rules.NONEXISTENT_STRICTER.id,
    }
)
# What is no fault of a domain without mail, or what its own rule says.
_OF_TRYING_OUT = frozenset(
    {rules.POLICY_NONE.id, rules.NO_REPORTS_AT_NONE.id, rules.NO_REPORTS.id, rules.TESTING.id}
)
_FOLLOWS = dict.fromkeys(("p", "sp", "np"), _OF_POLICY | {rules.POLICY_MISSING.id}) | {
    "rua": frozenset({rules.NO_REPORTS_AT_NONE.id, rules.NO_REPORTS.id})
}
_lint = lru_cache(maxsize=8192)(lambda text: tuple(lint_text(text)))


def _linted(text: str) -> tuple[Finding, ...]:
    found: tuple[Finding, ...] = _lint(text)
    return found


def _answer(dns: DnsFacts, domain: str) -> Answer:
    question = policy_question(domain)
    return dns.answer(question.name, question.rrtype)


@check("dmarc")
def record(facts: Facts) -> Iterator[Result]:
    """One record applies to the domain, its own or that of its organization."""
    dns = facts.dns
    mine = _answer(dns, dns.domain)
    newer = dns.dmarc["rfc9989"]
    if dns.exists is False:
        yield not_applicable(own.RECORD, dns.domain, "the domain does not exist", mine)
        return
    if mine.failed or (newer.result is DmarcResult.TEMPERROR and newer.record is None):
        yield _cannot_know(mine, newer)
        return
    several = _several(dns)
    if several:
        yield several
        return
    told = list(beside(dns, _VERSION, mine, read_leniently, _linted))
    yield from told
    if newer.policy_domain is not None and newer.record is not None:
        yield from _applies(dns, newer, newer.policy_domain)
    elif all(one.status is not Status.BAD for one in told):
        yield broken(own.RECORD, mine.question.name, _nothing(dns, mine), mine, fix=_proposal(dns))


def _cannot_know(mine: Answer, newer: DmarcVerdict) -> Result:
    if mine.failed:
        return cannot_know(own.RECORD, mine.question.name, mine)
    return unknown(own.RECORD, mine.question.name, "; ".join(newer.reasons), mine)


def _several(dns: DnsFacts) -> Result | None:
    """More than one record at the domain, or, where it has none, at a name above."""
    for owner in walk_names(dns.domain):
        answer = _answer(dns, owner)
        texts = list(dict.fromkeys(record_texts(answer)))
        if len(texts) > 1:
            says = f"there are {len(texts)} DMARC records; receivers use none of them"
            fix = Fix("keep one, with the report addresses of all")
            return broken(SEVERAL["dmarc"], answer.question.name, says, answer, fix=fix)
        if texts:
            return None
    return None


def _nothing(dns: DnsFacts, mine: Answer) -> str:
    if of_wildcard(dns, mine):
        return "there is no DMARC record: what answers there is the domain's wildcard"
    return f"no DMARC record applies to {dns.domain}"


def _proposal(dns: DnsFacts) -> Fix:
    name = policy_question(dns.domain).name
    if dns.parked:
        return Fix("publish, as the domain has no mail", "v=DMARC1; p=reject", name, "TXT")
    if dns.receives:
        text = f"v=DMARC1; p=none; rua=mailto:postmaster@{dns.domain}"
        return Fix("publish, with an address whose mail is read", text, name, "TXT")
    return Fix("publish a record with p=none and an address for reports (rua)")


def _applies(dns: DnsFacts, newer: DmarcVerdict, place: str) -> Iterator[Result]:
    answer = _answer(dns, place)
    text = next(iter(record_texts(answer)), "")
    inherited = place != dns.domain
    unsaid = _OF_POLICY if inherited else frozenset()
    if dns.parked:
        unsaid |= _OF_TRYING_OUT
    reading = read_leniently(text)
    for tag in reading.dropped if reading is not None else ():
        unsaid |= _FOLLOWS.get(tag, frozenset())  # from the fault, which is told itself
    linted = _linted(text)
    if any(one.rule == rules.NO_REPORTS_AT_NONE.id for one in linted):
        unsaid |= {rules.POLICY_NONE.id}  # p=none without reports: it says more
    faults = [one for one in linted if one.rule not in unsaid]
    yield from of_findings(faults, answer, subject=answer.question.name)
    if all(one.severity is not Severity.ERROR for one in faults):
        says = f"inherited from {place}: {text[:300]}" if inherited else text[:300]
        yield ok(own.RECORD, dns.domain, says, answer)
    yield from _protects(dns, newer, answer, inherited=inherited)
    if inherited and len(labels(dns.domain)) > MAX_QUERIES:
        fix = Fix("publish there too", text, policy_question(dns.domain).name, "TXT")
        yield broken(own.TOO_DEEP, dns.domain, "", answer, fix=fix)


def _protects(
    dns: DnsFacts, newer: DmarcVerdict, answer: Answer, *, inherited: bool
) -> Iterator[Result]:
    """Mail that fails is refused or put aside."""
    policy = newer.policy
    if policy is None or newer.record is None:
        return  # a record without a policy: lint says so
    if dns.parked and newer.disposition is not Policy.REJECT:
        says = f"the domain has no mail; its policy is {newer.disposition}, not reject"
        yield broken(own.NOT_PARKED, dns.domain, says, answer, fix=_rejecting(dns, newer.record))
    elif policy is not Policy.NONE:
        yield ok(rules.POLICY_NONE, dns.domain, f"mail that fails: {newer.disposition}", answer)
    elif inherited:
        says = f"{answer.question.name} asks for nothing for {dns.domain}: the policy is none"
        yield broken(rules.POLICY_NONE, dns.domain, says, answer)


def _rejecting(dns: DnsFacts, record: DmarcRecord) -> Fix:
    made = DmarcRecord(
        policy=Policy.REJECT,
        aggregate_reports_to=record.aggregate_reports_to,
        failure_reports_to=record.failure_reports_to,
    )
    return Fix("publish", str(made), policy_question(dns.domain).name, "TXT")


@check("dmarc")
def readers(facts: Facts) -> Iterator[Result]:
    """Receivers of RFC 7489 and of RFC 9989 find the same record and the same organization."""
    dns = facts.dns
    newer, older = dns.dmarc["rfc9989"], dns.dmarc["rfc7489"]
    if newer.record is None and older.record is None:
        return
    seen = [(one.policy_domain, one.organizational_domain) for one in (newer, older)]
    if DmarcResult.TEMPERROR in {newer.result, older.result} or None in seen[0] or _several(dns):
        return
    if seen[0] == seen[1]:
        says = f"the organizational domain is {newer.organizational_domain} to all receivers"
        yield ok(own.READERS_DIFFER, dns.domain, says, *_places(dns))
        return
    told = []
    if newer.policy_domain != older.policy_domain:
        places = (newer.policy_domain or "nowhere", older.policy_domain or "nowhere")
        told.append(f"the record is found at {places[0]} by RFC 9989, {places[1]} by RFC 7489")
    if newer.organizational_domain != older.organizational_domain:
        organizations = (newer.organizational_domain, older.organizational_domain)
        told.append(
            "the organizational domain is {} by RFC 9989, {} by RFC 7489".format(*organizations)
        )
    fix = Fix(f"publish a record at _dmarc.{older.organizational_domain}, too")
    yield broken(own.READERS_DIFFER, dns.domain, "; ".join(told), *_places(dns), fix=fix)


def _places(dns: DnsFacts) -> list[Answer]:
    """The answers where the readers found a record."""
    places = (one.policy_domain for one in dns.dmarc.values())
    return [_answer(dns, place) for place in dict.fromkeys(places) if place is not None]


# --- reports ------------------------------------------------------------------------------


@check("dmarc")
def destinations(facts: Facts) -> Iterator[Result]:
    """Reports can be delivered, and their receivers have agreed."""
    for one in facts.dns.destinations:
        yield from _destination(facts.dns, one)


def _destination(dns: DnsFacts, one: Destination) -> Iterator[Result]:
    mail = takes_mail(dns, one.host) if one.uri.scheme == "mailto" else True
    answer = dns.answer(one.host, "MX")
    if mail is None:
        yield unknown(own.HOST_WITHOUT_MAIL, one.host, f"whether {one.host} takes mail", answer)
    elif not mail:
        says = f"{one.uri}: {one.host} takes no mail"
        yield broken(own.HOST_WITHOUT_MAIL, one.host, says, answer)
        return  # whether it has agreed matters to nobody
    if one.granted is None:
        says = f"{one.uri}: whether {one.host} has agreed"
        yield unknown(own.NOT_GRANTED, one.name or one.host, says, *_evidence(dns, one))
    elif not one.granted:
        yield broken(
            own.NOT_GRANTED,
            one.name or one.host,
            *_refusal(one),
            *_evidence(dns, one),
            fix=_grant(one),
        )
    elif one.external:
        says = f"{one.uri}: {one.host} has agreed"
        yield ok(own.NOT_GRANTED, one.name, says, *_evidence(dns, one))


def _evidence(dns: DnsFacts, one: Destination) -> tuple[Answer, ...]:
    return (dns.answer(one.name, "TXT"),) if one.name else ()


def _refusal(one: Destination) -> tuple[str]:
    if not one.name:
        return (f"{one.uri}: the name where {one.host} could agree would be too long",)
    return (f"{one.uri}: {one.host} has not agreed, so nothing is sent there",)


def _grant(one: Destination) -> Fix | None:
    if not one.name:
        return None
    return Fix(f"publish at {one.name}", GRANT_TEXT, one.name, "TXT")

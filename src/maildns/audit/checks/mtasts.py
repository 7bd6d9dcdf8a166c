"""MTA-STS, as far as the DNS tells: the record, and the host of the policy (RFC 8461)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from maildns.ask import Answer
from maildns.audit.checks.places import beside, cannot_know
from maildns.audit.facts import DnsFacts, Facts
from maildns.audit.registry import check
from maildns.audit.result import (
    Result,
    Status,
    broken,
    not_applicable,
    of_findings,
    ok,
    unknown,
)
from maildns.errors import MaildnsError, RecordSyntaxError
from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols import mtasts
from maildns.protocols.mtasts import StsResult
from maildns.protocols.mtasts.record import announces
from maildns.protocols.mx import MxResult
from maildns.recognise import SYNTAX_RULES
from maildns.zonelint.rules import SEVERAL

RECORD = rule(
    "mtasts-record",
    Severity.INFO,
    "there is no MTA-STS record",
    help="""Without MTA-STS or DANE a sender that is attacked on the way delivers in the clear. Put a
    policy file on the web server mta-sts.DOMAIN first, in mode testing, then publish the record.
    Where DANE protects all mail hosts, MTA-STS helps senders that do not know DANE.""",
    reference="RFC 8461 section 3.1",
)
POLICY_HOST = rule(
    "mtasts-policy-host-without-address",
    Severity.ERROR,
    "the record announces a policy and its web server has no address",
    help="""Senders fetch the policy from mta-sts.DOMAIN. That name has no address, so there is no policy
    for new senders, and those that remember one cannot renew it. Publish the address, or remove the
    record.""",
    reference="RFC 8461 section 3.3",
)
HOST_WITHOUT_RECORD = rule(
    "mtasts-host-without-record",
    Severity.INFO,
    "there is a web server for a policy, and no record that announces it",
    help="""Senders look for the record first and do not ask for a policy that is not announced.
    Publish the record when the policy file is in place.""",
    reference="RFC 8461 section 3.1",
)
_VERSION = "v=stsv1"


@lru_cache(maxsize=2048)
def _linted(text: str) -> tuple[Finding, ...]:
    try:
        return tuple(mtasts.lint(mtasts.parse(text)))
    except RecordSyntaxError as error:
        return (SYNTAX_RULES["mtasts"].finding("", error.problem, span=error.span),)


@check("mtasts")
def record(facts: Facts) -> Iterator[Result]:
    """One record announces a policy, and the policy's host has an address."""
    dns = facts.dns
    answer = dns.answer(dns.sts.owner, "TXT")
    if dns.sts.result is StsResult.TEMPERROR:
        yield cannot_know(RECORD, dns.sts.owner, answer)
        return
    texts = list(dict.fromkeys(dns.sts.texts))
    told = list(beside(dns, _VERSION, answer, announces, _linted))
    yield from told
    if len(texts) > 1:
        says = f"there are {len(texts)} MTA-STS records; senders use none of them"
        fix = Fix("keep one, remove the others")
        yield broken(SEVERAL["mtasts"], dns.sts.owner, says, answer, fix=fix)
    elif texts:
        faults = _linted(texts[0])
        yield from of_findings(faults, answer, subject=dns.sts.owner)
        if all(one.severity is not Severity.ERROR for one in faults):
            yield ok(RECORD, dns.sts.owner, texts[0][:300], answer)
        yield from _host(dns)
    elif all(one.status is not Status.BAD for one in told):
        yield _none(dns, answer)


def _host(dns: DnsFacts) -> Iterator[Result]:
    """The name that the policy is fetched from has an address."""
    host = f"mta-sts.{dns.domain}"
    answers = [dns.answer(host, rrtype) for rrtype in ("A", "AAAA")]
    if any(one.found for one in answers):
        found = next(one for one in answers if one.found)
        yield ok(POLICY_HOST, host, "has an address", found)
    elif any(one.failed for one in answers):
        yield unknown(POLICY_HOST, host, "whether it has an address", *answers)
    else:
        yield broken(POLICY_HOST, host, "", *answers)


def _none(dns: DnsFacts, answer: Answer) -> Result:
    if dns.mail.result is MxResult.TEMPERROR:
        says = "there is none, and it cannot be known whether the domain takes mail"
        return unknown(RECORD, answer.question.name, says, answer)
    if not dns.receives:
        return not_applicable(RECORD, dns.sts.owner, "the domain takes no mail", answer)
    host = f"mta-sts.{dns.domain}"
    fix = _proposal(dns)
    served = [one for one in (dns.answer(host, "A"), dns.answer(host, "AAAA")) if one.found]
    # What a wildcard answers is no host; its address is most often that of the domain itself.
    own = {dns.answer(dns.domain, rrtype).records for rrtype in ("A", "AAAA")}
    everyone = dns.answer(f"*.{dns.domain}", "TXT").aliases
    if any(one.aliases != everyone if one.aliases else one.records not in own for one in served):
        return broken(HOST_WITHOUT_RECORD, dns.sts.owner, "", answer, *served, fix=fix)
    return broken(RECORD, dns.sts.owner, "", answer, fix=fix)


def _proposal(dns: DnsFacts) -> Fix | None:
    """The record for a policy in mode testing; None where the mail hosts cannot stand in one."""
    try:
        policy = mtasts.build_policy(mode="testing", mx=dns.mail.names)
    except MaildnsError:
        return None
    says = f"publish a policy at {mtasts.policy_url(dns.domain)}, then"
    return Fix(says, str(mtasts.build(policy)))

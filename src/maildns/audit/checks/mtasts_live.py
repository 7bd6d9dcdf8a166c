"""The MTA-STS policy as senders fetch it, and what it does to each mail host (RFC 8461)."""

from __future__ import annotations

from collections.abc import Iterator

from maildns.audit.checks.talks import dane_verdict, mail_talks, place, seen
from maildns.audit.facts import Facts
from maildns.audit.registry import check
from maildns.audit.result import (
    Evidence,
    Observation,
    Result,
    broken,
    not_applicable,
    of_findings,
    ok,
    unknown,
)
from maildns.errors import RecordSyntaxError
from maildns.finding import Fix, Rule, Severity, rule
from maildns.net.https import FetchedPolicy, FetchResult
from maildns.net.talk import NO_ROOTS, Talk
from maildns.protocols import mtasts
from maildns.protocols.dane import Delivery, LookupResult, TlsaLookup
from maildns.protocols.mtasts import Mode, StsAction, StsPolicy
from maildns.protocols.mtasts.lint import NOT_COVERED, lint_coverage, lint_policy

NOT_SERVED = rule(
    "mtasts-policy-not-served",
    Severity.ERROR,
    "the policy cannot be fetched",
    help="""The record announces a policy, but the server does not hand it out the way senders want it:
    at once, over HTTPS, without a redirect, in at most 64 KB. Senders that do not know it yet go on
    without, so nothing is protected. Serve the file, or take the record away.""",
    reference="RFC 8461 section 3.3",
)
CERTIFICATE = rule(
    "mtasts-policy-certificate",
    Severity.ERROR,
    "the certificate of the policy host is refused",
    help="""Senders take a policy only from a host that proves to be mta-sts.<domain> by a certificate
    of a public authority, in time and with that name. Otherwise they go on without the policy.
    Get a certificate for the policy host and renew it by machine.""",
    reference="RFC 8461 section 3.3",
)
INVALID = rule(
    "mtasts-policy-invalid",
    Severity.ERROR,
    "what is served is no policy",
    help="""A line is missing or malformed, so senders take nothing of the file. Serve the lines
    version, mode, mx and max_age, each with its colon.""",
    reference="RFC 8461 section 3.2",
)
CONTENT_TYPE = rule(
    "mtasts-content-type",
    Severity.WARN,
    "the policy is not served as plain text",
    help="""Senders should refuse a policy with another content type than text/plain, and some do. Set
    the type of the file in the web server.""",
    reference="RFC 8461 section 3.3",
)
EXTRA_MX = rule(
    "mtasts-extra-mx",
    Severity.INFO,
    "the policy lists a host that is no mail host",
    help="""It is right while a host is about to come or has just gone. Otherwise it lets mail go to a
    machine that may be another's by now. Take the line out, and change the id.""",
    reference="RFC 8461 section 3.2",
)
SAME_ID = rule(
    "mtasts-id-unchanged",
    Severity.ERROR,
    "the policy changed, and the id did not",
    help="""Senders that remember the policy look at the id alone and do not fetch the file again until
    max_age is over. Mail to a host that the old policy does not list is not delivered. Publish the
    record with a new id.""",
    reference="RFC 8461 section 3.1",
)
DISAGREE = rule(
    "mtasts-dane-disagree",
    Severity.INFO,
    "MTA-STS and DANE come to different verdicts",
    help="""Senders follow one or the other, DANE first where they know both. One of the two says to
    deliver and the other not to, so whether mail comes in depends on the sender. The fault is
    named by a rule of its own.""",
    reference="RFC 8461 section 2",
)


@check("mtasts")
def policy(facts: Facts) -> Iterator[Result]:
    """The announced policy can be fetched, and is sound."""
    if facts.dns.sts.record is None:
        return
    found, subject = facts.policy, facts.domain
    if found is None:
        yield not_applicable(NOT_SERVED, subject, "the policy was not fetched")
        return
    evidence = _shown(found)
    if found.result is FetchResult.UNREACHABLE:
        yield unknown(NOT_SERVED, subject, found.reason, evidence)
    elif found.policy is None:
        yield broken(_fault(found), subject, found.reason, evidence)
    else:
        mode = f"mode {found.policy.mode}, max_age {found.policy.max_age_seconds}"
        yield ok(NOT_SERVED, subject, f"the policy is served: {mode}", evidence)
        for note in found.notes:
            yield broken(CONTENT_TYPE, subject, note, evidence)
        yield from of_findings(lint_policy(found.policy, subject), evidence)
        yield from _hosts(facts, found.policy, evidence)
        yield from _id(facts, found.policy, evidence)


def _shown(found: FetchedPolicy) -> Observation:
    return Observation(found.url, found.reason or str(found.result))


def _fault(found: FetchedPolicy) -> Rule:
    if found.result is FetchResult.INVALID:
        return INVALID
    return CERTIFICATE if found.report_as == "sts-webpki-invalid" else NOT_SERVED


def _hosts(facts: Facts, policy: StsPolicy, evidence: Evidence) -> Iterator[Result]:
    names = facts.dns.mail.names
    uncovered = lint_coverage(policy, names, facts.domain)
    yield from of_findings(uncovered, evidence)
    if names and not uncovered and policy.mode is not Mode.NONE:
        yield ok(NOT_COVERED, facts.domain, f"it covers {', '.join(names[:10])}", evidence)
    extra = [one for one in policy.mx if not one.startswith("*.") and one not in names]
    if names and extra:
        says = f"{', '.join(extra[:5])} is listed, but is no mail host of the domain"
        yield broken(EXTRA_MX, facts.domain, says, evidence)


def _id(facts: Facts, policy: StsPolicy, evidence: Evidence) -> Iterator[Result]:
    record, earlier = facts.dns.sts.record, facts.previous
    if record is None or earlier is None or not earlier.policy_text or not earlier.sts_id:
        return
    try:
        before = mtasts.parse_policy(earlier.policy_text)
    except RecordSyntaxError:
        return  # nobody remembers what was no policy
    if before == policy or earlier.sts_id != record.id:
        yield ok(SAME_ID, facts.domain, f"the id {record.id} goes with the policy", evidence)
        return
    fresh = f"v=STSv1; id={facts.now:%Y%m%d%H%M%S};"
    fix = Fix("publish", fresh, facts.dns.sts.owner, "TXT")
    says = f"the policy is another than before, under the same id {record.id}"
    yield broken(SAME_ID, facts.domain, says, evidence, fix=fix)


@check("mtasts")
def agreement(facts: Facts) -> Iterator[Result]:
    """MTA-STS and DANE say the same of each address."""
    sts = facts.policy.policy if facts.policy is not None else None
    if sts is None or sts.mode is Mode.NONE:
        return
    lookups = {lookup.host: lookup for lookup in facts.dns.dane.hosts}
    for talk in mail_talks(facts):
        lookup = lookups.get(talk.host)
        if lookup is not None and lookup.result is LookupResult.DANE and talk.tls is not None:
            yield from _agreement(facts, talk, sts, lookup)


def _agreement(facts: Facts, talk: Talk, sts: StsPolicy, lookup: TlsaLookup) -> Iterator[Result]:
    if talk.tls is None or talk.tls.distrust_code == NO_ROOTS:
        return
    by_policy = mtasts.verdict(
        sts, talk.host, certificate_names=talk.tls.names, distrust=talk.tls.distrust
    )
    by_dane = dane_verdict(facts, talk.tls, lookup)
    policy_takes = by_policy.action is StsAction.DELIVER
    dane_takes = by_dane.delivery is not Delivery.DEFER
    if policy_takes is dane_takes:
        yield ok(DISAGREE, place(talk), "MTA-STS and DANE agree", seen(talk))
        return
    good, bad = ("DANE", by_policy.reason) if dane_takes else ("MTA-STS", by_dane.reason)
    yield broken(DISAGREE, place(talk), f"{good} would deliver, but {bad}", seen(talk))

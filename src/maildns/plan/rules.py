"""What a plan says besides its changes: rules about the description as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from maildns.dnsdata import Mx, Tlsa, Txt
from maildns.finding import Finding, Fix, Severity, rule
from maildns.intent.load import settings
from maildns.intent.model import Intent
from maildns.plan.wanted import Kind, Wanted
from maildns.protocols import dane, dmarc, mx
from maildns.recognise import findings_of, recognise

BLOCKED = rule(
    "plan-alias-beside-data",
    Severity.ERROR,
    "an alias is wanted where other records stand",
    help="""A CNAME may not stand beside other records of the same name. The plan leaves the
    name as it is; take the other records away, or do not ask for the alias.""",
    reference="RFC 2181 section 10.1",
)
NO_DKIM = rule(
    "plan-no-dkim",
    Severity.WARN,
    "the domain sends mail without a DKIM key",
    help="""Without DKIM, DMARC rests on SPF alone, which forwarding breaks, and the large
    mailbox providers refuse bulk mail. Make a key with `maildns dkim new` and name it under
    dkim.""",
    reference="RFC 9989 section 8",
)
NO_REPORTS = rule(
    "plan-no-dmarc-reports",
    Severity.WARN,
    "DMARC asks for no reports",
    help="""With p=none the record's only use is its reports; without rua nobody learns who
    sends in the domain's name, and no stricter policy can be chosen safely. Set
    dmarc.reports_to.""",
    reference="RFC 9989 section 5.1",
)
STS_WEB = rule(
    "plan-sts-policy-file",
    Severity.INFO,
    "the MTA-STS policy file must be served over HTTPS",
    help="""Senders read the policy from https://mta-sts.DOMAIN/.well-known/mta-sts.txt;
    `maildns export --format files` writes it. Put the file there before the record is
    published, or senders find a promise without a policy.""",
    reference="RFC 8461 section 3.3",
)
NO_SERVER = rule(
    "plan-no-server",
    Severity.ERROR,
    "the domain has no server and is not parked",
    help="""A domain that takes or sends mail needs a server: describe one under
    [server."HOST"], or say parked = true.""",
    reference="RFC 5321 section 5.1",
)
NO_ADDRESS = rule(
    "plan-server-without-address",
    Severity.WARN,
    "a managed server has no address",
    help="""Without ipv4 or ipv6 neither its A and AAAA records nor the networks of SPF can
    be made. Give the addresses, or say managed = false where somebody else publishes
    them.""",
    reference="RFC 5321 section 5.1",
)


LADDER = rule(
    "plan-dmarc-ladder",
    Severity.INFO,
    "p=none is the start: forged mail is still delivered",
    help="""Leave p=none for some weeks and read the reports. When every sender of yours
    passes, go on: quarantine, then reject in test mode, then reject. Each step is one word
    in maildns.toml.""",
    reference="RFC 9989 section 5.1",
)

# Said better by the rules above, which know the whole domain.
_SAID_ELSEWHERE = frozenset({"dmarc-policy-none", "dmarc-no-effect", "dmarc-no-reports"})


def lint_wishes(wishes: Iterable[Wanted]) -> Iterator[Finding]:
    """
    What the linters warn of in the records that are wanted.

    DKIM keys are judged where they are read.
    """
    for wish in wishes:
        for finding in _of_wish(wish):
            if finding.severity is not Severity.INFO and finding.rule not in _SAID_ELSEWHERE:
                yield finding


def _of_wish(wish: Wanted) -> Iterator[Finding]:
    subject = f"{wish.name} {wish.rrtype}"
    yield from dane.lint_rrset([one for one in wish.records if isinstance(one, Tlsa)], subject)
    yield from mx.lint_rrset([one for one in wish.records if isinstance(one, Mx)], subject)
    # DKIM keys are judged where they are read; a grant is no policy.
    texts = [] if wish.kind in {Kind.DKIM, Kind.GRANT} else wish.records
    for record in texts:
        if isinstance(record, Txt):
            yield from (replace(one, subject=subject) for one in _of_text(record.text))


@lru_cache(maxsize=4096)  # a provider's domains share most of their records
def _of_text(text: str) -> tuple[Finding, ...]:
    return tuple(findings_of(recognise(text)))


def advice(intent: Intent) -> Iterator[Finding]:
    """Findings about the description; what single records are like is the linters' to say."""
    for host, server in intent.server.items():
        if server.managed and not (server.ipv4 or server.ipv6):
            yield NO_ADDRESS.finding(host)
    for domain in intent.domain:
        yield from _domain_advice(intent, domain)


@lru_cache(maxsize=1024)
def _next_step(reports_to: tuple[str, ...]) -> str:
    return str(dmarc.build(policy="quarantine", reports_to=reports_to))


def _domain_advice(intent: Intent, domain: str) -> Iterator[Finding]:
    own = settings(intent, domain)
    if own.parked:
        return
    servers = own.servers if own.servers is not None else tuple(intent.server)
    if not servers and own.receives:
        yield NO_SERVER.finding(domain)
    if not own.dkim:
        fix = Fix(f"maildns dkim new --domain {domain}")
        yield NO_DKIM.finding(domain, fix=fix)
    if own.dmarc is not None and not own.dmarc.reports_to:
        fix = Fix(f'dmarc = {{ reports_to = ["postmaster@{domain}"] }}')
        yield NO_REPORTS.finding(domain, fix=fix)
    elif own.dmarc is not None and own.dmarc.policy == "none":
        goal = _next_step(own.dmarc.reports_to)
        yield LADDER.finding(domain, fix=Fix("when the reports are clean", goal))
    if own.mta_sts is not None:
        yield STS_WEB.finding(domain)

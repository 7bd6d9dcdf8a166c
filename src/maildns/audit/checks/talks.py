"""What the checks of live servers share: whom a talk is with, its evidence, what rests on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from maildns.audit.facts import Facts
from maildns.audit.result import Observation, Result, of_findings
from maildns.finding import Finding, Severity
from maildns.net.talk import Reached, Talk, TlsShown
from maildns.protocols.dane import SenderVerdict, TlsaLookup, judge
from maildns.protocols.dane.record import DANE_TA
from maildns.protocols.mtasts import Mode

_OF_MODE = {Mode.ENFORCE: Severity.ERROR, Mode.TESTING: Severity.WARN, Mode.NONE: Severity.INFO}


def mail_talks(facts: Facts) -> tuple[Talk, ...]:
    """The talks with the mail hosts."""
    return tuple(talk for talk in facts.talks or () if not talk.service)


def service_talks(facts: Facts) -> tuple[Talk, ...]:
    """The talks with the services that the domain announces."""
    return tuple(talk for talk in facts.talks or () if talk.service)


def place(talk: Talk) -> str:
    """Whom the talk is with: the subject of its results."""
    return f"{talk.host} [{talk.address}]" + (f" port {talk.port}" if talk.port != 25 else "")


def seen(talk: Talk) -> Observation:
    """The talk as evidence."""
    shows = talk.failure
    if talk.tls is not None:
        shows = f"{talk.tls.version} {talk.tls.cipher}"
    elif not shows:
        shows = talk.banner or str(talk.reached)
    return Observation(f"{talk.address} port {talk.port}", shows, talk.milliseconds, talk.at)


def came_to_hello(talk: Talk) -> bool:
    """The server said what it can do, or spoke TLS from the first octet."""
    return talk.reached is Reached.YES and (talk.starttls is not None or talk.tls is not None)


def wants_trust(facts: Facts, talk: Talk) -> Severity:
    """
    How bad it is when the certificate of *talk* is not one that the public trusts.

    Mail programs refuse it, and senders that follow an enforced policy (RFC 8461 section 4.2);
    others between mail servers do not look.
    """
    if talk.service:
        return Severity.ERROR
    policy = facts.policy.policy if facts.policy is not None else None
    return Severity.INFO if policy is None else _OF_MODE[policy.mode]


def wants_name(facts: Facts, talk: Talk) -> Severity:
    """How bad it is when the certificate of *talk* does not name the host."""
    # RFC 7672 section 3.2.2: with usage 2 the name counts, with usage 3 it does not.
    by_issuer = any(
        record.usage == DANE_TA
        for lookup in facts.dns.dane.hosts
        if lookup.host == talk.host and not talk.service
        for record in lookup.usable
    )
    return Severity.ERROR if by_issuer else wants_trust(facts, talk)


def weighed(finding: Finding, severity: Severity, talk: Talk) -> Result:
    """*finding* as a result of just this severity."""
    (result,) = of_findings([replace(finding, severity=severity)], seen(talk))
    return result


def dane_verdict(facts: Facts, tls: TlsShown, lookup: TlsaLookup) -> SenderVerdict:
    """What a sender that follows DANE does with a host that shows *tls*."""
    return _judged(lookup, tls.chain_der, facts.dns.dane.next_hops, facts.now)


@lru_cache(maxsize=4096)
def _judged(
    lookup: TlsaLookup, chain_der: tuple[bytes, ...], hops: tuple[str, ...], now: datetime
) -> SenderVerdict:
    """The addresses of a host mostly show the same, and two topics ask."""
    return judge(lookup, chain_der, next_hops=hops, now=now)

"""The verb: check domains, live or in a pretended world."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from maildns.audit.facts import Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.registry import judge
from maildns.audit.sharing import Audit, Job, processes_for, shared
from maildns.dnsdata import name
from maildns.net.bulk import DEADLINE_SECONDS
from maildns.net.drivers import BlockingWorld, run
from maildns.net.resolver import Resolver

__all__ = ["Audit", "check_domain", "check_domains"]


def check_domain(
    domain: str, world: BlockingWorld, *, scope: Scope | None = None, now: datetime | None = None
) -> Audit:
    """
    Check what the DNS of *world* says of *domain*; no mail server is asked.

    Raises `RecordSyntaxError` when *domain* is no name.
    """
    facts = Facts(run(gather(domain, scope), world), now or datetime.now(UTC))
    return Audit(facts.domain, judge(facts), facts)


def check_domains(
    domains: Iterable[str],
    resolver: Resolver,
    *,
    scope: Scope | None = None,
    now: datetime | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
    processes: int | None = None,
) -> Iterator[Audit]:
    """
    Check what the DNS says of *domains*, many at once, and yield each as it is done.

    They share *resolver*, one cache, and what is on its way. A domain for which nobody answers is
    done after *deadline_seconds*, with what could be known. No mail server is asked.

    Many domains are shared among *processes*, each with a cache of its own; where that is not
    given, as many as the machine has processors, and one for less than some hundred domains.

    Raises `RecordSyntaxError`, before anything is asked, when one of *domains* is no name.
    """
    names = [name(domain) for domain in domains]
    job = Job(resolver, scope or Scope(), now or datetime.now(UTC), deadline_seconds)
    count = processes or processes_for(len(names))
    if count > 1:
        return shared(job, names, count)
    return (audit for batch in job.check(names) for audit in batch)

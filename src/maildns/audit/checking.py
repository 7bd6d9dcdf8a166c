"""The verb: check domains, live or in a pretended world."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import maildns.audit.checks as _registered  # noqa: F401 - its import registers the checks
from maildns.audit.facts import Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.registry import judge
from maildns.audit.result import Result
from maildns.dnsdata import name
from maildns.net.bulk import DEADLINE_SECONDS, run_bulk
from maildns.net.drivers import BlockingWorld, run
from maildns.net.resolver import Resolver


@dataclass(frozen=True, slots=True)
class Audit:
    """A domain, checked: its results by topic, and the facts they rest on."""

    domain: str
    results: Mapping[str, list[Result]]
    facts: Facts


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
) -> Iterator[Audit]:
    """
    Check what the DNS says of *domains*, many at once, and yield each as it is done.

    They share *resolver*, one cache, and what is on its way. A domain for which nobody answers is
    done after *deadline_seconds*, with what could be known. No mail server is asked.

    Raises `RecordSyntaxError`, before anything is asked, when one of *domains* is no name.
    """
    names = [name(domain) for domain in domains]
    inquiries = (gather(domain, scope) for domain in names)
    for _, facts in run_bulk(inquiries, resolver, deadline_seconds=deadline_seconds):
        whole = Facts(facts, now or datetime.now(UTC))
        yield Audit(whole.domain, judge(whole), whole)

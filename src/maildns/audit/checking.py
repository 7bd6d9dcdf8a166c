"""The verb: check domains, live or in a pretended world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import maildns.audit.checks as _registered  # noqa: F401 - its import registers the checks
from maildns.audit.facts import Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.registry import judge
from maildns.audit.result import Result
from maildns.net.drivers import BlockingWorld, run


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

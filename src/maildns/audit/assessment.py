"""An audit seen by a profile: what counts, what it comes to, and what to publish instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from maildns.audit.checking import Audit
from maildns.audit.mend import Mend, mends
from maildns.audit.profiles import Profile, apply
from maildns.audit.result import Result, Status
from maildns.audit.score import Score, score


@dataclass(frozen=True, slots=True)
class Assessment:
    """
    One domain, judged by one profile; `results` are by topic, in the order to be shown.

    `zone` is the zone that it is in, empty where that could not be known.
    """

    domain: str
    zone: str
    profile: Profile
    at: datetime
    results: Mapping[str, tuple[Result, ...]]
    score: Score

    def all(self) -> Iterator[tuple[str, Result]]:
        """Every result with its topic."""
        for topic, found in self.results.items():
            for result in found:
                yield topic, result

    def having(self, *statuses: Status) -> list[Result]:
        """The results that count and have one of *statuses*."""
        return [one for _, one in self.all() if one.status in statuses and not one.note]

    @property
    def known(self) -> bool:
        """Anything at all could be known."""
        return bool(self.score.grade)

    @property
    def mends(self) -> list[Mend]:
        """The records that mend what is bad or could be better."""
        return mends(self.having(Status.BAD, Status.WARN))


def assess(audit: Audit, profile: Profile) -> Assessment:
    """Judge *audit* by *profile*."""
    seen = apply(profile, audit.results)
    found = [result for results in seen.values() for result in results]
    return Assessment(
        audit.domain,
        audit.facts.dns.zone.apex,
        profile,
        audit.facts.now,
        seen,
        score(found, profile.points),
    )

"""
The ladder to a strict policy: its steps, where a record stands on it, and since when.

Watch, quarantine in test mode, quarantine, reject (RFC 9989 section 8), then subdomains. Whether a
step is safe is said by `maildns.reports.advice`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from maildns.protocols import dmarc
from maildns.protocols.dmarc import DmarcRecord, Policy
from maildns.reports.model import PublishedPolicy
from maildns.reports.views import ReportSeen


def steps(top: DmarcRecord) -> list[DmarcRecord]:
    """
    The steps to *top*: watch, quarantine in test mode, quarantine, reject; the first is the mildest.

    `sp` and `np` never run ahead of `p`, but for `np=reject`, which `dmarc.ladder` explains.

    >>> [str(one)[10:] for one in steps(dmarc.build(policy="reject"))]
    ['p=none', 'p=quarantine; t=y', 'p=quarantine', 'p=reject']
    """
    plain = [one for one in dmarc.ladder(top) if not one.testing or one == top]
    made: list[DmarcRecord] = []
    for one in plain:
        if one.policy is Policy.QUARANTINE and not one.testing:
            made.append(replace(one, testing=True))
        made.append(one)
    return made


def next_step(now: DmarcRecord, goal: Policy = Policy.REJECT) -> DmarcRecord | None:
    """
    The first step stricter than *now* on the way to *goal*; None at the top.

    No step makes `sp` or `np` milder than they are. When `p` has arrived and `sp` has not, the step
    is the next one of `sp`. A share (`pct`) goes with the first step: receivers of RFC 9989 ignore it.
    """
    top = replace(now, policy=goal, testing=False, percent=None, published=())
    here = height(now)
    step = next((one for one in steps(top) if height(one) > here), None)
    if step is not None:
        return _never_milder(step, now)
    below = now.subdomain_policy
    if below is None or now.policy is None or below.rank >= now.policy.rank:
        return None
    risen = next(one for one in Policy if one.rank == below.rank + 1)
    last = risen is now.policy
    return replace(now, subdomain_policy=None if last else risen, percent=None, published=())


def _never_milder(step: DmarcRecord, now: DmarcRecord) -> DmarcRecord:
    """*step*, with an `sp` of today that is ahead of it."""
    ahead, there = now.subdomain_policy, step.for_subdomains
    if ahead is None or there is None or ahead.rank <= there.rank:
        return step
    return replace(step, subdomain_policy=ahead)


def height(record: DmarcRecord) -> tuple[int, bool]:
    """How strict `p` is, and whether it holds for all mail: neither tested nor for a share."""
    policy = record.policy or Policy.NONE
    whole = not record.testing and record.percent in {None, 100}
    return policy.rank, policy is Policy.NONE or whole


def record_seen(published: PublishedPolicy) -> DmarcRecord:
    """The record as far as a report tells of it; tags that nobody knows are left out."""
    tags = {
        "p": published.policy,
        "sp": published.subdomain_policy,
        "np": published.nonexistent_policy,
        "adkim": published.dkim_alignment,
        "aspf": published.spf_alignment,
        "t": published.testing,
        "pct": published.percent,
    }
    text = "; ".join(["v=DMARC1", *(f"{tag}={value}" for tag, value in tags.items() if value)])
    record = dmarc.read(text)
    if record is None or record.policy is None:
        return dmarc.build(policy="none")
    # Reporters repeat `sp`, `np` and `pct` where they say nothing of their own.
    below = record.subdomain_policy
    record = replace(record, subdomain_policy=None if below is record.policy else below)
    missing = record.nonexistent_policy
    shadow = missing is record.for_subdomains
    return replace(
        record,
        nonexistent_policy=None if shadow else missing,
        percent=None if record.percent == 100 else record.percent,
    )


def standing_since(now: DmarcRecord, reports: Sequence[ReportSeen]) -> date | None:
    """
    The first day from which on reports saw the step of *now*; None when the newest did not.

    A day counts where at least half of its reports did: a reporter may be late, or wrong for ever.
    """
    told: dict[date, list[bool]] = {}
    for report in reports:
        told.setdefault(report.begin.date(), []).append(_saw(report.published, now))
    since = None
    for day in sorted(told, reverse=True):
        if 2 * sum(told[day]) < len(told[day]):
            break
        since = day
    return since


def _saw(published: PublishedPolicy, now: DmarcRecord) -> bool:
    seen = record_seen(published)
    # Reports that do not know a tag cannot tell a test, or a share, from the real thing.
    blind = (now.testing and not published.testing) or (
        now.percent not in {None, 100} and not published.percent
    )
    same = height(seen) == height(now) or (blind and seen.policy is now.policy)
    return same and (seen.for_subdomains or seen.policy) is (now.for_subdomains or Policy.NONE)

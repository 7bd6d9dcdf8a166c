"""From the owner's wish to an MTA-STS policy, and from that to its record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols.mtasts.policy import MAX_AGE_SECONDS, Mode, StsPolicy, parse_policy
from maildns.protocols.mtasts.record import StsRecord

_USUAL_MAX_AGE = {
    Mode.ENFORCE: 1_209_600,  # two weeks: RFC 8461 section 3.2 wants weeks or more
    Mode.TESTING: 86_400,
    Mode.NONE: 86_400,  # RFC 8461 section 8.3: small, so that it is soon forgotten
}


def build_policy(
    *, mode: Mode | str = Mode.TESTING, mx: Iterable[str] = (), max_age: int | None = None
) -> StsPolicy:
    """
    Make a policy for the mail hosts *mx*, names or patterns such as `*.example.com`.

    International names become A-labels, doubles are dropped. *max_age* is in seconds; left
    out, it is two weeks, or a day where the mode does not enforce. Raises `UsageError` for
    an unknown mode, no host where the mode wants one, or an age out of range, and
    `RecordSyntaxError` for a host that is no name.

    >>> print(build_policy(mode="enforce", mx=["mx.example.com"]).max_age_seconds)
    1209600
    """
    try:
        wanted = Mode(mode)
    except ValueError:
        raise UsageError(f"{mode!r} is not a mode", "use testing, enforce or none") from None
    patterns = tuple(dict.fromkeys(_pattern(host) for host in mx))
    if not patterns and wanted is not Mode.NONE:
        raise UsageError(
            f"a policy with mode {wanted} names the mail hosts", "give at least one mx"
        )
    age = _USUAL_MAX_AGE[wanted] if max_age is None else max_age
    if not 0 <= age <= MAX_AGE_SECONDS:
        problem = f"max_age is from 0 to {MAX_AGE_SECONDS} seconds, not {age}"
        raise UsageError(problem, "two weeks are 1209600")
    policy = StsPolicy(wanted, age, patterns)
    try:
        return parse_policy(str(policy))
    except RecordSyntaxError as error:
        raise UsageError(f"such a policy cannot be written: {error.problem}") from None


def _pattern(host: str) -> str:
    return f"*.{name(host[2:])}" if host.startswith("*.") else name(host)


def build(policy: StsPolicy) -> StsRecord:
    """
    Make the record that announces *policy*.

    The id is drawn from the policy's text: it changes when the policy does, and only then.

    >>> len(build(build_policy(mx=["mx.example.com"])).id)
    20
    """
    # RFC 8461 section 3.1: 1 to 32 letters and digits, compared for equality alone.
    return StsRecord(hashlib.sha256(str(policy).encode()).hexdigest()[:20])

"""An MTA-STS record and policy in plain words."""

from __future__ import annotations

from maildns.protocols.mtasts.policy import Mode, StsPolicy
from maildns.protocols.mtasts.record import VERSION, StsRecord

_MODE = {
    Mode.ENFORCE: "senders do not deliver to a host that breaks the policy",
    Mode.TESTING: "senders deliver all the same, and report hosts that break the policy",
    Mode.NONE: "there is no policy any more; senders forget the one they have",
}
_DAY = 86_400


def explain(record: StsRecord) -> list[tuple[str, str]]:
    """Say what each field of *record* means, in order."""
    unknown = [
        (f"{key}={value}", "senders pass over this field") for key, value in record.extensions
    ]
    return [
        (VERSION, "there is an MTA-STS policy to fetch over HTTPS"),
        (f"id={record.id}", "which version of the policy; senders fetch it anew when this changes"),
        *unknown,
    ]


def explain_policy(policy: StsPolicy) -> list[tuple[str, str]]:
    """Say what each line of *policy* means, in order."""
    days = policy.max_age_seconds / _DAY
    unknown = [
        (f"{key}: {value}", "senders pass over this line") for key, value in policy.extensions
    ]
    return [
        ("version: STSv1", "an MTA-STS policy"),
        (f"mode: {policy.mode}", _MODE[policy.mode]),
        *((f"mx: {pattern}", _pattern(pattern)) for pattern in policy.mx),
        (f"max_age: {policy.max_age_seconds}", f"senders remember the policy for {days:g} days"),
        *unknown,
    ]


def _pattern(pattern: str) -> str:
    if pattern.startswith("*."):
        return f"mail goes to hosts one label below {pattern[2:]}"
    return "mail goes to this host"

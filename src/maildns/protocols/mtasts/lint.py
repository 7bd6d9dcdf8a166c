"""Advice on MTA-STS records and policies."""

from __future__ import annotations

from collections.abc import Iterable

from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols.mtasts.evaluate import policy_allows
from maildns.protocols.mtasts.policy import Mode, StsPolicy
from maildns.protocols.mtasts.record import StsRecord

_DAY = 86_400
_GOOD = "v=STSv1; id=20260601T000000;"

UNKNOWN_FIELD = rule(
    "mtasts-unknown-field",
    Severity.INFO,
    "a field is not known",
    help="""Senders pass over fields that they do not know. Most often it is a field of another
    record, or a slip of the pen, and what it was to say is not said. Remove it.""",
    reference="RFC 8461 section 3.1",
    bad="v=STSv1; id=1; rua=mailto:a@example.com",
    good=_GOOD,
)
UNKNOWN_LINE = rule(
    "mtasts-unknown-line",
    Severity.INFO,
    "a line of the policy is not known",
    help="""Senders pass over lines that they do not know. Look for a slip of the pen in its name,
    such as max-age for max_age.""",
    reference="RFC 8461 section 3.2",
)
SHORT_MAX_AGE = rule(
    "mtasts-short-max-age",
    Severity.WARN,
    "the policy is soon forgotten",
    help="""A policy protects for as long as senders remember it; whoever can keep it from being
    fetched for that long can go around it, and some senders pass over less than a day. While the
    policy enforces, let max_age be some weeks.""",
    reference="RFC 8461 section 3.2",
)
LONG_MAX_AGE = rule(
    "mtasts-long-testing",
    Severity.INFO,
    "a policy in testing is remembered for long",
    help="""While a policy is tried out it should be quick to change. Senders look at the id and
    fetch a changed policy soon, but only where they can; a day is a good max_age for testing.""",
    reference="RFC 8461 section 8.3",
)
TESTING = rule(
    "mtasts-testing",
    Severity.INFO,
    "the policy is only tried out",
    help="""In testing mode mail is delivered although a host breaks the policy; nothing is
    protected yet. When the TLS reports have been clean for some weeks, set mode to enforce.""",
    reference="RFC 8461 section 5",
)
OFF = rule(
    "mtasts-off",
    Severity.INFO,
    "the policy is switched off",
    help="""Mode none takes a policy back: senders forget what they remember. Keep it until the
    longest max_age ever published is over, then remove record and file.""",
    reference="RFC 8461 section 8.3",
)
WIDE_WILDCARD = rule(
    "mtasts-wide-wildcard",
    Severity.ERROR,
    "the wildcard covers hosts of strangers",
    help="""A pattern such as *.com lets a host of anyone below that top-level domain receive the
    domain's mail, so the policy protects from nothing. Name the hosts.""",
    reference="RFC 8461 section 4.1",
)
DOUBLE = rule(
    "mtasts-double-mx",
    Severity.INFO,
    "an mx line stands twice",
    help="""It does no harm, but shows that the file is kept by hand and apart from the MX records.
    Remove one of the two.""",
    reference="RFC 8461 section 3.2",
)
NOT_COVERED = rule(
    "mtasts-host-not-covered",
    Severity.ERROR,
    "a mail host is missing in the policy",
    help="""Senders that follow the policy do not deliver to a host that no mx line covers. If all
    hosts are missing, mail from them stops. Add the host to the policy, change the id, and only
    then use the host.""",
    reference="RFC 8461 section 4.1",
)


def lint(record: StsRecord, subject: str = "") -> list[Finding]:
    """Say what is risky in an MTA-STS record; *subject* is its owner's name."""
    says = "the field {} is not known; senders pass over it"
    fix = Fix("publish", str(StsRecord(record.id)))
    return [
        UNKNOWN_FIELD.finding(subject, says.format(key), fix=fix) for key, _ in record.extensions
    ]


def lint_policy(policy: StsPolicy, subject: str = "") -> list[Finding]:
    """Say what is wrong or risky in a policy; *subject* is its domain."""
    found = [
        UNKNOWN_LINE.finding(subject, f"the line {key} is not known; senders pass over it")
        for key, _ in policy.extensions
    ]
    found += _lint_age(policy, subject)
    if policy.mode is Mode.TESTING:
        found.append(TESTING.finding(subject))
    if policy.mode is Mode.NONE:
        found.append(OFF.finding(subject))
    for pattern in dict.fromkeys(policy.mx):
        if pattern.startswith("*.") and pattern.count(".") == 1:
            says = f"mx: {pattern} covers hosts of strangers"
            found.append(WIDE_WILDCARD.finding(subject, says))
        if policy.mx.count(pattern) > 1:
            found.append(DOUBLE.finding(subject, f"mx: {pattern} stands twice"))
    return found


def _lint_age(policy: StsPolicy, subject: str) -> list[Finding]:
    age = policy.max_age_seconds
    if policy.mode is Mode.ENFORCE and age < 7 * _DAY:
        says = f"max_age is {age} seconds; senders forget the policy within a week"
        fix = Fix("set max_age: 1209600")
        return [SHORT_MAX_AGE.finding(subject, says, fix=fix)]
    if policy.mode is Mode.TESTING and age > 7 * _DAY:
        fix = Fix("set max_age: 86400 while testing")
        return [LONG_MAX_AGE.finding(subject, fix=fix)]
    return []


def lint_coverage(policy: StsPolicy, hosts: Iterable[str], subject: str = "") -> list[Finding]:
    """Say which of a domain's mail *hosts* the policy does not cover."""
    severity = None if policy.mode is Mode.ENFORCE else Severity.WARN
    return [
        NOT_COVERED.finding(
            subject,
            f"no mx line covers {host}",
            fix=Fix(f"add the line mx: {host} to the policy"),
            severity=severity,
        )
        for host in hosts
        if not policy_allows(policy, host)
    ]

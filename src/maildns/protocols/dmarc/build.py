"""
Making DMARC records from plain arguments, and the ladder to a strict policy.

What is built is current: no `rf` or `ri`, no `pct` unless asked for, and `p` second.
Give an address for reports: a policy without them is flying blind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from maildns.dnsdata import name
from maildns.errors import MaildnsError, UsageError
from maildns.protocols.dmarc.record import Alignment, DmarcRecord, Policy, Psd, ReportUri, parse

# RFC 6068 section 2 and RFC 9989 section 4.8: all else in a mailto: is escaped.
_ESCAPED = re.compile(r"[^A-Za-z0-9._~+'*@=-]")


def build(  # noqa: PLR0913 - a record's tags are its arguments, all by keyword
    *,
    policy: str = "none",
    subdomain_policy: str | None = None,
    nonexistent_policy: str | None = None,
    reports_to: Iterable[str | ReportUri] = (),
    failure_reports_to: Iterable[str | ReportUri] = (),
    failure_options: Iterable[str] = (),
    testing: bool = False,
    dkim_alignment: str = "r",
    spf_alignment: str = "r",
    psd: str = "u",
    percent: int | None = None,
) -> DmarcRecord:
    """
    Make a record; addresses may be written bare or as URIs.

    *percent* is for receivers of RFC 7489 only, those of RFC 9989 ignore it.

    Raises `UsageError` for a value that the tag does not know, or an address
    that is none.

    >>> str(build(policy="reject", reports_to=["dmarc@example.com"]))
    'v=DMARC1; p=reject; rua=mailto:dmarc@example.com'
    """
    values: dict[str, Any] = {
        "policy": _member(Policy, policy),
        "subdomain_policy": _member(Policy, subdomain_policy) if subdomain_policy else None,
        "nonexistent_policy": _member(Policy, nonexistent_policy) if nonexistent_policy else None,
        "dkim_alignment": _member(Alignment, dkim_alignment),
        "spf_alignment": _member(Alignment, spf_alignment),
        "psd": _member(Psd, psd),
        "aggregate_reports_to": _report_uris(reports_to),
        "failure_reports_to": _report_uris(failure_reports_to),
        "failure_options": tuple(failure_options),
    }
    record = DmarcRecord(testing=testing, percent=percent, **values)
    if {"0", "1"} <= set(record.failure_options):  # RFC 9989 section 4.7, tag "fo"
        raise UsageError("failure options 0 and 1 exclude each other")
    try:
        return replace(parse(str(record)), published=())
    except MaildnsError as error:
        raise UsageError(str(error)) from None


def record_name(domain: str) -> str:
    """
    Where the record of *domain* stands (RFC 9989 section 4.6).

    Raises `RecordSyntaxError` when that is not a name.

    >>> record_name("Example.com.")
    '_dmarc.example.com'
    """
    return name(f"_dmarc.{name(domain)}")


def _member(kind: Any, value: str) -> Any:
    try:
        return kind(value.lower())
    except ValueError:
        options = ", ".join(member.value for member in kind)
        raise UsageError(f"{value!r} is not one of {options}") from None


def _report_uris(wanted: Iterable[str | ReportUri]) -> tuple[ReportUri, ...]:
    if isinstance(wanted, str):
        raise UsageError("give a list of addresses", hint=f"[{wanted!r}]")
    uris = (one if isinstance(one, ReportUri) else report_uri(one) for one in wanted)
    return tuple(dict.fromkeys(uris))


def report_uri(address: str) -> ReportUri:
    """
    Make the URI of a mail address; one that is a URI already is kept.

    A `,`, `!` or `;` in it is escaped, and an international domain written in
    A-labels (RFC 9989 section 4.8).

    Raises `UsageError` when it is neither.

    >>> str(report_uri("dmarc,reports@example.com"))
    'mailto:dmarc%2Creports@example.com'
    """
    scheme, colon, rest = address.strip().partition(":")
    if colon and scheme.lower() != "mailto" and "@" not in scheme:
        escaped = re.sub(r"[,!;\s]", lambda match: f"%{ord(match[0]):02X}", rest)
        return ReportUri(f"{scheme.lower()}:{escaped}")
    written = rest if colon and scheme.lower() == "mailto" else address.strip()
    local, at, host = written.rpartition("@")
    if not (local and at and host):
        raise UsageError(f"{address!r} is not a mail address")
    try:
        host = name(host)
    except MaildnsError:
        raise UsageError(f"{address!r} is not a mail address: its domain is no name") from None
    if colon:  # it is a URI already: only what would break the record is escaped
        local = re.sub(r"[,!;\s]", lambda match: f"%{ord(match[0]):02X}", local)
        return ReportUri(f"mailto:{local}@{host}")
    return ReportUri(f"mailto:{_ESCAPED.sub(_percent, local)}@{host}")


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in match[0].encode())


def ladder(record: DmarcRecord) -> list[DmarcRecord]:
    """
    The steps from watching to the policy of *record*, mildest first.

    `none`, then `quarantine`, then `reject` in test mode, then `reject`; a goal
    below that ends earlier. `sp` and `np` never run ahead of the step, except
    that a goal of `np=reject` stands from the start: a name that does not exist
    sends no mail that could be lost.

    >>> [str(step) for step in ladder(build(policy="reject", reports_to=["a@example.com"]))][2]
    'v=DMARC1; p=reject; t=y; rua=mailto:a@example.com'
    """
    goal = record.policy or Policy.NONE
    steps = [_step(record, one, testing=False) for one in Policy if one.rank < goal.rank]
    if goal is Policy.REJECT and not record.testing:
        steps.append(_step(record, goal, testing=True))
    return [*steps, record]


def _step(record: DmarcRecord, policy: Policy, *, testing: bool) -> DmarcRecord:
    below = record.subdomain_policy
    return replace(
        record,
        policy=policy,
        testing=testing,
        subdomain_policy=min(below, policy, key=lambda one: one.rank) if below else None,
        percent=None,
    )

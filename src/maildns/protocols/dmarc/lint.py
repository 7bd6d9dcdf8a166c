"""
Advice on one DMARC record (RFC 9989), seen alone.

What needs the DNS to know (whether a report address has agreed, whether a
subdomain exists) is not looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

from maildns.errors import RecordSyntaxError
from maildns.finding import Finding, Fix
from maildns.protocols.dmarc import rules
from maildns.protocols.dmarc.record import (
    KNOWN_TAGS,
    DmarcRecord,
    Policy,
    Psd,
    ReportUri,
    parse,
    read_leniently,
)

_Check = Callable[[DmarcRecord, str], Iterator[Finding]]


def lint(record: DmarcRecord, subject: str = "") -> list[Finding]:
    """
    Say what is wrong or risky in *record*, which stands at *subject*.

    >>> [finding.rule for finding in lint(parse("v=DMARC1; p=reject; pct=50"))]
    ['dmarc-percent-partial', 'dmarc-no-reports']
    """
    return [finding for check in _CHECKS for finding in check(record, subject)]


def lint_text(text: str, subject: str = "") -> list[Finding]:
    """
    Like `lint`, for a text that may break the grammar: then that is the finding, with the mend.

    What receivers would still make of it is linted too.
    """
    try:
        return lint(parse(text), subject)
    except RecordSyntaxError as error:
        fix = _mend(text)
        reading = read_leniently(text)
        rule = rules.SYNTAX if reading else rules.NOT_A_RECORD
        says = f"{error.problem}; receivers " + (
            f"ignore {', '.join(reading.dropped) or 'the faulty part'}"
            if reading
            else "ignore the whole record"
        )
        found = [rule.finding(subject, says, fix=fix, span=error.span)]
        if reading:
            found += lint(reading.record, subject)
        return found


@cache
def _mends() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Slips of the pen and their mends; compiled when the first text is refused."""
    return (
        (re.compile(r"^[\s\"']+|[\s\"']+$"), ""),  # quotes and white space around it
        (re.compile(r"\\;"), ";"),  # escapes meant for a zone file
        (re.compile(r"^v\s*=\s*dmarc\s*1\s*[;,]?", re.IGNORECASE), "v=DMARC1;"),
        (re.compile(r"(rua|ruf)(\s*=\s*)(?=[^\s:;,]+@)"), r"\1\2mailto:"),
        (re.compile(r",(\s*)(?=[^\s:;,]+@)"), r",\1mailto:"),
        (re.compile(r"mailto:\s+|mailto:/+"), "mailto:"),
        (re.compile(r";(?:\s*;)+"), ";"),
    )


def _mend(text: str) -> Fix | None:
    """The record that was probably meant; None when no small change gives one."""
    mended = text[:2000]
    for pattern, replacement in _mends():
        mended = pattern.sub(replacement, mended)
    try:
        return Fix("publish", str(replace(parse(mended), published=())))
    except RecordSyntaxError:
        return None


def _policy_missing(record: DmarcRecord, subject: str) -> Iterator[Finding]:
    if record.policy is None:
        fix = Fix("add p=none", str(replace(record, policy=Policy.NONE)))
        yield rules.POLICY_MISSING.finding(subject, fix=fix)
    elif record.published[1:2] not in {(), ("p",), ("P",)}:
        fix = Fix("put p right after v", str(record))
        says = f"{record.published[1]} stands before p"
        yield rules.POLICY_NOT_SECOND.finding(subject, says, fix=fix)


def _policy_weak(record: DmarcRecord, subject: str) -> Iterator[Finding]:
    if record.policy is Policy.NONE:
        yield rules.POLICY_NONE.finding(subject)
    for tag, policy in (("sp", record.subdomain_policy), ("np", record.nonexistent_policy)):
        if policy and record.policy and policy.rank < record.policy.rank:
            rule = rules.SUBDOMAINS_WEAKER if tag == "sp" else rules.NONEXISTENT_WEAKER
            yield rule.finding(subject, f"{tag}={policy} is weaker than p={record.policy}")
    below = record.for_subdomains
    strictest = record.nonexistent_policy
    if strictest and below and strictest.rank > below.rank and record.policy is not Policy.NONE:
        says = f"np={strictest} is stricter than what holds for existing subdomains ({below})"
        yield rules.NONEXISTENT_STRICTER.finding(subject, says)


def _testing(record: DmarcRecord, subject: str) -> Iterator[Finding]:
    if not record.testing:
        return
    asked = {record.policy, record.subdomain_policy, record.nonexistent_policy} - {None}
    idle = asked <= {Policy.NONE}
    yield (rules.TESTING_IDLE if idle else rules.TESTING).finding(subject)


def _percent(record: DmarcRecord, subject: str) -> Iterator[Finding]:
    if record.percent is None:
        return
    without = Fix("leave pct out", str(replace(record, percent=None)))
    if 0 < record.percent < 100:
        says = f"pct={record.percent} counts for older receivers only; newer ones apply the policy to all mail"
        yield rules.PERCENT_PARTIAL.finding(subject, says, fix=without)
    elif record.percent == 0 and not record.testing and record.policy is not Policy.NONE:
        says = "pct=0 meant a test; newer receivers apply the policy to all mail"
        fix = Fix("say t=y", str(replace(record, percent=None, testing=True)))
        yield rules.PERCENT_PARTIAL.finding(subject, says, fix=fix)
    elif not record.testing:
        yield rules.HISTORIC_TAG.finding(subject, "pct is historic", fix=without)


def _historic(record: DmarcRecord, subject: str) -> Iterator[Finding]:
    tags = [
        tag
        for tag, value in (("ri", record.report_interval), ("rf", record.report_format or None))
        if value is not None
    ]
    if tags:
        fix = Fix("leave them out", str(replace(record, report_interval=None, report_format=())))
        yield rules.HISTORIC_TAG.finding(subject, f"historic: {', '.join(tags)}", fix=fix)


def _failure_options(record: DmarcRecord, subject: str) -> Iterator[Finding]:
    options = record.failure_options
    if options and not record.failure_reports_to:
        fix = Fix("leave fo out, or add ruf", str(replace(record, failure_options=())))
        yield rules.FAILURE_OPTIONS_IDLE.finding(subject, fix=fix)
    if {"0", "1"} <= set(options) or len(set(options)) < len(options):
        kept = tuple(one for one in dict.fromkeys(options) if one != "0" or "1" not in options)
        fix = Fix("keep one of them", str(replace(record, failure_options=kept)))
        says = f"fo={':'.join(options)}: 0 and 1 exclude each other, and none may stand twice"
        yield rules.FAILURE_OPTIONS_CLASH.finding(subject, says, fix=fix)


def _reports(record: DmarcRecord, subject: str) -> Iterator[Finding]:
    if not record.aggregate_reports_to:
        asked = {record.policy, record.subdomain_policy, record.nonexistent_policy}
        weak = asked <= {None, Policy.NONE}
        yield (rules.NO_REPORTS_AT_NONE if weak else rules.NO_REPORTS).finding(subject)
    for tag, uris in (("rua", record.aggregate_reports_to), ("ruf", record.failure_reports_to)):
        if len(uris) > 2:
            says = f"{tag} names {len(uris)} addresses; older receivers serve only the first two"
            yield rules.MANY_REPORT_ADDRESSES.finding(subject, says)
        if len({uri.uri.lower() for uri in uris}) < len(uris):
            yield rules.REPORT_ADDRESS_TWICE.finding(subject, f"{tag} names one address twice")
        for uri in uris:
            yield from _report_uri(uri, tag, record, subject)


def _report_uri(uri: ReportUri, tag: str, record: DmarcRecord, subject: str) -> Iterator[Finding]:
    if uri.size_limit is not None:
        fix = Fix("leave the size out", str(_without_sizes(record)))
        yield rules.REPORT_SIZE.finding(subject, f"{uri}: newer receivers ignore the size", fix=fix)
    if uri.scheme != "mailto":
        yield rules.REPORT_SCHEME.finding(
            subject, f"{tag}={uri}: receivers must support only mailto:"
        )


def _without_sizes(record: DmarcRecord) -> DmarcRecord:
    return replace(
        record,
        aggregate_reports_to=tuple(ReportUri(one.uri) for one in record.aggregate_reports_to),
        failure_reports_to=tuple(ReportUri(one.uri) for one in record.failure_reports_to),
    )


def _public_suffix(record: DmarcRecord, subject: str) -> Iterator[Finding]:
    if record.psd is Psd.YES:
        yield rules.PUBLIC_SUFFIX.finding(subject)


def _spelling(record: DmarcRecord, subject: str) -> Iterator[Finding]:
    for tag, _ in record.unknown[:20]:  # enough said; the text may be hostile
        from difflib import get_close_matches

        near = get_close_matches(tag.lower(), KNOWN_TAGS, n=3, cutoff=0.5)
        near.sort(key=lambda known: sorted(known) != sorted(tag.lower()))  # swapped letters first
        says = f"{tag[:30]} is not a DMARC tag" + (f"; {near[0]} is" if near else "")
        yield rules.UNKNOWN_TAG.finding(subject, says)
    shouted = [tag for tag in record.published if tag.lower() in KNOWN_TAGS and tag != tag.lower()]
    if shouted:
        fix = Fix("write tag names in lower case", str(record))
        yield rules.UPPER_CASE_TAG.finding(subject, f"upper case: {', '.join(shouted)}", fix=fix)


_CHECKS: tuple[_Check, ...] = (
    _policy_missing,
    _policy_weak,
    _testing,
    _percent,
    _historic,
    _failure_options,
    _reports,
    _public_suffix,
    _spelling,
)

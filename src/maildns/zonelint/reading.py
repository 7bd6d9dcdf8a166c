"""Whatever text is handed in: a zone, records line by line, or one record; each linted in its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maildns.dnsdata import Mx, Txt, labels
from maildns.finding import Finding, Severity
from maildns.recognise import (
    KINDS,
    Recognised,
    findings_of,
    is_zone_line,
    kind_named,
    recognise,
    recognise_rdata,
)
from maildns.zonefile import ZoneRecord, parse_records
from maildns.zonelint import rules
from maildns.zonelint.checks import CHECKS, begins, several
from maildns.zonelint.facts import ZoneFacts


@dataclass(frozen=True, slots=True)
class Linted:
    """
    One record and what is wrong with it.

    `kind` is the id of a `maildns.recognise.Kind`, empty for a record that only the
    zone's rules have something to say of. Spans of findings point into `text`.
    """

    subject: str
    kind: str
    rrtype: str
    text: str
    findings: tuple[Finding, ...]
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was linted, in the order of the text; `skipped` counts what is no mail record."""

    linted: tuple[Linted, ...]
    skipped: int = 0

    @property
    def findings(self) -> list[Finding]:
        """All findings, in order."""
        return [finding for one in self.linted for finding in one.findings]


def lint_zone(text: str, *, origin: str = ".", path: Path | str | None = None) -> Report:
    """
    Lint every mail record of a zone text where it stands, then the sets and the zone.

    Raises `InputError` with the line where the text is not zone text.
    """
    records = parse_records(text, origin, path=path)
    zone = ZoneFacts(text, records)
    seen = _recognised(zone)
    found = [_own(record, one) for record, one in zip(records, seen, strict=True)]
    for at, finding in _of_sets(zone, seen, found):
        found[at].append(finding)
    for check in CHECKS:
        for at, finding in check(zone, seen):
            found[at].append(finding)
    linted = tuple(
        Linted(
            record.owner,
            one.kind.id if one.kind else "",
            record.rdata.rrtype,
            one.text,
            tuple(_without_consequences(findings)),
            record.line,
        )
        for record, one, findings in zip(records, seen, found, strict=True)
        if one.kind is not None or findings
    )
    return Report(linted, len(records) - len(linted))


def _recognised(zone: ZoneFacts) -> list[Recognised]:
    """What each record is; what stands there for other purposes is of no kind."""
    hosts = {record.rdata.host for record in zone.records if isinstance(record.rdata, Mx)}
    seen = [recognise_rdata(record.rdata, record.owner) for record in zone.records]
    sound = {(zone.records[at].owner, one.kind) for at, one in enumerate(seen) if begins(one)}
    for at, one in enumerate(seen):
        owner = zone.records[at].owner
        # Receivers pass over foreign texts beside the record that they look for.
        foreign = one.error is not None and not begins(one) and (owner, one.kind) in sound
        if foreign or (one.kind is KINDS["addresses"] and owner not in hosts):
            seen[at] = replace(one, kind=None, error=None)
    return seen


def _own(record: ZoneRecord, seen: Recognised) -> list[Finding]:
    found = findings_of(seen, record.owner)
    if seen.kind is KINDS["dane"] and not _is_mail_port(record.owner):
        return [finding for finding in found if finding.severity is Severity.ERROR]
    return found


def _is_mail_port(owner: str) -> bool:
    """Whether RFC 7672's stricter rules hold for TLSA records at *owner*."""
    head = labels(owner)[0]
    return head in {"_25", "*"} or not re.fullmatch(r"_\d+", head)


def _of_sets(
    zone: ZoneFacts, seen: Sequence[Recognised], found: Sequence[Sequence[Finding]]
) -> list[tuple[int, Finding]]:
    """What the protocols say of a set beyond what they say of each of its records."""
    more = []
    for (owner, _), places in zone.sets.items():
        kind = seen[places[0]].kind
        lint_rrset = kind.room("lint_rrset") if kind is not None else None
        if lint_rrset is None or (kind is KINDS["dane"] and not _is_mail_port(owner)):
            continue
        known = {finding for at in places for finding in found[at]}
        of_set = lint_rrset([zone.records[at].rdata for at in places], owner)
        more += [(places[0], finding) for finding in of_set if finding not in known]
    return more


_CAUSES = {rules.RUN_TOGETHER.id, rules.SEMICOLON.id}


def _without_consequences(findings: Sequence[Finding]) -> Sequence[Finding]:
    """Of a text that was published otherwise than it was meant, what it lacks is no news."""
    if not any(finding.rule in _CAUSES for finding in findings):
        return findings
    return [finding for finding in findings if finding.rule.startswith("zone-")]


def lint_any(
    text: str, *, name: str = "", rrtype: str = "", path: Path | str | None = None
) -> Report:
    r"""
    Lint *text*, whatever it is: a zone file, a policy file, one record, or a record a line.

    *name* is the owner of a record, or the origin of a zone; *rrtype* a record type or
    the id of a kind. Raises `InputError` where the text can only be a zone and is not one.

    >>> [one.kind for one in lint_any("v=spf1 -all\n10 mail.example.com.").linted]
    ['spf', 'mx']
    """
    lines = [line for line in text.splitlines() if not _is_empty(line)]
    first = lines[0] if lines else ""
    kind = kind_named(rrtype)
    if recognise(text[:2000]).kind is KINDS["mtasts-policy"] or _is_one(kind, lines):
        return _of_one(text.strip("\r\n") if len(lines) == 1 else text, name, rrtype)
    if kind is None and (first.startswith("$") or is_zone_line(first)):
        return lint_zone(text, origin=name or ".", path=path)
    if rrtype or recognise(first, name=name).kind is not None or len(lines) == 1:
        reports = [_of_one(line, name, rrtype) for line in lines]
        linted = [one for report in reports for one in report.linted]
        if name:
            linted = _with_several(linted, name)
        return Report(tuple(linted), sum(report.skipped for report in reports))
    return lint_zone(text, origin=name or ".", path=path)


def _is_empty(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith((";", "#", "//"))


def _is_one(kind: object, lines: Sequence[str]) -> bool:
    """Whether all lines are one record: a policy file, or a key in strings over several lines."""
    if kind is KINDS["mtasts-policy"]:
        return True
    if len(lines) < 2 or recognise(lines[0]).kind is not KINDS["dkim"]:
        return False
    return all(re.fullmatch(r'\s*"[A-Za-z0-9+/=;\s]*"\s*\)?\s*', line) for line in lines[1:])


def _with_several(linted: Sequence[Linted], name: str) -> list[Linted]:
    """Texts that all stand at *name*, as `dig +short` prints them: is one there too often?"""
    found = list(linted)
    texts = [at for at, one in enumerate(found) if one.rrtype == "TXT" and one.line is None]
    records = [
        ZoneRecord(name, 0, Txt.of(found[at].text), 1, 1, ttl_is_written=False) for at in texts
    ]
    zone = ZoneFacts("", records)
    for place, finding in several(zone, [recognise_rdata(r.rdata, name) for r in records]):
        one = found[texts[place]]
        found[texts[place]] = replace(one, findings=(*one.findings, finding))
    return found


def _of_one(text: str, name: str, rrtype: str) -> Report:
    if not rrtype and is_zone_line(text):
        return lint_zone(text, origin=name or ".")
    seen = recognise(text, name=name, rrtype=rrtype)
    if seen.kind is None:
        return Report((), 1)
    subject = seen.name or seen.kind.title
    found = tuple(findings_of(seen, subject))
    return Report((Linted(subject, seen.kind.id, seen.kind.rrtype, seen.text, found),))

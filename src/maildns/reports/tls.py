"""
TLS reports (RFC 8460): how it went for those who wanted to send to us over TLS.

JSON of which every value may be missing or of the wrong type. What leaves no doubt is read, and
is an oddity; what spoils a value costs that value; what is no such report is refused.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from maildns.errors import ReportError
from maildns.reports.cleaning import Oddities, clean, domain_name, shown
from maildns.reports.effort import Effort, json_pieces_of
from maildns.reports.limits import LIMITS, Limits
from maildns.reports.model import ReportHead, ReportKind, TlsFailure, TlsPolicy, TlsReport
from maildns.reports.reading import MOST_MESSAGES, address, period
from maildns.reports.times import moment, spelled_out
from maildns.reports.unwrapping import Payload, first_payload

MOST_STRINGS = 100  # of the policy itself, and of its hosts
_TYPES = {"tlsa", "sts", "no-policy-found"}
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_WIDE = {b"{\0": "utf-16-le", b"\0{": "utf-16-be"}
_LONGEST_NUMBER = 18
_Object = Mapping[str, Any]


def parse_tls(data: bytes, limits: Limits = LIMITS) -> TlsReport:
    """
    Read a TLS report (RFC 8460 section 4.4): bytes of JSON, gzip, zip, or a whole mail.

    Of several in one mail or zip file it is the first. What was wrong and could be overlooked is in
    `head.oddities`: times without a zone, counts as text, one value where a list belongs. Raises
    ReportError for what is no such report, or is larger or deeper than *limits*.

    >>> parse_tls(b'{"date-range": {"start-datetime": "2026-05-04T00:00:00"}, "policies": []}').head.begin
    datetime.datetime(2026, 5, 4, 0, 0, tzinfo=datetime.timezone.utc)
    """
    return read_tls(first_payload(data, ReportKind.TLS, limits), limits)


def read_tls(payload: Payload, limits: Limits = LIMITS) -> TlsReport:
    """Read the report in *payload*; raises ReportError as `parse_tls` does."""
    oddities = Oddities()
    text = _text(payload.octets(limits.json_octets), oddities)
    told = _json(text, limits, payload.effort)
    if not isinstance(told, dict) or "policies" not in told:
        raise ReportError("it has no policies, so it is no TLS report (RFC 8460 section 4.4)")
    begin, end = _period(told, oddities)
    policies = tuple(_policies(told, oddities, limits))
    organization, report_id = _word(told, "organization-name"), _word(told, "report-id")
    contact = _word(told, "contact-info")
    for name, value in (("organization-name", organization), ("report-id", report_id)):
        if not value:
            oddities.add(f"no {name}")
    head = ReportHead(
        organization or domain_name(contact),
        report_id,
        begin,
        end,
        contact,
        oddities=oddities.told(),
    )
    return TlsReport(head, policies)


def _text(octets: bytes, oddities: Oddities) -> str:
    mark = next((one for one in _MARKS if octets.startswith(one)), b"")
    encoding = _MARKS.get(mark) or _WIDE.get(octets.lstrip()[:2], "utf-8")
    octets = octets[len(mark) :]
    try:
        return octets.decode(encoding)
    except UnicodeDecodeError:
        oddities.add("octets that are no characters of its encoding")
        return octets.decode(encoding, "replace")


def _json(text: str, limits: Limits, effort: Effort) -> object:
    """Parse *text*, once it is known to be neither too deep nor too much."""
    if text.count(",") + text.count("[") + text.count("{") > limits.json_values:
        raise ReportError(f"the JSON has more than {limits.json_values} values")
    effort.spend(json_pieces_of(text))
    depth = 0
    for token in _STRUCTURE.finditer(text):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth > limits.depth:
            raise ReportError(f"the JSON nests deeper than {limits.depth}")
    try:
        # strict=False: line breaks within texts, as some write them.
        told: object = json.JSONDecoder(parse_int=_whole, strict=False).decode(
            text.strip("\0 \t\r\n")
        )
    except json.JSONDecodeError as error:
        raise ReportError(
            f"not well-formed JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    return told


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits


def _period(told: _Object, oddities: Oddities) -> tuple[datetime, datetime]:
    span = _object(told, "date-range")
    return period(_word(span, "start-datetime"), _word(span, "end-datetime"), _moment, oddities)


def _moment(text: str, oddities: Oddities) -> datetime | None:
    """Read a time of RFC 3339, with what reporters leave out of it."""
    read = spelled_out(text)
    if read is None:
        return moment(text, oddities) if text.isdigit() else None
    if re.search(r"[0-9]\Z", text) and not re.search(r"[+-][0-9:]{4,6}\Z", text[10:]):
        oddities.add("a time without a zone; taken as UTC")
    return read


def _policies(told: _Object, oddities: Oddities, limits: Limits) -> Iterator[TlsPolicy]:
    policies = _list(told, "policies", oddities)
    if len(policies) > limits.policies:
        raise ReportError(f"it has more than {limits.policies} policies")
    if not policies:
        oddities.add("no policies")
    failures = 0
    for one in policies:
        if not isinstance(one, dict):
            oddities.add("a policy that is no object")
            continue
        policy = _policy(one, oddities, limits.failures - failures)
        failures += len(policy.failures)
        yield policy


def _policy(one: _Object, oddities: Oddities, most: int) -> TlsPolicy:
    policy = _object(one, "policy") or one  # some leave the object around them out
    summary = _object(one, "summary")
    kind = _word(policy, "policy-type").lower()
    if kind not in _TYPES:  # RFC 8460 section 4.4
        oddities.add(f"policy-type is {shown(kind)}" if kind else "no policy-type")
    domain = domain_name(_word(policy, "policy-domain"))
    if not domain:
        oddities.add("a policy without policy-domain")
    details = _list(one, "failure-details", oddities)
    if len(details) > most:
        raise ReportError("it has more failures than any report")
    failures = tuple(_failure(each, oddities) for each in details if isinstance(each, dict))
    if len(failures) < len(details):
        oddities.add("a failure that is no object")
    # RFC 8460 erratum 6241: mx-host is a list; before, it was one text
    hosts = _words(policy, "mx-host", oddities) or _words(policy, "mx-host-pattern", oddities)
    return TlsPolicy(
        kind,
        domain,
        _words(policy, "policy-string", oddities),
        tuple(domain_name(host) for host in hosts),
        _count(summary, "total-successful-session-count", oddities),
        _count(summary, "total-failure-session-count", oddities),
        failures,
    )


def _failure(detail: _Object, oddities: Oddities) -> TlsFailure:
    kind = _word(detail, "result-type").lower()
    if not kind:
        oddities.add("a failure without result-type")
    return TlsFailure(
        kind,
        _count(detail, "failed-session-count", oddities),
        _address(detail, "sending-mta-ip", oddities),
        domain_name(_word(detail, "receiving-mx-hostname")),
        domain_name(_word(detail, "receiving-mx-helo")),
        _address(detail, "receiving-ip", oddities),
        _word(detail, "additional-information") or _word(detail, "additional-info-uri"),
        _word(detail, "failure-reason-code") or _word(detail, "failure-error-code"),
    )


def _object(parent: _Object, name: str) -> _Object:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _list(parent: _Object, name: str, oddities: Oddities) -> list[Any]:
    value = parent.get(name)
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return value
    oddities.add(f"{name} is not a list")
    return [value]


def _word(parent: _Object, name: str) -> str:
    """Give a value as one text, clean; empty where it is none."""
    value = parent.get(name)
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return clean(str(value))


def _words(parent: _Object, name: str, oddities: Oddities) -> tuple[str, ...]:
    values = parent.get(name)
    if isinstance(values, str) and "\n" in values:  # a whole policy file
        values = values.splitlines()
    several = values if isinstance(values, list) else [values]
    if len(several) > MOST_STRINGS:
        oddities.add(f"{name} has more than {MOST_STRINGS} values; the rest left out")
    words = (clean(one) for one in several[:MOST_STRINGS] if isinstance(one, str))
    return tuple(word for word in words if word)


def _address(detail: _Object, name: str, oddities: Oddities) -> str:
    word = _word(detail, name)
    return address(word, oddities, name) if word else ""


def _count(parent: _Object, name: str, oddities: Oddities) -> int:
    """Read how many sessions; 0 where that cannot be believed."""
    value = parent.get(name)
    if value is None:
        oddities.add(f"no {name}")
        return 0
    whole = value if isinstance(value, int) and not isinstance(value, bool) else _counted(value)
    if whole is None or not 0 <= whole <= MOST_MESSAGES:
        said = str(value) if isinstance(value, str | int | float) else type(value).__name__
        oddities.add(f"{name} is {shown(said)}; counts for no session")
        return 0
    if whole is not value:
        oddities.add(f"{name} is not written as a whole number")
    return whole


def _counted(value: object) -> int | None:
    if isinstance(value, float):
        return int(value) if value.is_integer() else None  # not for infinity or NaN either
    word = value.strip() if isinstance(value, str) else ""
    return int(word) if re.fullmatch(r"[0-9]{1,9}", word) else None

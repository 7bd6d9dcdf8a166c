"""
DMARC failure reports (RFC 9991, RFC 6591): one message that failed, in the Abuse Reporting Format (RFC 5965).

Such a report is about a person's mail. Unless it is asked for, nothing is given that tells who
wrote to whom or what about: of addresses only the domains, no subject, no body, and only those
header fields that explain why the message failed. `maildns.reports.redaction` does that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.message import Message
from email.parser import BytesHeaderParser

from maildns.errors import ReportError
from maildns.reports.cleaning import Oddities, clean, domain_name, shown
from maildns.reports.effort import Effort
from maildns.reports.limits import LIMITS, Limits
from maildns.reports.mime import MAX_HEADER, Part, leaves, split_mail
from maildns.reports.model import FailureReport, ReportKind
from maildns.reports.reading import address
from maildns.reports.redaction import redacted_feedback, redacted_field
from maildns.reports.times import spelled_out
from maildns.reports.unwrapping import FAILURE_PROSE, Payload, first_payload

MOST_FIELDS = 200
_LONGEST = 2048
_Fields = list[tuple[str, str]]
_PROSE_FIELD = re.compile(r"^[ \t]{0,8}([A-Z][A-Za-z ]{2,30}):[ \t]*(.{0,300})$", re.MULTILINE)
_PROSE_COPY = re.compile(r"^---.*copy of the headers", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_PROSE = 64 << 10
_PROSE_NAMES = {
    "sender domain": "reported-domain",
    "sender ip address": "source-ip",
    "received date": "arrival-date",
}


def parse_failure(data: bytes, limits: Limits = LIMITS, *, personal: bool = False) -> FailureReport:
    """
    Read a DMARC failure report: bytes of a mail, which may be packed.

    Unless *personal* data is asked for it is redacted, and cannot be had back from the result.
    Raises ReportError for what is no such report: none of an authentication failure, or one that
    does not say which domain it is about.
    """
    return read_failure(first_payload(data, ReportKind.FAILURE, limits), limits, personal=personal)


def read_failure(
    payload: Payload, limits: Limits = LIMITS, *, personal: bool = False
) -> FailureReport:
    """Read the report in *payload*; raises ReportError as `parse_failure` does."""
    octets = payload.octets(limits.input_octets)
    outer, _ = split_mail(octets, payload.effort)
    feedback, original = _parts(octets, limits, payload.effort)
    told = {name: value for name, value in reversed(feedback) if value}
    kind = told.get("feedback-type", "auth-failure").lower()
    if kind != "auth-failure":  # RFC 6591 section 3.1
        raise ReportError(f"it is feedback of type {shown(kind)}, not of an authentication failure")
    domain = _reported_domain(told, original)
    if not domain:
        raise ReportError("it does not say which domain it is about")
    said = redacted_feedback if not personal else _as_it_is
    shown_fields = original if personal else list(_redacted(original))
    first = {name.lower(): value for name, value in reversed(shown_fields)}
    return FailureReport(
        tuple((name, said(name, value)) for name, value in feedback),
        _arrived(told, outer),
        address(told.get("source-ip", "").partition(" ")[0], Oddities()),
        domain,
        told.get("auth-failure", "").lower(),
        told.get("delivery-result", "").lower(),
        told.get("identity-alignment", "").lower(),
        domain_name(told.get("dkim-domain", "")),
        domain_name(told.get("dkim-selector", "")),
        told.get("spf-dns", ""),
        said("original-mail-from", told.get("original-mail-from", "")),
        said("original-rcpt-to", told.get("original-rcpt-to", "")),
        first.get("subject", ""),
        first.get("message-id", "") or told.get("message-id", ""),
        tuple(shown_fields),
        not personal,
    )


def _as_it_is(_: str, value: str) -> str:
    return value


def _parts(octets: bytes, limits: Limits, effort: Effort) -> tuple[_Fields, _Fields]:
    """Give the fields of the report, and those of the message that it is about (RFC 5965 section 2)."""
    feedback: _Fields | None = None
    original: _Fields = []
    prose: Part | None = None
    for part in leaves(octets, limits, effort):
        if part.type == "message/feedback-report" and feedback is None:
            feedback = [(name.lower(), value) for name, value in _fields(part.octets())]
        elif part.type in {"message/rfc822", "text/rfc822-headers"} and not original:
            original = _fields(part.octets())
        elif part.type == "text/plain" and prose is None:
            prose = part
    if feedback is not None:
        return feedback, original
    if prose is not None and FAILURE_PROSE.search(prose.octets()[:_PROSE]):
        return _from_prose(prose.octets())
    raise ReportError("it has no part of type message/feedback-report (RFC 5965 section 2)")


def _fields(octets: bytes) -> _Fields:
    """Give header fields as they come, unfolded; what follows the first blank line is let go."""
    start = octets.lstrip(b"\r\n")[:MAX_HEADER]
    header: Message = BytesHeaderParser().parsebytes(start)
    pairs = list(header.raw_items())[:MOST_FIELDS]
    return [(clean(name, 80), clean(str(value), _LONGEST)) for name, value in pairs]


def _from_prose(octets: bytes) -> tuple[_Fields, _Fields]:
    """Read what some gateways write in words, before a copy of the header fields."""
    text = octets[:MAX_HEADER].decode("utf-8", "replace").replace("\r\n", "\n")
    copy = _PROSE_COPY.search(text)
    blank = _BLANK_LINE.search(text, copy.end()) if copy else None
    prose = text[: copy.start() if copy else _PROSE]
    said = {name.lower(): clean(value) for name, value in _PROSE_FIELD.findall(prose)}
    feedback = [("feedback-type", "auth-failure"), ("auth-failure", "dmarc")]
    feedback += [(field, said[name]) for name, field in _PROSE_NAMES.items() if name in said]
    failed = [name for name in ("spf", "dkim") if said.get(f"{name} alignment", "").lower() == "no"]
    feedback.append(("identity-alignment", ", ".join(failed) or "none"))
    feedback.append(("delivery-result", _delivered(said.get("dmarc results", "").lower())))
    return feedback, _fields(text[blank.end() :].encode()) if blank else []


def _delivered(said: str) -> str:
    """Give the Delivery-Result for the words of a gateway (RFC 6591 section 3.2.2)."""
    for word, result in (("reject", "reject"), ("quarantine", "policy"), ("accept", "delivered")):
        if word in said:
            return result
    return "other"


def _reported_domain(told: Mapping[str, str], original: _Fields) -> str:
    """Whose domain it is; where the report does not say, that of the message's author."""
    domain = domain_name(told.get("reported-domain", ""))
    if domain:
        return domain
    met = re.search(r"header\.from=([^\s;]{1,255})", told.get("authentication-results", ""))
    if met:
        return domain_name(met[1])
    authors = [value for name, value in original if name.lower() == "from" and "@" in value]
    return domain_name(authors[0]) if authors else ""


def _arrived(told: Mapping[str, str], outer: Message) -> datetime | None:
    """When the message arrived; where the report does not say, when the report was written."""
    times = (told.get("arrival-date"), told.get("received-date"), outer.get("Date"))
    read = (spelled_out(clean(str(one))) for one in times if one)
    return next((one for one in read if one is not None), None)


def _redacted(fields: _Fields) -> Iterator[tuple[str, str]]:
    for name, value in fields:
        redacted = redacted_field(name, value)
        if redacted:
            yield name, redacted

"""
What the elements of an aggregate report mean (RFC 9990 section 3.1, RFC 7489 appendix C).

A fault that leaves no doubt what is meant, or spoils one value only, is an oddity; a report of
which nobody could say whose it is or of when is refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from maildns.errors import ReportError
from maildns.reports.cleaning import Oddities, clean, domain_name, shown
from maildns.reports.markup import Element
from maildns.reports.model import DkimAuth, Override, PublishedPolicy, ReportHead, SpfAuth
from maildns.reports.times import moment

MOST_MESSAGES = 1_000_000_000
_LONGEST = timedelta(days=35)
MOST_SPF = 10
MOST_SIGNATURES = 100  # RFC 9990 section 3.1.1.12
DISPOSITIONS = {"none", "quarantine", "reject", "pass"}
_POLICIES = {"none", "quarantine", "reject"}
RESULTS = {"none", "neutral", "pass", "fail", "softfail", "policy", "temperror", "permerror"}
# Spellings that RFC 7489 section 7.2 and its reporters had, or have still.
_SPELLINGS = {
    "hardfail": "fail",
    "hard fail": "fail",
    "hard_fail": "fail",
    "soft fail": "softfail",
    "soft_fail": "softfail",
    "soft-fail": "softfail",
    "unknown": "permerror",
    "error": "temperror",
    "temp_error": "temperror",
    "perm_error": "permerror",
    "invalid": "permerror",
}
_OVERRIDES = {
    "forwarded",
    "sampled_out",
    "trusted_forwarder",
    "mailing_list",
    "local_policy",
    "policy_test_mode",
    "other",
}
_NOWHERE = Element("", "")


def text_of(parent: Element, name: str) -> str:
    """Give the text of *parent*'s first child called *name*, clean; empty without one."""
    child = parent.child(name)
    return clean(child.words()) if child is not None else ""


def read_head(metadata: Element, oddities: Oddities) -> ReportHead:
    """
    Read who reports, and of when; `oddities` of the result is empty still.

    Raises ReportError when the time cannot be told.
    """
    contact = text_of(metadata, "email")
    reporter = text_of(metadata, "org_name")
    if not reporter:
        reporter = domain_name(contact)
        oddities.add("no org_name")
    report_id = text_of(metadata, "report_id")
    if not report_id:
        oddities.add("no report_id")
    span = metadata.child("date_range") or metadata  # some leave the element around them out
    begin, end = period(text_of(span, "begin"), text_of(span, "end"), moment, oddities)
    errors = (clean(one.words()) for one in metadata.all("error")[:20])
    return ReportHead(
        reporter,
        report_id,
        begin,
        end,
        contact,
        text_of(metadata, "extra_contact_info"),
        text_of(metadata, "generator"),
        tuple(one for one in errors if one),
    )


def period(
    begin: str, end: str, read: Callable[[str, Oddities], datetime | None], oddities: Oddities
) -> tuple[datetime, datetime]:
    """
    Give the time that a report is about; one end of it does, and reversed ones are turned round.

    Raises ReportError when neither can be told.
    """
    told = [("begin", begin, read(begin, oddities)), ("end", end, read(end, oddities))]
    ends = [known for _, _, known in told if known is not None]
    if not ends:
        raise ReportError(f"its time cannot be told: begin is {shown(begin)}, end is {shown(end)}")
    for name, text, known in told:
        if known is None:
            oddities.add(f"{name} is {shown(text)}, which is no time")
    if ends[0] > ends[-1]:
        oddities.add("the time ends before it begins; taken the other way round")
    first, last = min(ends), max(ends)
    if last - first > _LONGEST:
        oddities.add(f"it is about more than {_LONGEST.days} days")
    return first, last


def read_published(published: Element, oddities: Oddities) -> PublishedPolicy:
    """Read the policy as the reporter saw it."""
    domain = domain_name(text_of(published, "domain"))
    if not domain:
        oddities.add("no domain in policy_published")
    values = {name: text_of(published, name).lower() for name in _PUBLISHED}
    for name in ("p", "sp", "np"):
        if values[name] and values[name] not in _POLICIES:
            oddities.add(f"{name} is {shown(values[name])}, which is no policy")
    if not values["p"]:
        oddities.add("no p in policy_published")
    return PublishedPolicy(domain, *values.values())


# In the order of the fields of PublishedPolicy.
_PUBLISHED = ("p", "sp", "np", "adkim", "aspf", "pct", "fo", "testing", "discovery_method")


def is_new_schema(namespace: str, published: PublishedPolicy) -> bool:
    """Whether a report is of RFC 9990: by its namespace, or by what RFC 7489 has not."""
    new = published.nonexistent_policy or published.testing or published.discovery_method
    return bool(new) or namespace.endswith("dmarc-2.0")


class Meaning(NamedTuple):
    """What a record says beside the address and the count: the rest of a `Row`, in its order."""

    disposition: str
    dkim_aligned: str
    spf_aligned: str
    header_from: str
    envelope_from: str
    envelope_to: str
    dkim: tuple[DkimAuth, ...]
    spf: tuple[SpfAuth, ...]
    overrides: tuple[Override, ...]


def read_meaning(record: Element, oddities: Oddities) -> Meaning:
    """Read what *record* says of its messages."""
    row = record.child("row") or _NOWHERE
    judged = row.child("policy_evaluated")
    names = record.child("identifiers") or record.child("identities")
    results = record.child("auth_results") or _NOWHERE
    if judged is None:
        oddities.add("a record without policy_evaluated")
        judged = _NOWHERE
    if names is None or not text_of(names, "header_from"):
        oddities.add("a record without header_from")
    names = names or _NOWHERE
    return Meaning(
        _known(text_of(judged, "disposition"), DISPOSITIONS, "disposition", oddities),
        _aligned(judged, "dkim", oddities),
        _aligned(judged, "spf", oddities),
        domain_name(text_of(names, "header_from")),
        domain_name(text_of(names, "envelope_from")),
        _several(names.all("envelope_to")),
        _dkim(results.all("dkim"), oddities),
        _spf(results.all("spf"), oddities),
        _reasons(judged.all("reason"), oddities),
    )


def _known(text: str, known: set[str], what: str, oddities: Oddities) -> str:
    word = text.lower()
    if word not in known:
        oddities.add(f"{what} is {shown(word)}" if word else f"no {what}")
    return word


def _aligned(judged: Element, name: str, oddities: Oddities) -> str:
    word = text_of(judged, name).lower()
    if word not in {"pass", "fail"}:
        oddities.add(f"{name} in policy_evaluated is {shown(word)}; taken as fail")
        return "fail"
    return word


def _several(elements: list[Element]) -> str:
    names = (
        domain_name(one)
        for element in elements[:50]
        for one in re.split(r"[,;\s]+", clean(element.words()))
    )
    return ",".join(dict.fromkeys(name for name in names if name))


def _result(element: Element, oddities: Oddities) -> str:
    word = text_of(element, "result").lower()
    if word in RESULTS:
        return word
    if word in _SPELLINGS:
        oddities.add(f"result {shown(word)}, read as {_SPELLINGS[word]}")
        return _SPELLINGS[word]
    oddities.add(f"result {shown(word)}, which no RFC knows")
    return word


def _dkim(elements: list[Element], oddities: Oddities) -> tuple[DkimAuth, ...]:
    if len(elements) > MOST_SIGNATURES:
        oddities.add(f"more than {MOST_SIGNATURES} DKIM results in a record; the rest left out")
    found = []
    for element in elements[:MOST_SIGNATURES]:
        domain = domain_name(text_of(element, "domain"))
        if domain or text_of(element, "result").lower() not in {"", "none"}:
            selector = domain_name(text_of(element, "selector"))
            found.append(DkimAuth(domain, selector, _result(element, oddities)))
    return tuple(found)


def _spf(elements: list[Element], oddities: Oddities) -> tuple[SpfAuth, ...]:
    found = []
    for element in elements[:MOST_SPF]:
        domain = domain_name(text_of(element, "domain"))
        if domain or text_of(element, "result"):
            scope = text_of(element, "scope").lower()
            found.append(SpfAuth(domain, scope, _result(element, oddities)))
    return tuple(found)


def _reasons(elements: list[Element], oddities: Oddities) -> tuple[Override, ...]:
    found = []
    for element in elements[:20]:
        kind = text_of(element, "type").lower()
        comment = text_of(element, "comment")
        if kind or comment:
            found.append(Override(_known(kind, _OVERRIDES, "reason's type", oddities), comment))
    return tuple(found)


def address(text: str, oddities: Oddities, name: str = "source_ip") -> str:
    """
    Read an address, such as the source's; empty where it is none.

    >>> address("[::FFFF:192.0.2.1]", Oddities())
    '192.0.2.1'
    """
    plain = text.strip().strip("[]")
    if plain.lower().startswith("ipv6:"):
        plain = plain[5:]
    plain = plain.partition("/")[0].partition("%")[0].strip()
    try:
        read = ipaddress.ip_address(plain)
    except ValueError:
        oddities.add(f"{name} is {shown(text)}, which is no address" if text else f"no {name}")
        return ""
    if isinstance(read, ipaddress.IPv6Address) and read.ipv4_mapped is not None:
        read = read.ipv4_mapped
    return str(read)


def count(text: str, oddities: Oddities) -> int:
    """Read how many messages a record is about; 0 where that cannot be believed."""
    plain = text.strip()
    if plain.isascii() and plain.isdigit() and len(plain) < 10:
        return int(plain)
    whole = re.fullmatch(r"\+?([0-9]{1,9})\.0*", plain)
    if whole:
        oddities.add("a count that is not written as a whole number")
        return int(whole[1])
    oddities.add(
        f"count is {shown(text)}; the record counts for no message" if text else "no count"
    )
    return 0

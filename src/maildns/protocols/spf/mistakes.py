"""
Advice on a published text: what readers skip or refuse, with what was meant.

`lint` sees a record, and so only what could be read; `lint_text` sees the text
itself, points at every fault, and tells the mend where it can be told.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import replace

from maildns.errors import RecordSyntaxError
from maildns.finding import Finding, Fix
from maildns.protocols.spf import rules
from maildns.protocols.spf.build import merge
from maildns.protocols.spf.lint import lint, term_spans
from maildns.protocols.spf.record import MAX_OCTETS, VERSION, is_spf, parse, parse_term

_LEAD = re.compile(r"[\s\"'“”„‘’\ufeff\u200b]+")
_QUOTES = re.compile(r"[\"'“”„‘’\ufeff\u200b]")
_VERSION = re.compile(r"v\s?[=:]\s?spf\s?1(?![0-9])", re.IGNORECASE)
_OPENING = re.compile(r"(?:v\s?[=:]?\s?)?spf\s?[0-9.]*[\s;,:.]*", re.IGNORECASE)
_GLUED_ALL = re.compile(r"(?<=[^\s])[-~?+]all(?=\s|\Z)", re.IGNORECASE)
_SPLIT_SIGN = re.compile(r"(?<!\S)([-~?+])\s(?=[A-Za-z])")
_SPLIT_COLON = re.compile(
    r"(?<![A-Za-z0-9])(ip4|ip6|ipv4|ipv6|include|exists|redirect|exp)\s?([:=])\s", re.IGNORECASE
)
_STRAY_MARKS = re.compile(r"[;,]+(?=\s|\Z)")
_MARKS_FOR_SPACE = re.compile(
    r"[;,]+(?=[-~?+]?(?:(?:ip[46]|include|exists|a|mx)[:=]|all\b))", re.IGNORECASE
)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
_WORD = re.compile(r"[^ ]+")
_SIGNED = re.compile(r"([-+~?]?)([A-Za-z][A-Za-z0-9._-]*)([:=])(.*)")
_URL = re.compile(r"https?://([^/]+)/?", re.IGNORECASE)

_MEANT = {"ipv4": "ip4", "ipv6": "ip6", "ip": "ip4", "ip4": "ip4", "ip6": "ip6"}
_MODIFIERS = frozenset({"redirect", "exp"})
_MECHANISMS = frozenset({"a", "mx", "ptr", "include", "exists", "ip4", "ip6"})


def lint_text(text: str, subject: str = "") -> list[Finding]:
    """
    Complain about *text*, which is or was meant to be an SPF record.

    Everything `lint` says of a record is here too, with spans into *text*. Where
    what was meant can be told, the fix holds the whole record. Raises nothing.

    >>> [(str(finding.rule), str(finding.fix)) for finding in lint_text("v=spf1 ipv4:9.9.9.9 -all")]
    [('spf-syntax', 'publish: v=spf1 ip4:9.9.9.9 -all')]
    """
    if text[:7].lower() == "spf2.0/":
        says = "Sender ID records are read by no one"
        return [rules.SENDER_ID.finding(subject, says, span=(0, 7))]
    meant = mend(text)
    fix = Fix("publish", meant) if meant is not None and meant != text else None
    found = list(_on_the_start(text, subject, fix))
    versions = list(_VERSION.finditer(text))
    if len(versions) > 1:
        says = f"there are {len(versions)} records in this text"
        found.append(rules.SEVERAL.finding(subject, says, fix=fix, span=versions[1].span()))
        return found
    found += (
        rules.MISSING_SPACE.finding(subject, fix=fix, span=glued.span())
        for glued in _GLUED_ALL.finditer(text)
    )
    if is_spf(text):
        found += _on_the_terms(text, subject, fix)
    return found


def _on_the_start(text: str, subject: str, fix: Fix | None) -> Iterator[Finding]:
    lead = _LEAD.match(text)
    if lead is not None:
        says = "receivers skip a text that does not begin with v=spf1"
        yield rules.LEADING_SPACE.finding(subject, says, fix=fix, span=lead.span())
    elif not is_spf(text):
        opening = _OPENING.match(text)
        end = opening.end() if opening else min(len(text), len(VERSION) + 1)
        says = "receivers skip a text that does not begin with 'v=spf1' and a space"
        yield rules.BAD_VERSION.finding(subject, says, fix=fix, span=(0, end))
    elif text[: len(VERSION)] != VERSION:
        says = f"{text[: len(VERSION)]} is better written {VERSION}"
        yield rules.UPPER_CASE.finding(subject, says, fix=fix, span=(0, len(VERSION)))


def _on_the_terms(text: str, subject: str, fix: Fix | None) -> Iterator[Finding]:
    words = [match.span() for match in _WORD.finditer(text, len(VERSION))]
    try:
        record = parse(text)
    except RecordSyntaxError as error:
        yield from _faults(text, words, error, subject=subject, fix=fix)
        return
    extra = re.search(r"  +| +\Z", text)
    if extra is not None:
        yield rules.EXTRA_SPACE.finding(subject, fix=Fix("publish", str(record)), span=extra.span())
    place = dict(zip(term_spans(record), words, strict=True))
    for finding in lint(record, subject):
        yield replace(finding, span=place.get(finding.span) if finding.span else None)


def _faults(
    text: str,
    words: list[tuple[int, int]],
    first: RecordSyntaxError,
    *,
    subject: str,
    fix: Fix | None,
) -> Iterator[Finding]:
    """Every fault of the terms, not the first alone."""
    found = False
    for start, end in words[:1_000]:
        try:
            parse_term(text[start:end])
        except RecordSyntaxError as error:
            span = (start + error.span[0], start + error.span[1])
            yield rules.SYNTAX.finding(subject, error.problem, fix=fix, span=span)
            found = True
    if not found:
        yield rules.SYNTAX.finding(subject, first.problem, fix=fix, span=first.span)


def mend(text: str) -> str | None:
    """
    Tell the record that *text* was meant to be; None where that cannot be told.

    Only slips of writing are mended: quotes, spaces, dashes, colons, the family
    of an address, two records in one. What the owner wanted beyond that is not
    guessed: a record without `all` gets none.

    >>> mend('"v=spf1; a:192.0.2.1, include:_spf.example.net~all"')
    'v=spf1 ip4:192.0.2.1 include:_spf.example.net ~all'
    """
    if len(text) > MAX_OCTETS:
        return None
    clean = _QUOTES.sub("", text.replace('" "', "")).translate(_DASHES)
    clean = " ".join(clean.split())
    opening = _OPENING.match(clean)
    if opening is None:
        return None
    bodies = _VERSION.split(clean[opening.end() :])
    try:
        records = [parse(f"{VERSION} {_mended_terms(body)}") for body in bodies]
    except RecordSyntaxError:
        return None
    made = records[0]
    for record in records[1:]:
        made = merge(made, record)
    return str(made)


def _mended_terms(body: str) -> str:
    body = _STRAY_MARKS.sub("", _MARKS_FOR_SPACE.sub(" ", body.strip(" ;,")))
    body = _SPLIT_COLON.sub(r"\1\2", _SPLIT_SIGN.sub(r"\1", body))
    body = _GLUED_ALL.sub(lambda match: f" {match[0]}", body)
    return " ".join(_mended_word(word) for word in body.split())


def _mended_word(word: str) -> str:
    if word.rstrip(".").lower() in {"-all", "~all", "?all", "+all", "all"}:
        return word.rstrip(".").lower()
    if _version_of(word) == 4:
        return f"ip4:{word}"
    match = _SIGNED.fullmatch(word)
    if match is None:
        return word
    sign, name, mark, value = match[1], match[2].lower(), match[3], match[4]
    if name in _MODIFIERS and not sign:
        return f"{name}={value}"
    if mark == "=" and name not in _MECHANISMS | _MEANT.keys():
        return word
    url = _URL.fullmatch(value)
    value = url[1] if url else value
    family = _version_of(value)
    if family and name in {*_MEANT, "a", "mx", "include"}:
        return f"{sign}ip{family}:{value}"
    return f"{sign}{_MEANT.get(name, name)}:{value}"


def _version_of(text: str) -> int | None:
    """4 or 6 where *text* is an address or network of that family."""
    try:
        return ipaddress.ip_network(text, strict=False).version if len(text) <= 50 else None
    except ValueError:
        return None

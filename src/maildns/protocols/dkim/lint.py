"""
Advice on one DKIM key record, seen alone (RFC 6376 section 3.6.1, RFC 8301).

Whether it is the key that the server signs with is `check_key`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

from maildns.errors import InputError, RecordSyntaxError
from maildns.finding import Finding, Fix
from maildns.protocols.dkim import rules
from maildns.protocols.dkim.key import (
    LEAST_RSA_BITS,
    algorithm_of,
    bits,
    public_key_from_record,
)
from maildns.protocols.dkim.record import KeyRecord, parse_key

_Check = Callable[[KeyRecord, str], Iterator[Finding]]


def lint(record: KeyRecord, subject: str = "") -> list[Finding]:
    """
    Say what is wrong or risky in *record*, which stands at *subject*.

    >>> [finding.rule for finding in lint(parse_key("v=DKIM1; t=y; p="))]
    ['dkim-key-revoked', 'dkim-testing']
    """
    return [finding for check in _CHECKS for finding in check(record, subject)]


def lint_text(text: str, subject: str = "") -> list[Finding]:
    """Like `lint`, for a text that may break the grammar: then that is the finding, with the mend."""
    try:
        record = parse_key(text)
    except RecordSyntaxError as error:
        fix = _mend(text)
        return [rules.SYNTAX.finding(subject, error.problem, fix=fix, span=error.span)]
    found = lint(record, subject)
    white = re.search(r"(?:^|;)\s*p\s*=[^;]*?[A-Za-z0-9+/](\s+)[A-Za-z0-9+/=]", text)
    if white:
        fix = Fix("publish it without", str(record))
        found.append(rules.WHITE_SPACE.finding(subject, fix=fix, span=white.span(1)))
    return found


@cache
def _mends() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Slips of the pen and their mends; compiled when the first text is refused."""
    return (
        (
            re.compile(r"[\"'()\u2018\u2019\u201c\u201d]"),
            "",
        ),  # what wraps the strings in a zone file
        (re.compile(r"\\"), ""),
        (re.compile(r"-----(?:BEGIN|END) [A-Z ]{1,30}-----"), ""),
        (re.compile(r"^\s*v\s*=\s*dkim1?\s*[;,]?", re.IGNORECASE), "v=DKIM1;"),
        (re.compile(r";(?:\s*;)+"), ";"),
    )


def _mend(text: str) -> Fix | None:
    """The record that was probably meant; None when no small change gives one with a key in it."""
    mended = text[:4000]
    for pattern, replacement in _mends():
        mended = pattern.sub(replacement, mended)
    try:
        record = parse_key(mended)
        public_key_from_record(record)
    except (RecordSyntaxError, InputError):
        return None
    return Fix("publish", str(record))


def _key(record: KeyRecord, subject: str) -> Iterator[Finding]:
    if record.revoked:
        yield rules.KEY_REVOKED.finding(subject)
        return
    if record.key_type not in {"rsa", "ed25519"}:
        lowered = record.key_type.lower()
        known = lowered in {"rsa", "ed25519"}
        fix = Fix(f"say k={lowered}", str(replace(record, key_type=lowered))) if known else None
        says = f"k={record.key_type[:30]}: verifiers know rsa and ed25519"
        yield rules.KEY_TYPE_UNKNOWN.finding(subject, says, fix=fix)
        return
    try:
        key = public_key_from_record(record)
    except InputError as error:
        yield rules.KEY_UNREADABLE.finding(subject, error.problem, fix=_retyped(record))
        return
    if algorithm_of(key) == "ed25519":
        yield rules.ED25519_ALONE.finding(subject)
    else:
        yield from _rsa_size(bits(key), subject)


def _retyped(record: KeyRecord) -> Fix | None:
    """The record with the other key type, where that makes it readable."""
    other = replace(record, key_type="ed25519" if record.key_type == "rsa" else "rsa")
    try:
        public_key_from_record(other)
    except InputError:
        return None
    return Fix(f"say k={other.key_type}", str(other))


def _rsa_size(size: int, subject: str) -> Iterator[Finding]:
    # RFC 8301 section 3.2: at least 1024, better 2048, and verifiers know up to 4096
    if size < LEAST_RSA_BITS:
        yield rules.KEY_TOO_SHORT.finding(subject, f"the RSA key has only {size} bits")
    elif size < 2048:
        yield rules.KEY_WEAK.finding(subject, f"the RSA key has {size} bits; use 2048")
    elif size > 4096:
        yield rules.KEY_TOO_LONG.finding(subject, f"the RSA key has {size} bits")
    elif size > 2048:
        yield rules.KEY_LONG.finding(subject)


def _hashes(record: KeyRecord, subject: str) -> Iterator[Finding]:
    if not record.hashes:
        return
    fix = Fix("leave h out", str(replace(record, hashes=())))
    if "sha256" not in record.hashes:
        says = f"h={':'.join(record.hashes)}: receivers accept only sha256"
        yield rules.SHA1_ONLY.finding(subject, says, fix=fix)
    elif "sha1" in record.hashes:
        yield rules.SHA1.finding(subject, fix=fix)


def _flags(record: KeyRecord, subject: str) -> Iterator[Finding]:
    if record.testing:
        rest = tuple(flag for flag in record.flags if flag != "y")
        fix = Fix("leave t=y out", str(replace(record, flags=rest)))
        yield rules.TESTING.finding(subject, fix=fix)
    if "s" in record.flags:
        yield rules.STRICT_IDENTITY.finding(subject)


def _services(record: KeyRecord, subject: str) -> Iterator[Finding]:
    if not record.services:
        return
    fix = Fix("leave s out", str(replace(record, services=())))
    if not record.for_mail:
        says = f"s={':'.join(record.services)}: the key is not for mail"
        yield rules.NOT_FOR_MAIL.finding(subject, says, fix=fix)
    elif {"*", "tlsrpt"}.isdisjoint(record.services):
        yield rules.NOT_FOR_REPORTS.finding(subject, fix=fix)


def _spelling(record: KeyRecord, subject: str) -> Iterator[Finding]:
    if not record.version:
        fix = Fix("put v=DKIM1 first", str(replace(record, version="DKIM1")))
        yield rules.VERSION_MISSING.finding(subject, fix=fix)
    for tag, value in record.unknown[:20]:  # enough said; the text may be hostile
        rest = tuple(pair for pair in record.unknown if pair[0] != tag)
        fix = Fix(f"leave {tag[:30]} out", str(replace(record, unknown=rest)))
        rule = rules.GRANULARITY if tag == "g" else rules.UNKNOWN_TAG
        yield rule.finding(subject, f"{rule.title}: {tag[:30]}={value[:30]}", fix=fix)


_CHECKS: tuple[_Check, ...] = (_key, _hashes, _flags, _services, _spelling)

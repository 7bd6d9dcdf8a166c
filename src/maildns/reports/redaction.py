"""
Personal data taken out of failure reports, and what is left still says why a message failed.

What is known to be harmless is kept and everything else goes, for nobody can list all the fields
that name a person. Of an address the domain is kept (compare RFC 6590, which keeps a keyed hash of
the rest; nobody needs to tell two redacted people apart here).
"""

from __future__ import annotations

import re

from maildns.reports.cleaning import domain_name

INSTEAD = "redacted"
# Fields of a report (RFC 5965, RFC 6591, RFC 9991) that hold no address, name or content ...
_PLAIN_FEEDBACK = {
    "feedback-type",
    "user-agent",
    "version",
    "arrival-date",
    "received-date",
    "source-ip",
    "source-port",
    "reported-domain",
    "reporting-mta",
    "incidents",
    "auth-failure",
    "delivery-result",
    "identity-alignment",
    "dkim-domain",
    "dkim-selector",
    "dkim-selector-dns",
    "spf-dns",
    "message-id",
}
# ... and those that do, but explain once the addresses in them are redacted.
_ADDRESSES_FEEDBACK = {
    "original-mail-from",
    "original-rcpt-to",
    "dkim-identity",
    "authentication-results",
}
_PLAIN = {"date", "message-id", "list-id", "mime-version", "precedence", "auto-submitted"}
_AUTHORS = {"from", "sender", "reply-to", "return-path", "to", "cc", "resent-from", "resent-to"}
_EXPLAIN = {
    "authentication-results",
    "arc-authentication-results",
    "dkim-signature",
    "arc-message-signature",
    "arc-seal",
    "received-spf",
}
_WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*+"|[^\s<>()\[\],;:"])++')
_KEY = re.compile(
    r"((?:smtp|header|policy)\.[a-z-]+|envelope-from|envelope-to|i|x-sender|identity|mailfrom|rcpt)=",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"\b((?:smtp\.)?auth(?:enticated[_-]?(?:user|sender))?|smtp\.user)=\S+", re.IGNORECASE
)
_TYPE = re.compile(r"[A-Za-z]+/[A-Za-z0-9.+-]+(?=\s*(?:;|$))")
_BY = re.compile(r"\bby\s+([A-Za-z0-9][A-Za-z0-9.-]{0,253})")


def redacted_feedback(name: str, value: str) -> str:
    """
    Give the *value* of a report's field *name* without personal data.

    >>> redacted_feedback("original-mail-from", "<ann.lee@example.org>")
    '<redacted@example.org>'
    >>> redacted_feedback("dkim-canonicalized-body", "SGVsbG8=")
    'redacted'
    """
    if name in _PLAIN_FEEDBACK or not value:
        return value
    return redacted_addresses(value) if name in _ADDRESSES_FEEDBACK else INSTEAD


def redacted_field(name: str, value: str) -> str:
    """
    Give the *value* of the message's header field *name* without personal data; empty to leave it out.

    >>> redacted_field("From", '"Ann Lee" <ann.lee@example.org>')
    'redacted@example.org'
    >>> redacted_field("Received", "from anns-laptop by mx.example.net for <ann@example.net>")
    'by mx.example.net'
    >>> redacted_field("Subject", "your test result")
    ''
    """
    name = name.lower()
    if name in _PLAIN:
        return value
    if name in _AUTHORS:
        found = re.findall(r"@\s*([^\s<>,;:\"()@]{1,255})", value)[:20]
        return ", ".join(dict.fromkeys(f"{INSTEAD}@{domain_name(one)}" for one in found))
    if name in _EXPLAIN:
        return redacted_addresses(value)
    if name == "received":  # it names the machine of whoever wrote, too
        by = _BY.search(value)
        return f"by {by[1]}" if by else ""
    if name == "content-type":
        kind = _TYPE.match(value)
        return kind[0] if kind else ""
    return ""


def redacted_addresses(text: str) -> str:
    """
    Take from *text* all but the domain of each address, and login names.

    >>> redacted_addresses("spf=pass smtp.mailfrom=bounce+ann=example.com@news.example (by ann@example.com)")
    'spf=pass smtp.mailfrom=redacted@news.example (by redacted@example.com)'
    """
    text = _LOGIN.sub(rf"\1={INSTEAD}", text)
    return _WORD.sub(_redact, text)


def _redact(met: re.Match[str]) -> str:
    word = met[0]
    if "@" not in word:
        return word
    key = _KEY.match(word)
    domain = word.rpartition("@")[2].strip('"')
    return f"{key[0] if key else ''}{INSTEAD}@{domain}"

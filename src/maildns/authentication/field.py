"""
The Authentication-Results field (RFC 8601 section 2.2), written so that nothing can break it.

Values come from strangers: the HELO name, the sender, a signature's tags. What is
not a plain token or address stands in quotes, control characters are replaced, and
what is too long is cut; so no value can begin a new field, a result or a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_VALUE_OCTETS = 320  # RFC 5321 section 4.5.3.1: 64 of local part, 255 of domain
MAX_REASON_OCTETS = 200
WIDTH = 78  # RFC 5322 section 2.1.1

_TOKEN = re.compile(r"[!#$%&'*+.^_`{|}~0-9A-Za-z-]+")  # RFC 2045 section 5.1
_ADDRESS = re.compile(
    r"(?:[!#$%&'*+^_`{|}~0-9A-Za-z-]++\.?+)*+(?<!\.)"  # the local part, where it is a dot-atom
    r"@(?:[0-9A-Za-z]++(?:-++[0-9A-Za-z]++)*+\.?+)++(?<!\.)"
)


@dataclass(frozen=True, slots=True)
class MethodResult:
    """
    What one method says: `spf`, `pass`, why, and of what it speaks.

    Properties are pairs such as ("smtp.mailfrom", "a@example.com"), in order. A value is
    written as it should be read; `str()` sees to quotes.

    >>> str(MethodResult("spf", "pass", properties=(("smtp.mailfrom", "a@example.com"),)))
    'spf=pass smtp.mailfrom=a@example.com'
    """

    method: str
    result: str
    reason: str = ""
    properties: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> list[str]:
        """The parts between which a line may be folded."""
        found = [f"{self.method}={self.result}"]
        if self.reason:
            found.append(f"reason={quoted(cut(self.reason, MAX_REASON_OCTETS))}")
        found += [f"{key}={property_value(value)}" for key, value in self.properties if value]
        return found

    def __str__(self) -> str:
        return " ".join(self.words)


def property_value(text: str) -> str:
    r"""
    *text* as a `pvalue`: bare where it is a token or a plain address, else quoted.

    >>> property_value("a@example.com"), property_value("2001:db8::1")
    ('a@example.com', '"2001:db8::1"')
    >>> property_value("x\r\nBcc: y")
    '"x??Bcc: y"'
    """
    short = cut(text, MAX_VALUE_OCTETS)
    return short if _ADDRESS.fullmatch(short) else value(short)


def value(text: str) -> str:
    """*text* as a `value` of RFC 2045: a token, else a quoted-string."""
    short = cut(text, MAX_VALUE_OCTETS)
    return short if _TOKEN.fullmatch(short) else quoted(short)


def quoted(text: str) -> str:
    r"""
    *text* as a quoted-string; a control or invisible character becomes `?`.

    >>> quoted('say "hi"')
    '"say \\"hi\\""'
    """
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def cut(text: str, octets: int) -> str:
    """*text*, or its beginning and three dots where it is longer than *octets* in UTF-8."""
    if len(text) * 4 <= octets:
        return text
    encoded = text[: octets + 1].encode("utf-8", "replace")
    if len(encoded) <= octets:
        return text
    return encoded[: octets - 3].decode("utf-8", "ignore") + "..."


def fold(authserv_id: str, results: Iterable[MethodResult], newline: str = "\r\n") -> str:
    """The field's value, each result on a line of its own (RFC 8601 section 2.2)."""
    lines = [value(authserv_id)]
    for result in results:
        lines[-1] += ";"
        first, *others = result.words
        lines.append(f"    {first}")
        for word in others:
            if len(lines[-1]) + 1 + len(word) >= WIDTH:  # one octet is left for a semicolon
                lines.append(f"        {word}")
            else:
                lines[-1] += f" {word}"
    if len(lines) == 1:
        lines[-1] += "; none"  # the RFC's no-result
    return newline.join(lines)

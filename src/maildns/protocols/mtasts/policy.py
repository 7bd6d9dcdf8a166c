"""The MTA-STS policy: the file that senders fetch over HTTPS (RFC 8461 section 3.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError

MAX_AGE_SECONDS: Final = 31557600  # RFC 8461 section 3.2
MAX_POLICY_CHARACTERS: Final = 65536  # RFC 8461 section 3.3: what senders read at least

# RFC 8461 section 3.2: a name or value of an extension, and RFC 5321 section 4.1.2: Domain
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_HOST_PATTERN = re.compile(
    r"(?:\*\.)?(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_AGE = re.compile(r"[0-9]{1,10}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Mode(StrEnum):
    """What a sender does when a mail host does not keep the policy."""

    ENFORCE = "enforce"  # not deliver to it
    TESTING = "testing"  # deliver, and report
    NONE = "none"  # there is no policy any more


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """
    A domain's policy; `str()` is the file to serve, its lines ended by CRLF.

    `mx` are the patterns of the mail hosts' names, `max_age_seconds` is how long senders
    remember the policy, `extensions` are lines that nobody knows yet.
    """

    mode: Mode
    max_age_seconds: int
    mx: tuple[str, ...] = ()
    extensions: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        lines = [
            "version: STSv1",
            f"mode: {self.mode}",
            *(f"mx: {pattern}" for pattern in self.mx),
            f"max_age: {self.max_age_seconds}",
            *(f"{key}: {value}" for key, value in self.extensions),
        ]
        return "".join(line + "\r\n" for line in lines)


@dataclass(frozen=True, slots=True)
class _Line:
    key: str
    value: str
    span: tuple[int, int]
    value_span: tuple[int, int]


def policy_url(domain: str) -> str:
    """
    Where the policy of *domain* is served; `RecordSyntaxError` when it is no name.

    >>> policy_url("example.com")
    'https://mta-sts.example.com/.well-known/mta-sts.txt'
    """
    return f"https://mta-sts.{name(domain)}/.well-known/mta-sts.txt"


def parse_policy(text: str) -> StsPolicy:
    r"""
    Read a policy, as senders do.

    Lines end with LF or CRLF. Of a line other than `mx` that stands twice, the first counts
    (RFC 8461 section 3.2). Raises `RecordSyntaxError` when a line is malformed, `version`,
    `mode` or `max_age` is missing or wrong, or there is no `mx` although the mode wants one.

    >>> parse_policy("version: STSv1\nmode: enforce\nmx: *.example.com\nmax_age: 604800\n").mx
    ('*.example.com',)
    """
    if len(text) > MAX_POLICY_CHARACTERS:
        problem = f"senders read at most {MAX_POLICY_CHARACTERS} octets of a policy"
        raise RecordSyntaxError(problem, text, (MAX_POLICY_CHARACTERS, len(text)))
    first: dict[str, _Line] = {}
    patterns: list[str] = []
    for line in _lines(text):
        if line.key == "mx":
            patterns.append(_pattern(line, text))
        else:
            first.setdefault(line.key, line)
    _check_version(_needed(first, "version", text), text)
    mode = _mode(_needed(first, "mode", text), text)
    max_age = _max_age(_needed(first, "max_age", text), text)
    if not patterns and mode is not Mode.NONE:
        problem = f"with mode {mode} there must be an mx line"
        raise RecordSyntaxError(problem, text, first["mode"].span)
    known = {"version", "mode", "max_age"}
    extensions = tuple((key, line.value) for key, line in first.items() if key not in known)
    return StsPolicy(mode, max_age, tuple(patterns), extensions)


def _lines(text: str) -> list[_Line]:
    found = []
    at = 0
    body = text.rstrip(" \t\r\n")
    for raw in body.split("\n"):
        content = raw.removesuffix("\r")
        found.append(_line(content, text, at))
        at += len(raw) + 1
    return found


def _line(content: str, source: str, at: int) -> _Line:
    key, colon, rest = content.partition(":")
    span = (at, at + len(content))
    if not colon or not _KEY.fullmatch(key):
        raise RecordSyntaxError("a line of a policy is written name: value", source, span)
    lead = len(rest) - len(rest.lstrip(" \t"))
    start = at + len(key) + 1 + lead
    value = rest.strip(" \t")
    control = _CONTROL.search(value)
    if not value or control:
        problem = "a value has no control characters" if control else "there is no value here"
        raise RecordSyntaxError(problem, source, span)
    return _Line(key, value, span, (start, start + len(value)))


def _needed(lines: dict[str, _Line], key: str, source: str) -> _Line:
    if key not in lines:
        raise RecordSyntaxError(f"the line {key} is missing", source, (len(source), len(source)))
    return lines[key]


def _check_version(line: _Line, source: str) -> None:
    if line.value != "STSv1":
        raise RecordSyntaxError("the version is STSv1", source, line.value_span)


def _mode(line: _Line, source: str) -> Mode:
    try:
        return Mode(line.value)
    except ValueError:
        problem = "the mode is enforce, testing or none"
        raise RecordSyntaxError(problem, source, line.value_span) from None


def _max_age(line: _Line, source: str) -> int:
    if not _AGE.fullmatch(line.value) or int(line.value) > MAX_AGE_SECONDS:
        problem = f"max_age is a number of seconds, at most {MAX_AGE_SECONDS}"
        raise RecordSyntaxError(problem, source, line.value_span)
    return int(line.value)


def _pattern(line: _Line, source: str) -> str:
    if not _HOST_PATTERN.fullmatch(line.value) or len(line.value) > 253:
        problem = "an mx line holds the name of a host, or *. and a domain, without a final dot"
        if not line.value.isascii():
            problem = "international names stand in a policy as A-labels (xn--...)"
        raise RecordSyntaxError(problem, source, line.value_span)
    return line.value.lower()

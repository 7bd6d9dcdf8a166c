"""
Tag lists, the `name=value; name=value` of DKIM, DMARC, MTA-STS, TLS-RPT and BIMI.

The grammars differ a little (RFC 6376 section 3.2, RFC 9989 section 4.8, RFC 8461
section 3.1); what they share is here: every tag remembers where it stood, so that a
later complaint can point at it. What a tag means, which must come first and
whether a name may stand twice is the protocol's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from maildns.errors import RecordSyntaxError
from maildns.frozen import quickly

_WSP = " \t\r\n"
# As nearly all are written: white space before the name alone, none at the ends of the value.
_USUAL = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9_.-]*)=([^ \t\r\n](?:[^\r\n]*[^ \t\r\n])?)")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Tag:
    """One `name=value`; `span` covers all of it, `value_span` the value alone."""

    name: str
    value: str
    span: tuple[int, int]
    value_span: tuple[int, int]


_tag = quickly(Tag)


def parse_tags(source: str) -> tuple[Tag, ...]:
    """
    Split *source* into its tags, in the order published.

    White space around names and values is dropped. A final semicolon may stand
    or be left out.

    Raises `RecordSyntaxError` for a part without `=`, with a bad name, or an
    empty part between semicolons.

    >>> [(tag.name, tag.value) for tag in parse_tags("v=DMARC1; p=none;")]
    [('v', 'DMARC1'), ('p', 'none')]
    """
    tags = []
    at = 0
    for piece in source.split(";"):
        stop = at + len(piece)
        usual = _USUAL.fullmatch(source, at, stop)
        if usual:
            name, value = usual.span(1), usual.span(2)
            tags.append(_tag(usual[1], usual[2], (name[0], value[1]), value))
        else:
            start, end = _trim(source, at, stop)
            if start < end:
                tags.append(_parse_tag(source, start, end))
            elif stop < len(source) or not tags:
                raise RecordSyntaxError("there is no tag here", source, (start, start + 1))
        at = stop + 1
    return tuple(tags)


def _trim(source: str, start: int, end: int) -> tuple[int, int]:
    while start < end and source[start] in _WSP:
        start += 1
    while end > start and source[end - 1] in _WSP:
        end -= 1
    return start, end


def _parse_tag(source: str, start: int, end: int) -> Tag:
    equals = source.find("=", start, end)
    if equals < 0:
        raise RecordSyntaxError("a tag is written name=value", source, (start, end))
    _, name_end = _trim(source, start, equals)
    if not _NAME.fullmatch(source, start, name_end):
        raise RecordSyntaxError("this is not a tag name", source, (start, max(name_end, start + 1)))
    value_start, _ = _trim(source, equals + 1, end)
    return _tag(source[start:name_end], source[value_start:end], (start, end), (value_start, end))


def refuse_doubles(tags: tuple[Tag, ...], source: str) -> None:
    """Raise `RecordSyntaxError` at the second of two tags with the same name."""
    seen: set[str] = set()
    for tag in tags:
        if tag.name in seen:
            raise RecordSyntaxError(f"tag {tag.name!r} appears twice", source, tag.span)
        seen.add(tag.name)


def print_tags(pairs: list[tuple[str, str]]) -> str:
    """
    Join tags the way records are published.

    >>> print_tags([("v", "DMARC1"), ("p", "none")])
    'v=DMARC1; p=none'
    """
    return "; ".join(f"{name}={value}" for name, value in pairs)

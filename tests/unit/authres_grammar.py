"""A strict reader of Authentication-Results, after the grammar of RFC 8601 section 2.2 alone."""

from __future__ import annotations

import re

TOKEN = r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+"  # RFC 2045: no tspecials, no blanks
QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"'
VALUE = rf"(?:{TOKEN}|{QUOTED})"
KEYWORD = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
DOMAIN = rf"{LABEL}(?:\.{LABEL})*"
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LOCAL = rf"(?:{ATOM}(?:\.{ATOM})*|{QUOTED})"
PVALUE = rf"(?:(?:(?:{LOCAL})?@)?{DOMAIN}|{VALUE})"
FWS = r"[ \t]*(?:\r\n[ \t]+)*[ \t]*"
PROPSPEC = rf"{KEYWORD}\.{KEYWORD}={PVALUE}"
GAP = r"(?:[ \t]|\r\n[ \t]+)+"
RESINFO = re.compile(
    rf"{FWS};{FWS}(?P<method>{KEYWORD})=(?P<result>{KEYWORD})"
    rf"(?:{GAP}reason=(?P<reason>{VALUE}))?(?P<properties>(?:{GAP}{PROPSPEC})*)(?={FWS}(?:;|\Z))"
)
PROPERTY = re.compile(rf"{GAP}({KEYWORD}\.{KEYWORD})=({PVALUE})(?={GAP}|\Z)")


def read(value: str) -> tuple[str, list[tuple[str, str, str, dict[str, str]]]]:
    """The authserv-id and (method, result, reason, properties) of *value*, or `AssertionError`."""
    for line in value.split("\r\n"):
        assert "\r" not in line
        assert "\n" not in line
        assert line.strip()
        assert len(line.encode()) <= 998
    start = re.match(rf"{VALUE}", value)
    assert start, value
    at, found = start.end(), []
    while at < len(value):
        match = RESINFO.match(value, at)
        assert match, f"no grammar for {value[at : at + 200]!r}"
        properties = {key: bare(text) for key, text in PROPERTY.findall(match["properties"])}
        found.append((match["method"], match["result"], bare(match["reason"] or ""), properties))
        at = match.end()
    return bare(start.group()), found


def bare(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text

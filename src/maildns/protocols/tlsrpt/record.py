"""The TLS-RPT record: where reports go (RFC 8460 section 3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError

VERSION: Final = "v=TLSRPTv1"

# RFC 8460 section 3: tlsrpt-ext-name, tlsrpt-ext-value; RFC 3986 section 3.1: scheme
_FIELD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_FIELD_VALUE = re.compile(r"[!-:<>-~]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-+\--:<-~]+")


@dataclass(frozen=True, slots=True)
class TlsRptRecord:
    """
    A record that asks for reports.

    `rua` are the URIs, as published; `extensions` are fields that nobody knows yet.
    """

    rua: tuple[str, ...]
    extensions: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        fields = [VERSION, "rua=" + ",".join(self.rua)]
        return "; ".join([*fields, *(f"{key}={value}" for key, value in self.extensions)])


def owner_name(domain: str) -> str:
    """The name that the record of *domain* stands at; `RecordSyntaxError` when it is no name."""
    return name(f"_smtp._tls.{name(domain)}")


def announces(text: str) -> bool:
    """Whether *text* counts as a TLS-RPT record at all; others at the name are passed over."""
    return text.startswith(VERSION + ";")  # RFC 8460 section 3


def parse(text: str) -> TlsRptRecord:
    """
    Read the text of a TLS-RPT record, strictly, as reporters do.

    URIs of any scheme are kept; whether reporters can use them is for `lint` to say. Raises
    `RecordSyntaxError` when the text does not begin with `v=TLSRPTv1;`, has no `rua` or an
    address in it that is no URI, or a field stands twice or is malformed.

    >>> parse("v=TLSRPTv1; rua=mailto:tls@example.com").rua
    ('mailto:tls@example.com',)
    """
    if not announces(text):
        problem = f"a TLS-RPT record begins with {VERSION};"
        raise RecordSyntaxError(problem, text, (0, min(len(text), len(VERSION) + 1)))
    rua: tuple[str, ...] | None = None
    extensions: dict[str, str] = {}
    for start, end in _pieces(text, ";", len(VERSION) + 1, len(text)):
        key, at = _key(text, start, end)
        if key in extensions or (key == "rua" and rua is not None):
            raise RecordSyntaxError(f"field {key!r} appears twice", text, (start, end))
        if key == "rua":
            rua = tuple(_uri(text, *place) for place in _pieces(text, ",", at, end))
        elif not _FIELD_VALUE.fullmatch(text, at, end):
            raise RecordSyntaxError("this cannot be the value of a field", text, (at, end))
        else:
            extensions[key] = text[at:end]
    if not rua:
        raise RecordSyntaxError("the field rua is missing", text, (len(text), len(text)))
    return TlsRptRecord(rua, tuple(extensions.items()))


def _pieces(text: str, separator: str, at: int, stop: int) -> list[tuple[int, int]]:
    """The places between separators, without the white space; only after a final `;` none."""
    places = []
    while at <= stop:
        end = text.find(separator, at, stop)
        end = stop if end < 0 else end
        first, last = at, end
        while first < last and text[first] in " \t":
            first += 1
        while last > first and text[last - 1] in " \t":
            last -= 1
        if first < last:
            places.append((first, last))
        elif end < stop or separator == ",":
            raise RecordSyntaxError("there is nothing here", text, (first, first + 1))
        at = end + 1
    return places


def _key(text: str, start: int, end: int) -> tuple[str, int]:
    """The field's name, and where its value starts."""
    equals = text.find("=", start, end)
    if equals < 0:
        raise RecordSyntaxError("a field is written name=value", text, (start, end))
    if not _FIELD_NAME.fullmatch(text, start, equals):
        raise RecordSyntaxError("this is not a field name", text, (start, equals + 1))
    return text[start:equals], equals + 1


def _uri(text: str, start: int, end: int) -> str:
    if not _URI.fullmatch(text, start, end):
        problem = "this is not a URI, such as mailto:tls@example.com or https://..."
        raise RecordSyntaxError(problem, text, (start, end))
    return text[start:end]

"""The MTA-STS record: that there is a policy, and which one (RFC 8461 section 3.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError

VERSION: Final = "v=STSv1"

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
# RFC 8461 section 3.1: sts-ext-name, sts-ext-value
_EXTENSION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_EXTENSION_VALUE = re.compile(r"[!-:<>-~]+")


@dataclass(frozen=True, slots=True)
class StsRecord:
    """
    A record that announces a policy.

    `id` changes whenever the policy does, which is all that senders look at; `extensions`
    are fields that nobody knows yet, kept in their order.
    """

    id: str
    extensions: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        fields = [VERSION, f"id={self.id}", *(f"{key}={value}" for key, value in self.extensions)]
        return "; ".join(fields) + ";"


def owner_name(domain: str) -> str:
    """The name that the record of *domain* stands at; `RecordSyntaxError` when it is no name."""
    return name(f"_mta-sts.{name(domain)}")


def announces(text: str) -> bool:
    """Whether *text* counts as an MTA-STS record at all; others at the name are passed over."""
    return text.startswith(VERSION + ";")  # RFC 8461 section 3.1


def parse(text: str) -> StsRecord:
    """
    Read the text of an MTA-STS record, strictly, as senders do.

    Raises `RecordSyntaxError` when it does not begin with `v=STSv1;`, has no `id` or one that
    is not 1 to 32 letters and digits, or a field stands twice or is malformed.

    >>> parse("v=STSv1; id=20260601T000000;").id
    '20260601T000000'
    """
    if not announces(text):
        problem = f"an MTA-STS record begins with {VERSION};"
        raise RecordSyntaxError(problem, text, (0, min(len(text), len(VERSION) + 1)))
    id_value: str | None = None
    extensions: dict[str, str] = {}
    for start, end in _fields(text, len(VERSION) + 1):
        key, value = _split(text, start, end)
        if key in extensions or (key == "id" and id_value is not None):
            raise RecordSyntaxError(f"field {key!r} appears twice", text, (start, end))
        if key == "id":
            id_value = _id(value, text, (start, end))
        else:
            extensions[key] = value
    if id_value is None:
        raise RecordSyntaxError("the field id is missing", text, (len(text), len(text)))
    return StsRecord(id_value, tuple(extensions.items()))


def _fields(text: str, at: int) -> list[tuple[int, int]]:
    """The places of the fields; only the last may be empty."""
    places = []
    while at <= len(text):
        stop = text.find(";", at)
        stop = len(text) if stop < 0 else stop
        start, end = at, stop
        while start < end and text[start] in " \t":
            start += 1
        while end > start and text[end - 1] in " \t":
            end -= 1
        if start < end:
            places.append((start, end))
        elif stop < len(text):
            raise RecordSyntaxError("there is no field here", text, (start, start + 1))
        at = stop + 1
    return places


def _split(text: str, start: int, end: int) -> tuple[str, str]:
    key, equals, value = text[start:end].partition("=")
    if not equals:
        raise RecordSyntaxError("a field is written name=value", text, (start, end))
    if not _EXTENSION_NAME.fullmatch(key):
        raise RecordSyntaxError("this is not a field name", text, (start, start + len(key) + 1))
    if key != "id" and not _EXTENSION_VALUE.fullmatch(value):
        place = (start + len(key) + 1, end)
        raise RecordSyntaxError("this cannot be the value of a field", text, place)
    return key, value


def _id(value: str, text: str, place: tuple[int, int]) -> str:
    if not _ID.fullmatch(value):
        problem = "the id is 1 to 32 letters and digits, nothing else"
        raise RecordSyntaxError(problem, text, (place[0] + len("id="), place[1]))
    return value

"""The MX record (RFC 1035 section 3.3.9)."""

from __future__ import annotations

from typing import TypeAlias

from maildns.dnsdata import Mx
from maildns.errors import RecordSyntaxError
from maildns.zonefile import parse_rdata

MxRecord: TypeAlias = Mx


def parse(text: str) -> Mx:
    """
    Read the presentation form of an MX record: preference and host.

    Names are absolute, with the final dot or without. Raises `RecordSyntaxError` for any
    other text.

    >>> parse("10 mx.example.com.").host
    'mx.example.com'
    """
    record = parse_rdata("MX", text)
    if not isinstance(record, Mx):
        raise RecordSyntaxError("this is not an MX record", text, (0, len(text)))
    return record


def is_null(record: Mx) -> bool:
    """Whether *record* says that the domain takes no mail (RFC 7505 section 3)."""
    return record.host == "."

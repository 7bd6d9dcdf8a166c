"""The SRV record (RFC 2782)."""

from __future__ import annotations

from typing import TypeAlias

from maildns.dnsdata import Srv
from maildns.errors import RecordSyntaxError
from maildns.zonefile import parse_rdata

SrvRecord: TypeAlias = Srv


def parse(text: str) -> Srv:
    """
    Read the presentation form of an SRV record: priority, weight, port and target.

    Names are absolute, with the final dot or without. Raises `RecordSyntaxError` for any
    other text.

    >>> parse("0 1 993 mail.example.com.").port
    993
    """
    record = parse_rdata("SRV", text)
    if not isinstance(record, Srv):
        raise RecordSyntaxError("this is not an SRV record", text, (0, len(text)))
    return record


def is_absent(record: Srv) -> bool:
    """Whether *record* says that the service is not offered (RFC 2782, RFC 6186 section 3.4)."""
    return record.target == "."

"""From mail hosts to MX records."""

from __future__ import annotations

import ipaddress
from typing import Final

from maildns.dnsdata import Mx, name
from maildns.errors import UsageError

NULL_MX: Final = Mx(0, ".")  # RFC 7505 section 3


def build(host: str, *, preference: int = 10) -> Mx:
    """
    Make the MX record of *host*; the lowest *preference* is tried first.

    The host `"."` makes the null MX, whose preference is 0. Raises `UsageError` for an
    address in place of a host or a preference out of range, `RecordSyntaxError` when the
    host is no name.

    >>> str(build("mx.example.com")), str(build("."))
    ('10 mx.example.com.', '0 .')
    """
    if not 0 <= preference <= 65535:
        raise UsageError(f"{preference} is not a preference", "a preference is from 0 to 65535")
    target = name(host)
    if target == ".":
        return NULL_MX
    if looks_like_address(target):
        hint = "give the address a name, by an A or AAAA record, and use that"
        raise UsageError(f"an MX record holds the name of a host, not the address {host}", hint)
    return Mx(preference, target)


def looks_like_address(host: str) -> bool:
    """Whether *host* is an IP address that was written where a name belongs."""
    if ":" not in host and not host.rstrip("]")[-1:].isdigit():
        return False
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True

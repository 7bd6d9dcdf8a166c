"""IP addresses as persons and programs write them."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

from maildns.errors import UsageError

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_of(text: str | IpAddress) -> IpAddress:
    """
    Read an address; one of IPv4 that is mapped into IPv6 becomes what it is.

    Raises `UsageError` when *text* is none, or has a zone (`%eth0`), which means nothing
    outside its machine.

    >>> address_of("::ffff:192.0.2.1")
    IPv4Address('192.0.2.1')
    """
    if isinstance(text, ipaddress.IPv4Address):
        return text
    try:
        address = ipaddress.ip_address(text) if isinstance(text, str) else text
    except ValueError:
        problem = f"{str(text)[:100]!r} is not an IP address"
        raise UsageError(problem, "write it like 192.0.2.1 or 2001:db8::1") from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise UsageError(f"{text} has a zone", "leave out the % and what follows")
        return address.ipv4_mapped or address
    return address

"""
Addresses and their names: A, AAAA and PTR of a mail server (RFC 1912 section 2.1, RFC 8601).

Receivers look up the name of a sending address and whether that name has the address. Only
the owner of the address, most often the provider of the line, can set the PTR record, so
there is a request for it to send.
"""

from maildns.protocols.addresses.build import ptr_request, reverse_line
from maildns.protocols.addresses.evaluate import (
    HeloAgreement,
    HeloResult,
    Iprev,
    IprevResult,
    forward_confirmed,
    helo_agrees,
)
from maildns.protocols.addresses.lint import lint_address, lint_iprev, lint_ptr

__all__ = [
    "HeloAgreement",
    "HeloResult",
    "Iprev",
    "IprevResult",
    "forward_confirmed",
    "helo_agrees",
    "lint_address",
    "lint_iprev",
    "lint_ptr",
    "ptr_request",
    "reverse_line",
]

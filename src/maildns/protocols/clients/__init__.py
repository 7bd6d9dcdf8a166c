"""
How mail programs find their servers: SRV records and two settings files (RFC 6186, RFC 8314).

Thunderbird and others fetch `autoconfig` XML, Outlook `autodiscover` XML, and some programs
ask for SRV records. A service that is not offered is said to be so, by the target ".".
"""

from maildns.protocols.clients.build import (
    SERVICES,
    Offer,
    Service,
    autoconfig_xml,
    autodiscover_xml,
    service_records,
)
from maildns.protocols.clients.explain import explain
from maildns.protocols.clients.lint import lint, lint_rrset
from maildns.protocols.clients.record import SrvRecord, parse

__all__ = [
    "SERVICES",
    "Offer",
    "Service",
    "SrvRecord",
    "autoconfig_xml",
    "autodiscover_xml",
    "explain",
    "lint",
    "lint_rrset",
    "parse",
    "service_records",
]

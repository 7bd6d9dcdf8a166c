"""
The reports that come back: DMARC aggregate (RFC 9990), DMARC failure (RFC 9991), TLS (RFC 8460).

    from maildns import reports

    report = reports.parse_aggregate(octets)     # XML, gzip, zip, or a whole mail

What is read is a plain value of `maildns.reports.model`. Reading needs nothing that the base
install has not; keeping reports needs the extra `reports`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maildns.reports.aggregate import parse_aggregate
    from maildns.reports.failure import parse_failure
    from maildns.reports.tls import parse_tls

__all__ = ["parse_aggregate", "parse_failure", "parse_tls"]

_HOMES = {"parse_aggregate": "aggregate", "parse_failure": "failure", "parse_tls": "tls"}


def __getattr__(wanted: str) -> Any:
    if wanted not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {wanted!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[wanted]}"), wanted)
    globals()[wanted] = found
    return found


def __dir__() -> list[str]:
    return list(__all__)

"""
TLS-RPT: where senders report how TLS to a domain's mail hosts went (RFC 8460).

Only the record is here. Senders that find DANE in use look for it at the name of the mail
host, others at the recipient's domain, so it belongs at both.
"""

from maildns.protocols.tlsrpt.build import build
from maildns.protocols.tlsrpt.evaluate import TlsRptLookup, TlsRptResult, record_lookup
from maildns.protocols.tlsrpt.explain import explain
from maildns.protocols.tlsrpt.lint import lint
from maildns.protocols.tlsrpt.record import TlsRptRecord, owner_name, parse

__all__ = [
    "TlsRptLookup",
    "TlsRptRecord",
    "TlsRptResult",
    "build",
    "explain",
    "lint",
    "owner_name",
    "parse",
    "record_lookup",
]

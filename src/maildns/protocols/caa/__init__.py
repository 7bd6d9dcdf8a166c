"""
CAA records: which authority may issue certificates for a name (RFC 8659, RFC 8657, RFC 9495).

Authorities must look them up, and since March 2026 validate DNSSEC when they do, so wrong
records, or broken DNSSEC, stop the renewal of a mail server's certificate.
"""

from maildns.protocols.caa.build import build
from maildns.protocols.caa.evaluate import CaaLookup, CaaResult, permits, refusal, relevant
from maildns.protocols.caa.explain import explain
from maildns.protocols.caa.lint import lint, lint_rrset
from maildns.protocols.caa.record import CaaRecord, Issuer, issuer_of, parse

__all__ = [
    "CaaLookup",
    "CaaRecord",
    "CaaResult",
    "Issuer",
    "build",
    "explain",
    "issuer_of",
    "lint",
    "lint_rrset",
    "parse",
    "permits",
    "refusal",
    "relevant",
]

"""
TLSA records: which certificate a mail server promises to show (RFC 6698, RFC 7671, RFC 7672).

For SMTP only usages 2 (DANE-TA) and 3 (DANE-EE) count; a record with another usage is kept,
so that it can be shown and complained about, but never matches. And all of it counts only
where the answer was validated with DNSSEC: see `tlsa_lookup`.
"""

from maildns.protocols.dane.build import from_certificate, from_public_key, parameters, record_for
from maildns.protocols.dane.certificate import (
    certificate_names,
    certificate_problems,
    load_certificates,
    load_public_key_of_key_file,
)
from maildns.protocols.dane.evaluate import (
    LookupResult,
    PlannedMatch,
    TlsaLookup,
    planned_match,
    tlsa_lookup,
)
from maildns.protocols.dane.explain import explain
from maildns.protocols.dane.lint import lint, lint_rrset
from maildns.protocols.dane.matching import (
    DaneResult,
    DaneVerdict,
    match,
    match_key,
    unmatched_parameters,
)
from maildns.protocols.dane.record import Parameters, TlsaRecord, owner_name, parse
from maildns.protocols.dane.sender import (
    Delivery,
    DomainLookup,
    DomainResult,
    SenderVerdict,
    domain_lookup,
    judge,
    sender_verdict,
)

__all__ = [
    "DaneResult",
    "DaneVerdict",
    "Delivery",
    "DomainLookup",
    "DomainResult",
    "LookupResult",
    "Parameters",
    "PlannedMatch",
    "SenderVerdict",
    "TlsaLookup",
    "TlsaRecord",
    "certificate_names",
    "certificate_problems",
    "domain_lookup",
    "explain",
    "from_certificate",
    "from_public_key",
    "judge",
    "lint",
    "lint_rrset",
    "load_certificates",
    "load_public_key_of_key_file",
    "match",
    "match_key",
    "owner_name",
    "parameters",
    "parse",
    "planned_match",
    "record_for",
    "sender_verdict",
    "tlsa_lookup",
    "unmatched_parameters",
]

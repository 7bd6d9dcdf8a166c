"""A TLSA record in plain words."""

from __future__ import annotations

from maildns.dnsdata import Tlsa
from maildns.protocols.dane.record import why_data_broken

_USAGE = {
    0: "PKIX-TA: an issuer that must also be publicly trusted; mail servers pass over such a record",
    1: "PKIX-EE: a certificate that must also be publicly trusted; mail servers pass over such a record",
    2: "DANE-TA: an issuer; the server must send its certificate along, and names and dates are checked",
    3: "DANE-EE: the server's own certificate; its names and dates do not matter",
}
_SELECTOR = {
    0: "Cert: the whole certificate, so the record changes at each renewal",
    1: "SPKI: the public key alone, so the record outlives a renewal that keeps the key",
}
_MATCHING_TYPE = {
    0: "Full: the data itself",
    1: "SHA2-256: its SHA-256 digest",
    2: "SHA2-512: its SHA-512 digest",
}


def explain(record: Tlsa) -> list[tuple[str, str]]:
    """
    Say what each part of *record* means, in the order published.

    >>> from maildns.protocols.dane.record import parse
    >>> explain(parse("3 1 1 " + "ab" * 32))[0][0]
    '3'
    """
    published = record.association.hex()
    what = "the public key" if record.selector == 1 else "the certificate"
    data = why_data_broken(record) or (
        what if record.matching_type == 0 else f"the digest that {what} must have"
    )
    unknown = "not a number that means anything; the record is passed over"
    return [
        (str(record.usage), _USAGE.get(record.usage, unknown)),
        (str(record.selector), _SELECTOR.get(record.selector, unknown)),
        (str(record.matching_type), _MATCHING_TYPE.get(record.matching_type, unknown)),
        (published, data),
    ]

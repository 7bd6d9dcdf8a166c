"""
From the leaf up to a trust anchor that a TLSA record names (RFC 7671 section 5.2).

This module loads `cryptography`; import it only where a chain is at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from maildns.dnsdata import Tlsa, name
from maildns.errors import RecordSyntaxError
from maildns.protocols.dane.build import digest
from maildns.protocols.dane.certificate import (
    certificate_names,
    covers,
    der_of,
    extension,
    shown_certificate,
    spki_of,
)

NOT_SENT: Final = "the issuer that it names is not in the chain that the server sends"


@dataclass(frozen=True, slots=True)
class Chain:
    """What a server showed: its own certificate, and those it sent along."""

    leaf: x509.Certificate
    others: tuple[x509.Certificate, ...]


def read(chain_der: Sequence[bytes]) -> Chain | str:
    """Read a chain in DER, leaf first; say what is wrong when there is no leaf to be had."""
    if not chain_der:
        return "the server showed no certificate"
    leaf, *others = (shown_certificate(der) for der in chain_der)
    if leaf is None:
        return "the server's certificate cannot be read"
    return Chain(leaf, tuple(one for one in others if one is not None))


def selected(record: Tlsa, certificate: x509.Certificate) -> bytes:
    """The octets of *certificate* that *record* speaks of (RFC 6698 section 2.1.2)."""
    return der_of(certificate) if record.selector == 0 else spki_of(certificate)


def why_not_issued(chain: Chain, record: Tlsa, names: Sequence[str], now: datetime) -> str | None:
    """
    Why the usage 2 *record* does not authenticate *chain* at the time *now*; None when it does.

    The trust anchor is a certificate that the server sent, or stands whole in the record.
    """
    path = _path_to(chain, record)
    if isinstance(path, str):
        return path
    for certificate in path:
        # RFC 7671 section 5.2: everything that holds for PKIX holds here, dates too.
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return f"a certificate of the chain is not valid at this time: {_title(certificate)}"
    if not _for_servers(chain.leaf):
        return "the certificate is not for servers (extended key usage)"
    patterns = certificate_names(chain.leaf)
    if any(covers(patterns, _spelled(wanted)) for wanted in names):
        return None
    # RFC 7672 section 3.2.2
    return f"the certificate names {', '.join(patterns[:4]) or 'nothing'}, not {' or '.join(names)}"


def _path_to(chain: Chain, record: Tlsa) -> list[x509.Certificate] | str:
    """Climb from the leaf, by signatures, to what *record* names."""
    pool = [*chain.others, *_anchor_in(record)]
    path = [chain.leaf]
    while True:
        if _signed_by_bare_key(record, path[-1]):
            return path
        above = next((one for one in pool if issued(path[-1], one, depth=len(path) - 1)), None)
        if above is None:
            break
        path.append(above)
        pool.remove(above)
        if digest(record.matching_type, selected(record, above)) == record.association:
            return path
    sent = any(
        digest(record.matching_type, selected(record, one)) == record.association for one in pool
    )
    if sent:
        return "the issuer that it names did not sign this chain"
    return NOT_SENT


def _anchor_in(record: Tlsa) -> list[x509.Certificate]:
    """The certificate of a 2 0 0 record, which the server need not send (RFC 7671 section 5.2.2)."""
    if record.selector != 0 or record.matching_type != 0:
        return []
    anchor = shown_certificate(record.association)
    return [] if anchor is None else [anchor]


def issued(certificate: x509.Certificate, issuer: x509.Certificate, *, depth: int) -> bool:
    """Whether *issuer* may issue, with *depth* authorities below it, and did issue *certificate*."""
    limits = extension(issuer, x509.BasicConstraints)
    # RFC 5280 section 6.1.4 (k): an issuer says that it is one.
    if limits is None or not limits.ca:
        return False
    if limits.path_length is not None and depth > limits.path_length:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _signed_by_bare_key(record: Tlsa, certificate: x509.Certificate) -> bool:
    """Whether the key that stands whole in a 2 1 0 record signed *certificate*."""
    if record.selector != 1 or record.matching_type != 0:
        return False
    try:
        _verify(certificate, record.association)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _verify(certificate: x509.Certificate, spki_der: bytes) -> None:
    key = load_der_public_key(spki_der)
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    parameters = certificate.signature_algorithm_parameters
    hash_algorithm = certificate.signature_hash_algorithm
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        key.verify(signature, signed)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
        key.verify(signature, signed, parameters)
    elif (
        isinstance(key, rsa.RSAPublicKey)
        and isinstance(parameters, padding.PKCS1v15 | padding.PSS)
        and hash_algorithm is not None
    ):
        key.verify(signature, signed, parameters, hash_algorithm)
    else:
        raise UnsupportedAlgorithm("this key cannot have made this signature")


def _for_servers(leaf: x509.Certificate) -> bool:
    usage = extension(leaf, x509.ExtendedKeyUsage)
    if usage is None:
        return True
    return (
        ExtendedKeyUsageOID.SERVER_AUTH in usage
        or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage
    )


def _title(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:200] or "without a subject"


def _spelled(host: str) -> str:
    try:
        return name(host)
    except RecordSyntaxError:
        return host  # covered by nothing

"""
What a certificate shows by itself, read once for all domains that share it.

This module loads `cryptography`; import it only where a certificate is at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from maildns.protocols.dane.certificate import extension, shown_certificate

# RFC 8996 section 2, RFC 9155: of collisions in these there are attacks, or nearly.
_WEAK_HASHES = {"md5", "sha1", "sha224"}


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """
    One certificate: the key in words, and what is poor about it.

    `weak_key` and `weak_signature` say why, empty where it is not; `short_key` is an RSA key that
    will do for now. `own_issuer` says that subject and issuer are the same; `unfit` says why the
    certificate is not for a server.
    """

    certificate: x509.Certificate
    key: str
    weak_key: str
    short_key: bool
    weak_signature: str
    own_issuer: bool
    unfit: str


@lru_cache(maxsize=4096)
def certificate_facts(der: bytes) -> CertificateFacts | None:
    """Read a certificate in DER; None where it cannot be read."""
    certificate = shown_certificate(der)
    if certificate is None:
        return None
    key, weak, short = _key(certificate)
    return CertificateFacts(
        certificate,
        key,
        weak,
        short,
        _weak_signature(certificate),
        certificate.subject == certificate.issuer,
        _unfit(certificate),
    )


def _key(certificate: x509.Certificate) -> tuple[str, str, bool]:
    """The key in words, why it is weak, and whether it is short."""
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "a key of an unknown kind", "", False
    if isinstance(key, rsa.RSAPublicKey):
        shown = f"RSA with {key.key_size} bits"
        return shown, shown if key.key_size < 2048 else "", 2048 <= key.key_size < 3072
    if isinstance(key, ec.EllipticCurvePublicKey):
        shown = f"ECDSA with {key.curve.name}"
        return shown, shown if key.key_size < 256 else "", False
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return type(key).__name__.removesuffix("PublicKey"), "", False
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", "DSA, which TLS 1.3 does not know", False
    return "a key of an unknown kind", "", False


def _weak_signature(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return algorithm.name.upper() if algorithm and algorithm.name in _WEAK_HASHES else ""


def _unfit(certificate: x509.Certificate) -> str:
    purposes = extension(certificate, x509.ExtendedKeyUsage)
    if purposes is not None and not (
        ExtendedKeyUsageOID.SERVER_AUTH in purposes
        or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes
    ):
        return "its extended key usage does not name servers"
    usage = extension(certificate, x509.KeyUsage)
    # RFC 8446 section 4.4.2.2: the server signs with it.
    if usage is not None and not usage.digital_signature:
        return "its key usage does not allow signatures, which TLS 1.3 needs"
    return ""


def last_link(chain: Sequence[CertificateFacts]) -> CertificateFacts | None:
    """
    The certificate at which the way up from the first of *chain* ends.

    It goes by names, as those who build chains do; None for an empty chain.
    """
    if not chain:
        return None
    at, others = chain[0], list(chain[1:])
    while not at.own_issuer:
        above = next(
            (one for one in others if one.certificate.subject == at.certificate.issuer), None
        )
        if above is None:
            break
        others.remove(above)
        at = above
    return at

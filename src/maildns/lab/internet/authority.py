"""
The certificate authority of the pretend internet, and the certificates of its servers.

A root that the lab's programs trust, and an authority under it that issues. The latter bears the
name of a known authority, since a CAA record is judged by that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CAA_DOMAIN: Final = "letsencrypt.org"  # what CAA records call the authority that issues
LIFETIME_DAYS: Final = 90
_ISSUER: Final = {NameOID.ORGANIZATION_NAME: "Let's Encrypt", NameOID.COMMON_NAME: "Lab E1"}
_ROOT: Final = {NameOID.ORGANIZATION_NAME: "maildns", NameOID.COMMON_NAME: "maildns lab root"}
_PEM: Final = serialization.Encoding.PEM

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_digest(key: Key) -> str:
    """The SHA-256 of the public key in hex, as TLSA records with selector 1 and matching type 1 hold it."""
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(spki).hexdigest()


def key_pem(key: Key) -> bytes:
    """The private key, not encrypted."""
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _name(parts: dict[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts.items()])


@dataclass
class Authority:
    """A root and an issuing authority, new with each lab."""

    root_key: Key = field(default_factory=new_key, repr=False)
    issuing_key: Key = field(default_factory=new_key, repr=False)
    root: x509.Certificate = field(init=False, repr=False)
    issuing: x509.Certificate = field(init=False, repr=False)

    def __post_init__(self) -> None:
        root, issuer = _name(_ROOT), _name(_ISSUER)
        self.root = make_authority(root, self.root_key, root, self.root_key)
        self.issuing = make_authority(issuer, self.issuing_key, root, self.root_key)

    @property
    def root_pem(self) -> bytes:
        """What programs trust."""
        return self.root.public_bytes(_PEM)

    def issue(self, key: Key, names: list[str], days: int = LIFETIME_DAYS - 1) -> x509.Certificate:
        """A server's certificate for *names*; with negative *days* one that has expired."""
        return _leaf(key, names, days, self.issuing, self.issuing_key)

    def chain_pem(self, leaf: x509.Certificate) -> bytes:
        """What a server shows: its own certificate and that of the issuing authority."""
        return leaf.public_bytes(_PEM) + self.issuing.public_bytes(_PEM)


def self_signed(key: Key, names: list[str], days: int = LIFETIME_DAYS - 1) -> x509.Certificate:
    """A certificate for *names* that nobody has issued."""
    return _leaf(key, names, days, None, key)


def _leaf(
    key: Key, names: list[str], days: int, issuer: x509.Certificate | None, issuing_key: Key
) -> x509.Certificate:
    subject = _name({NameOID.COMMON_NAME: names[0][:64]})
    now = datetime.now(UTC)
    until = now + timedelta(days=days)
    since = min(now - timedelta(days=1), until - timedelta(days=LIFETIME_DAYS))
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    names_of_host = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(names_of_host, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(server, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_issuer_id(issuing_key), critical=False)
        .sign(issuing_key, hashes.SHA256())
    )


def _issuer_id(key: Key) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def key_identifiers(
    key: Key, issuing_key: Key
) -> tuple[x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier]:
    """The extensions that name the key of a certificate and that of its issuer."""
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key()), _issuer_id(issuing_key)


def make_authority(
    subject: x509.Name,
    key: Key,
    issuer: x509.Name,
    issuing_key: Key,
    purposes: Sequence[x509.ObjectIdentifier] = (),
) -> x509.Certificate:
    """The certificate of an authority, of ten years; *purposes* are those of what it issues."""
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
            "key_agreement", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
    )
    for extension in key_identifiers(key, issuing_key):
        builder = builder.add_extension(extension, critical=False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(issuing_key, hashes.SHA256())

"""Certificates made for tests: authorities, leaves, and all that can be wrong with them."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


@dataclass(frozen=True)
class Made:
    """A certificate with its key, and the one that issued it."""

    certificate: x509.Certificate
    key: object
    issuer: Made | None = None

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(PEM).decode("ascii")


def make(
    title,
    issuer=None,
    *,
    names=(),
    authority=False,
    now=None,
    days=(-30, 60),
    rsa_bits=0,
    digest=None,
    purpose=None,
    signs=True,
):
    """A certificate valid for *days* around *now*, signed by *issuer*, or by itself."""
    now = now or datetime.now(UTC)
    key = (
        rsa.generate_private_key(65537, rsa_bits)
        if rsa_bits
        else ec.generate_private_key(ec.SECP256R1())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    above = issuer.certificate.subject if issuer else subject
    signer = issuer.key if issuer else key
    usage = x509.KeyUsage(
        digital_signature=signs, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=not signs, key_cert_sign=authority,
        crl_sign=authority, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(alternative, critical=False)
    if not authority:
        kind = purpose or ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([kind]), critical=False)
    return Made(builder.sign(signer, digest or hashes.SHA256()), key, issuer)


def server_context(*chains: tuple[Made, ...]) -> ssl.SSLContext:
    """A server's context that shows each of *chains*, the leaf first, by the kind of key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with tempfile.TemporaryDirectory() as folder:
        for number, chain in enumerate(chains):
            key = chain[0].key.private_bytes(
                PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            file = Path(folder) / f"{number}.pem"
            file.write_bytes(key + "".join(one.pem for one in chain).encode("ascii"))
            context.load_cert_chain(file)
    return context

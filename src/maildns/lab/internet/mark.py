"""
The authority for marks of the pretend internet, and its mark certificates.

They are made like those of the real authorities, with the picture in the logotype extension
(RFC 9399), but for the proofs of Certificate Transparency: there is no log inside.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from maildns.lab.internet.authority import Key, key_identifiers, make_authority, new_key

PURPOSE: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.31")
LOGOTYPE: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.12")
MARK_TYPE: Final = "1.3.6.1.4.1.53087.1.13"
LIFETIME_DAYS: Final = 365
# What the subject of a registered mark must say (MCR section 7.1.4.2.2).
SUBJECT: Final[Mapping[str, str]] = {
    NameOID.COUNTRY_NAME.dotted_string: "DE",
    NameOID.LOCALITY_NAME.dotted_string: "Berlin",
    NameOID.STREET_ADDRESS.dotted_string: "Laborweg 1",
    NameOID.ORGANIZATION_NAME.dotted_string: "maildns lab",
    NameOID.BUSINESS_CATEGORY.dotted_string: "Private Organization",
    NameOID.SERIAL_NUMBER.dotted_string: "HRB 1",
    NameOID.JURISDICTION_COUNTRY_NAME.dotted_string: "DE",
    "1.3.6.1.4.1.53087.1.3": "DE",
    "1.3.6.1.4.1.53087.1.4": "302026000001",
    MARK_TYPE: "Registered Mark",
}
_PEM: Final = serialization.Encoding.PEM
_SHA256: Final = bytes.fromhex("300b0609608648016503040201")  # AlgorithmIdentifier


def picture_of(title: str, padding: int = 0) -> bytes:
    """A picture in SVG Tiny PS, called *title*, with a remark of *padding* octets."""
    remark = f"<!--{'.' * padding}-->" if padding else ""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps" '
        f'viewBox="0 0 100 100"><title>{title}</title>{remark}'
        '<rect width="100" height="100" fill="#1d4ed8"/>'
        '<path d="M20 30h60v40H20z M20 30l30 24 30-24" fill="#fff" stroke="#1d4ed8"/></svg>\n'
    ).encode()


@dataclass
class MarkAuthority:
    """A root for marks and an authority under it that issues, new with each lab."""

    root_key: Key = field(default_factory=new_key, repr=False)
    issuing_key: Key = field(default_factory=new_key, repr=False)
    root: x509.Certificate = field(init=False, repr=False)
    issuing: x509.Certificate = field(init=False, repr=False)

    def __post_init__(self) -> None:
        root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "maildns lab mark root")])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "maildns lab mark CA")])
        self.root = make_authority(root, self.root_key, root, self.root_key)
        self.issuing = make_authority(issuer, self.issuing_key, root, self.root_key, [PURPOSE])

    @property
    def root_pem(self) -> bytes:
        """What `--mark-ca-file` is given."""
        return self.root.public_bytes(_PEM)

    def chain_pem(self, mark: x509.Certificate) -> bytes:
        """What is served: the mark certificate and that of its issuer."""
        return mark.public_bytes(_PEM) + self.issuing.public_bytes(_PEM)

    def issue(
        self,
        names: Sequence[str],
        picture: bytes,
        days: int = LIFETIME_DAYS - 1,
        *,
        subject: Mapping[str, str] = SUBJECT,
        since: datetime | None = None,
        extensions: Sequence[x509.ExtensionType] | None = None,
    ) -> x509.Certificate:
        """
        A mark certificate for *names*, with *picture* in it, that expires in *days*.

        *subject* are its fields by object identifier, *extensions* what it says beside its names; it was
        issued a year before it expires, or *since*.
        """
        until = datetime.now(UTC) + timedelta(days=days)
        key = new_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(self.issuing.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since or until - timedelta(days=LIFETIME_DAYS))
            .not_valid_after(until)
            .add_extension(_alternative(names), critical=False)
        )
        said = usual_extensions(picture) if extensions is None else extensions
        for extension in (*said, *key_identifiers(key, self.issuing_key)):
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.issuing_key, hashes.SHA256())


def usual_extensions(picture: bytes) -> list[x509.ExtensionType]:
    """What a mark certificate says beside its names: its purpose, revocations, and *picture*."""
    return [x509.ExtendedKeyUsage([PURPOSE]), _revocations(), logotype(picture)]


def _name(fields: Mapping[str, str]) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(x509.ObjectIdentifier(oid), text) for oid, text in fields.items()]
    )


def _alternative(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(one) for one in names])


def _revocations() -> x509.CRLDistributionPoints:
    place = x509.UniformResourceIdentifier("http://crl.nic.lab/marks.crl")
    point = x509.DistributionPoint([place], relative_name=None, reasons=None, crl_issuer=None)
    return x509.CRLDistributionPoints([point])


def logotype(picture: bytes) -> x509.UnrecognizedExtension:
    """The logotype extension with *picture*, packed, in a `data:` URI (RFC 9399 appendix A)."""
    packed = gzip.compress(picture, mtime=0)
    uri = b"data:image/svg+xml;base64," + base64.b64encode(packed)
    details = _der(
        0x30,
        _der(0x16, b"image/svg+xml"),
        _der(0x30, _der(0x30, _SHA256, _der(0x04, sha256(packed).digest()))),
        _der(0x30, _der(0x16, uri)),
    )
    data = _der(0xA0, _der(0x30, _der(0x30, details)))  # direct [0]: image
    return x509.UnrecognizedExtension(LOGOTYPE, _der(0x30, _der(0xA2, data)))  # subjectLogo [2]


def _der(tag: int, *content: bytes) -> bytes:
    """An element in DER (X.690 section 8.1)."""
    inner = b"".join(content)
    if len(inner) < 0x80:
        return bytes((tag, len(inner))) + inner
    length = len(inner).to_bytes((len(inner).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + inner

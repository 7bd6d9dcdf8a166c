"""
Certificates and keys as their owner keeps them: files in PEM or DER.

What is needed of them here: the octets that a TLSA record speaks of, the names a
certificate covers, and whether it will do for a mail server at a given time. Nothing
here opens a file; private keys are read only for their public half.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from maildns.dnsdata import name
from maildns.errors import InputError, RecordSyntaxError
from maildns.finding import Finding, Fix, Severity, rule

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import (
        PrivateKeyTypes,
        PublicKeyTypes,
    )
    from cryptography.x509 import Certificate, ExtensionType

_Extension = TypeVar("_Extension", bound="ExtensionType")

MAX_FILE_OCTETS: Final = 1 << 20  # far above any chain; a larger file is no certificate
MAX_CHAIN: Final = 64
SOON: Final = timedelta(days=7)

_PEM = re.compile(
    rb"-----BEGIN (?P<label>[A-Z0-9 ]{1,40})-----\s.*?-----END (?P=label)-----", re.DOTALL
)
_CHAIN_HINT = "give the certificate file that the mail server uses, in PEM (or DER): leaf first"

EXPIRED = rule(
    "dane-certificate-expired",
    Severity.ERROR,
    "the certificate has expired",
    help="""Senders that follow MTA-STS, mail programs, and DANE senders with a usage 2 record
    refuse an expired certificate, so mail stops. Only a 3 x x record does not care.
    Renew the certificate and load it into every service that uses it.""",
    reference="RFC 8461 section 4.2",
)
NOT_YET_VALID = rule(
    "dane-certificate-not-yet-valid",
    Severity.ERROR,
    "the certificate is not valid yet",
    help="""Senders that check dates refuse a certificate before its first day. Either the clock
    of this machine or of the issuer is wrong, or the certificate was deployed too early.
    Deploy it once its time has come.""",
    reference="RFC 8461 section 4.2",
)
EXPIRES_SOON = rule(
    "dane-certificate-expires-soon",
    Severity.WARN,
    "the certificate expires soon",
    help="""A certificate that is to be renewed by a machine should have been renewed by now.
    Look whether the renewal fails, and why, before mail does.""",
    reference="RFC 8461 section 4.2",
)
WRONG_NAME = rule(
    "dane-certificate-wrong-name",
    Severity.ERROR,
    "the certificate does not name the host",
    help="""A sender that follows MTA-STS wants the name of the mail host among the certificate's
    DNS names, and so does DANE with a usage 2 record; mail programs want the name that they were
    given. The old common name does not count. Order a certificate with all these names.""",
    reference="RFC 8461 section 4.1",
)
WRONG_KEY = rule(
    "dane-certificate-wrong-key",
    Severity.ERROR,
    "the certificate belongs to another key",
    help="""The public key in the certificate is not that of the key file, so the server cannot
    start TLS with the two, or shows another certificate than the one looked at here.
    Give the pair that belongs together.""",
    reference="RFC 5280 section 4.1.2.7",
)


# --- reading --------------------------------------------------------------------------


def load_certificates(data: bytes, path: Path | str | None = None) -> list[Certificate]:
    """
    Read a certificate file: a PEM chain, or one certificate in DER; the leaf comes first.

    A chain in another order is put right, other PEM blocks (such as the key of a combined
    file) are passed over. Raises `InputError`, with the mend, when there is no certificate
    or one that cannot be read.
    """
    if len(data) > MAX_FILE_OCTETS:
        raise InputError("this is too large for a certificate file", path=path, hint=_CHAIN_HINT)
    blocks = list(_PEM.finditer(data))
    certificates: list[Certificate] = []
    for block in blocks:
        if block["label"] in {b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"}:
            line = data.count(b"\n", 0, block.start()) + 1
            certificates.append(_pem_certificate(block.group(), path, line))
    if not blocks and data[:1] == b"\x30":
        certificates = [certificate_of(data, path)]
    if not certificates:
        raise _no_certificate(data, [block["label"] for block in blocks], path)
    if len(certificates) > MAX_CHAIN:
        problem = (
            f"there are {len(certificates)} certificates in this file; that is a bundle of roots"
        )
        raise InputError(problem, path=path, hint=_CHAIN_HINT)
    return _leaf_first(certificates)


def certificate_of(data: bytes, path: Path | str | None = None) -> Certificate:
    """Read one certificate, DER or PEM; raises `InputError` when the octets are none."""
    from cryptography import x509

    if b"-----BEGIN" in data[:1000]:
        return load_certificates(data, path)[0]
    try:
        return _whole(x509.load_der_x509_certificate, data)
    except ValueError as error:
        raise InputError(
            f"this is not a certificate in DER: {_first_line(error)}",
            path=path,
            hint=_der_hint(data),
        ) from None


def shown_certificate(der: bytes) -> Certificate | None:
    """Read a certificate, in DER, that a server showed; None when it cannot be read."""
    from cryptography import x509

    try:
        return _whole(x509.load_der_x509_certificate, der)
    except ValueError:
        return None


def _whole(load: Callable[[bytes], Certificate], data: bytes) -> Certificate:
    """Read *data* with *load*, also the parts that it puts off; raises `ValueError`."""
    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    with warnings.catch_warnings():
        # What is old-fashioned about a stranger's certificate is not for our user's terminal.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            certificate = load(data)
            for part in ("subject", "issuer", "not_valid_before_utc", "not_valid_after_utc"):
                getattr(certificate, part)
        except (TypeError, x509.InvalidVersion) as error:
            raise ValueError(str(error)) from None
    return certificate


def _pem_certificate(block: bytes, path: Path | str | None, line: int) -> Certificate:
    from cryptography import x509

    try:
        return _whole(x509.load_pem_x509_certificate, block)
    except ValueError as error:
        raise InputError(
            f"this certificate cannot be read: {_first_line(error)}",
            path=path,
            line=line,
            hint="copy the file again; a line may be missing or changed",
        ) from None


def _no_certificate(data: bytes, found: list[bytes], path: Path | str | None) -> InputError:
    """Say what the file holds instead, since a mixed-up file is the usual fault."""
    if any(label.endswith(b"PRIVATE KEY") for label in found):
        return InputError("this is a private key, not a certificate", path=path, hint=_CHAIN_HINT)
    if any(label.endswith(b"CERTIFICATE REQUEST") for label in found):
        problem = "this is a request for a certificate, not a certificate"
        return InputError(problem, path=path, hint="give what the issuer sent back")
    if b"PKCS7" in found:
        hint = "convert it: openssl pkcs7 -print_certs -in FILE -out chain.pem"
        return InputError("this is a PKCS #7 bundle", path=path, hint=hint)
    if b"-----BEGIN CERTIFICATE-----" in data:
        hint = "copy the file again, down to -----END CERTIFICATE-----"
        return InputError("the certificate in this file is cut off", path=path, hint=hint)
    problem = "this file is empty" if not data.strip() else "there is no certificate in this file"
    return InputError(problem, path=path, hint=_CHAIN_HINT)


def _der_hint(data: bytes) -> str:
    # PKCS #12 begins with the version number 3, PKCS #7 with an object identifier.
    if data[:1] == b"\x30" and b"\x02\x01\x03" in data[:9]:
        return "is it PKCS #12 (.pfx, .p12)? openssl pkcs12 -in FILE -nokeys -out chain.pem"
    return _CHAIN_HINT


def _leaf_first(certificates: list[Certificate]) -> list[Certificate]:
    """Bring a chain into order, leaf to root; what belongs to no chain stays behind it."""
    left = list(dict.fromkeys(certificates))
    issuers = {one.issuer for one in left if one.issuer != one.subject}
    leaves = [one for one in left if one.subject not in issuers]
    ordered = [leaves[0] if leaves else left[0]]
    left.remove(ordered[0])
    while left:
        above = next((one for one in left if one.subject == ordered[-1].issuer), left[0])
        left.remove(above)
        ordered.append(above)
    return ordered


def load_public_key_of_key_file(
    data: bytes, passphrase: bytes | None = None, path: Path | str | None = None
) -> bytes:
    """
    Read a key file for its public key, a SubjectPublicKeyInfo in DER.

    PEM or DER; a private key, a public key or a certificate request, with other PEM blocks
    beside it or not. Raises `InputError`, with the mend, when there is no key, it is
    encrypted and *passphrase* is missing or wrong, or it is of no known kind.
    """
    from cryptography.exceptions import UnsupportedAlgorithm

    hint = "give the private key file of the mail server, in PEM, or its public half"
    if len(data) > MAX_FILE_OCTETS:
        raise InputError("this is too large for a key file", path=path, hint=hint)
    try:
        key = _public_key(data, passphrase)
    except TypeError:  # cryptography's word for a passphrase missing, or given in vain
        if passphrase is None:
            problem, hint = "the key is encrypted", "give its passphrase as well"
        else:
            problem, hint = "the key is not encrypted", "leave the passphrase out"
        raise InputError(problem, path=path, hint=hint) from None
    except UnsupportedAlgorithm as error:
        problem = f"a key of this kind is not supported: {_first_line(error)}"
        raise InputError(problem, path=path, hint="use an ECDSA P-256 or RSA key") from None
    except ValueError as error:
        problem = f"the key cannot be read: {_first_line(error)}"
        if passphrase is not None:
            problem = "the key cannot be read; is the passphrase right?"
        raise InputError(problem, path=path, hint=hint) from None
    if key is None:
        raise InputError("there is no key in this file", path=path, hint=hint)
    return key


def _public_key(data: bytes, passphrase: bytes | None) -> bytes | None:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization as form

    blocks = {block["label"]: block.group() for block in _PEM.finditer(data)}
    for label, block in blocks.items():
        if label == b"OPENSSH PRIVATE KEY":
            return _spki(form.load_ssh_private_key(block, passphrase).public_key())
        if label.endswith(b"PRIVATE KEY"):
            return _spki(form.load_pem_private_key(block, passphrase).public_key())
    for label, block in blocks.items():
        if label.endswith(b"PUBLIC KEY"):
            return _spki(form.load_pem_public_key(block))
        if label.endswith(b"CERTIFICATE REQUEST"):
            return _spki(x509.load_pem_x509_csr(block).public_key())
    if blocks or data[:1] != b"\x30":
        return None
    return _der_public_key(data, passphrase)


def _der_public_key(data: bytes, passphrase: bytes | None) -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    try:
        form.load_der_public_key(data)
    except ValueError:
        private: PrivateKeyTypes = form.load_der_private_key(data, passphrase)
        return _spki(private.public_key())
    return data


def _spki(key: PublicKeyTypes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


# --- what TLSA records speak of -------------------------------------------------------


def der_of(certificate: Certificate) -> bytes:
    """The certificate's own octets."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def spki_of(certificate: Certificate) -> bytes:
    """
    The certificate's SubjectPublicKeyInfo, octet for octet as it stands there.

    Encoding the key anew would not do: a key restricted to RSASSA-PSS, say, would come out
    with other octets and another digest than receivers compute.
    """
    tbs = certificate.tbs_certificate_bytes
    at, _ = _der_content(tbs, 0)
    if tbs[at] == 0xA0:  # RFC 5280 section 4.1: the version is there but in version 1
        at = sum(_der_content(tbs, at))
    for _ in ("serialNumber", "signature", "issuer", "validity", "subject"):
        at = sum(_der_content(tbs, at))
    return tbs[at : sum(_der_content(tbs, at))]


def _der_content(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at *at* starts, and its length; the certificate has parsed."""
    first = data[at + 1]
    if first < 0x80:
        return at + 2, first
    octets = first & 0x7F
    return at + 2 + octets, int.from_bytes(data[at + 2 : at + 2 + octets])


def certificate_names(certificate: Certificate) -> list[str]:
    """The DNS names of the subjectAltName, lower case, in order; none when it has none."""
    from cryptography import x509

    names = extension(certificate, x509.SubjectAlternativeName)
    if names is None:
        return []
    return [text.lower().rstrip(".") for text in names.get_values_for_type(x509.DNSName)]


def extension(certificate: Certificate, kind: type[_Extension]) -> _Extension | None:
    """The extension of *kind*; None when there is none, or it cannot be read."""
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
        ValueError,
    ):
        return None


def covers(patterns: Sequence[str], host: str) -> bool:
    """
    Whether one of the certificate names *patterns* covers *host*.

    A wildcard is a whole leftmost label and stands for just one (RFC 9525 section 6.3).

    >>> covers(["*.example.com"], "mx.example.com"), covers(["*.example.com"], "a.mx.example.com")
    (True, False)
    """
    _, _, above = host.partition(".")
    return host in patterns or (bool(above) and f"*.{above}" in patterns)


# --- whether it will do ---------------------------------------------------------------


def certificate_problems(
    certificate: Certificate,
    *,
    names: Sequence[str],
    now: datetime,
    key_spki: bytes | None = None,
    soon: timedelta = SOON,
) -> list[Finding]:
    """
    Say what is wrong with *certificate* for a server known by *names* at the time *now*.

    Who issued it is not asked. *key_spki*, the public key of the server's key file, is
    compared when given; *now* must know its time zone.
    """
    subject = names[0] if names else _common_name(certificate)
    found = _date_problems(certificate, subject, now, soon)
    patterns = certificate_names(certificate)
    for wanted in names:
        if not covers(patterns, _spelled(wanted)):
            has = ", ".join(patterns[:8]) or "no DNS name at all"
            mend = Fix(f"order a certificate that names {wanted}")
            found.append(WRONG_NAME.finding(wanted, f"the certificate has {has}", fix=mend))
    if key_spki is not None and key_spki != spki_of(certificate):
        found.append(WRONG_KEY.finding(subject))
    return found


def _spelled(host: str) -> str:
    try:
        return name(host)
    except RecordSyntaxError:
        return host  # covered by nothing, and said so


def _date_problems(
    certificate: Certificate, subject: str, now: datetime, soon: timedelta
) -> list[Finding]:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > last:
        return [EXPIRED.finding(subject, f"the certificate expired on {last:%Y-%m-%d %H:%M} UTC")]
    if now < first:
        says = f"the certificate is valid only from {first:%Y-%m-%d %H:%M} UTC"
        return [NOT_YET_VALID.finding(subject, says)]
    # Of a certificate that lives for days, a week is not soon: a third of its life is.
    if last - now < min(soon, (last - first) / 3):
        days = (last - now).days
        return [EXPIRES_SOON.finding(subject, f"the certificate expires in {days} days")]
    return []


def _common_name(certificate: Certificate) -> str:
    from cryptography.x509 import NameOID

    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else "the certificate"

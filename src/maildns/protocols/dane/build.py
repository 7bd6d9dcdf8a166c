"""From a certificate or a key to its TLSA record (RFC 6698 section 2.1)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from maildns.dnsdata import Tlsa
from maildns.errors import InputError, RecordSyntaxError, UsageError
from maildns.protocols.dane.record import MATCHING_TYPES, SELECTORS, USAGES, Parameters

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

RECOMMENDED: Final = Parameters(3, 1, 1)  # RFC 7671 section 5.1

_WORD = re.compile(r"[^\s]+")
_PRIVATE_USE = 255


def parameters(text: str) -> Parameters:
    """
    Read the three parameters, as numbers or as the acronyms of RFC 7218.

    Raises `RecordSyntaxError` for anything else, and for a number without a meaning.

    >>> str(parameters("DANE-EE SPKI SHA2-256")), str(parameters("2 0 1"))
    ('3 1 1', '2 0 1')
    """
    words = list(_WORD.finditer(text))
    if len(words) != 3:
        problem = "there are three parameters: usage, selector, matching type, such as 3 1 1"
        raise RecordSyntaxError(problem, text, (0, len(text)))
    meanings: tuple[Mapping[int, str], ...] = (USAGES, SELECTORS, MATCHING_TYPES)
    usage, selector, matching_type = (
        _number(word, text, known) for word, known in zip(words, meanings, strict=True)
    )
    return Parameters(usage, selector, matching_type)


def _number(word: re.Match[str], source: str, meanings: Mapping[int, str]) -> int:
    for number, acronym in meanings.items():
        if number != _PRIVATE_USE and word.group().lower() in {str(number), acronym.lower()}:
            return number
    known = ", ".join(f"{n} ({what})" for n, what in meanings.items() if n != _PRIVATE_USE)
    raise RecordSyntaxError(f"this is none of {known}", source, word.span())


def from_certificate(
    certificate: bytes | Certificate,
    *,
    usage: int = 3,
    selector: int = 1,
    matching_type: int = 1,
) -> Tlsa:
    """
    Make the TLSA record of *certificate* (DER, PEM or an x509 object).

    With usage 3 it must be the server's own certificate, with usage 2 that of an issuer
    which the server sends along. The default 3 1 1 stays the same when a certificate is
    renewed with the same key. Raises `InputError` when the octets are no certificate,
    `UsageError` for parameters without a meaning.
    """
    from maildns.protocols.dane.certificate import certificate_of, der_of, spki_of

    wanted = _checked(usage, selector, matching_type)
    parsed = certificate_of(certificate) if isinstance(certificate, bytes) else certificate
    # RFC 6698 section 2.1.2: the full certificate, or its subject public key.
    return _record(wanted, der_of(parsed) if wanted.selector == 0 else spki_of(parsed))


def from_public_key(spki_der: bytes, *, usage: int = 3, matching_type: int = 1) -> Tlsa:
    """
    Make the TLSA record (selector 1) of a public key, a SubjectPublicKeyInfo in DER.

    This is how the record of the next key is published before there is a certificate.
    Raises `InputError` when the octets are no public key, `UsageError` for parameters
    without a meaning.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    wanted = _checked(usage, 1, matching_type)
    try:
        load_der_public_key(spki_der)
    except UnsupportedAlgorithm:
        pass  # a key of a kind we cannot use ourselves has a digest all the same
    except ValueError:
        raise InputError(
            "this is not a public key in DER (SubjectPublicKeyInfo)",
            hint="make it with: openssl pkey -in key.pem -pubout -outform DER",
        ) from None
    return _record(wanted, spki_der)


def record_for(
    wanted: Parameters,
    chain: Sequence[Certificate] = (),
    spki_der: bytes = b"",
) -> Tlsa:
    """
    Make the record that *wanted* asks for of a server that shows *chain*, leaf first.

    Usages 0 and 2 are of the issuer that is sent along, the last of the chain (RFC 7672
    section 3.1.1), 1 and 3 of the server itself; of a server whose key alone is known, give
    *spki_der*. Raises `InputError` with the mend when the chain does not hold what is needed.
    """
    if not chain and spki_der and wanted.selector == 1 and wanted.usage in {1, 3}:
        return from_public_key(spki_der, usage=wanted.usage, matching_type=wanted.matching_type)
    if not chain:
        raise InputError(f"TLSA {wanted} needs the certificate", hint="give it, not the key alone")
    if wanted.usage in {0, 2} and len(chain) < 2:
        raise InputError(
            f"TLSA {wanted} needs the issuer's certificate, and there is no more than one",
            hint="give the full chain as certificate (fullchain.pem)",
        )
    return from_certificate(
        chain[-1] if wanted.usage in {0, 2} else chain[0],
        usage=wanted.usage,
        selector=wanted.selector,
        matching_type=wanted.matching_type,
    )


def digest(matching_type: int, data: bytes) -> bytes:
    """Apply a matching type to *data* (RFC 6698 section 2.1.3); `UsageError` for an unknown one."""
    if matching_type == 0:
        return data
    if matching_type == 1:
        return hashlib.sha256(data).digest()
    if matching_type == 2:
        return hashlib.sha512(data).digest()
    raise UsageError(f"matching type {matching_type} is not known", "use 1 (SHA2-256)")


def _record(wanted: Parameters, data: bytes) -> Tlsa:
    association = digest(wanted.matching_type, data)
    return Tlsa(wanted.usage, wanted.selector, wanted.matching_type, association)


def _checked(usage: int, selector: int, matching_type: int) -> Parameters:
    hint = "mail wants 3 1 1, or 2 1 1 for an issuer"
    if usage not in USAGES or usage == _PRIVATE_USE:
        raise UsageError(f"certificate usage {usage} is not known", hint)
    if selector not in {0, 1}:
        raise UsageError(f"selector {selector} is not known", hint)
    if matching_type not in {0, 1, 2}:
        raise UsageError(f"matching type {matching_type} is not known", hint)
    return Parameters(usage, selector, matching_type)

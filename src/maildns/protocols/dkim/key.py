"""
Signing keys: made, read from files and records, measured.

RSA (RFC 6376, RFC 8301) and Ed25519 (RFC 8463), by `cryptography`, which is
imported when the first key is touched. No error carries a secret.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from maildns.errors import InputError, UsageError
from maildns.protocols.dkim.record import KeyRecord

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

PrivateKey: TypeAlias = "RSAPrivateKey | Ed25519PrivateKey"
PublicKey: TypeAlias = "RSAPublicKey | Ed25519PublicKey"

ALGORITHMS = ("rsa2048", "rsa3072", "rsa4096", "ed25519")
LEAST_RSA_BITS = 1024  # RFC 8301 section 3.2: verifiers refuse less
_ENCRYPTED_HINT = "give the passphrase by file or environment variable"


def generate(algorithm: str = "rsa2048") -> PrivateKey:
    """
    Make a new key.

    Raises `UsageError` for anything but `rsa2048`, `rsa3072`, `rsa4096` and
    `ed25519`; a new RSA key of 1024 bits is refused, though old ones still load.
    """
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    if algorithm == "rsa1024":  # RFC 8301 section 3.2: signers SHOULD use 2048 or more
        raise UsageError("a new key of 1024 bits is too weak", hint="use rsa2048")
    if algorithm not in ALGORITHMS:
        raise UsageError(f"there is no algorithm {algorithm!r}", hint=f"one of {ALGORITHMS}")
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=int(algorithm[3:]))


def private_key_from_pem(
    data: bytes, passphrase: bytes | None = None, path: Path | str | None = None
) -> PrivateKey:
    """
    Read a private key: PEM, in PKCS#8 or the older forms of OpenSSL.

    The numbers of an RSA key are checked to fit each other, which takes tens of
    milliseconds; who needs just the public half calls `public_key_from_pem`.

    Raises `InputError`, with *path*, when it is encrypted and *passphrase* is
    missing or wrong, is no private key, is of another type, or is an RSA key of
    less than 1024 bits.
    """
    return _load_private(data, passphrase, path, quick=False)


def public_key_from_pem(
    data: bytes, passphrase: bytes | None = None, path: Path | str | None = None
) -> PublicKey:
    """
    Read a public key, or the public half of a private one.

    Raises `InputError` like `private_key_from_pem`.
    """
    if b"PRIVATE KEY-----" in data:
        return _load_private(data, passphrase, path, quick=True).public_key()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _not_a_key(data, path) from None
    if not isinstance(key, (rsa.RSAPublicKey, ed25519.Ed25519PublicKey)):
        raise _other_type(key, path)
    _refuse_short(key, path)
    return key


def public_key_from_record(record: KeyRecord) -> PublicKey:
    """
    Read the key that a record publishes, as verifiers do.

    For RSA both the SubjectPublicKeyInfo that everyone publishes and the
    RSAPublicKey that RFC 6376 speaks of are read; for Ed25519 only the 32
    octets of RFC 8463.

    Raises `InputError` when the record is revoked, its type is unknown, or its
    octets are no key of that type.
    """
    if record.revoked:
        raise InputError("the record is revoked: p is empty")
    if record.key_type not in {"ed25519", "rsa"}:  # RFC 6376 section 3.6.1, tag k
        raise InputError(f"unknown key type {record.key_type[:30]!r}: verifiers ignore the record")
    octets = record.public_key
    read = _from_octets if len(octets) <= _KEPT_OCTETS else _from_octets.__wrapped__
    key: PublicKey = read(record.key_type, octets)
    return key


_KEPT_OCTETS = 1024


@lru_cache(maxsize=512)  # a key that is judged is also linted and described
def _from_octets(key_type: str, octets: bytes) -> PublicKey:
    return (_ed25519_from_octets if key_type == "ed25519" else _rsa_from_octets)(octets)


def to_pem(key: PrivateKey) -> bytes:
    """The private key as PKCS#8 in PEM, not encrypted: write it where only the signer reads."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_half(key: PrivateKey | PublicKey) -> PublicKey:
    """The public key of a private one; a public key is its own."""
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    if isinstance(key, (rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey)):
        return key.public_key()
    return key


def public_octets(key: PrivateKey | PublicKey) -> bytes:
    """What `p` publishes: SubjectPublicKeyInfo for RSA, 32 octets for Ed25519 (RFC 8463 section 4)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = public_half(key)
    if algorithm_of(public) == "ed25519":
        return public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def bits(key: PrivateKey | PublicKey) -> int:
    """The size: of the modulus for RSA, 256 for Ed25519."""
    return int(getattr(key, "key_size", 256))


def algorithm_of(key: PrivateKey | PublicKey) -> str:
    """`rsa` or `ed25519`, as in the tag `k`."""
    return "rsa" if hasattr(key, "key_size") else "ed25519"


def _load_private(
    data: bytes, passphrase: bytes | None, path: Path | str | None, *, quick: bool
) -> PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    encrypted = b"ENCRYPTED" in data
    if encrypted and not passphrase:
        raise InputError("the key is encrypted", path=path, hint=_ENCRYPTED_HINT)
    try:
        # Skipping the check is safe here: the key is the owner's, and only its modulus is used.
        key = load_pem_private_key(
            data, passphrase if encrypted else None, unsafe_skip_rsa_key_validation=quick
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if encrypted and b"-----BEGIN" in data:
            # One wrong passphrase in 256 leaves padding that looks right, and rubbish before it.
            problem = "the passphrase does not open the key, or it is damaged"
            raise InputError(problem, path=path, hint=_ENCRYPTED_HINT) from None
        raise _not_a_key(data, path) from None
    if not isinstance(key, (rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey)):
        raise _other_type(key, path)
    _refuse_short(key, path)
    return key


def _refuse_short(key: PrivateKey | PublicKey, path: Path | str | None) -> None:
    if algorithm_of(key) == "rsa" and bits(key) < LEAST_RSA_BITS:
        problem = f"an RSA key of {bits(key)} bits: receivers refuse less than {LEAST_RSA_BITS}"
        raise InputError(problem, path=path, hint="make a new key of 2048 bits")


def _other_type(key: object, path: Path | str | None) -> InputError:
    kind = type(key).__name__.removesuffix("PrivateKey").removesuffix("PublicKey")
    kind = {"EC": "elliptic-curve (ECDSA)"}.get(kind, kind)
    return InputError(
        f"a key of type {kind} cannot sign mail", path=path, hint="DKIM knows RSA and Ed25519"
    )


def _not_a_key(data: bytes, path: Path | str | None) -> InputError:
    if b"BEGIN CERTIFICATE" in data:
        return InputError("a certificate, not a key", path=path, hint="give the private key's file")
    if b"-----BEGIN" not in data:
        hint = "a key file begins with -----BEGIN PRIVATE KEY-----"
        return InputError("not a key in PEM form", path=path, hint=hint)
    return InputError("not a key that can be read: damaged, or of an unknown kind", path=path)


def _ed25519_from_octets(octets: bytes) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    if len(octets) != 32:  # RFC 8463 section 4
        wrapped = len(octets) == 44 and octets[:4] == b"\x30\x2a\x30\x05"
        hint = "publish the last 32 octets: it is a SubjectPublicKeyInfo" if wrapped else ""
        raise InputError(f"an Ed25519 key has 32 octets, not {len(octets)}", hint=hint)
    try:
        return ed25519.Ed25519PublicKey.from_public_bytes(octets)
    except ValueError:
        raise InputError("these 32 octets are no Ed25519 key") from None


def _rsa_from_octets(octets: bytes) -> PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        cut = _missing_octets(octets)
        problem = f"p is cut off: {cut} octets are missing" if cut else "p is not an RSA key"
        raise InputError(problem) from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise InputError("p is a key of another type than k=rsa says")
    return key


def _missing_octets(octets: bytes) -> int:
    """By how much *octets* fall short of the length that their DER head promises; 0 if they do not."""
    if len(octets) < 4 or octets[0] != 0x30:
        return 0
    if octets[1] < 0x80:
        promised = 2 + octets[1]
    else:
        width = octets[1] & 0x7F
        if width not in {1, 2} or len(octets) < 2 + width:
            return 0
        promised = 2 + width + int.from_bytes(octets[2 : 2 + width], "big")
    return max(0, promised - len(octets))

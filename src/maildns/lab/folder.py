"""
Where a lab keeps its zones between two runs: one zone file and one signing key each.

A file is replaced whole, by renaming, so a stopped run leaves the old or the new one.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from maildns.errors import InputError
from maildns.lab.zone import SigningKey
from maildns.safefile import SECRET_MODE, replace_file


class Folder:
    """
    Zone texts and signing keys in the folder *path*, which is made when missing.

    Raises `InputError` when it cannot be made, read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot keep zones here: {error.strerror}", path=path, hint="give another folder"
            ) from None

    def origins(self) -> list[str]:
        """The zones that are kept here."""
        found = (path.name.removesuffix(".zone") for path in sorted(self.path.glob("*.zone")))
        return ["." if name == "root" else name for name in found]

    def zone_path(self, origin: str) -> Path:
        """The zone file of *origin*."""
        return self.path / f"{_file_name(origin)}.zone"

    def read_zone(self, origin: str) -> str | None:
        """The zone's text; None when none is kept."""
        path = self.zone_path(origin)
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", path=path) from None

    def write_zone(self, origin: str, text: str) -> None:
        """Keep *text*; raises `InputError` when that fails, and then the old text stands."""
        replace_file(self.zone_path(origin), text)

    def signing_key(self, origin: str) -> SigningKey:
        """The zone's key, made and kept at the first call."""
        path = self.path / f"{_file_name(origin)}.key.pem"
        if path.exists():
            return _read_key(path)
        key = SigningKey()
        pem = key.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        replace_file(path, pem, mode=SECRET_MODE)
        return key


def _read_key(path: Path) -> SigningKey:
    hint = "remove the file, and a new key is made"
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"is not a private key: {error}", path=path, hint=hint) from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise InputError("is not a P-256 key", path=path, hint=hint)
    return SigningKey(private)


def _file_name(origin: str) -> str:
    """A file name for a zone; a zone's name may hold a slash (RFC 2317 section 4)."""
    return "root" if origin == "." else origin.replace("/", "%2F")

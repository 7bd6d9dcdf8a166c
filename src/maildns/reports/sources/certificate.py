"""The certificate that a service shows, read anew when it was renewed."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

from maildns.errors import InputError


class ServerCertificate:
    """
    A certificate with its key, in PEM files.

    Raises `InputError` when they cannot be used. Later faults, as of files that are being renewed,
    leave the old certificate in use.
    """

    def __init__(self, certificate: Path, key: Path | None = None) -> None:
        self.certificate = certificate
        self.key = key
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._seen = self._times()
        try:
            self._context.load_cert_chain(certificate, key, password=_no_passphrase)
        except ssl.SSLError as error:
            raise InputError(
                f"this is no certificate with its key (PEM): {error.reason or error}",
                path=certificate,
                hint="name the file of the key too, or join both in one file",
            ) from None
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or str(error)
            raise InputError(f"cannot read the certificate: {words}", path=certificate) from None

    def context(self) -> ssl.SSLContext:
        """What TLS begins with."""
        times = self._times()
        if times != self._seen:
            with suppress(OSError, ValueError):  # ssl.SSLError is an OSError
                self._context.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
                self._seen = times
        return self._context

    def _times(self) -> tuple[float, ...]:
        times = []
        for path in (self.certificate, self.key):
            with suppress(OSError):
                times.append(path.stat().st_mtime if path is not None else 0.0)
        return tuple(times)


def _no_passphrase() -> str:
    """OpenSSL would ask a terminal."""
    raise ValueError("the key is encrypted, and a service has nobody to ask")

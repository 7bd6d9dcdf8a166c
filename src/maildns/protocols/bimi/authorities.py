"""
The authorities whose mark certificates mailbox providers take, as dated data.

They are not those of the web: each has a root for marks alone. What the list does not know may
still be taken somewhere; what it says is who was known on its date.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from maildns.errors import InputError, UsageError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Authority:
    """
    The root of one authority: its common name, where it is published, its SHA-256 in hex.

    `sha256` and `pem` are empty where the root itself is not at hand.
    """

    name: str
    source: str
    sha256: str = ""
    pem: str = ""


@lru_cache(maxsize=1)
def known_authorities() -> tuple[Authority, ...]:
    """
    Every authority of the list.

    >>> known_authorities()[0].name
    'DigiCert Verified Mark Root CA'
    """
    return tuple(Authority(**entry) for entry in _file()["authority"])


def known_on() -> date:
    """The day of the list."""
    day: date = _file()["date"]
    return day


@lru_cache(maxsize=8)
def trusted_roots(more_pem: str = "") -> tuple[Certificate, ...]:
    """
    The roots of the list that are at hand, and those of *more_pem*, such as a lab's own.

    Raises `UsageError` when *more_pem* is given and holds no certificate.
    """
    from maildns.protocols.dane.certificate import load_certificates

    known = [
        root
        for one in known_authorities()
        if one.pem
        for root in load_certificates(_bytes(one.pem))
    ]
    if not more_pem:
        return tuple(known)
    try:
        return (*known, *load_certificates(_bytes(more_pem)))
    except InputError as error:
        problem = f"the mark verifying authorities that were given cannot be used: {error.problem}"
        raise UsageError(problem, "give certificates in PEM (BEGIN CERTIFICATE)") from None


def _bytes(pem: str) -> bytes:
    return pem.encode("ascii", "ignore")


@lru_cache(maxsize=1)
def _file() -> dict[str, Any]:
    text = (files("maildns.protocols.bimi") / "authorities.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)

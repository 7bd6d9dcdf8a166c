"""
Country, network and organization of an address, from a MaxMind-format file of the operator's.

Any of the usual files will do: country, city, ASN, or one that joins them. The file is opened once;
what it does not say is empty. Needs the extra `reports`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from maildns.errors import InputError, UsageError
from maildns.reports.cleaning import clean

_COUNTRY = (("country", "iso_code"), ("registered_country", "iso_code"), ("country_code",))
_ORGANIZATION = (
    ("autonomous_system_organization",),
    ("as_name",),
    ("traits", "autonomous_system_organization"),
    ("asn_name",),
    ("organization",),
)
_ASN = (("autonomous_system_number",), ("asn",), ("traits", "autonomous_system_number"))
_FAULTS = (IndexError, KeyError, OverflowError, RecursionError, TypeError, struct.error)
_MOST = 200  # characters of a text; the file is the operator's, but may be anybody's work


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is; empty, or 0, for what nobody knows."""

    country: str = ""
    asn: int = 0
    organization: str = ""


class Geography:
    """
    One or several files, asked in their order; what the first does not say, the next may.

    Raises `InputError` for a file that cannot be used, `UsageError` without the library.
    """

    def __init__(self, *paths: Path) -> None:
        try:
            from maxminddb import open_database
            from maxminddb.errors import InvalidDatabaseError
        except ModuleNotFoundError:
            raise UsageError(
                "reading a geography file needs maxminddb, which is not installed",
                hint="pip install 'maildns[reports]'",
            ) from None
        self._broken: tuple[type[Exception], ...] = (InvalidDatabaseError, ValueError, *_FAULTS)
        self._readers: list[Any] = []
        for path in paths:
            try:
                self._readers.append(open_database(str(path)))
            except OSError as error:
                self.close()
                raise InputError(f"cannot read it: {error.strerror}", path=path) from None
            except self._broken:
                self.close()
                hint = "give a .mmdb file, such as those of GeoLite2 or DB-IP"
                raise InputError("this is no MaxMind database", path=path, hint=hint) from None

    def place(self, address: str) -> Place:
        """Where *address* is."""
        country, asn, organization = "", 0, ""
        for reader in self._readers:
            try:
                entry = reader.get(address)
            except self._broken:
                continue
            if isinstance(entry, Mapping):
                country = country or _text(entry, _COUNTRY)
                organization = organization or _text(entry, _ORGANIZATION)
                asn = asn or _number(entry)
        return Place(country, asn, organization)

    def close(self) -> None:
        """Close the files."""
        for reader in self._readers:
            reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _found(entry: Mapping[str, Any], ways: tuple[tuple[str, ...], ...]) -> Any:
    for way in ways:
        value: Any = entry
        for key in way:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value:
            return value
    return None


def _text(entry: Mapping[str, Any], ways: tuple[tuple[str, ...], ...]) -> str:
    found = _found(entry, ways)
    return clean(found, _MOST) if isinstance(found, str) else ""


def _number(entry: Mapping[str, Any]) -> int:
    found = _found(entry, _ASN)
    if isinstance(found, str):  # "AS64500", as some write it
        digits = found.upper().removeprefix("AS")
        found = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 11 else 0
    # RFC 6793 section 3: a number of 32 bits
    return found if isinstance(found, int) and 0 <= found < 1 << 32 else 0

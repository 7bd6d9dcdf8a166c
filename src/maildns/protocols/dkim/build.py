"""Making key records and their names (RFC 6376 section 3.6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from string import ascii_lowercase

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols.dkim.key import (
    LEAST_RSA_BITS,
    PrivateKey,
    PublicKey,
    algorithm_of,
    bits,
    public_octets,
)
from maildns.protocols.dkim.record import KeyRecord, parse_key


def key_record(
    key: PrivateKey | PublicKey,
    *,
    testing: bool = False,
    services: Iterable[str] = (),
    hashes: Iterable[str] = (),
    notes: str = "",
) -> KeyRecord:
    """
    Make the record that publishes *key*.

    Raises `UsageError` for an RSA key of less than 1024 bits, or a service or
    hash that is no word.
    """
    if algorithm_of(key) == "rsa" and bits(key) < LEAST_RSA_BITS:
        raise UsageError(f"receivers refuse an RSA key of {bits(key)} bits")
    record = KeyRecord(
        public_octets(key),
        key_type=algorithm_of(key),
        hashes=tuple(hashes),
        services=tuple(services),
        flags=("y",) if testing else (),
        notes=_quoted_printable(notes),
    )
    return _checked(record)


def revoked(key_type: str = "rsa") -> KeyRecord:
    """
    Make the record that says: this key is withdrawn (RFC 6376 section 3.6.1, tag `p`).

    >>> str(revoked())
    'v=DKIM1; k=rsa; p='
    """
    return _checked(KeyRecord(b"", key_type=key_type))


def _checked(record: KeyRecord) -> KeyRecord:
    try:
        if parse_key(str(record)) == record:
            return record
    except RecordSyntaxError as error:
        raise UsageError(error.problem) from None
    raise UsageError("a service, hash or key type is not one word")


def _quoted_printable(notes: str) -> str:
    """RFC 6376 section 2.11 dkim-quoted-printable, kept readable: spaces stay where they are safe."""
    plain = " ".join(notes.split())
    return "".join(
        char if (char.isascii() and char.isprintable() and char not in ";=") else _escaped(char)
        for char in plain
    )


def _escaped(char: str) -> str:
    return "".join(f"={octet:02X}" for octet in char.encode())


def key_name(selector: str, domain: str) -> str:
    """
    Where the record of *selector* stands (RFC 6376 section 3.6.2.1).

    Raises `RecordSyntaxError` when that is not a name.

    >>> key_name("s202611", "example.com")
    's202611._domainkey.example.com'
    """
    return name(f"{name(selector)}._domainkey.{name(domain)}")


def selector_for(day: date, taken: Collection[str] = ()) -> str:
    """
    Propose a selector for a key made on *day*: `s` and the month, never one that is *taken*.

    A second key of the month gets the letter `b`, and so on, because a selector is
    not used again for another key (RFC 6376 section 3.1). Old and new ones sort by age.

    Raises `UsageError` when the month's letters are used up.

    >>> selector_for(date(2026, 11, 23)), selector_for(date(2026, 11, 23), {"s202611"})
    ('s202611', 's202611b')
    """
    stem = f"s{day:%Y%m}"
    used = {selector.lower() for selector in taken}
    for letter in ("", *ascii_lowercase[1:]):
        selector = f"{stem}{letter}"
        if selector not in used:
            return selector
    raise UsageError(f"all selectors of {day:%Y-%m} are taken", hint="choose one yourself")

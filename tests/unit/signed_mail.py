"""A message, a key and the world in which it is published; dkimpy signs."""

from __future__ import annotations

from functools import cache

import dkim as dkimpy

from maildns import World
from maildns.protocols.dkim import generate, key_record, public_half, to_pem

NOW = 1_800_000_000.0
MESSAGE = (
    b"From: Ann <ann@signed.example>\r\n"
    b"To: bob@example.org\r\n"
    b"Subject: a test\r\n"
    b"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
    b"Message-ID: <1@signed.example>\r\n"
    b"\r\n"
    b"The body of the mail.\r\n"
)


@cache
def key():
    return generate("rsa2048")


def sign(message: bytes, selector: str = "test", domain: str = "signed.example") -> bytes:
    """*message* with a signature of dkimpy before it."""
    field = dkimpy.sign(
        message,
        selector.encode(),
        domain.encode(),
        to_pem(key()),
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[b"from", b"to", b"subject", b"date"],
    )
    return field + message


def zone() -> str:
    record = key_record(public_half(key()))
    strings = " ".join(f'"{str(record)[at : at + 200]}"' for at in range(0, len(str(record)), 200))
    return (
        f"test._domainkey.signed.example. TXT {strings}\n"
        '_dmarc.signed.example. TXT "v=DMARC1; p=reject"\n'
        'signed.example. TXT "v=spf1 -all"\n'
    )


def signing_world() -> World:
    return World.from_zone(zone())

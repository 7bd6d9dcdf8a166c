"""
What the plan is made of besides the intent: keys and certificates, already read.

Files are read at the rim; what comes in here is public: key records, TLSA records,
certificates. No private key ever reaches the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from maildns.dnsdata import Tlsa
from maildns.finding import Finding
from maildns.protocols.dkim import KeyRecord


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """
    What a server shows in TLS: its TLSA records and its certificate chain.

    `tlsa` holds the records of what it serves now, `next_tlsa` those of the key that
    comes next. `chain` is DER, leaf first; empty when only a key is known. `spki` is the
    DER public key.
    """

    tlsa: tuple[Tlsa, ...]
    next_tlsa: tuple[Tlsa, ...] = ()
    chain: tuple[bytes, ...] = ()
    spki: bytes = b""


@dataclass(frozen=True, slots=True)
class Materials:
    """
    Keys and certificates by the domain and server they belong to.

    `dkim` is keyed by (domain, selector), `servers` by host name; `findings` are what was
    noticed while reading them, such as a certificate that expires soon.
    """

    dkim: Mapping[tuple[str, str], KeyRecord] = field(default_factory=dict)
    servers: Mapping[str, ServerIdentity] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

"""
The TLSA record and what its numbers mean (RFC 6698 section 2, RFC 7218).

Any octet parses, so that a wrong record can be shown; `why_unusable` says whether a
receiver of mail would drop it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from maildns.dnsdata import Tlsa, name
from maildns.errors import RecordSyntaxError, UsageError
from maildns.zonefile import parse_rdata

TlsaRecord: TypeAlias = Tlsa

# RFC 7218 section 2: the acronyms, by number.
USAGES: Final = {0: "PKIX-TA", 1: "PKIX-EE", 2: "DANE-TA", 3: "DANE-EE", 255: "PrivCert"}
SELECTORS: Final = {0: "Cert", 1: "SPKI", 255: "PrivSel"}
MATCHING_TYPES: Final = {0: "Full", 1: "SHA2-256", 2: "SHA2-512", 255: "PrivMatch"}
DIGEST_OCTETS: Final = {1: 32, 2: 64}

DANE_TA: Final = 2
DANE_EE: Final = 3
MAIL_USAGES: Final = frozenset({DANE_TA, DANE_EE})  # RFC 7672 section 3.1


@dataclass(frozen=True, slots=True, order=True)
class Parameters:
    """The three numbers before the association data; `str()` gives them as published."""

    usage: int
    selector: int
    matching_type: int

    @classmethod
    def of(cls, record: Tlsa) -> Parameters:
        """The parameters of *record*."""
        return cls(record.usage, record.selector, record.matching_type)

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching_type}"


def parse(text: str) -> Tlsa:
    """
    Read the presentation form of a TLSA record: three numbers and hexadecimal digits.

    White space within the digits is dropped, as in zone files. Whether the numbers
    make sense is not asked: `lint` does. Raises `RecordSyntaxError` for any other text.

    >>> parse("3 1 1 " + "ab" * 32).usage
    3
    """
    record = parse_rdata("TLSA", text)
    if not isinstance(record, Tlsa):
        raise RecordSyntaxError("this is not a TLSA record", text, (0, len(text)))
    return record


def owner_name(host: str, port: int = 25, transport: str = "tcp") -> str:
    """
    The name that the TLSA records of *host* stand at (RFC 6698 section 3).

    The port is the one that is really connected to: 25 between mail servers. Raises
    `UsageError` when the port is none, `RecordSyntaxError` when the host is no name.

    >>> owner_name("mx.example.com")
    '_25._tcp.mx.example.com'
    """
    return _owner_name(host, port, transport)


@lru_cache(maxsize=4096)  # asked for by all who look at a host
def _owner_name(host: str, port: int, transport: str) -> str:
    if not 0 < port < 65536:
        raise UsageError(f"{port} is not a port", "a port is a number from 1 to 65535")
    return name(f"_{port}._{transport}.{name(host)}")


def why_unusable(record: Tlsa) -> str | None:
    """
    Why a sending mail server drops *record* before it compares anything; None when it does not.

    >>> why_unusable(parse("1 1 1 " + "ab" * 32))
    'usage 1 (PKIX-EE) does not count for mail'
    """
    if record.usage not in MAIL_USAGES:  # RFC 7672 section 3.1.3
        meaning = USAGES.get(record.usage, "unassigned")
        return f"usage {record.usage} ({meaning}) does not count for mail"
    if record.selector not in {0, 1}:  # RFC 6698 section 2.1.2
        return f"selector {record.selector} is not known"
    if record.matching_type not in {0, 1, 2}:  # RFC 6698 section 2.1.3
        return f"matching type {record.matching_type} is not known"
    return why_data_broken(record)


def why_data_broken(record: Tlsa) -> str | None:
    """Why the association data cannot be what the matching type says; None when it can."""
    expected = DIGEST_OCTETS.get(record.matching_type)
    got = len(record.association)
    if expected is not None and got != expected:
        kind = MATCHING_TYPES[record.matching_type]
        return f"a {kind} digest has {expected} octets, this one {got}"
    if record.matching_type == 0 and not _is_der_sequence(record.association):
        return "the data is not a whole certificate or key in DER"
    return None


def _is_der_sequence(data: bytes) -> bool:
    """Whether *data* is one DER SEQUENCE from its first octet to its last (X.690 section 8.1)."""
    if len(data) < 2 or data[0] != 0x30:
        return False
    if data[1] < 0x80:
        return len(data) == 2 + data[1]
    octets = data[1] & 0x7F
    return 1 <= octets <= 4 and len(data) == 2 + octets + int.from_bytes(data[2 : 2 + octets])

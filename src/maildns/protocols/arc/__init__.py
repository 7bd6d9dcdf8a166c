"""
ARC: what forwarders saw of a message before they changed it (RFC 8617, experimental).

`verify` validates the chain. Nothing else in this package needs this folder: the standard
is on its way to be historic, and the folder can go with it.
"""

from __future__ import annotations

from maildns.protocols.arc.evaluate import ArcResult, ArcVerdict, verify
from maildns.protocols.arc.record import (
    MAX_SETS,
    ArcSet,
    Seal,
    parse_message_signature,
    parse_seal,
    read_chain,
)

__all__ = [
    "MAX_SETS",
    "ArcResult",
    "ArcSet",
    "ArcVerdict",
    "Seal",
    "parse_message_signature",
    "parse_seal",
    "read_chain",
    "verify",
]

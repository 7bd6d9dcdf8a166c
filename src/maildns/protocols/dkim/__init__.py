"""
DKIM: keys that sign mail, and the records that publish them.

RFC 6376, with RFC 8301 (strength of keys and hashes), RFC 8463 (Ed25519) and RFC 8616
(international mail). `sign` and `verify` work on messages; they and what belongs to them
are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maildns.protocols.dkim.build import key_name, key_record, revoked, selector_for
from maildns.protocols.dkim.evaluate import KeyResult, KeyVerdict, check_key, judge_answer
from maildns.protocols.dkim.explain import explain
from maildns.protocols.dkim.key import (
    ALGORITHMS,
    PrivateKey,
    PublicKey,
    algorithm_of,
    bits,
    generate,
    private_key_from_pem,
    public_half,
    public_key_from_pem,
    public_key_from_record,
    public_octets,
    to_pem,
)
from maildns.protocols.dkim.lint import lint, lint_text
from maildns.protocols.dkim.record import KeyRecord, parse_key
from maildns.protocols.dkim.signers import SIGNERS, SignerFile, SignerKey, signer_files

if TYPE_CHECKING:
    from maildns.protocols.dkim.lookup import DkimResult
    from maildns.protocols.dkim.signature import Signature, parse_signature
    from maildns.protocols.dkim.signing import SIGNED_HEADERS, sign
    from maildns.protocols.dkim.verification import MAX_SIGNATURES, DkimVerdict, verify

__all__ = [
    "ALGORITHMS",
    "MAX_SIGNATURES",
    "SIGNED_HEADERS",
    "SIGNERS",
    "DkimResult",
    "DkimVerdict",
    "KeyRecord",
    "KeyResult",
    "KeyVerdict",
    "PrivateKey",
    "PublicKey",
    "Signature",
    "SignerFile",
    "SignerKey",
    "algorithm_of",
    "bits",
    "check_key",
    "explain",
    "generate",
    "judge_answer",
    "key_name",
    "key_record",
    "lint",
    "lint_text",
    "parse_key",
    "parse_signature",
    "private_key_from_pem",
    "public_half",
    "public_key_from_pem",
    "public_key_from_record",
    "public_octets",
    "revoked",
    "selector_for",
    "sign",
    "signer_files",
    "to_pem",
    "verify",
]

_HOMES = {
    "DkimResult": "lookup",
    "DkimVerdict": "verification",
    "MAX_SIGNATURES": "verification",
    "SIGNED_HEADERS": "signing",
    "Signature": "signature",
    "parse_signature": "signature",
    "sign": "signing",
    "verify": "verification",
}


def __getattr__(wanted: str) -> Any:
    if wanted not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {wanted!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[wanted]}"), wanted)
    globals()[wanted] = found
    return found


def __dir__() -> list[str]:
    return __all__

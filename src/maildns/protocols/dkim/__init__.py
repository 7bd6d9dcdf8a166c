"""
DKIM: keys that sign mail, and the records that publish them.

RFC 6376, with RFC 8301 (strength of keys and hashes) and RFC 8463 (Ed25519).
"""

from __future__ import annotations

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

__all__ = [
    "ALGORITHMS",
    "SIGNERS",
    "KeyRecord",
    "KeyResult",
    "KeyVerdict",
    "PrivateKey",
    "PublicKey",
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
    "private_key_from_pem",
    "public_half",
    "public_key_from_pem",
    "public_key_from_record",
    "public_octets",
    "revoked",
    "selector_for",
    "signer_files",
    "to_pem",
]

"""What each tag of a DKIM key record means, in plain words."""

from __future__ import annotations

from binascii import a2b_qp
from collections.abc import Callable

from maildns.errors import InputError
from maildns.protocols.dkim.key import algorithm_of, bits, public_key_from_record
from maildns.protocols.dkim.record import KeyRecord

_FLAGS = {
    "y": "testing: mail that is signed with it is treated as if it were not signed",
    "s": "the i= of a signature has the very domain of its d=, no subdomain",
}


def explain(record: KeyRecord) -> list[tuple[str, str]]:
    """
    Pair each tag with what it tells verifiers; of a long key the middle is left out.

    >>> explain(KeyRecord(b""))[-1]
    ('p=', 'the key is revoked: signatures with it fail')
    """
    rows = []
    for tag, value in record.tags():
        meaning = _MEANINGS.get(tag)
        said = meaning(record) if meaning else "not a tag of key records: verifiers ignore it"
        shown = value if tag != "p" or len(value) <= 60 else f"{value[:24]}...{value[-12:]}"
        rows.append((f"{tag}={shown}", said))
    return rows


def _key_type(record: KeyRecord) -> str:
    known = {"rsa": "an RSA key", "ed25519": "an Ed25519 key"}
    return known.get(record.key_type, "an unknown type: verifiers ignore the record")


def _flags(record: KeyRecord) -> str:
    return "; ".join(_FLAGS.get(flag, f"{flag}: ignored") for flag in record.flags)


def _services(record: KeyRecord) -> str:
    if "*" in record.services:
        return "for every service"
    return "for mail" if record.for_mail else f"not for mail, only for {', '.join(record.services)}"


def _key(record: KeyRecord) -> str:
    if record.revoked:
        return "the key is revoked: signatures with it fail"
    try:
        key = public_key_from_record(record)
    except InputError as error:
        return f"no usable key: {error.problem}"
    if algorithm_of(key) == "ed25519":
        return "the key, Ed25519"
    return f"the key, RSA with {bits(key)} bits"


_MEANINGS: dict[str, Callable[[KeyRecord], str]] = {
    "v": lambda _: "this is a DKIM key record",
    "k": _key_type,
    "h": lambda r: f"signatures may use only {', '.join(r.hashes)}",
    "s": _services,
    "t": _flags,
    "n": lambda r: (
        f"a note: {a2b_qp(r.notes.encode('utf-8', 'replace')).decode('utf-8', 'replace')}"
    ),
    "g": lambda _: "historic: which local parts may sign; verifiers ignore it",
    "p": _key,
}

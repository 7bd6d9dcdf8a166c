"""Reading DKIM keys in whatever form people have them, and naming them for the config."""

from __future__ import annotations

import binascii
import os
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maildns.cli.show_record import plain
from maildns.errors import InputError, RecordSyntaxError, UsageError

if TYPE_CHECKING:
    from maildns.protocols.dkim import KeyRecord, PublicKey

MAX_OCTETS = 1024 * 1024
_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")  # the shortest key, Ed25519, has 44


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The public half of a key, and whether its file is one that a config can name (PEM)."""

    public: PublicKey
    pem: bool
    private: bool


def read_octets(path: Path) -> bytes:
    """The octets of a key or certificate file, bounded; raises `InputError`."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_OCTETS + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read it: {why}", path=path) from None
    if len(octets) > MAX_OCTETS:
        raise InputError("this is too large to be a key or certificate", path=path)
    return octets


def passphrase_of(file: Path | None, variable: str) -> bytes | None:
    """The passphrase from a file's first line or an environment variable; None without either."""
    if variable:
        value = os.environ.get(variable)
        if not value:
            raise UsageError(f"the environment variable {variable} is not set")
        return os.fsencode(value)
    if file is None:
        return None
    lines = read_octets(file).splitlines()
    if not lines or not lines[0].strip():
        raise InputError("it is empty", path=file, hint="its first line is the passphrase")
    return lines[0].strip()


def read_key(octets: bytes, path: Path, passphrase: bytes | None = None) -> FoundKey:
    """
    Read a key: PEM, a key record's text (in a zone file too), or the base64 of either kind.

    Raises `InputError` for anything else, and for an RSA key of less than 1024 bits.
    """
    from maildns.protocols import dkim

    if b"-----BEGIN" in octets:
        public = dkim.public_key_from_pem(octets, passphrase, path)
        return FoundKey(public, pem=True, private=b"PRIVATE KEY-----" in octets)
    text = octets.decode("utf-8", "replace").strip().lstrip("\ufeff")
    bare = "".join(text.split()).strip('"')
    if _BASE64.fullmatch(bare):
        return FoundKey(_from_base64(bare, path), pem=False, private=False)
    return FoundKey(_from_record(text, path), pem=False, private=False)


def _from_base64(text: str, path: Path) -> PublicKey:
    from maildns.protocols import dkim

    try:
        der = b64decode(text, validate=True)
    except binascii.Error:
        raise InputError("this base64 is damaged", path=path) from None
    if len(der) == 32:  # RFC 8463 section 4
        return _placed(dkim.parse_key(f"v=DKIM1; k=ed25519; p={text}"), path)
    pem = f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"
    try:
        return dkim.public_key_from_pem(pem.encode("ascii"), path=path)
    except InputError as error:
        if "bits" in error.problem or "type" in error.problem:
            raise
        return _placed(dkim.parse_key(f"v=DKIM1; k=rsa; p={text}"), path)


def _from_record(text: str, path: Path) -> PublicKey:
    from maildns.recognise import recognise

    seen = recognise(text, rrtype="dkim")
    if seen.record is None:
        seen = recognise(_out_of_zone_file(text), rrtype="dkim")
    if seen.record is None or not hasattr(seen.record, "public_key"):
        hint = "give a key in PEM, its base64, or the text of its record"
        raise InputError("there is no key in this file", path=path, hint=hint)
    return _placed(seen.record, path)


def _out_of_zone_file(text: str) -> str:
    """The text of the first key record in zone-file text, such as opendkim-genkey writes."""
    from maildns.zonefile import parse_records

    try:
        records = list(parse_records(text, origin="example."))
    except (InputError, RecordSyntaxError):
        return ""
    texts = (getattr(record.rdata, "text", "") for record in records)
    return next((one for one in texts if "p=" in one), "")


def _placed(record: KeyRecord, path: Path) -> PublicKey:
    from maildns.protocols import dkim

    try:
        public = dkim.public_key_from_record(record)
        dkim.key_record(public)  # refuses a key that is too short
    except InputError as error:
        raise InputError(error.problem, path=path, hint=error.hint) from None
    except UsageError as error:
        raise InputError(error.problem, path=path, hint="make a new key of 2048 bits") from None
    return public


def public_pem(public: PublicKey) -> bytes:
    """The public key in PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def as_config_names(path: Path, config: Path) -> str:
    """*path* as the config at *config* names it: relative to it where it lies below."""
    try:
        folder, full = config.parent.resolve(), path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long
        folder, full = config.parent.absolute(), path.absolute()
    return plain(str(full.relative_to(folder) if full.is_relative_to(folder) else full))


def is_there(path: Path) -> bool:
    """Whether something stands at *path*, as far as can be seen."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def config_line(selector: str, path: str, extra: Sequence[tuple[str, str]] = ()) -> str:
    """
    The key as `dkim = [...]` of the config lists it.

    >>> config_line("s202611", "keys/s202611.example.com.pem")
    '{ selector = "s202611", key = "keys/s202611.example.com.pem" }'
    """
    import json

    pairs = [("selector", selector), ("key", path)]
    items = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in pairs]
    items += [f"{key} = {{ {value} }}" for key, value in extra]
    return f"{{ {', '.join(items)} }}"

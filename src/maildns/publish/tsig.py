"""
TSIG keys as people have them: a BIND key file, a file of base64, or an environment variable.

    key "mail-update" { algorithm hmac-sha256; secret "c2VjcmV0..."; };

The secret is never printed, and no message here repeats a part of it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from maildns.dnsdata import name as domain_name
from maildns.errors import InputError, RecordSyntaxError
from maildns.finding import Finding, Fix, Severity, rule

ALGORITHMS = ("hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")
DEFAULT_ALGORITHM = "hmac-sha256"
MAX_FILE_OCTETS = 32_768
_WEAK = ("hmac-md5", "hmac-sha1", "hmac-md5.sig-alg.reg.int")
_MAKE_ONE = "make one with `tsig-keygen -a hmac-sha256 NAME`"

SECRET_READABLE = rule(
    "tsig-secret-readable",
    Severity.WARN,
    "other users of this machine can read the TSIG secret",
    help="""
    Whoever has the secret of a TSIG key can change the zone as its owner can: publish an
    SPF record of their own, or a DKIM key. Let only the owner read the file, for instance
    with `chmod 600`, and make a new key if others may have read it.
    """,
    reference="RFC 8945 section 10",
)


@dataclass(frozen=True, slots=True)
class TsigKey:
    """
    A key shared with a name server; its secret is not shown.

    >>> TsigKey("mail-update", b"secret")
    TsigKey(name='mail-update', algorithm='hmac-sha256')
    """

    name: str
    secret: bytes = field(repr=False)
    algorithm: str = DEFAULT_ALGORITHM


def read_key_file(path: Path, key_name: str = "") -> TsigKey:
    """
    Read the key *key_name* from a BIND key file, or from a file of base64 alone.

    The name may be left out where the file holds one named key. Raises `InputError`
    with the mend when there is no such key, the secret is not base64, or the
    algorithm is too weak.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE_OCTETS + 1)
        text = octets.decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot read the TSIG key: {error.strerror}", path=path) from None
    except UnicodeDecodeError:
        raise InputError("is not a TSIG key", path=path, hint=_MAKE_ONE) from None
    if len(octets) > MAX_FILE_OCTETS:
        raise InputError("is too large to be a TSIG key", path=path, hint=_MAKE_ONE)
    statements = _statements(text)
    if statements:
        return _choose(statements, key_name, path)
    return _key(key_name, text, DEFAULT_ALGORITHM, path)


def key_from_environment(
    variable: str, key_name: str = "", environ: Mapping[str, str] = os.environ
) -> TsigKey:
    """
    Read a key from an environment variable: base64, or `algorithm:name:base64` as nsupdate has it.

    Raises `InputError` when it is not set or holds no key.

    >>> key_from_environment("TSIG", environ={"TSIG": "hmac-sha512:mail-update:c2VjcmV0"})
    TsigKey(name='mail-update', algorithm='hmac-sha512')
    """
    value = environ.get(variable, "").strip()
    if not value:
        raise InputError(
            f"the environment variable {variable} is not set",
            hint=f"set {variable} to the secret of the TSIG key, or name a key file",
        )
    parts = value.split(":")
    if len(parts) > 3:
        raise InputError(f"{variable} holds no TSIG key", hint="write algorithm:name:secret")
    algorithm = parts[0] if len(parts) == 3 else DEFAULT_ALGORITHM
    named = parts[-2] if len(parts) > 1 else key_name
    if key_name and not _same_name(named, key_name):
        raise InputError(f"{variable} holds the TSIG key {named!r}, not {key_name!r}")
    return _key(named, parts[-1], algorithm, f"environment variable {variable}")


def exposure(path: Path) -> list[Finding]:
    """Whether others than its owner and group can read the secret in *path*."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return []
    if not mode & stat.S_IROTH:
        return []
    return [SECRET_READABLE.finding(str(path), fix=Fix(f"chmod o-rwx {path}"))]


# --- the grammar of a key file --------------------------------------------------------

_COMMENT_OR_QUOTED = re.compile(r'"[^"\n]*"|/\*.*?\*/|//[^\n]*|#[^\n]*', re.DOTALL)
_KEY = re.compile(r'\bkey\s+(?:"([^"\s]+)"|([^\s{"]+))\s*\{([^{}]*)\}', re.IGNORECASE)
_ALGORITHM = re.compile(r'\balgorithm\s+"?([\w.-]+)"?\s*;', re.IGNORECASE)
_SECRET = re.compile(r'\bsecret\s+"?([^";]*)"?\s*;', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Statement:
    name: str
    body: str = field(repr=False)
    line: int


def _statements(text: str) -> list[_Statement]:
    """The `key` statements of named.conf's grammar; other statements are passed over."""
    bare = _COMMENT_OR_QUOTED.sub(_blank_comment, text)
    return [
        _Statement(match[1] or match[2], match[3], bare.count("\n", 0, match.start()) + 1)
        for match in _KEY.finditer(bare)
    ]


def _blank_comment(match: re.Match[str]) -> str:
    """Drop a comment but not its line ends; `//` may stand in a quoted secret."""
    if match[0].startswith('"'):
        return match[0]
    return " " + "\n" * match[0].count("\n")


def _choose(statements: list[_Statement], key_name: str, path: Path) -> TsigKey:
    names = ", ".join(statement.name for statement in statements[:10])
    fitting = [s for s in statements if not key_name or _same_name(s.name, key_name)]
    if not fitting:
        raise InputError(f"holds no key {key_name!r}", path=path, hint=f"its keys are: {names}")
    if len(fitting) > 1:
        raise InputError(f"holds {len(fitting)} keys", path=path, hint=f"name one of them: {names}")
    statement = fitting[0]
    secret = _SECRET.search(statement.body)
    algorithm = _ALGORITHM.search(statement.body)
    if secret is None:
        raise InputError(
            f"the key {statement.name!r} has no secret",
            path=path,
            line=statement.line,
            hint='write secret "base64"; between the braces',
        )
    named = algorithm[1] if algorithm else DEFAULT_ALGORITHM
    return _key(statement.name, secret[1], named, path, statement.line)


def _key(
    key_name: str, secret: str, algorithm: str, place: Path | str, line: int | None = None
) -> TsigKey:
    """Make the key of its parts; *place* is where they stood."""

    def wrong(problem: str, hint: str) -> InputError:
        if isinstance(place, Path):
            return InputError(problem, path=place, line=line, hint=hint)
        return InputError(f"{place}: {problem}", hint=hint)

    if not key_name:
        raise wrong("the TSIG key has no name", "give the key's name as the server knows it")
    try:
        known_as = domain_name(key_name)
    except RecordSyntaxError as error:
        raise wrong(f"{key_name[:80]!r} is not a key's name: {error.problem}", "") from None
    kind = algorithm.lower().rstrip(".")
    if kind in _WEAK:  # RFC 8945 section 6
        raise wrong(f"the key {known_as!r} is for {kind}, which is not safe any more", _MAKE_ONE)
    if kind not in ALGORITHMS:
        raise wrong(
            f"{algorithm[:80]!r} is not a TSIG algorithm", f"use one of {', '.join(ALGORITHMS)}"
        )
    try:
        octets = base64.b64decode("".join(secret.split()), validate=True)
    except (binascii.Error, ValueError):
        raise wrong(f"the secret of the key {known_as!r} is not base64", _MAKE_ONE) from None
    if not octets:
        raise wrong(f"the secret of the key {known_as!r} is empty", _MAKE_ONE)
    return TsigKey(known_as, octets, kind)


def _same_name(one: str, other: str) -> bool:
    return one.rstrip(".").lower() == other.rstrip(".").lower()

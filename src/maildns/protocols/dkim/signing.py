"""
Signing: a message in, its DKIM-Signature field out (RFC 6376 section 5).

`l` is never written, though verifiers read it: whoever appends to a message signed with it
keeps the signature valid (RFC 6376 section 8.2).
"""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from maildns.dnsdata import is_within, name
from maildns.errors import InputError, RecordSyntaxError, UsageError
from maildns.protocols.dkim.build import key_name
from maildns.protocols.dkim.canonical import body_hashes, signed_header
from maildns.protocols.dkim.key import LEAST_RSA_BITS, PrivateKey, algorithm_of, bits
from maildns.protocols.dkim.lookup import rsa_scheme
from maildns.protocols.dkim.message import Field, Message, Source, read_message
from maildns.protocols.dkim.signature import FORMS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Canonicalization: TypeAlias = Literal[
    "relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"
]

# RFC 6376 section 5.4.1: what tells the reader who wrote what to whom, and how to read it.
# Fields that servers on the way add or change are left out.
SIGNED_HEADERS = (
    "From",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "To",
    "Cc",
    "Sender",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-ID",
    "Content-Description",
    "Resent-Date",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Message-ID",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
)
MAX_LINE = 76
_FIELD_NAME = re.compile(r"[!-9<-~]+")
_ODD = re.compile(r"[^a-z0-9._-]+")
# RFC 6376 section 2.11: what stands for itself in the tag i; the rest is =XX
_PLAIN = re.compile(rb"[!-:<>-~]")


def sign(  # noqa: PLR0913 - what a signature may say is what can be asked for
    message: Source,
    key: PrivateKey,
    *,
    domain: str,
    selector: str,
    headers: Sequence[str] | None = None,
    canonicalization: Canonicalization = "relaxed/relaxed",
    timestamp: int | None = None,
    expires: int | None = None,
    identity: str | None = None,
    oversign: Sequence[str] = ("From",),
) -> bytes:
    """
    Sign *message* and return the field to put in front of it, with its CRLF at the end.

    *headers* are the fields to sign, a name once for each time that it shall be covered;
    when left out, all that stand in the message of `SIGNED_HEADERS`. Fields of *oversign*
    are signed once more than they stand there, so that none can be added (RFC 6376 section
    8.15). *timestamp* and *expires* are in seconds since 1970; the former is now when left
    out. *identity* is an address within *domain*. For a message that shall carry two
    signatures, such as RSA and Ed25519, call it for each on the same message.

    Raises `UsageError` when From would not be signed, *key* is of another kind, an RSA key has less than 1024 bits, or
    an argument makes no sense; `RecordSyntaxError` when *domain* or *selector* is no name;
    `InputError` when the message has no From or a line in its header is no field.
    """
    _refuse_nonsense(key, canonicalization, timestamp, expires)
    domain, selector = name(domain), name(selector)
    _refuse_odd_name(key_name(selector, domain))
    mail = read_message(message)
    if mail.malformed or b"from" not in mail.names:
        raise InputError(mail.malformed or "the message has no From field")
    names = _names(mail, headers, oversign)
    header_form, _, body_form = canonicalization.partition("/")
    body = body_hashes(mail.body, [(body_form, None)])[body_form, None]
    tags = {
        "v": "1",
        "a": f"{algorithm_of(key)}-sha256",
        "c": canonicalization,
        "d": domain,
        "s": selector,
        "t": str(int(time.time()) if timestamp is None else timestamp),
        "x": "" if expires is None else str(expires),
        "i": "" if identity is None else _identity(identity, domain),
        "h": ":".join(names),
        "bh": b64encode(body.digest).decode("ascii"),
    }
    unsigned = _folded(tags)
    covered = [header.lower().encode("ascii") for header in names]
    field = Field(b"dkim-signature", unsigned, unsigned.partition(b":")[2], odd=False)
    data = signed_header(mail, covered, field, header_form)
    return unsigned + _folded_base64(make_signature(key, data)) + b"\r\n"


def make_signature(key: PrivateKey, data: bytes) -> bytes:
    """The octets of `b` over the canonical *data* (RFC 6376 section 3.3, RFC 8463 section 3)."""
    if algorithm_of(key) == "rsa":
        return cast("RSAPrivateKey", key).sign(data, *rsa_scheme())
    return cast("Ed25519PrivateKey", key).sign(sha256(data).digest())


def _refuse_odd_name(owner: str) -> None:
    """RFC 6376 section 3.5: d and s are made of letters, digits and hyphens; some use underscores."""
    odd = _ODD.search(owner)
    if odd:
        # A semicolon would begin a tag of its own.
        raise RecordSyntaxError("this cannot stand in a signature", owner, odd.span())


def _refuse_nonsense(
    key: PrivateKey, canonicalization: str, timestamp: int | None, expires: int | None
) -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise UsageError(
            f"DKIM does not sign with {type(key).__name__}",
            hint="give a private key of RSA or Ed25519, as `dkim.private_key_from_pem` reads it",
        )
    forms = canonicalization.split("/")
    if len(forms) != 2 or not set(forms) <= set(FORMS):
        raise UsageError(f"there is no canonicalization {canonicalization!r}")
    if algorithm_of(key) == "rsa" and bits(key) < LEAST_RSA_BITS:  # RFC 8301 section 3.2
        raise UsageError(f"receivers refuse an RSA key of {bits(key)} bits")
    if timestamp is not None and timestamp < 0:
        raise UsageError("a timestamp counts the seconds since 1970")
    if expires is not None and expires <= (timestamp or 0):  # RFC 6376 section 3.5, tag x
        raise UsageError("the signature would expire before it is made")


def _names(mail: Message, headers: Sequence[str] | None, oversign: Sequence[str]) -> list[str]:
    """What `h` lists, in order."""
    there = Counter(mail.names)
    if headers is None:
        names = [one for one in SIGNED_HEADERS for _ in range(there[one.lower().encode()])]
    else:
        names = list(headers)
    for header in (*names, *oversign):
        if not _FIELD_NAME.fullmatch(header):
            raise UsageError(f"{header!r} is not the name of a header field")
    for header in oversign:
        lower = header.lower()
        have = sum(one.lower() == lower for one in names)
        names += [header] * (there[lower.encode()] + 1 - have)
    if "from" not in map(str.lower, names):  # RFC 6376 section 5.4
        raise UsageError("the From field must be signed")
    return names


def _identity(identity: str, domain: str) -> str:
    local, at, host = identity.rpartition("@")
    try:
        within = bool(at) and is_within(name(host), domain)
    except RecordSyntaxError:
        within = False
    if not within:  # RFC 6376 section 3.5, tag i
        raise UsageError(f"the identity {identity!r} is not within {domain}")
    return f"{_quoted(local)}@{name(host)}"


def _quoted(local: str) -> str:
    """RFC 6376 section 2.11: dkim-quoted-printable."""
    octets = (bytes([octet]) for octet in local.encode())
    return "".join(one.decode("ascii") if _PLAIN.match(one) else f"={one[0]:02X}" for one in octets)


def _folded(tags: dict[str, str]) -> bytes:
    """The field up to the value of `b`, in lines that are short where that can be."""
    lines = ["DKIM-Signature:"]
    for tag, value in tags.items():
        if not value:
            continue
        for place, piece in enumerate(value.split(":") if tag == "h" else [value]):
            lead = f" {tag}=" if not place else ""
            end = ";" if tag != "h" else ":"
            if len(lines[-1]) + len(lead) + len(piece) + 1 > MAX_LINE:
                lines.append("\t" if place else "")
                lead = lead.replace(" ", "\t", 1)
            lines[-1] += f"{lead}{piece}{end}"
        lines[-1] = lines[-1][:-1] + ";"
    return "\r\n".join([*lines, "\tb="]).encode("ascii")


def _folded_base64(octets: bytes) -> bytes:
    text = b64encode(octets)
    width = MAX_LINE - 4
    return b"\r\n\t".join(text[at : at + width] for at in range(0, len(text), width))

"""
DKIM key records: the public half of a signing key, at `<selector>._domainkey.<domain>`.

RFC 6376 section 3.6.1, with RFC 8301 (key sizes, no SHA-1) and RFC 8463
(Ed25519). The record holds the key as octets; whether they are a key, and how
strong, is for `key` and `lint` to say.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from maildns.errors import RecordSyntaxError
from maildns.taglist import Tag, parse_tags, print_tags, refuse_doubles

_WORD = re.compile(
    r"[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
)  # RFC 6376 section 2.11 hyphenated-word
_WHITE = re.compile(r"[ \t\r\n]+")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/= \t\r\n]")
_KNOWN = ("v", "k", "h", "s", "t", "n", "p")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """
    One key record; every attribute names its tag, and an empty one is absent.

    `str()` leaves out what is absent and writes `p` last, where a form or a
    person that cuts it off does the least harm. `published` are the tag names in
    the order in which they stood; it takes no part in comparisons.

    >>> str(KeyRecord(b"", key_type="ed25519"))
    'v=DKIM1; k=ed25519; p='
    """

    public_key: bytes
    """`p`, decoded: SubjectPublicKeyInfo for RSA, 32 octets for Ed25519; empty means revoked."""
    key_type: str = "rsa"
    """`k`: `rsa` or `ed25519`; verifiers ignore a record with another."""
    version: str = "DKIM1"
    """`v`: `DKIM1`, or empty where the record leaves it out."""
    hashes: tuple[str, ...] = ()
    """`h`: hash algorithms that signatures may use; none listed means all."""
    services: tuple[str, ...] = ()
    """`s`: services that the key is for; none listed means `*`, all."""
    flags: tuple[str, ...] = ()
    """`t`: `y` testing, `s` no subdomains in `i=`; others are ignored."""
    notes: str = ""
    """`n`: a note for people, as published (quoted-printable)."""
    unknown: tuple[tuple[str, str], ...] = ()
    """Tags that the standard does not know, in their order; verifiers ignore them."""
    published: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def revoked(self) -> bool:
        """The owner has withdrawn the key (RFC 6376 section 3.6.1, tag `p`)."""
        return not self.public_key

    @property
    def testing(self) -> bool:
        """Verifiers must not treat signed mail differently from unsigned (tag `t`, flag `y`)."""
        return "y" in self.flags

    @property
    def for_mail(self) -> bool:
        """The key may sign mail (tag `s`)."""
        return self.serves(("email",))

    def serves(self, services: Iterable[str]) -> bool:
        """The key may sign for one of *services*, in the words of tag `s`."""
        return not self.services or not {"*", *services}.isdisjoint(self.services)

    def tags(self) -> list[tuple[str, str]]:
        """The tags in the order of printing."""
        pairs = [
            ("v", self.version),
            ("k", self.key_type),
            ("h", ":".join(self.hashes)),
            ("s", ":".join(self.services)),
            ("t", ":".join(self.flags)),
            ("n", self.notes),
            *self.unknown,
        ]
        kept = [(tag, value) for tag, value in pairs if value or tag not in _KNOWN]
        return [*kept, ("p", b64encode(self.public_key).decode("ascii"))]

    def __str__(self) -> str:
        return print_tags(self.tags())


def parse_key(text: str) -> KeyRecord:
    """
    Read the text of a key record.

    White space inside `p` is allowed and dropped. The octets of `p` are not
    looked into.

    Raises `RecordSyntaxError` where the text breaks the grammar of RFC 6376
    sections 3.2 and 3.6.1: no `p`, a tag that stands twice, a `v` that is not
    first or not `DKIM1`, base64 that is damaged or cut off.

    >>> parse_key("v=DKIM1; p=").revoked
    True
    >>> parse_key("v=DKIM1; p=MIGf'")
    Traceback (most recent call last):
    ...
    maildns.errors.RecordSyntaxError: this character is not base64
        v=DKIM1; p=MIGf'
                       ^
    """
    return _parse_cached(text) if len(text) <= _CACHED_CHARACTERS else _parse(text)


def _parse(text: str) -> KeyRecord:
    _refuse_wrapping(text)
    tags = parse_tags(text)
    refuse_doubles(tags, text)
    by_name = {tag.name: tag for tag in tags}
    if "p" not in by_name:
        raise RecordSyntaxError("a key record needs a tag p with the key", text, (0, len(text)))
    return KeyRecord(
        public_key=_octets(by_name["p"], text),
        key_type=_key_type(by_name.get("k"), text),
        version=_version(tags, text),
        hashes=_words(by_name.get("h"), text),
        services=_words(by_name.get("s"), text, star=True),
        flags=_words(by_name.get("t"), text),
        notes=by_name["n"].value if "n" in by_name else "",
        unknown=tuple((tag.name, tag.value) for tag in tags if tag.name not in _KNOWN),
        published=tuple(tag.name for tag in tags),
    )


# A key that is judged is also linted and described.
_parse_cached = lru_cache(maxsize=1024)(_parse)
_CACHED_CHARACTERS = 2048


def _refuse_wrapping(text: str) -> None:
    """Point at what belongs to a zone file or a form, and not into the record."""
    if text[:1] in {'"', "'", "("}:
        raise RecordSyntaxError("the quotes or brackets around it were published too", text, (0, 1))
    escape = text.find("\\;")
    if escape >= 0:
        problem = "a backslash before the semicolon was published too"
        raise RecordSyntaxError(problem, text, (escape, escape + 2))


def _version(tags: tuple[Tag, ...], text: str) -> str:
    for position, tag in enumerate(tags):
        if tag.name != "v":
            continue
        # RFC 6376 section 3.6.1: first in the record, compared as a string
        if position > 0:
            raise RecordSyntaxError("v must be the first tag", text, tag.span)
        if tag.value != "DKIM1":
            raise RecordSyntaxError("the version is written DKIM1", text, tag.value_span)
        return tag.value
    return ""


def _key_type(tag: Tag | None, text: str) -> str:
    words = _words(tag, text) or ("rsa",)
    if len(words) > 1 and tag is not None:
        raise RecordSyntaxError("a key has one type", text, tag.value_span)
    return words[0]


def _words(tag: Tag | None, text: str, *, star: bool = False) -> tuple[str, ...]:
    """The colon-separated words of a value (RFC 6376 section 3.6.1, tags h, s and t)."""
    if tag is None:
        return ()
    at = tag.value_span[0]
    words = []
    for piece in tag.value.split(":"):
        word = piece.strip(" \t\r\n")
        if not (_WORD.fullmatch(word) or (star and word == "*")):
            span = (at, at + max(1, len(piece))) if tag.value else tag.span
            raise RecordSyntaxError(f"tag {tag.name!r} wants words of letters", text, span)
        words.append(word)
        at += len(piece) + 1
    return tuple(words)


def _octets(tag: Tag, text: str) -> bytes:
    """Decode `p` (RFC 6376 section 2.10: base64 with folding white space)."""
    start, end = tag.value_span
    bad = _NOT_BASE64.search(tag.value)
    if bad:
        at = start + bad.start()
        quoted = bad[0] in {'"', "\u201c", "\u201d"}
        problem = "quotes do not belong into the key" if quoted else "this character is not base64"
        raise RecordSyntaxError(problem, text, (at, at + 1))
    bare = _WHITE.sub("", tag.value)
    padding = bare.find("=")
    if padding >= 0 and bare[padding:].strip("="):
        at = start + tag.value.index("=")
        raise RecordSyntaxError("base64 ends at its first =", text, (at, end))
    try:
        return binascii.a2b_base64(bare, strict_mode=True)
    except binascii.Error:
        span = (max(start, end - 4), max(end, start + 1))
        problem = "this is not base64"
        if len(bare) % 4:
            problem = "the base64 is cut off: its length is not a multiple of four"
        raise RecordSyntaxError(problem, text, span) from None

"""
The DKIM-Signature header field (RFC 6376 section 3.5).

Reading one judges its form alone: nothing is looked up, and no clock is asked.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache

from maildns.dnsdata import is_within, name
from maildns.errors import RecordSyntaxError
from maildns.frozen import quickly
from maildns.taglist import parse_tags, print_tags, refuse_doubles

FORMS = ("simple", "relaxed")
_FORMS = {form: (form, "simple") for form in FORMS} | {
    f"{header}/{body}": (header, body) for header in FORMS for body in FORMS
}
ALGORITHMS = (
    "rsa-sha256",
    "ed25519-sha256",
    "rsa-sha1",
)  # RFC 8301, RFC 8463; the last is historic
NEEDED = ("v", "a", "b", "bh", "d", "h", "s")  # RFC 6376 section 3.5
_KNOWN = frozenset({*NEEDED, "c", "i", "l", "q", "t", "x", "z"})
_FWS = " \t\r\n"
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FWS_OCTETS = _FWS.encode("ascii")
_NO_WHITE = str.maketrans("", "", _FWS)
_DIGITS = re.compile(r"[0-9]{1,76}")
# RFC 5322 section 3.6.8, without the semicolon of the list; section 2.1.1: a line's length
_FIELD_NAME = re.compile(r"[!-9<-~]{1,998}")
MAX_REMEMBERED = 4_000  # characters of a list of fields: longer ones are read each time


@dataclass(frozen=True, slots=True)
class Signature:
    """
    One signature; every attribute names its tag, and None or an empty one is absent.

    `published` are the tag names in the order in which they stood; it takes no part in
    comparisons.
    """

    algorithm: str
    """`a`: `rsa-sha256` or `ed25519-sha256`; `rsa-sha1` is read and never verified."""
    signature: bytes
    """`b`, decoded."""
    body_hash: bytes
    """`bh`, decoded."""
    domain: str
    """`d`: who signs, as published."""
    selector: str
    """`s`: which key, as published."""
    headers: tuple[str, ...]
    """`h`: the signed header fields, in order, as published."""
    header_form: str = "simple"
    """`c`, first half: how the header is made canonical."""
    body_form: str = "simple"
    """`c`, second half: how the body is made canonical."""
    identity: str = ""
    """`i`: the user or agent; when left out it is `@` and the domain."""
    body_length: int | None = None
    """`l`: how many octets of the canonical body are signed; what follows is anybody's."""
    query_methods: tuple[str, ...] = ()
    """`q`: how the key is fetched; `dns/txt` when left out."""
    timestamp: int | None = None
    """`t`: when it was signed, in seconds since 1970."""
    expires: int | None = None
    """`x`: from when on it is not to be believed, in seconds since 1970."""
    copied_headers: str = ""
    """`z`: header fields as they were at signing, for diagnosis; never used to verify."""
    unknown: tuple[tuple[str, str], ...] = ()
    """Tags that the standard does not know; they are covered by the signature and ignored."""
    published: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def full_identity(self) -> str:
        """`i`, or what it is when left out (RFC 6376 section 3.5)."""
        return self.identity or f"@{self.domain}"

    @property
    def start(self) -> str:
        """The first letters of `b`, which tell signatures apart in a report (RFC 6008)."""
        return b64encode(self.signature[:12]).decode("ascii")[:8]

    def tags(self) -> list[tuple[str, str]]:
        """The tags in the order of printing."""
        pairs = [
            ("v", "1"),
            ("a", self.algorithm),
            ("c", f"{self.header_form}/{self.body_form}"),
            ("d", self.domain),
            ("s", self.selector),
            ("i", self.identity),
            ("l", "" if self.body_length is None else str(self.body_length)),
            ("q", ":".join(self.query_methods)),
            ("t", "" if self.timestamp is None else str(self.timestamp)),
            ("x", "" if self.expires is None else str(self.expires)),
            ("h", ":".join(self.headers)),
            ("z", self.copied_headers),
            *self.unknown,
        ]
        kept = [(tag, value) for tag, value in pairs if value or tag not in _KNOWN]
        bh, b = (b64encode(octets).decode("ascii") for octets in (self.body_hash, self.signature))
        return [*kept, ("bh", bh), ("b", b)]

    def __str__(self) -> str:
        return print_tags(self.tags())


_signature = quickly(Signature)


def parse_signature(text: str) -> Signature:
    """
    Read the value of a DKIM-Signature field, folded or not.

    Raises `RecordSyntaxError` where it breaks RFC 6376 section 3.5: a tag is missing or
    stands twice, a value is not of its kind, From is not signed, `i` is not within `d`,
    `x` is not after `t`, or it needs a version, algorithm, canonical form or way to fetch
    the key that is not known.

    >>> parse_signature("v=1; a=rsa-sha256; d=example.com; s=s1; h=to; bh=; b=")
    Traceback (most recent call last):
    ...
    maildns.errors.RecordSyntaxError: the From field is not signed
        v=1; a=rsa-sha256; d=example.com; s=s1; h=to; bh=; b=
                                                ^^^^
    """
    tags = TagReader(text, NEEDED)
    there = tags.values
    if there["v"] != "1":  # RFC 6376 section 3.5, tag v
        raise tags.fault("v", "the version is 1")
    headers = tags.field_names("h")
    if not covers_from(headers):  # RFC 6376 section 5.4
        raise tags.fault("h", "the From field is not signed")
    algorithm = tags.one_of("a", ALGORITHMS, "this algorithm is not known")
    domain = tags.domain("d")
    timestamp = tags.number("t") if "t" in there else None
    expires = tags.number("x") if "x" in there else None
    if timestamp is not None and expires is not None and expires <= timestamp:
        raise tags.fault("x", "it expires before it was made")  # RFC 6376 section 3.5, tag x
    header_form, body_form = tags.forms()
    known = there.keys() <= _KNOWN
    return _signature(  # in the order of its attributes: by name it would take longer
        algorithm,
        tags.octets("b"),
        tags.octets("bh"),
        domain,
        tags.domain("s"),
        headers,
        header_form,
        body_form,
        tags.identity(domain) if "i" in there else "",
        tags.number("l") if "l" in there else None,
        tags.query_methods() if "q" in there else (),
        timestamp,
        expires,
        tags.text("z") if "z" in there else "",
        () if known else tuple(pair for pair in there.items() if pair[0] not in _KNOWN),
        tuple(there),
    )


def covers_from(headers: tuple[str, ...]) -> bool:
    """Whether From is among the signed *headers*."""
    return "From" in headers or "from" in map(str.lower, headers)


@lru_cache(maxsize=256)  # a sender's list is the same in all its mail
def _field_names(value: str) -> tuple[str, ...] | None:
    names = tuple(piece.strip(_FWS) for piece in value.split(":"))
    return names if all(map(_FIELD_NAME.fullmatch, names)) else None


_USUAL = {space + tag: tag for tag in _KNOWN for space in ("", " ", "\r\n\t", "\r\n ")}
"""The tags that the standard knows, as signers write them behind a semicolon."""


class TagReader:
    """
    The tags of a signature-like field, read kind by kind (RFC 6376 section 3.2).

    `values` has the value of each tag, in the order published. Where a tag stands is
    worked out when an error wants to point at it.
    """

    def __init__(self, source: str, needed: tuple[str, ...]) -> None:
        """Raises `RecordSyntaxError` when a tag of *needed* is missing or one stands twice."""
        self.source = source
        self.values: dict[str, str] = {}
        values = self.values
        pieces = source.split(";")
        if not pieces[-1].strip(_FWS):
            pieces.pop()
        for piece in pieces:
            start, equals, value = piece.partition("=")
            tag = _USUAL.get(start) or start.strip(_FWS)
            if not equals or tag in values or (tag not in _KNOWN and not _TAG.fullmatch(tag)):
                raise self._broken()
            values[tag] = value.strip(_FWS)
        for tag in needed:
            if tag not in values:
                raise RecordSyntaxError(f"there is no tag {tag!r}", source, (0, len(source)))

    def _broken(self) -> RecordSyntaxError:
        try:
            refuse_doubles(parse_tags(self.source), self.source)  # RFC 6376 section 3.2
        except RecordSyntaxError as error:
            return error
        return RecordSyntaxError("this is no list of tags", self.source, (0, len(self.source)))

    def fault(self, tag: str, problem: str) -> RecordSyntaxError:
        """The error that points at *tag*."""
        spans = {one.name: one.span for one in parse_tags(self.source)}
        return RecordSyntaxError(problem, self.source, spans[tag])

    def text(self, tag: str) -> str:
        """The value without white space; empty when the tag is not there."""
        return self.values.get(tag, "").translate(_NO_WHITE)

    def one_of(self, tag: str, known: tuple[str, ...], problem: str) -> str:
        """The value, which must be one of *known*."""
        value = self.values[tag]
        if value not in known:
            raise self.fault(tag, problem)
        return value

    def number(self, tag: str) -> int | None:
        """A number of at most 76 digits; None when the tag is not there."""
        value = self.values.get(tag)
        if value is None:
            return None
        if not _DIGITS.fullmatch(value):
            raise self.fault(tag, f"tag {tag!r} wants a number")
        return int(value)

    def octets(self, tag: str) -> bytes:
        """Base64 with white space in it (RFC 6376 section 2.10); it may not be empty."""
        try:
            bare = self.values[tag].encode("ascii").translate(None, _FWS_OCTETS)
            octets = binascii.a2b_base64(bare, strict_mode=True)
        except ValueError:  # not ASCII, or not base64
            octets = b""
        if not octets:
            raise self.fault(tag, f"tag {tag!r} wants base64")
        return octets

    def domain(self, tag: str) -> str:
        """A domain name or selector, U-labels allowed (RFC 8616 section 5)."""
        value = self.values[tag]
        try:
            if name(value) == "." or "*" in value or "\\" in value:
                raise self.fault(tag, f"tag {tag!r} wants a name")
        except RecordSyntaxError as error:
            raise self.fault(tag, error.problem) from None
        return value

    def field_names(self, tag: str) -> tuple[str, ...]:
        """Names of header fields between colons, white space around them allowed."""
        value = self.values[tag]
        read = _field_names if len(value) <= MAX_REMEMBERED else _field_names.__wrapped__
        names = read(value)
        if names is None:
            raise self.fault(tag, "this is not a list of header fields")
        return names

    def forms(self) -> tuple[str, str]:
        """How header and body are made canonical; `simple` where not said (section 3.5, tag c)."""
        forms = _FORMS.get(self.values.get("c", "simple"))
        if forms is None:
            raise self.fault("c", "this canonical form is not known")
        return forms

    def identity(self, domain: str) -> str:
        """The tag i, whose domain must be *domain* or stand below it (section 6.1.1)."""
        value = self.text("i")
        _, at, host = value.rpartition("@")
        try:
            within = bool(at) and is_within(name(host), name(domain))
        except RecordSyntaxError:
            within = False
        if not within:
            raise self.fault("i", "the identity is not within the domain that signs")
        return value

    def query_methods(self) -> tuple[str, ...]:
        """The tag q; one of them must be `dns/txt` (RFC 6376 section 3.5)."""
        if "q" not in self.values:
            return ()
        methods = tuple(self.text("q").split(":"))
        if "dns/txt" not in methods:
            raise self.fault("q", "the key cannot be fetched this way")
        return methods

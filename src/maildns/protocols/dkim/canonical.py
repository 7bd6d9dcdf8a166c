"""
Canonical forms: what a signature is made over (RFC 6376 section 3.4).

`simple` takes nearly every octet as it is; `relaxed` forgives white space and folding.
The body's forms are computed in one pass over chunks of any size, without a loop over
lines, so the memory needed does not grow with the message.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol

from maildns.protocols.dkim.message import CHUNK_OCTETS, Field, Message, crlf

SIMPLE = "simple"
RELAXED = "relaxed"
MAX_COMMON_NAMES = 100  # in the list of what is signed: nobody signs more
MAX_COMMON_FIELDS = 1000  # in a header
_LINE_END = frozenset({b"", b"\r", b"\n"})  # what makes a last CRLF one of several, or all
_RUN = re.compile(rb"[ \t]+")
_FIRST_B = re.compile(rb"[ \t\r\n]*+b[ \t\r\n]*+=")
_LATER_B = re.compile(rb";[ \t\r\n]*+b[ \t\r\n]*+=")


class _Sink(Protocol):
    def update(self, octets: bytes, /) -> None: ...


# --- header ---------------------------------------------------------------------------


def canonical_field(field: Field, form: str) -> bytes:
    r"""
    The canonical form of a header field, without its last CRLF (sections 3.4.1, 3.4.2).

    >>> canonical_field(Field(b"subject", b"SUBject : A\r\n\tB  ", b" A\r\n\tB  "), "relaxed")
    b'subject:A B'
    """
    if form == SIMPLE:
        return field.raw
    value = field.value
    if field.odd:
        value = _RUN.sub(b" ", value.replace(b"\r\n", b"")).strip(b" \t")
    else:
        value = b" ".join(value.split())  # unfolds, reduces and strips at once
    return field.name + b":" + value


def signed_header(mail: Message, names: Iterable[bytes], signature: Field, form: str) -> bytes:
    """
    What the header's signature covers: the fields of *names*, then the *signature* field.

    *names* are in lower case, in the order of `h`; *signature* has an empty `b`. A name
    that stands more often in *names* than in the header adds nothing for each time, which
    is how a field that is not there is signed.
    """
    wanted = tuple(names)
    common = len(wanted) <= MAX_COMMON_NAMES and len(mail.names) <= MAX_COMMON_FIELDS
    parts = _lowest(mail, wanted) if common and form == RELAXED and not mail.odd else None
    if parts is None:
        parts = list(_lowest_first(mail.by_name, wanted, form))
    parts.append(canonical_field(signature, form))  # RFC 6376 section 3.7: no CRLF behind it
    return b"\r\n".join(parts)


def _lowest(mail: Message, wanted: tuple[bytes, ...]) -> list[bytes] | None:
    """
    The relaxed fields where it is enough to take the lowest of each name, else None.

    Nearly all mail is so. A name that is *wanted* again, beyond all that there are, adds nothing.
    """
    once, again = _sorted_out(wanted)
    for name in again:
        if mail.names.count(name) > 1:
            return None
    lowest = mail.lowest
    return [start + b" ".join(lowest[name].split()) for name, start in once if name in lowest]


@lru_cache(maxsize=256)  # a sender's list is the same in all its mail
def _sorted_out(
    names: tuple[bytes, ...],
) -> tuple[tuple[tuple[bytes, bytes], ...], tuple[bytes, ...]]:
    """The *names*, each once with its colon behind it; and those that stand there several times."""
    counts = Counter(names)
    once = tuple((name, name + b":") for name in counts)
    return once, tuple(name for name, count in counts.items() if count > 1)


def _lowest_first(
    by_name: Mapping[bytes, Sequence[Field]], names: Iterable[bytes], form: str
) -> Iterator[bytes]:
    left: dict[bytes, int] = {}
    for name in names:
        fields = by_name.get(name)
        if fields:
            at = left.get(name, len(fields)) - 1  # RFC 6376 section 5.4.2: from the bottom up
            if at >= 0:
                left[name] = at
                yield canonical_field(fields[at], form)


def without_signature(field: Field) -> Field:
    """
    The signature *field* with an empty `b` (RFC 6376 section 3.5, tag `b`, and 3.7).

    White space around the value goes with it; nothing else changes.
    """
    name, raw, value, odd = field
    last = max(0, value.rfind(b";"))  # where signers put it; it stands there once
    tag = _LATER_B.match(value, last) or _FIRST_B.match(value) or _LATER_B.search(value)
    if tag is None:
        return field
    start = tag.end()
    end = value.find(b";", start)
    kept = value[:start] + value[end:] if end >= 0 else value[:start]
    return Field(name, raw[: len(raw) - len(value)] + kept, kept, odd)


# --- body -----------------------------------------------------------------------------


class CanonicalBody:
    r"""
    The canonical form of a body, passed on to *sink* as it comes.

    >>> class Shown(list):
    ...     update = list.append
    >>> shown = Shown()
    >>> body = CanonicalBody("relaxed", shown)
    >>> for chunk in (b" C \r", b"\nD \t", b" E\r\n\r\n\r\n"):
    ...     body.update(chunk)
    >>> body.finish()
    >>> b"".join(shown)
    b' C\r\nD E\r\n'
    """

    def __init__(self, form: str, sink: _Sink) -> None:
        self._relaxed = form == RELAXED
        self._sink = sink
        self._rest = b""  # the end of what came, undecided until more comes
        self._line_ends = 0  # CRLFs that came last: dropped if nothing else comes
        self._empty = True

    def update(self, chunk: bytes) -> None:
        """Take the next octets."""
        octets = self._rest + chunk if self._rest else chunk
        self._rest = b""
        if octets.endswith(b"\r"):
            octets, self._rest = octets[:-1], b"\r"
        octets = crlf(octets)
        self._take(self._relaxed_part(octets) if self._relaxed else octets)

    def finish(self) -> None:
        """The body is over: pass on what is left."""
        rest, self._rest = self._rest, b""
        if self._relaxed:
            rest = rest.rstrip(b" ") if not rest.endswith(b"\r") else rest
        self._take(rest)
        # RFC 6376 section 3.4.3: an empty body is a CRLF; section 3.4.4: it is nothing
        if not self._empty or not self._relaxed:
            self._sink.update(b"\r\n")

    def _relaxed_part(self, octets: bytes) -> bytes:
        """The *octets* reduced; a space at their end waits for what follows."""
        octets = _reduced(octets)
        if octets.endswith(b" "):
            octets, self._rest = octets[:-1], b" " + self._rest
        return octets

    def _take(self, octets: bytes) -> None:
        """Pass *octets* on, without the empty lines at their end (section 3.4.3, 3.4.4 (b))."""
        end = len(octets.rstrip(b"\r\n"))
        if end < len(octets):  # a CR without its LF is text
            lone = octets.rfind(b"\r\r", end) + 1
            end = len(octets) if octets.endswith(b"\r") else max(end, lone)
        if end:
            while self._line_ends:
                count = min(self._line_ends, CHUNK_OCTETS)
                self._sink.update(b"\r\n" * count)
                self._line_ends -= count
            self._sink.update(octets[:end])
            self._empty = False
        self._line_ends += (len(octets) - end) // 2


def _reduced(octets: bytes) -> bytes:
    """RFC 6376 section 3.4.4 (a): runs of white space are a space, at a line's end nothing."""
    octets = octets.replace(b"\t", b" ")
    # What is seldom there is looked for from the end, which is several times as fast.
    while octets.rfind(b"  ") >= 0:
        octets = octets.replace(b"  ", b" ")
    return octets.replace(b" \r\n", b"\r\n") if octets.rfind(b" \r\n") >= 0 else octets


class BodyHash(NamedTuple):
    """SHA-256 over the signed octets of a canonical body, and how many it has in all."""

    digest: bytes
    octets: int


class _Limited:
    """SHA-256 over the first *limit* octets (tag `l`), or over all."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._octets = 0
        self._hash = sha256()

    def update(self, octets: bytes) -> None:
        limit = self._limit
        self._hash.update(octets if limit is None else octets[: max(0, limit - self._octets)])
        self._octets += len(octets)

    def result(self) -> BodyHash:
        return BodyHash(self._hash.digest(), self._octets)


class _Several:
    def __init__(self, sinks: Sequence[_Sink]) -> None:
        self._sinks = sinks

    def update(self, octets: bytes) -> None:
        for sink in self._sinks:
            sink.update(octets)


def _hash_at_once(octets: bytes, form: str, limit: int | None) -> BodyHash:
    """What `CanonicalBody` and `_Limited` come to for a body that is at hand as a whole."""
    octets = crlf(octets)
    if form == RELAXED:
        octets = _reduced(octets).removesuffix(b" ")
    if octets[-2:] != b"\r\n" or octets[-3:-2] in _LINE_END:
        octets = _ended(octets, form)
    return BodyHash(sha256(octets if limit is None else octets[:limit]).digest(), len(octets))


def _ended(octets: bytes, form: str) -> bytes:
    """Let *octets* end in just one CRLF (RFC 6376 sections 3.4.3, 3.4.4)."""
    text = octets.rstrip(b"\r\n")
    # A CR without its LF at the end is text, and no line end.
    if b"\r" in octets[len(text) :].replace(b"\r\n", b""):
        end = octets.rfind(b"\r\r", len(text)) + 1
        text = octets if octets.endswith(b"\r") else octets[:end]
    # RFC 6376 section 3.4.3: an empty body is a CRLF; section 3.4.4: it is nothing
    return text + b"\r\n" if text or form == SIMPLE else b""


def body_hashes(
    body: Iterable[bytes], wanted: Iterable[tuple[str, int | None]]
) -> dict[tuple[str, int | None], BodyHash]:
    """
    Hash *body* in one pass, once for each (form, limit) that is *wanted*.

    Nothing is read when nothing is wanted.
    """
    if isinstance(body, tuple) and len(body) == 1:  # all of a small message at once
        return {key: _hash_at_once(body[0], *key) for key in wanted}
    sinks = {key: _Limited(key[1]) for key in wanted}
    by_form: dict[str, list[_Limited]] = {}
    for (form, _), sink in sinks.items():
        by_form.setdefault(form, []).append(sink)
    forms = [
        CanonicalBody(form, same[0] if len(same) == 1 else _Several(same))
        for form, same in by_form.items()
    ]
    if forms:
        for chunk in body:
            for canonical in forms:
                canonical.update(chunk)
    for canonical in forms:
        canonical.finish()
    return {key: sink.result() for key, sink in sinks.items()}

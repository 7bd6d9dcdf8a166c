"""
The header fields of ARC: what each forwarder says that it saw, signed and sealed.

RFC 8617 section 4. Three fields with the same instance number make a set; the sets make
the chain. Reading them looks nothing up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from maildns.errors import RecordSyntaxError
from maildns.protocols.dkim.message import Field, Message
from maildns.protocols.dkim.signature import ALGORITHMS, Signature, TagReader
from maildns.protocols.dkim.verification import text_of

T = TypeVar("T")

MAX_SETS = 50  # RFC 8617 section 4.2.1
RESULTS, SIGNATURE, SEAL = b"arc-authentication-results", b"arc-message-signature", b"arc-seal"
_INSTANCE = re.compile(r"[ \t\r\n]*+i[ \t\r\n]*+=[ \t\r\n]*+([0-9]{1,3})[ \t\r\n]*+;")


@dataclass(frozen=True, slots=True)
class Seal:
    """One ARC-Seal (RFC 8617 section 4.1.3); every attribute names its tag."""

    instance: int
    """`i`: the place in the chain, from 1."""
    chain: str
    """`cv`: what the sealer found the chain before it to be: `none`, `pass` or `fail`."""
    algorithm: str
    """`a`: `rsa-sha256`; another of DKIM's is read, too."""
    signature: bytes
    """`b`, decoded."""
    domain: str
    """`d`: who seals, as published."""
    selector: str
    """`s`: which key, as published."""
    timestamp: int | None = None
    """`t`: when it was sealed, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class ArcSet:
    """The three fields of one instance, and what two of them say."""

    results: Field
    signature_field: Field
    seal_field: Field
    signature: Signature
    seal: Seal


def parse_seal(text: str) -> Seal:
    """
    Read the value of an ARC-Seal field.

    Raises `RecordSyntaxError` where it breaks RFC 8617 section 4.1.3: a tag is missing,
    stands twice or is not of its kind, or there is an `h`.

    >>> parse_seal("i=1; cv=none; a=rsa-sha256; d=example.org; s=s1; b=AAAA").domain
    'example.org'
    """
    tags = TagReader(text, ("i", "cv", "a", "b", "d", "s"))
    if "h" in tags.values:  # RFC 8617 section 4.1.3: its scope is fixed
        raise tags.fault("h", "a seal has no list of header fields")
    return Seal(
        instance=_instance(tags),
        chain=tags.one_of("cv", ("none", "pass", "fail"), "cv is none, pass or fail"),
        algorithm=tags.one_of("a", ALGORITHMS, "this algorithm is not known"),
        signature=tags.octets("b"),
        domain=tags.domain("d"),
        selector=tags.domain("s"),
        timestamp=tags.number("t"),
    )


def parse_message_signature(text: str) -> tuple[int, Signature]:
    """
    Read the value of an ARC-Message-Signature field: its instance, and the signature.

    Raises `RecordSyntaxError` where it breaks RFC 8617 section 4.1.2: as for DKIM, and
    where it covers a seal.
    """
    tags = TagReader(text, ("i", "a", "b", "bh", "d", "h", "s"))
    headers = tags.field_names("h")
    lower = {header.lower() for header in headers}
    if "from" not in lower:  # RFC 6376 section 5.4
        raise tags.fault("h", "the From field is not signed")
    if "arc-seal" in lower:  # RFC 8617 section 4.1.2
        raise tags.fault("h", "a seal is never signed here")
    header_form, body_form = tags.forms()
    signature = Signature(
        algorithm=tags.one_of("a", ALGORITHMS, "this algorithm is not known"),
        signature=tags.octets("b"),
        body_hash=tags.octets("bh"),
        domain=tags.domain("d"),
        selector=tags.domain("s"),
        headers=headers,
        header_form=header_form,
        body_form=body_form,
        body_length=tags.number("l"),
        query_methods=tags.query_methods(),
        timestamp=tags.number("t"),
        expires=tags.number("x"),
    )
    return _instance(tags), signature


def _instance(tags: TagReader) -> int:
    number = tags.number("i")
    if number is None or not 1 <= number <= MAX_SETS:  # RFC 8617 section 4.2.1
        raise tags.fault("i", f"an instance is a number from 1 to {MAX_SETS}")
    return number


def read_chain(mail: Message) -> tuple[ArcSet, ...]:
    """
    The sets of the chain, the oldest first; none for a message without ARC fields.

    Raises `RecordSyntaxError` when the chain is not whole: a field cannot be read, a set
    lacks one or has two of a kind, or an instance is left out (RFC 8617 section 5.2 step 3).
    """
    found = [mail.named(kind) for kind in (RESULTS, SIGNATURE, SEAL)]
    longest = max(map(len, found))
    if longest > MAX_SETS:
        raise _broken(f"there are {longest} sets, and at most {MAX_SETS} may be")
    results = _in_order([(_results_instance(text_of(field)), field) for field in found[0]], longest)
    signatures = [parse_message_signature(text_of(field)) for field in found[1]]
    signed = _in_order(
        [(number, (field, one)) for (number, one), field in zip(signatures, found[1], strict=True)],
        longest,
    )
    seals = [parse_seal(text_of(field)) for field in found[2]]
    sealed = _in_order(
        [(one.instance, (field, one)) for one, field in zip(seals, found[2], strict=True)], longest
    )
    return tuple(
        ArcSet(results[at], signed[at][0], sealed[at][0], signed[at][1], sealed[at][1])
        for at in range(longest)
    )


def _in_order(numbered: Sequence[tuple[int, T]], longest: int) -> list[T]:
    by_number = dict(numbered)
    if len(by_number) != len(numbered) or sorted(by_number) != list(range(1, longest + 1)):
        raise _broken("a set is not whole: each instance has one field of each of the three kinds")
    return [by_number[number] for number in range(1, longest + 1)]


def _results_instance(text: str) -> int:
    found = _INSTANCE.match(text)
    if found is None:  # RFC 8617 section 4.1.1
        raise RecordSyntaxError("the results do not begin with their instance", text, (0, 1))
    return int(found[1])


def _broken(problem: str) -> RecordSyntaxError:
    return RecordSyntaxError(problem, "", (0, 0))

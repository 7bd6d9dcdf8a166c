"""The BIMI record, called assertion record in the draft (section 4.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.taglist import Tag, parse_tags, print_tags, refuse_doubles

VERSION: Final = "BIMI1"
PREFERENCES: Final = frozenset({"brand", "personal"})

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-+\--:<-~]+")  # a comma is percent-encoded
_PREFIX = re.compile(r"[A-Za-z0-9-]{1,63}")
_VERSION_FIRST = re.compile(r"v[ \t]*=[ \t]*BIMI1[ \t]*(?:;|$)")


@dataclass(frozen=True, slots=True)
class BimiRecord:
    """
    A record that says where the picture is.

    `location` (`l`) is the picture's URI, empty in a declination; `authority_evidence` (`a`)
    that of the mark certificate; `avatar_preference` (`avp`) brand or personal;
    `local_part_prefixes` (`lps`) the senders that have a picture of their own. None means
    that the tag is not there. `unknown` tags are kept in their order.
    """

    location: str
    authority_evidence: str | None = None
    avatar_preference: str | None = None
    local_part_prefixes: tuple[str, ...] | None = None
    unknown: tuple[tuple[str, str], ...] = ()

    @property
    def declines(self) -> bool:
        """Whether the domain says that it wants no picture shown."""
        return not self.location and not self.authority_evidence

    def __str__(self) -> str:
        pairs = [("v", VERSION), ("l", self.location)]
        if self.authority_evidence is not None:
            pairs.append(("a", self.authority_evidence))
        if self.avatar_preference is not None:
            pairs.append(("avp", self.avatar_preference))
        if self.local_part_prefixes is not None:
            pairs.append(("lps", ",".join(self.local_part_prefixes)))
        return print_tags([*pairs, *self.unknown]) + ";"


def owner_name(domain: str, selector: str = "default") -> str:
    """The name that the record stands at; `RecordSyntaxError` when a part is no name."""
    return name(f"{selector}._bimi.{name(domain)}")


def announces(text: str) -> bool:
    """Whether *text* counts as a BIMI record at all; others at the name are passed over."""
    return _VERSION_FIRST.match(text) is not None


def parse(text: str) -> BimiRecord:
    """
    Read the text of a BIMI record, strictly: receivers must not repair it.

    Raises `RecordSyntaxError` when it does not begin with `v=BIMI1`, has no `l`, a tag
    stands twice, or a value is malformed. URIs of any scheme are kept; `lint` judges them.

    >>> parse("v=BIMI1; l=https://example.com/logo.svg; a=;").location
    'https://example.com/logo.svg'
    """
    if not announces(text):
        end = text.find(";")
        place = (0, end if end >= 0 else len(text))
        raise RecordSyntaxError("a BIMI record begins with v=BIMI1", text, place)
    tags = parse_tags(text)
    refuse_doubles(tags, text)
    by_name = {tag.name: tag for tag in tags}
    if "l" not in by_name:
        raise RecordSyntaxError("the tag l is missing", text, (len(text), len(text)))
    return BimiRecord(
        _uri(by_name["l"], text),
        _uri(by_name["a"], text) if "a" in by_name else None,
        _preference(by_name["avp"], text) if "avp" in by_name else None,
        _prefixes(by_name["lps"], text) if "lps" in by_name else None,
        tuple(
            (tag.name, tag.value) for tag in tags if tag.name not in {"v", "l", "a", "avp", "lps"}
        ),
    )


def _uri(tag: Tag, text: str) -> str:
    if tag.value and not _URI.fullmatch(tag.value):
        problem = f"the tag {tag.name} holds one URI (https://...), or nothing"
        raise RecordSyntaxError(problem, text, tag.value_span)
    return tag.value


def _preference(tag: Tag, text: str) -> str:
    if tag.value not in PREFERENCES:
        raise RecordSyntaxError("avp is brand or personal", text, tag.value_span)
    return tag.value


def _prefixes(tag: Tag, text: str) -> tuple[str, ...]:
    if not tag.value:
        return ()
    found = []
    at = tag.value_span[0]
    for piece in tag.value.split(","):
        prefix = piece.strip(" \t")
        if not _PREFIX.fullmatch(prefix):
            problem = (
                "lps holds prefixes of 1 to 63 letters, digits and hyphens, with commas between"
            )
            raise RecordSyntaxError(problem, text, (at, at + len(piece)))
        found.append(prefix)
        at += len(piece) + 1
    return tuple(found)

"""From the picture and its certificate to the BIMI record."""

from __future__ import annotations

from collections.abc import Iterable

from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols.bimi.record import BimiRecord, parse


def build(
    location: str = "",
    *,
    authority_evidence: str = "",
    avatar_preference: str | None = None,
    local_part_prefixes: Iterable[str] | None = None,
) -> BimiRecord:
    """
    Make the record that shows the picture at *location*; with nothing, a declination.

    Both addresses are `https:` URIs; a comma or semicolon in them is percent-encoded. Raises
    `UsageError` when one is not, there is a certificate without a picture, or a value means
    nothing.

    >>> str(build())
    'v=BIMI1; l=; a=;'
    """
    if authority_evidence and not location:
        raise UsageError(
            "a mark certificate needs its picture", "give the location of the SVG file"
        )
    prefixes = None if local_part_prefixes is None else tuple(local_part_prefixes)
    picture, evidence = _https(location), _https(authority_evidence)
    record = BimiRecord(picture, evidence, avatar_preference, prefixes)
    try:
        return parse(str(record))
    except RecordSyntaxError as error:
        raise UsageError(f"such a BIMI record cannot be written: {error.problem}") from None


def _https(uri: str) -> str:
    # Draft section 4.3: only https; commas and semicolons would end the value.
    if uri and not uri.lower().startswith("https://"):
        raise UsageError(
            f"{uri!r} is not an https address", "pictures are fetched over HTTPS alone"
        )
    return uri.replace(",", "%2C").replace(";", "%3B")

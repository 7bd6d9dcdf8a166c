"""
The logotype extension of a certificate: the picture that it vouches for (RFC 9399 section 4.1).

A mark certificate carries the picture within itself, in a `data:` URI. Of the extension no more is
read than leads to it; the DER is a stranger's, and every length in it is held against what is there.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from maildns.errors import InputError

OID: Final = "1.3.6.1.5.5.7.1.12"  # RFC 9399: id-pe-logotype
MAX_ELEMENTS: Final = 64  # of one sequence; a mark certificate has one of each

_SEQUENCE: Final = 0x30
_IA5_STRING: Final = 0x16
_SUBJECT_LOGO: Final = 0xA2  # LogotypeExtn.subjectLogo, [2] EXPLICIT
_DIRECT: Final = 0xA0  # LogotypeInfo.direct, [0] IMPLICIT
_DATA: Final = re.compile(rb"data:image/svg\+xml([^,]{0,100}),", re.IGNORECASE)


class _Element(NamedTuple):
    tag: int
    content: bytes


def embedded_picture(extension: bytes) -> bytes:
    """
    Take the picture out of the logotype extension, whose value in DER is *extension*.

    It is as it stands there: mark certificates pack it by gzip. Raises `InputError` when there is
    no `data:` URI of an SVG picture.
    """
    for uri in _image_uris(extension):
        found = _DATA.match(uri)
        if found:
            return _content(uri[found.end() :], base64_encoded=b";base64" in found[1].lower())
    raise InputError("the logotype holds no picture of its own (no data: URI with SVG)")


def _content(text: bytes, *, base64_encoded: bool) -> bytes:
    octets = unquote_to_bytes(text)  # RFC 2397 section 2
    if not base64_encoded:
        return octets
    try:
        return base64.b64decode(b"".join(octets.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("the picture in the logotype is no base64") from None


def _image_uris(extension: bytes) -> Iterator[bytes]:
    """Every `logotypeURI` of the images of the subject's logo."""
    for part in _within(extension, _SEQUENCE):  # LogotypeExtn
        if part.tag != _SUBJECT_LOGO:
            continue
        # LogotypeData: the first element is the sequence of images.
        for images in _within(part.content, _DIRECT):
            if images.tag == _SEQUENCE:
                yield from _uris_of(images.content)


def _uris_of(images: bytes) -> Iterator[bytes]:
    for image in _elements(images):  # LogotypeImage
        details = next(_elements(image.content), None)  # LogotypeDetails
        if details is None or details.tag != _SEQUENCE:
            continue
        # mediaType, the sequence of hashes, the sequence of URIs
        *_, last = [*_elements(details.content)] or [_Element(0, b"")]
        if last.tag == _SEQUENCE:
            yield from (one.content for one in _elements(last.content) if one.tag == _IA5_STRING)


def _within(data: bytes, tag: int) -> Iterator[_Element]:
    """The elements of the element *data*, if it has the *tag*."""
    outer = next(_elements(data), None)
    if outer is not None and outer.tag == tag:
        yield from _elements(outer.content)


def _elements(data: bytes) -> Iterator[_Element]:
    """The elements that stand one after the other in *data*; it ends at the first that is broken."""
    at = 0
    for _ in range(MAX_ELEMENTS):
        if at + 2 > len(data):
            return
        tag, length = data[at], data[at + 1]
        at += 2
        if length >= 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 4 or at + octets > len(data):
                return
            length = int.from_bytes(data[at : at + octets])
            at += octets
        if tag & 0x1F == 0x1F or length > len(data) - at:
            return
        yield _Element(tag, data[at : at + length])
        at += length

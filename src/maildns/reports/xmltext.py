"""
XML as text: which characters the octets stand for, whatever the declaration says.

Expat reads four encodings; reporters write more, and some declare one and write another.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache

from maildns.reports.cleaning import Oddities, shown

_DECLARED = re.compile(rb"""\A\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.:-]{1,40})["']""")
_WIDE = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
# One octet for ASCII at least; what is no encoding of text, such as zlib, is not among them.
_KNOWN = re.compile(
    r"utf-8|ascii|iso8859-\d+|cp\d+|koi8-[ru]|shift_jis|euc_(?:jp|kr)|gb2312|gbk|gb18030|big5|"
    r"iso2022_jp|mac-roman"
)


def texts(blocks: Iterator[bytes], oddities: Oddities) -> Iterator[str]:
    """
    Decode *blocks*; what cannot be decoded becomes U+FFFD, and an oddity.

    What stands before the first `<` is left out.
    """
    start = b""
    for block in blocks:
        start += block
        if len(start) > 256:
            break
    encoding, mark = _encoding(start, oddities)
    decoder = codecs.getincrementaldecoder(encoding)()
    text = _decode(decoder, start[mark:], oddities)
    opens = text.find("<")
    if opens > 0:
        if text[:opens].strip("\ufeff\0 \t\r\n"):
            oddities.add(f"{shown(text[:opens])} stands before the XML")
        text = text[opens:]
    yield text
    for block in blocks:
        yield _decode(decoder, block, oddities)
    yield _decode(decoder, b"", oddities, final=True)


def _encoding(start: bytes, oddities: Oddities) -> tuple[str, int]:
    """Give the encoding that *start* is in, and how long its byte order mark is."""
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8", 3
    if start.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", 2
    if start.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be", 2
    wide = _WIDE.get(start.lstrip()[:2])
    if wide:
        oddities.add("UTF-16 without a byte order mark")
        return wide, 0
    declared = _DECLARED.match(start)
    name = declared[1].decode() if declared else "utf-8"
    known = _known(name)
    if not known:
        oddities.add(f"encoding {shown(name)} is not what it is written in; read as UTF-8")
    return known or "utf-8", 0


@lru_cache(64)
def _known(name: str) -> str:
    """Give Python's name of an encoding of text; empty for what is none."""
    try:
        known = codecs.lookup(name).name
    except LookupError:
        return ""
    if not _KNOWN.fullmatch(known):
        return ""
    return "utf-8" if known == "ascii" else known


def _decode(
    decoder: codecs.IncrementalDecoder, block: bytes, oddities: Oddities, *, final: bool = False
) -> str:
    try:
        return decoder.decode(block, final)
    except UnicodeDecodeError:
        oddities.add("octets that are no characters of its encoding")
        decoder.errors = "replace"
        return decoder.decode(block, final)

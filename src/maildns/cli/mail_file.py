"""A mail as a file, the way mail programs, editors and mailboxes leave it."""

from __future__ import annotations

import sys
from pathlib import Path

from maildns.errors import InputError

MAX_OCTETS = 256 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_mail(path: Path) -> bytes:
    """
    The octets of the message, without what mail programs and editors put before it.

    `-` is standard input. Raises `InputError` when it cannot be read, is too large or empty.
    """
    try:
        if str(path) == "-":
            octets = sys.stdin.buffer.read(MAX_OCTETS + 1)
        else:
            with path.open("rb") as file:
                octets = file.read(MAX_OCTETS + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read it: {why}", path=path) from None
    if len(octets) > MAX_OCTETS:
        raise InputError("this is too large to be a mail", path=path)
    if not octets.strip():
        raise InputError("it is empty", path=path, hint="save the mail with all its header fields")
    octets = octets.removeprefix(_BYTE_ORDER_MARK).lstrip(b"\r\n")
    if octets.startswith(b"From "):  # of an mbox file
        return octets.partition(b"\n")[2]
    return octets

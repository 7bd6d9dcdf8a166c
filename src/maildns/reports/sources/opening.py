"""Reading a file that anybody may have put there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from maildns.errors import InputError

MAX_OCTETS = 64 << 20


def read_regular(path: Path, limit: int = MAX_OCTETS) -> bytes:
    """
    Read the file at *path*: a regular one of at most *limit* octets that nobody writes meanwhile.

    A pipe or device is refused and not waited for. Raises `InputError`.
    """
    try:
        # O_NONBLOCK: opening a pipe without a writer would wait for one
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise InputError("this is no regular file", path=path)
            octets = file.read(limit + 1)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise InputError(f"cannot read it: {error.strerror}", path=path) from None
    if len(octets) > limit:
        raise InputError(f"it has more than {limit} octets", path=path)
    if len(octets) != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
        raise InputError("it is still being written", path=path, hint="take it in again later")
    return octets

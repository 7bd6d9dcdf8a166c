"""Writing a file whole or not at all, so that a killed run leaves no half of one."""

from __future__ import annotations

import glob
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from maildns.errors import InputError

PUBLIC_MODE = 0o644
SECRET_MODE = 0o600
STALE_SECONDS = 3600  # a draft as old as this was left behind by a run that was killed


def replace_file(
    path: Path,
    content: str | bytes,
    *,
    mode: int = PUBLIC_MODE,
    fresh: bool = False,
) -> None:
    """
    Put *content* at *path* in one step; nobody ever sees a part of it.

    The file gets *mode* from its first octet on. A symbolic link is followed, and what it
    points to is replaced. With *fresh* an existing file or link is left alone. Raises `InputError` when it cannot be written, or is there already.
    """
    octets = content.encode("utf-8") if isinstance(content, str) else content
    if not path.name:  # such as "." or "/"
        raise InputError("this is a folder, not a file", path=path)
    # Not the process id: in a container it is the same in every run.
    target = path if fresh else Path(os.path.realpath(path))
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.draft")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(octets)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if fresh:
            os.link(draft, path)
            draft.unlink()
        else:
            draft.replace(target)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        if fresh and isinstance(error, FileExistsError) and os.path.lexists(path):
            hint = "move it away first"
            raise InputError("it is there already", path=path, hint=hint) from None
        raise InputError(f"cannot write it: {error.strerror}", path=path) from None


def _sweep(path: Path) -> None:
    """Remove the drafts of *path* that killed runs left behind: one may hold a private key."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.????????.draft"):
        with suppress(OSError):
            if draft.lstat().st_mtime < time.time() - STALE_SECONDS:
                draft.unlink()

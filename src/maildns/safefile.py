"""Writing a file whole or not at all, so that a killed run leaves no half of one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from maildns.errors import InputError

PUBLIC_MODE = 0o644
SECRET_MODE = 0o600


def replace_file(
    path: Path,
    content: str | bytes,
    *,
    mode: int = PUBLIC_MODE,
    fresh: bool = False,
) -> None:
    """
    Put *content* at *path* in one step; nobody ever sees a part of it.

    The file gets *mode* from its first octet on. With *fresh* an existing file is left
    alone. Raises `InputError` when it cannot be written, or is there already.
    """
    octets = content.encode("utf-8") if isinstance(content, str) else content
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(octets)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if fresh:
            os.link(draft, path)
            draft.unlink()
        else:
            draft.replace(path)
    except FileExistsError:
        with suppress(OSError):
            draft.unlink()
        raise InputError("it is there already", path=path, hint="move it away first") from None
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise InputError(f"cannot write it: {error.strerror}", path=path) from None

"""A person at a terminal: a real process on a pseudo-terminal, answered as its questions come."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

PATIENCE_SECONDS = 15
Answer = str | Callable[[], str]  # what is typed, or what is done before it is


def talk(arguments: Sequence[object], dialogue: Sequence[tuple[str, Answer]]) -> tuple[int, str]:
    """
    Run `maildns *arguments*`; type each answer when its question stands there.

    Returns the exit code and all that was printed.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "maildns.cli.main", *map(str, arguments)],
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
        env={**os.environ, "TERM": "dumb", "COLUMNS": "200"},
    )  # fmt: skip
    os.close(theirs)
    said = ""
    try:
        for question, answer in dialogue:
            heard = _listen(ours, question)
            assert question in heard, said + heard
            said += heard
            text = answer if isinstance(answer, str) else answer()
            os.write(ours, f"{text}\n".encode())
        said += _listen(ours)
        return process.wait(PATIENCE_SECONDS), said
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)
        os.close(ours)


def _listen(terminal: int, until: str = "") -> str:
    """What is printed up to *until* and the prompt behind it, or to the end."""
    heard, deadline = "", time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if not ready:
            if until and until in heard:
                return heard
            continue
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            return heard
        if not part:
            return heard
        heard += part.decode("utf-8", "replace")
    return heard

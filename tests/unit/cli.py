"""The command line, run in this process: what it printed, and its exit code."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from maildns.cli.main import main


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def run_cli(*args: object, input: str | bytes | None = None) -> Result:
    """Run `maildns *args*`; standard input is *input*, empty when there is none."""
    octets = input.encode() if isinstance(input, str) else input or b""
    out, err = _stream(), _stream()
    before = sys.stdin
    sys.stdin = _stream(octets)
    code = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main([str(arg) for arg in args])
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    finally:
        sys.stdin = before
    return Result(code, _text(out), _text(err))


def _stream(octets: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(octets), encoding="utf-8", newline="")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()

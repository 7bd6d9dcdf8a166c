"""
What a mail server needs besides DNS, as files: policies, client settings, requests, signers.

Texts come from the protocols; here they get their places. `write_files` puts them into a
folder and never over a file that it did not write itself. Private keys are never read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from maildns.errors import InputError
from maildns.export.record import ReverseRequest
from maildns.safefile import replace_file

LEDGER = ".maildns-files.json"
MAX_LEDGER_OCTETS = 16 * 1024 * 1024
_PLAIN = re.compile(r"[A-Za-z0-9_@+~=-][A-Za-z0-9._@+~=-]*|\.well-known")


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file below the folder of the export; `note` says where it belongs and what for."""

    path: str
    text: str
    note: str = ""


def request_files(requests: Iterable[ReverseRequest]) -> Iterator[OutputFile]:
    """For each server the request to its provider for reverse names."""
    texts: dict[str, list[str]] = {}
    for request in requests:
        texts.setdefault(request.target, []).append(request.text)
    for host, lines in texts.items():
        note = "send it to whoever holds the addresses"
        yield OutputFile(f"reverse-dns/{host}.txt", "\n".join(lines) + "\n", note)


def read_me(files: Sequence[OutputFile]) -> OutputFile:
    """The list of the files, with where each belongs."""
    lines = ["What is not DNS, and where it belongs:", ""]
    for file in files:
        lines.extend([file.path, f"    {file.note}", ""])
    return OutputFile("README.txt", "\n".join(lines), "this list")


def write_files(
    folder: Path, files: Sequence[OutputFile], *, force: bool = False
) -> list[OutputFile]:
    """
    Put *files* below *folder*; return those that were new or had changed.

    A file that this function wrote before is brought up to date. One that somebody else
    wrote or has edited since is left alone: then nothing at all is written and
    `InputError` names it, unless *force* says to replace it. Each is written whole or not
    at all, readable by all; a link is never followed out of the folder.
    """
    written = _read_ledger(folder)
    changed = []
    for file in files:
        path = _place(folder, file)
        if not path.exists():
            changed.append(file)
            continue
        present = _digest(path.read_bytes())
        if present == _digest(file.text.encode()):
            continue
        if present != written.get(file.path) and not force:
            hint = "move it away, or say --force to replace it"
            raise InputError("this file is not as the last export left it", path=path, hint=hint)
        changed.append(file)
    for file in changed:
        replace_file(_place(folder, file), file.text)
    now = written | {file.path: _digest(file.text.encode()) for file in files}
    if now != written:
        replace_file(folder / LEDGER, json.dumps(dict(sorted(now.items())), indent=1) + "\n")
    return changed


def _place(folder: Path, file: OutputFile) -> Path:
    """The path of *file*; raises `InputError` when it would lie outside of *folder*."""
    parts = file.path.split("/")
    if not all(_PLAIN.fullmatch(part) for part in parts):
        raise InputError("this is not a name for a file", path=file.path)
    path = folder.joinpath(*parts)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError("a link leads out of the folder", path=path, hint="take the link away")
    return path


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def _read_ledger(folder: Path) -> dict[str, str]:
    path = folder / LEDGER
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MAX_LEDGER_OCTETS))
    except (OSError, ValueError) as error:
        hint = "take it away; then --force is needed once"
        raise InputError(
            f"cannot read what was written before: {error}", path=path, hint=hint
        ) from None
    if not isinstance(found, dict):
        return {}
    return {str(key): str(value) for key, value in found.items()}

"""The programs that tests compare with or start: a missing one is a skip here, a failure in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def needed(*names: str, in_ci: bool = True) -> str:
    """
    The path of the first of *names* that is installed.

    A test that has none is skipped, saying so; in CI it fails, unless *in_ci* is false because
    Debian has no such package.
    """
    # Debian keeps PostgreSQL's own programs out of the way, by version.
    beside = ["/usr/sbin", "/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    path = ":".join([os.environ.get("PATH", ""), *beside])
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    if found is None:
        if in_ci and os.environ.get("CI"):
            pytest.fail(f"{names[0]} is not installed, and in CI it must be")
        pytest.skip(f"{names[0]} is not installed")
    return found

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


LAB_PROGRAMS = ("ip", "knotd", "kdig", "unbound", "postfix", "posttls-finger", "delv")


def needed_for_lab() -> None:
    """Skip the test where the pretend internet cannot be had, saying so; in CI it must be."""
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("the pretend internet needs root, and in CI it must run")
        pytest.skip("the pretend internet needs root: it has a network namespace of its own")
    for name in LAB_PROGRAMS:
        needed(name)

"""Lets every test import the helpers beside the tests, such as `from cli import run_cli`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("unit", "servers")]
pytest.register_assert_rewrite("store_contract")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name octets by their place: what is packed has the time in it, and processes must agree."""
    octets = isinstance(val, bytes) and (len(val) > 100 or not val.isascii())
    return "octets" if octets else None

"""Lets every test import the helpers beside the tests, such as `from cli import run_cli`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("unit", "servers")]
pytest.register_assert_rewrite("store_contract")

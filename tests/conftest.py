"""Lets every test import the helpers of tests/unit, such as `from cli import run_cli`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "unit"))
pytest.register_assert_rewrite("store_contract")

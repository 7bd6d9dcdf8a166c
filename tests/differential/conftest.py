"""Lets every comparison import the helpers beside it, such as `from pyspf_world import check`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

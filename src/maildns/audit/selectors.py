"""DKIM selectors that are in common use, as data: DKIM has no way to list a domain's own."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def common_selectors() -> tuple[str, ...]:
    """
    The selectors that are tried where nobody has named one, in the order of the file.

    >>> "selector1" in common_selectors()
    True
    """
    text = (files("maildns.audit") / "selectors.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["selectors"])

"""DKIM selectors that are in common use, as data: DKIM has no way to list a domain's own."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=1)
def common_selectors() -> tuple[str, ...]:
    """
    The selectors that are tried where nobody has named one, in the order of the file.

    >>> "selector1" in common_selectors()
    True
    """
    return tuple(_file()["selectors"])


@lru_cache(maxsize=1)
def sibling_selectors() -> dict[str, tuple[str, ...]]:
    """
    For some selectors those that their service publishes as well, tried where the first exists.

    >>> sibling_selectors()["fm1"]
    ('fm2', 'fm3')
    """
    return {first: tuple(others) for first, others in _file()["siblings"].items()}


def _file() -> dict[str, Any]:
    text = (files("maildns.audit") / "selectors.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)

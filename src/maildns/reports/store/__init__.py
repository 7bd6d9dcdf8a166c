"""
Where reports are kept: one SQLite file, or PostgreSQL when several machines write.

    from maildns.reports.store import Store

    with Store("maildns-reports.sqlite") as store:
        receipts = store.keep(arrivals)

Needs the extra `reports`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maildns.errors import UsageError

if TYPE_CHECKING:
    from maildns.reports.store.keeper import Store

__all__ = ["Store"]


def __getattr__(wanted: str) -> Any:
    if wanted not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {wanted!r}")
    try:
        found = import_module(f"{__name__}.keeper").Store
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("maildns"):
            raise
        raise UsageError(
            f"keeping reports needs {error.name}, which is not installed",
            hint="pip install 'maildns[reports]'",
        ) from error
    globals()[wanted] = found
    return found

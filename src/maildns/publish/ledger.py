"""
The ledger: what we published, so that what is wanted no more can be taken away again.

A JSON file beside the config, one entry per name and type. Losing it does no harm: the
claims of each record still find ours; only records of kinds no longer wanted are then left.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from maildns.dnsdata import Rdata
from maildns.errors import InputError, MaildnsError
from maildns.plan.contents import Key
from maildns.plan.model import Change
from maildns.plan.ownership import Ledger
from maildns.safefile import replace_file
from maildns.zonefile import parse_rdata

FORMAT = 1
MAX_OCTETS = 512 * 1024 * 1024


class LedgerFile:
    """The ledger at *path*; a missing file is an empty ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._views: dict[str, dict[Key, tuple[Rdata, ...]]] | None = None

    def of(self, view: str) -> Ledger:
        """What was published in *view*; raises `InputError` when the file is damaged."""
        return self._read().get(view, {})

    def record(self, done: Iterable[Change], held: Mapping[str, Ledger]) -> None:
        """
        Note what was carried out, and what stood there already as wanted.

        An entry without records is forgotten. The file is replaced as a whole, or not at all; raises `InputError` when it cannot be.
        """
        views = self._read()
        news = [(view, key, ours) for view, part in held.items() for key, ours in part.items()]
        news.extend((change.view, change.key, change.ours) for change in done)
        for view, key, ours in news:
            entries = views.setdefault(view, {})
            if ours:
                entries[key] = ours
            else:
                entries.pop(key, None)
        replace_file(self.path, json.dumps(_as_json(views), indent=1) + "\n")

    def _read(self) -> dict[str, dict[Key, tuple[Rdata, ...]]]:
        if self._views is None:
            self._views = self._parse()
        return self._views

    def _parse(self) -> dict[str, dict[Key, tuple[Rdata, ...]]]:
        try:
            if self.path.stat().st_size > MAX_OCTETS:
                raise InputError("this is too large to be a ledger", path=self.path)
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the ledger: {error}", path=self.path) from None
        try:
            return _from_json(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, MaildnsError):
            hint = "move it away: only records of kinds no longer wanted are then left in the zone"
            raise InputError("this is not a ledger of maildns", path=self.path, hint=hint) from None


def _as_json(views: Mapping[str, Mapping[Key, tuple[Rdata, ...]]]) -> dict[str, Any]:
    published = {
        view: {
            f"{owner} {rrtype}": [str(record) for record in records]
            for (owner, rrtype), records in sorted(entries.items())
        }
        for view, entries in sorted(views.items())
    }
    return {"version": FORMAT, "published": published}


def _from_json(document: Any) -> dict[str, dict[Key, tuple[Rdata, ...]]]:
    if document["version"] != FORMAT:
        raise ValueError("another format")
    views: dict[str, dict[Key, tuple[Rdata, ...]]] = {}
    for view, entries in document["published"].items():
        views[view] = {}
        for key, texts in entries.items():
            owner, _, rrtype = key.rpartition(" ")
            records = tuple(parse_rdata(rrtype, text) for text in texts)
            views[view][owner, rrtype] = records
    return views

"""Keeps reports as files, so that sources can be tried without a store: one file for each report."""

from __future__ import annotations

import re
from pathlib import Path

from maildns.errors import InputError
from maildns.reports.keeping import Kept, Receipt
from maildns.safefile import replace_file

_ID = re.compile(rb'(?:<report_id>|"report-id": ?")([A-Za-z0-9.-]+)')


def report(name: str) -> bytes:
    """A report, as far as `FileKeeper` is concerned."""
    return f"<feedback><report_id>{name}</report_id></feedback>\n".encode()


def mail(name: str, sender: str = "ann@signed.example") -> bytes:
    """A mail with a report in it, lines ended by LF."""
    lines = [
        f"From: {sender}",
        "To: dmarc@example.com",
        f"Subject: Report-ID: {name}",
        "Date: Fri, 15 Jan 2027 08:00:00 +0000",
        f"Message-ID: <{name}@signed.example>",
        "",
        report(name).decode(),
    ]
    return "\n".join(lines).encode()


class FileKeeper:
    """A report is kept under its id; what has several words is `broken`, or no report at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrivals = []
        self.batches = []
        self.down = False
        folder.mkdir(exist_ok=True)

    def keep(self, arrivals):
        if self.down:
            raise OSError("the disk is full")
        arrivals = list(arrivals)
        self.batches.append(len(arrivals))
        self.arrivals.extend(arrivals)
        return [self._keep(one) for one in arrivals]

    def _keep(self, arrival):
        if b"broken" in arrival.octets:
            return Receipt(Kept.BAD, arrival.source, reason="broken")
        found = _ID.search(arrival.octets)
        if found is None:
            return Receipt(Kept.NO_REPORT, arrival.source)
        name = found[1].decode()
        try:
            replace_file(self.folder / name, arrival.octets, fresh=True)
        except InputError:
            return Receipt(Kept.KNOWN, arrival.source, report_id=name)
        with (self.folder / ".log").open("a") as log:
            log.write(f"{name}\n")
        return Receipt(Kept.NEW, arrival.source, report_id=name)

    @property
    def names(self) -> list[str]:
        return sorted(one.name for one in self.folder.iterdir() if one.name[0] != ".")

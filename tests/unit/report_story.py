"""Six weeks of a domain's reports, for the tests of those who judge and show them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from cli import run_cli
from report_texts import aggregate, record

LAST = date(2026, 5, 31)
OWN, SHOP, STRANGER = "192.0.2.1", "198.51.100.7", "203.0.113.77"
REPORTERS = ("big.example", "small.example")


def reports(
    domain: str = "example.com", *, shop: str = "pass", days: int = 42, policy: str = "none"
) -> Iterator[bytes]:
    """
    Each day's reports of two reporters: an own server, a shop whose mail is signed or not, a stranger.
    """
    for passed in range(days):
        day = LAST - timedelta(days=days - 1 - passed)
        for reporter in REPORTERS:
            yield aggregate(
                record(OWN, 40),
                record(SHOP, 10, dkim=shop, spf="pass" if shop == "pass" else "fail"),
                record(STRANGER, 3, dkim="fail", spf="fail"),
                domain=domain,
                report_id=f"{domain}-{day}",
                reporter=reporter,
                day=day,
                policy=policy,
            )


def put(folder: Path, texts: Iterator[bytes] | list[bytes]) -> Path:
    """A folder with a file for each of *texts*."""
    folder.mkdir(parents=True, exist_ok=True)
    before = len(list(folder.iterdir()))
    for number, text in enumerate(texts, start=before):
        (folder / f"{number:04}.xml").write_bytes(text)
    return folder


def imported(folder: Path, texts: Iterator[bytes] | list[bytes]) -> Path:
    """A store with *texts* in it."""
    store = folder / "reports.db"
    assert run_cli("reports", "import", put(folder / "in", texts), "--store", store).code == 0
    return store

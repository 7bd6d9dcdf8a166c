"""
How fast reports are imported, down to committed rows, beside parsedmarc's parsing alone.

    python benchmarks/reports_store.py

Medians. The limit is eight times the rows that parsedmarc parses (offline, nothing stored), at 10,
1,000 and 50,000 rows a report; 40 MB of memory over the start for 50,000 rows; 20 ms for all that a
domain's dashboard shows, 300 ms for a summary of all domains, in a store of 5 million rows. Shown
beside it is what cannot be undercut: expat that calls one Python function for each element, and
ElementTree's iterparse that looks at nothing.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
import xml.parsers.expat
from array import array
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit"))
from report_texts import some

from maildns.reports.importing import import_reports
from maildns.reports.keeping import Arrival
from maildns.reports.store import Store, queries
from maildns.reports.store.evidence import day_number
from maildns.reports.store.preparing import Prepared, PreparedReport
from maildns.reports.views import Window

TIMES, MEGABYTES, DASHBOARD_MS, SUMMARY_MS = 8, 40, 20, 300
SIZES = {10: 10_000, 1000: 100, 50_000: 4}  # rows of a report: reports
DOMAINS, DAYS, ROWS = 1000, 365, 5_000_000
FIRST = date(2025, 1, 1)
MEMORY = """
import sys
from pathlib import Path
from maildns.reports.importing import import_reports
from maildns.reports.store import Store

def peak():
    # Not getrusage: its peak is inherited from whoever started us.
    told = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
    return int(told.split()[0]) / 1024

with Store(sys.argv[2]) as store:
    list(import_reports([Path(sys.argv[3])], store))  # a small one: what is loaded is loaded
    start = peak()
    rows = sum(one.rows for one in import_reports([Path(sys.argv[1])], store))
    print(rows, round(peak() - start, 1))
"""


def seconds(call: Callable[[], object], runs: int = 3) -> float:
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def expat(octets: bytes) -> None:
    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = lambda _name, _attributes: None
    parser.Parse(octets, True)  # noqa: FBT003 - it takes no name


def iterparse(octets: bytes) -> None:
    for _, element in ET.iterparse(io.BytesIO(octets)):
        if element.tag == "record":
            element.clear()


def imported(folder: Path, workers: int) -> float:
    with tempfile.TemporaryDirectory() as place, Store(Path(place, "reports.sqlite")) as store:
        start = time.perf_counter()
        count = sum(one.rows for one in import_reports([folder], store, workers=workers))
        assert count
        return time.perf_counter() - start


def speeds(folder: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # parsedmarc's own
        import parsedmarc

    print(
        f"{'rows/s':<10}{'expat':>11}{'iterparse':>11}{'parsedmarc':>12}{'import':>11}"
        f"{'2 workers':>11}{'ratio':>8}{'to iterparse':>14}"
    )
    met = True
    for rows, reports in SIZES.items():
        files = sorted((folder / str(rows)).iterdir())
        few = [file.read_bytes() for file in files[: max(1, 2000 // rows)]]
        texts = [gzip.decompress(one) for one in few]
        count = rows * len(few)
        runs = 5 if rows < 1000 else 3

        def parse(few: list[bytes] = few) -> None:
            for one in few:
                parsedmarc.parse_report_file(one, offline=True)

        # In turn, so that whatever else the machine does meets all of them.
        taken = [
            (seconds(parse, 1), imported(files[0].parent, 0), imported(files[0].parent, 2))
            for _ in range(runs)
        ]
        peer_s, here_s, two_s = map(statistics.median, zip(*taken, strict=True))
        peer, here, two = count / peer_s, rows * reports / here_s, rows * reports / two_s
        limits = [
            count / seconds(lambda do=do, texts=texts: [do(one) for one in texts])
            for do in (expat, iterparse)
        ]
        best = max(here, two)
        met &= best >= TIMES * peer
        print(
            f"{rows:<10,}{limits[0]:>11,.0f}{limits[1]:>11,.0f}{peer:>12,.0f}{here:>11,.0f}"
            f"{two:>11,.0f}{best / peer:>7.1f}x{limits[1] / best:>13.2f}x"
        )
    return met


def memory(folder: Path) -> bool:
    with tempfile.TemporaryDirectory() as place:
        large, small = (next((folder / str(rows)).iterdir()) for rows in (50_000, 10))
        command = [sys.executable, "-c", MEMORY, large, Path(place, "m.sqlite"), small]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
    rows, megabytes = told.stdout.split()
    print(f"\npeak memory for {int(rows):,} rows: {megabytes} MB over the start")
    return float(megabytes) < MEGABYTES


def many() -> Iterator[Prepared]:
    """Reports of 1,000 domains for a year, laid out already: reading them is measured above."""
    chance = random.Random(1)
    kinds = [
        (disposition, dkim, spf, "d.example", "", "", "", "", "")
        for disposition, dkim, spf in (("none", 1, 1), ("none", 1, 0), ("reject", 0, 0))
    ]
    each = ROWS // (DOMAINS * DAYS) + 1
    pools = [
        [f"{domain % 223 + 1}.{domain // 223}.{n >> 8}.{n & 255}" for n in range(2000)]
        for domain in range(DOMAINS)
    ]
    for number in range(DOMAINS * DAYS):
        day, domain = divmod(number, DOMAINS)
        messages = array("q", (chance.randrange(1, 50) for _ in range(each)))
        key = number.to_bytes(16, "big")
        begins = (day_number(FIRST) + day) * 86400
        report = PreparedReport(
            "aggregate",
            f"domain-{domain}.example",
            begins // 86400,
            begins,
            begins + 86399,
            f"reporter-{number % 5}.example",
            str(number),
            "[]",
            '["none"]',
            key,
            key,
            chance.choices(pools[domain], k=each),
            messages,
            array("L", (n % 3 for n in range(each))),
            kinds,
            sum(messages),
            (sum(messages[::3]) + sum(messages[1::3]), 0, 0, 0, sum(messages[2::3])),
            {("d.example", "s1", "pass"): sum(messages)},
        )
        yield Prepared(Arrival(b"", "made"), key, [report])


def large_store() -> bool:
    year = Window(FIRST, date(FIRST.year, 12, 31))
    month = Window(date(FIRST.year, 12, 2), year.until)
    with tempfile.TemporaryDirectory() as place, Store(Path(place, "r.sqlite")) as store:
        start = time.perf_counter()
        rows = sum(one.rows for one in store.keep_prepared(many()))
        taken = time.perf_counter() - start
        size = sum(file.stat().st_size for file in Path(place).iterdir())
        print(
            f"\n{rows:,} rows of {DOMAINS:,} domains: {size / 1e6:,.0f} MB, "
            f"written at {rows / taken:,.0f} rows/s"
        )
        met = True
        with store.reading() as reader:
            for title, window in (("30 days", month), ("a year", year)):
                parts = {
                    call.__name__: seconds(
                        lambda call=call, window=window: call(reader, "domain-7.example", window),
                        15,
                    )
                    for call in (
                        queries.sources,
                        queries.results,
                        queries.selectors,
                        queries.reporters,
                        queries.new_sources,
                    )
                }
                total = sum(parts.values()) * 1000
                told = ", ".join(f"{name} {each * 1000:.1f}" for name, each in parts.items())
                print(f"dashboard of a domain, {title}: {total:.1f} ms ({told})")
                met &= total < DASHBOARD_MS
                summed = 1000 * seconds(lambda window=window: queries.summary(reader, window), 5)
                print(f"summary of all domains, {title}: {summed:.0f} ms")
                met &= summed < SUMMARY_MS
    return met


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for rows, reports in SIZES.items():
            (folder / str(rows)).mkdir()
            for seed in range(reports):
                packed = gzip.compress(some(seed, rows, domains=50), 6)
                (folder / str(rows) / f"{seed:05}.xml.gz").write_bytes(packed)
        met = [speeds(folder), memory(folder)]
    met.append(large_store())
    return 0 if all(met) else 1


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    sys.exit(main())

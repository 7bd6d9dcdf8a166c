"""
How long `maildns` takes to start, against `python -c "import typer"` in the same run.

    python benchmarks/start_up.py

Medians of 15 runs each, after one to warm the caches. The limit is twice typer's import for
`--version`; help and a small command are shown for comparison.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
LIMIT = 2.0
MAILDNS = str(Path(sys.executable).with_name("maildns"))
CASES = {
    'python -c "import typer"': [sys.executable, "-c", "import typer"],
    "python -c pass": [sys.executable, "-c", "pass"],
    "maildns --version": [MAILDNS, "--version"],
    "maildns plan --help": [MAILDNS, "plan", "--help"],
    "maildns --help": [MAILDNS, "--help"],
    "maildns lint RECORD": [MAILDNS, "lint", "v=spf1 mx -all"],
}


def median_seconds(command: list[str]) -> float:
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> int:
    seconds = {title: median_seconds(command) for title, command in CASES.items()}
    typer = seconds['python -c "import typer"']
    for title, value in seconds.items():
        print(f"{title:<26} {1000 * value:7.1f} ms  {value / typer:5.2f} x typer")
    return 0 if seconds["maildns --version"] <= LIMIT * typer else 1


if __name__ == "__main__":
    sys.exit(main())

"""
How long planning takes for 100, 1,000 and 10,000 domains in one file, and how much memory.

    python benchmarks/planning.py

Each domain has a DKIM key file of its own; half of the world is published already. Every
size runs as a process of its own: `maildns plan --world FILE --json`. The limit is 20
seconds and 500 MB for 10,000 domains, and a cost per domain that does not grow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (100, 1_000, 10_000)
MAX_SECONDS, MAX_MEGABYTES = 20.0, 500.0
MAX_GROWTH = 1.5  # cost per domain at the largest size, against that at the middle one


def prepare(folder: Path, count: int) -> None:
    from maildns.protocols import dkim

    pem = dkim.to_pem(dkim.generate("rsa2048"))
    (folder / "keys").mkdir()
    lines = [
        '[server."mail.provider.example"]\nipv4 = "192.0.2.25"\nipv6 = "2001:db8::25"',
        '[defaults]\ndkim = [{ selector = "s1", key = "keys/{domain}.pem" }]',
        'dmarc = { reports_to = ["dmarc@provider.example"] }\nsenders = ["google-workspace"]',
    ]
    world = [
        '_spf.google.com. 300 IN TXT "v=spf1 ip4:198.51.100.0/24 ~all"',
        "mail.provider.example. 300 IN A 192.0.2.25",
    ]
    for number in range(count):
        domain = f"customer{number}.example"
        (folder / "keys" / f"{domain}.pem").write_bytes(pem)
        lines.append(f'[domain."{domain}"]')
        if number % 2:
            world.append(f"{domain}. 300 IN MX 10 mail.provider.example.")
            world.append(f'{domain}. 300 IN TXT "v=spf1 ip4:203.0.113.9 ~all"')
            world.append(f'{domain}. 300 IN TXT "site-verification={number}"')
            world.append(f'_dmarc.{domain}. 300 IN TXT "v=DMARC1; p=none"')
    (folder / "maildns.toml").write_text("\n".join(lines) + "\n")
    (folder / "world.zone").write_text("\n".join(world) + "\n")


def measure(count: int) -> tuple[float, float]:
    """Seconds and megabytes of one plan."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, count)
        command = [
            sys.executable,
            "-m",
            "maildns.cli.main",
            "plan",
            "--world",
            "world.zone",
            "--json",
        ]
        start = time.perf_counter()
        with (folder / "plan.json").open("wb") as out:
            process = subprocess.Popen(command, cwd=folder, stdout=out)
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        planned = (
            len(json.loads((folder / "plan.json").read_bytes())["changes"]) if not status else 0
        )
        if planned < 3 * count:
            raise SystemExit(f"the plan of {count} domains failed, status {status}")
    return seconds, usage.ru_maxrss / 1024


def main() -> int:
    costs = {}
    print(f"{'domains':>8} {'seconds':>8} {'ms/domain':>10} {'MB':>7}")
    for count in SIZES:
        seconds, megabytes = measure(count)
        costs[count] = (seconds, megabytes)
        print(f"{count:>8,} {seconds:>8.2f} {1000 * seconds / count:>10.2f} {megabytes:>7.0f}")
    seconds, megabytes = costs[10_000]
    growth = (seconds / 10_000) / (costs[1_000][0] / 1_000)
    print(
        f"10,000 domains: {MAX_SECONDS / seconds:.1f} x faster than the limit of {MAX_SECONDS:.0f} s,"
    )
    print(
        f"{megabytes / MAX_MEGABYTES:.0%} of {MAX_MEGABYTES:.0f} MB; cost per domain grows {growth:.2f} x from 1,000"
    )
    return (
        0 if seconds <= MAX_SECONDS and megabytes <= MAX_MEGABYTES and growth <= MAX_GROWTH else 1
    )


if __name__ == "__main__":
    sys.exit(main())

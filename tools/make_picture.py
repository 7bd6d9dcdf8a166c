"""
Draw the pictures of the documentation from real output for an example.

docs/images/plan.svg is what `maildns plan` shows, as a terminal does; docs/images/page.png
is the page of `maildns export --format html` in Chromium, left as it is where there is none.
docs/images/reports.svg is the plot of `maildns reports summary` for examples/reports.
Their keys are constant, so that a picture changes when the output does and not otherwise.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
COLUMNS = 112

CONFIG = """\
[server."mail.example.com"]
ipv4 = "93.184.216.34"
key = "mail.pem"

[domain."example.com"]
senders = ["google-workspace"]
dkim = [{ selector = "abc", key = "abc.pem" }]
dmarc = { reports_to = ["postmaster@example.com"] }
"""

WORLD = """\
example.com.                3600 IN MX  10 mail.example.com.
example.com.                3600 IN TXT "v=spf1 ip4:93.184.216.34 ip4:192.0.2.10 ~all"
example.com.                3600 IN TXT "shop-verification=8d2f"
mail.example.com.           3600 IN A   93.184.216.34
34.216.184.93.in-addr.arpa. 3600 IN PTR mail.example.com.
_spf.google.com.             300 IN TXT "v=spf1 ip4:198.51.100.0/24 ~all"
"""

# Public keys: a picture needs no private half.
DKIM_KEY = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtZJ5nuVDpjxr0FeqfHXt
Nbr/i5e+ZpDldp4+2m//Zz5MkgEwEtggHkNpj7BqyNsSCSe8sroH7n9LhHh4vXTB
MfURARRU5xBYuYy52uR370IbDB6bKurp8DJa4soGjsYf4yyelLzKL6evr0UZDJdm
glJQ7xA5a5exr1b8+ov8nuxXwBZExKpG69loMGmRqHb/f/kBBY+wbNuf4kSkSITl
gHKwKJQRys85Ee77MCWl9mJiWiaVIuxLrnHgdiURwh1p3w1ivDNVoBsEb1ymXZWM
er5SGRv4e0AzFeC7N9eiWmuO++72d59E1j7EYs08/XfQWHUHs1ziMmVvuNj/vXmY
3QIDAQAB
-----END PUBLIC KEY-----
"""
TLS_KEY = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEE3KGEZHX0R4wPQzQ3clac6glZe2s
j3iAzgPHpx0U7TiYIggj6iKHWSVlnAZPFs00IuIBOweDG6/UlEFY/aZjFw==
-----END PUBLIC KEY-----
"""


def main() -> int:
    """Write the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (
            ("maildns.toml", CONFIG),
            ("world.zone", WORLD),
            ("abc.pem", DKIM_KEY),
            ("mail.pem", TLS_KEY),
        ):
            (folder / file).write_text(text, encoding="utf-8")
        path = FOLDER / "plan.svg"
        path.write_text(draw(folder), encoding="utf-8")
        print(f"wrote {path}")
        browser = shutil.which("chromium")
        if browser:
            photograph(folder, browser, FOLDER / "page.png")
        plot(folder, FOLDER / "reports.svg")
    return 0


def draw(folder: Path) -> str:
    """The SVG of the plan for the description in *folder*."""
    from maildns.cli.common import planned
    from maildns.cli.show_plan import show_plan

    console = Console(
        record=True,
        width=COLUMNS,
        force_terminal=True,
        color_system="truecolor",
        file=io.StringIO(),
        highlight=False,
    )
    console.print("[bold]$ maildns plan[/]")
    _, plan = planned(folder / "maildns.toml", folder / "world.zone", None)
    show_plan(plan, console)
    console.print()  # or the last line is cut
    svg = console.export_svg(title="maildns plan")
    # A picture fetches nothing: the reader's own monospaced font will do.
    return re.sub(r"\s*@font-face \{.*?\n    \}", "", svg, flags=re.DOTALL)


def photograph(folder: Path, browser: str, path: Path) -> None:
    """Take the picture of the exported page, as *browser* shows it."""
    page = folder / "records.html"
    maildns = [sys.executable, "-m", "maildns.cli.main"]
    export = [*maildns, "export", "--format", "html", "--form", "generic", "--out", str(page)]
    subprocess.run(export, cwd=folder, check=True, stderr=subprocess.DEVNULL)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    shot = [*flags, "--window-size=900,900", f"--screenshot={path}", page.as_uri()]
    subprocess.run([browser, *shot], check=True, timeout=60, stderr=subprocess.DEVNULL)
    print(f"wrote {path}")


def plot(folder: Path, path: Path) -> None:
    """Plot the mail that the example reports are about."""
    reports = [sys.executable, "-m", "maildns.cli.main", "reports"]
    examples = Path(__file__).resolve().parents[1] / "examples" / "reports"
    # One of them is broken, so that the exit code is 1.
    subprocess.run(
        [*reports, "import", str(examples)], cwd=folder, check=False, capture_output=True
    )
    drawn = ["summary", "--days", "42", "--store", "reports.db", "--svg", str(path)]
    subprocess.run([*reports, *drawn], cwd=folder, check=True, capture_output=True)
    print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())

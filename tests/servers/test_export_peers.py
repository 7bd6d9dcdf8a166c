"""What is exported, in the hands of those that it is for: BIND, a browser, Terraform, JavaScript."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import subprocess
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address

import pytest
from programs import needed

from maildns.dnsdata import A, Caa, Cname, Mx, Srv, Tlsa, Txt
from maildns.export.dnscontrol import dnscontrol_text
from maildns.export.forms import form_named
from maildns.export.page import html_text
from maildns.export.record import ExportRecord, ReverseRequest
from maildns.export.terraform import PROVIDERS, hcl, terraform_text
from maildns.export.zone import zone_text
from maildns.zonefile import parse_rdata

pytestmark = pytest.mark.server

HOST = "mail.example.com"
ROWS = [
    ("example.com", Mx(10, HOST)),
    ("example.com", Txt.of('v=spf1 "quoted" back\\slash; \u00e9 \x00 -all')),
    ("s1._domainkey.example.com", Txt.of("v=DKIM1; k=rsa; p=" + "A" * 736)),
    ("_imaps._tcp.example.com", Srv(0, 1, 993, HOST)),
    ("_pop3s._tcp.example.com", Srv(0, 0, 0, ".")),
    ("autoconfig.example.com", Cname(HOST)),
    ("example.com", Caa(0, "issue", b"ca.example; validationmethods=dns-01")),
    (HOST, A(IPv4Address("192.0.2.1"))),
    (f"_25._tcp.{HOST}", Tlsa(3, 1, 1, b"\xab" * 32)),
    ("*._domainkey.example.com", Txt.of("v=DKIM1; p=")),
    ("$odd.example.com", Txt.of("a name that looks like a directive")),
]
RECORDS = [
    ExportRecord("example.com", "example.com", "x", owner, rdata.rrtype, 300, rdata, "why")
    for owner, rdata in ROWS
]
PARKED = [
    ExportRecord("example.net", "example.net", "mx", "example.net", "MX", 300, Mx(0, "."), "none")
]


def checkzone(zone, path, *options):
    return subprocess.run(
        [needed("named-checkzone"), *options, zone, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_bind_loads_the_zone_as_it_is_written_and_has_the_same_records(tmp_path):
    path = tmp_path / "zone"
    path.write_text(zone_text(RECORDS))
    done = checkzone("example.com", path)
    assert done.returncode == 0, done.stdout + done.stderr
    dump = checkzone("example.com", path, "-D", "-s", "full", "-o", "-").stdout
    found = set()
    for line in dump.splitlines():
        parts = line.split(None, 4)
        if len(parts) == 5 and parts[2] == "IN" and parts[3] not in {"SOA", "NS"}:
            owner = re.sub(r"\\([$@])", r"\1", parts[0].rstrip("."))
            found.add((owner, parts[3], str(parse_rdata(parts[3], parts[4]))))
    assert found == {(one.name, one.rrtype, str(one.rdata)) for one in RECORDS}


def test_bind_loads_a_zone_without_a_host_of_its_own(tmp_path):
    path = tmp_path / "zone"
    path.write_text(zone_text(PARKED))
    done = checkzone("example.net", path, "-i", "local")
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def served(folder):
    """The folder on a free loopback port."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args, **options):
            super().__init__(*args, directory=str(folder), **options)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def browse(page, tmp_path, name="page.html", address=""):
    """The page as a browser has it after its script has run."""
    path = tmp_path / name
    path.write_text(page)
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--virtual-time-budget=5000",  # lets a page that goes on to another one arrive
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run(
        [
            needed("chromium", "chromium-browser"),
            *flags,
            "--dump-dom",
            f"{address}/{name}" if address else path.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_browser_runs_the_pages_own_script_and_no_other(tmp_path):
    evil = ExportRecord("example.com", "x", "x", "evil.example.com", "TXT", 300, Txt.of("</script><img src=x onerror=document.title='taken'>"), "<img src=x onerror=document.title='taken'>")  # fmt: skip
    request = ReverseRequest("192.0.2.1", "1.2.0.192.in-addr.arpa", HOST)
    page = html_text([*RECORDS, evil], [request], form=form_named("namecheap"))
    seen = browse(page, tmp_path)
    assert '<html lang="en" class="js">' in seen, "the page's policy lets its script run"
    assert f"0 of {len(RECORDS) + 2} done" in seen
    assert seen.count('class="copy') > len(RECORDS)
    assert "<title>DNS records for mail: example.com</title>" in seen
    assert "Cannot be entered: Namecheap" in seen
    assert "<img" not in seen


def test_a_browser_remembers_the_form_and_what_was_ticked(tmp_path):
    page = html_text(RECORDS)
    first = re.search(r'data-id="(\w+)"', page)[1]
    store = f"localStorage.setItem('maildns:form', 'route53'); localStorage.setItem('maildns:{first}', '1')"
    # What was stored a moment ago is certain to be there only within one process, so the page
    # is looked at in a frame of the page that stored it, both from one origin.
    (tmp_path / "records.html").write_text(page, encoding="utf-8")
    look = (
        "const frame = document.createElement('iframe'); frame.src = 'records.html';"
        "frame.onload = () => { document.body.textContent ="
        " frame.contentDocument.documentElement.outerHTML };"
        "document.body.append(frame)"
    )
    before = f"<!doctype html><body><script>{store}; {look}</script></body>"
    with served(tmp_path) as address:
        seen = html.unescape(browse(before, tmp_path, "before.html", address=address))
    assert f"1 of {len(RECORDS)} done" in seen
    assert f"<code>10 {HOST}</code>" in seen, "the values of the form that was chosen last"
    assert "leave it empty" in seen, "Route 53 wants no @"
    assert "an @ would be taken literally" in seen


def run(folder, *command, stdin=""):
    done = subprocess.run(
        command,
        input=stdin,
        cwd=folder,
        env={**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("provider", PROVIDERS)
def test_terraform_reads_what_is_written_and_would_write_it_alike(tmp_path, provider):
    text = terraform_text(RECORDS, provider)
    formatted = run(tmp_path, needed("terraform", "tofu", in_ci=False), "fmt", "-", stdin=text)
    assert formatted == text


def test_terraform_reads_the_same_strings(tmp_path):
    texts = [
        "%{i}._spf.${x}",
        "$${a} %%{b}",
        'q"\\',
        "tab\t\n",
        "\u00e9 \U0001f600",
        "\b\f",
        "$",
        "%",
    ]
    listed = ", ".join(hcl(text) for text in texts)
    (tmp_path / "main.tf").write_text(f"locals {{\n  texts = [{listed}]\n}}\n")
    terraform = needed("terraform", "tofu", in_ci=False)
    seen = run(tmp_path, terraform, "console", stdin="base64encode(jsonencode(local.texts))\n")
    assert json.loads(base64.b64decode(seen.strip().strip('"'))) == texts


MACROS = """
const seen = [];
for (const macro of ["A", "AAAA", "MX", "TXT", "SRV", "CAA", "CNAME", "TLSA", "PTR"])
  globalThis[macro] = (...given) => seen.push([macro, ...given]);
for (const other of ["NewRegistrar", "NewDnsProvider", "DnsProvider", "D", "TTL"])
  globalThis[other] = () => null;
globalThis.NO_PURGE = globalThis.END = globalThis.CAA_CRITICAL = null;
process.on("exit", () => console.log(JSON.stringify(seen)));
"""


def test_javascript_reads_the_same_values(tmp_path):
    (tmp_path / "config.js").write_text(MACROS + dnscontrol_text(RECORDS))
    seen = json.loads(run(tmp_path, needed("node", "nodejs"), "config.js"))
    assert [one[:2] for one in seen] == [[one.rrtype, one.label] for one in RECORDS]
    texts = [one[2] for one in seen if one[0] == "TXT"]
    assert texts == [one.rdata.text for one in RECORDS if one.rrtype == "TXT"]

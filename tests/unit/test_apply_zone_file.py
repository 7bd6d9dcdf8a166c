"""`maildns apply` to a zone file: what changes, what stays, and what a killed run leaves."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli import run_cli

from maildns.protocols import dkim

ZONE = """\
; the zone of example.com, kept by hand since 1998
$ORIGIN example.com.
$TTL 1h
@       IN SOA  ns1 hostmaster (
                2026010107 ; serial: raise me!
                3h 1h 1w 300 )
        NS      ns1
ns1     A       192.0.2.53

@       TXT     "foreign-verification=1f"   ; for the search engine
www     A       192.0.2.80                  ; the shop
_dmarc  300 TXT "v=DMARC1; p=none"
old._domainkey TXT "v=DKIM1; p=MFkwEwYH"    ; somebody else's service
"""
ARGUMENTS = ("apply", "--yes", "--world", "world")
FOREIGN = [line for line in ZONE.splitlines() if "serial" not in line and "_dmarc" not in line]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("world").write_text("")
    Path("db.example.com").write_text(ZONE)
    Path("keys").mkdir()
    for selector in ("abc", "def"):
        pem = dkim.to_pem(dkim.generate("ed25519"))
        Path("keys", f"{selector}.pem").write_bytes(pem)
    describe("abc")
    return tmp_path


def describe(*selectors: str, more: str = "") -> None:
    keys = ", ".join(
        f'{{ selector = "{selector}", key = "keys/{selector}.pem" }}' for selector in selectors
    )
    Path("maildns.toml").write_text(
        '[server."mail.example.com"]\nipv4 = "93.184.216.34"\n'
        f'[domain."example.com"]\ndkim = [{keys}]\n'
        'dmarc = { reports_to = ["postmaster@example.com"] }\n'
        f'{more}[publisher.files]\ntype = "zonefile"\npath = "db.{{zone}}"\n'
    )


def apply(*more: object):
    return run_cli(*ARGUMENTS, *more)


def serial() -> int:
    found = re.search(r"(\d+) ; serial", Path("db.example.com").read_text())
    assert found is not None
    return int(found[1])


def ledger() -> dict[str, list[str]]:
    return json.loads(Path("maildns.state.json").read_text())["published"]["public"]


def test_records_come_the_serial_rises_and_foreign_lines_stay(home):
    done = apply()
    assert (done.code, done.err) == (0, "")
    assert "read back: all there" in done.out
    text = Path("db.example.com").read_text()
    assert serial() > 2026010107
    for line in FOREIGN:
        assert line in text.splitlines()
    assert "93.184.216.34" in text
    assert text.count("v=DMARC1") == 1


def test_the_second_run_changes_nothing(home):
    apply()
    before = Path("db.example.com").read_bytes()
    again = apply()
    assert (again.code, again.err) == (0, "")
    assert "nothing to do" in again.out
    assert Path("db.example.com").read_bytes() == before


def test_a_selector_that_is_wanted_no_more_goes_and_a_foreign_one_stays(home):
    describe("abc", "def")
    apply()
    describe("def")
    done = apply()
    assert (done.code, done.err) == (0, "")
    text = Path("db.example.com").read_text()
    assert "abc._domainkey" not in text
    assert "def._domainkey" in text
    assert "old._domainkey" in text
    assert "abc._domainkey.example.com TXT" not in ledger()


def test_what_is_gone_is_forgotten(home):
    describe("abc", "def")
    apply()
    # Somebody else takes the record away, then the owner wants it no more.
    text = Path("db.example.com").read_text()
    Path("db.example.com").write_text(re.sub(r"(?m)^abc\._domainkey.*\n", "", text))
    describe("def")
    apply()
    assert "abc._domainkey.example.com TXT" not in ledger()


def test_without_a_ledger_the_next_run_has_nothing_to_do_and_makes_a_new_one(home):
    apply()
    known = ledger()
    Path("maildns.state.json").unlink()
    again = apply()
    assert (again.code, "nothing to do" in again.out) == (0, True)
    assert ledger() == known


DAMAGED = [
    (b"", "not a ledger"),
    (b'{"version": 1, "publ', "not a ledger"),  # cut off
    (b'{"version": 99, "published": {}}', "not a ledger"),  # of a later program
    (b'{"version": 1, "published": {"public": {"x TXT": ["no quotes"]}}}', None),  # TXT allows it
    (b'{"version": 1, "published": {"public": {"x A": ["nonsense"]}}}', "not a ledger"),
    (b"[" * 100_000, "not a ledger"),
    (b"\xff\xfe\x00", "cannot read"),
]


@pytest.mark.parametrize("octets, word", DAMAGED)
def test_a_damaged_ledger_is_told_before_anything_is_written(home, octets, word):
    Path("plan.json").unlink(missing_ok=True)
    assert run_cli("plan", "--world", "world", "--out", "plan.json").code == 0
    Path("maildns.state.json").write_bytes(octets)
    for arguments in (["--world", "world"], ["plan.json"]):
        done = run_cli("apply", "--yes", *arguments)
        if word is None:
            assert done.code == 0
            continue
        assert done.code == 2
        assert word in done.err
        assert "maildns.state.json" in done.err
        assert Path("db.example.com").read_text() == ZONE


def test_a_ledger_that_is_a_folder_is_told_before_anything_is_written(home):
    Path("maildns.state.json").mkdir()
    done = apply()
    assert done.code == 2
    assert "maildns.state.json" in done.err
    assert Path("db.example.com").read_text() == ZONE


@pytest.mark.parametrize(
    "behind", ["hostmaster (", '"foreign-ver', '"v=DMARC1; p=n', "www     A      "]
)
def test_a_zone_file_that_is_cut_off_is_never_written(home, behind):
    cut = ZONE[: ZONE.index(behind) + len(behind)]
    Path("db.example.com").write_text(cut)
    done = apply()
    assert done.code == 2
    assert re.search(r"db\.example\.com:\d+: ", done.err)
    assert Path("db.example.com").read_text() == cut


def test_a_zone_file_without_soa_keeps_its_lines(home):
    Path("db.example.com").write_text('$ORIGIN example.com.\n@ 300 TXT "foreign" ; stays\n')
    done = apply()
    assert done.code == 0, done.err
    assert '@ 300 TXT "foreign" ; stays' in Path("db.example.com").read_text()


def test_a_plan_that_fails_its_proof_is_refused_without_force(home):
    describe("abc", more='senders = ["include:gone.example"]\n')
    refused = apply()
    assert refused.code == 1
    assert "gone.example" in refused.err
    assert "--force" in refused.err
    assert Path("db.example.com").read_text() == ZONE
    assert apply("--force").code == 0
    assert "include:gone.example" in Path("db.example.com").read_text()


def test_two_publishers_of_one_zone_are_refused(home):
    with Path("maildns.toml").open("a") as config:
        config.write('[publisher.other]\ntype = "zonefile"\npath = "db.{zone}"\n')
    done = apply()
    assert done.code == 2
    assert "two publishers" in done.err
    assert Path("db.example.com").read_text() == ZONE


def test_a_plan_file_is_carried_out_as_it_was_agreed(home):
    run_cli("plan", "--world", "world", "--out", "plan.json")
    describe("abc", "def")  # a wish of later, which the plan does not hold
    assert run_cli("apply", "plan.json", "--yes").code == 0
    assert "def._domainkey" not in Path("db.example.com").read_text()


def test_a_zone_that_was_edited_since_makes_the_plan_stale(home):
    run_cli("plan", "--world", "world", "--out", "plan.json")
    changed = ZONE.replace("p=none", "p=reject")
    Path("db.example.com").write_text(changed)
    stale = run_cli("apply", "plan.json", "--yes")
    assert stale.code == 1
    assert "_dmarc.example.com" in stale.err
    assert Path("db.example.com").read_text() == changed


def test_killed_at_any_moment_the_zone_is_old_or_new_and_the_next_run_finishes(home):
    """Real processes, killed after a while that is different each time."""
    random.seed(20261123)
    apply()
    new = records(Path("db.example.com").read_text())
    old = records(ZONE)
    took = timed_run()
    seen = set()
    for number in range(16):
        Path("db.example.com").write_text(ZONE)
        # The last part of a run is where it writes.
        delay = took * random.uniform(0.55, 1.1) if number else took * 0.2
        killed = started()
        time.sleep(delay)
        killed.kill()
        killed.wait(10)
        left = records(Path("db.example.com").read_text())
        assert left in (old, new)
        seen.add("old" if left == old else "new")
        if number % 4 == 0:
            assert apply().code == 0
            assert records(Path("db.example.com").read_text()) == new
            json.loads(Path("maildns.state.json").read_text())
    assert apply().code == 0
    assert "old" in seen
    assert list(home.glob(".db*")) == []


# Kills the process just before the given one of its operations on files of the folder.
KILLED_BEFORE = """
import os, signal, sys
left = int(sys.argv.pop(1))
def hook(event, arguments):
    global left
    if event in {"open", "os.rename", "os.remove", "os.link", "os.mkdir"}:
        if str(arguments[0]).startswith((os.getcwd(), "db.", "maildns.", ".db", ".maildns")):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
from maildns.cli.main import main
main()
"""


def test_killed_before_each_of_its_file_operations_it_leaves_old_or_new(home):
    apply()
    new, old = records(Path("db.example.com").read_text()), records(ZONE)
    seen = []
    for operation in range(3, 60):
        Path("db.example.com").write_text(ZONE)
        Path("maildns.state.json").unlink(missing_ok=True)
        ran = subprocess.run(
            [sys.executable, "-c", KILLED_BEFORE, str(operation), *ARGUMENTS],
            capture_output=True,
            check=False,
        )
        left = records(Path("db.example.com").read_text())
        assert left in (old, new)
        seen.append(left == new)
        if ran.returncode == 0:
            break
        assert ran.returncode == -signal.SIGKILL, ran.stderr.decode()
        assert apply().code == 0
        assert records(Path("db.example.com").read_text()) == new
        assert "abc._domainkey.example.com TXT" in ledger()
    assert ran.returncode == 0
    assert seen == sorted(seen)  # old up to one operation, new from then on
    assert seen.count(False) > 3 < seen.count(True)
    assert list(home.glob(".db*")) == []


def timed_run() -> float:
    Path("db.example.com").write_text(ZONE)
    begun = time.monotonic()
    assert started().wait(30) == 0
    return time.monotonic() - begun


def started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "maildns.cli.main", *ARGUMENTS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def records(text: str) -> list[str]:
    """All but the serial, which rises with every run."""
    return [line.strip() for line in text.splitlines() if "serial" not in line and line.strip()]

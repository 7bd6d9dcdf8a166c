"""The reports in examples/reports are those that their tool makes, and tell the story that is told of them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from maildns.reports.failure import read_failure
from maildns.reports.importing import import_reports
from maildns.reports.keeping import Kept
from maildns.reports.meaning import Kind, sources_of
from maildns.reports.model import ReportKind
from maildns.reports.store import Store
from maildns.reports.unwrapping import open_payloads
from maildns.reports.views import Window

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "reports"
TOOL = ROOT / "tools" / "make_example_reports.py"
DOCUMENTATION = [ip_network(one) for one in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]  # fmt: skip
NAME = re.compile(r"(?:^|\.)(?:example|invalid|example\.(?:org|com|net))$")


def unpacked(folder):
    """Each file of *folder* as what is in it, for packers differ from machine to machine."""
    return {
        path.name: [(one.name, one.kind, one.problem or read(one)) for one in open_payloads(path.read_bytes())]
        for path in folder.iterdir()
    }  # fmt: skip


def read(payload):
    return "".join(block.decode() for block in payload.blocks())


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    with Store(tmp_path_factory.mktemp("store") / "reports.sqlite") as store:
        yield store, list(import_reports([FOLDER], store))


def test_the_files_are_those_that_the_tool_makes(tmp_path):
    subprocess.run([sys.executable, TOOL, tmp_path], check=True, capture_output=True)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in FOLDER.iterdir()}
    broken = {name for name in unpacked(FOLDER) if name.startswith("shop.example")}
    made, shipped = unpacked(tmp_path), unpacked(FOLDER)
    for name in made.keys() - broken:
        assert made[name] == shipped[name], name


def test_one_file_is_broken_and_the_others_are_kept(imported):
    _, receipts = imported
    assert Counter(one.kept for one in receipts) == {Kept.NEW: len(receipts) - 1, Kept.BAD: 1}
    (bad,) = [one for one in receipts if one.kept is Kept.BAD]
    assert bad.reason == "the gzip is cut off before its end"


def test_the_reports_tell_the_story(imported):
    store, _ = imported
    with store.evidence() as evidence:
        window = Window(evidence.last_day().replace(month=10, day=5), evidence.last_day())
        sources = {one.ip: one for one in sources_of(evidence.source_days(window, "example.org"))}
        tls = evidence.tls_days(window, "example.org")
    for own in ("192.0.2.25", "2001:db8::25"):
        assert (sources[own].kind, sources[own].tally.failing) == (Kind.OURS, 0)
    for newsletter in ("198.51.100.11", "198.51.100.12"):
        tally = sources[newsletter].tally
        assert tally.spf_raw == tally.dkim_raw == tally.failing == tally.messages > 1000
    forwarder, mailing_list = sources["198.51.100.77"], sources["198.51.100.200"]
    assert (forwarder.kind, forwarder.tally.failing, forwarder.tally.spf_raw) == (
        Kind.FORWARDER,
        0,
        0,
    )
    assert (mailing_list.kind, mailing_list.tally.passing) == (Kind.LIST, 0)
    spoofers = [one for ip, one in sources.items() if ip.startswith("203.0.113.")]
    assert {one.kind for one in spoofers} == {Kind.STRANGER}
    assert sum(one.tally.messages for one in spoofers) > 1900
    assert {failure.result_type for one in tls for failure in one.failures} == {
        "certificate-expired"
    }
    assert [one.day.day for one in tls if one.failed] == [8, 9, 10]


def test_only_names_and_addresses_for_documentation_are_in_them(imported):
    for path in FOLDER.iterdir():
        for payload in open_payloads(path.read_bytes()):
            text = "" if payload.problem else read(payload)
            for ip in re.findall(r"<source_ip>(.*?)<", text):
                assert any(ip_address(ip) in network for network in DOCUMENTATION), path.name
            for name in re.findall(r"<(?:domain|header_from|envelope_from)>(.*?)<", text):
                assert NAME.search(name), name
            for name in re.findall(r"@([\w.-]+)", text):
                assert NAME.search(name), name


def test_the_failure_report_names_nobody():
    (payload,) = open_payloads((FOLDER / "failure-report.eml").read_bytes())
    assert payload.kind is ReportKind.FAILURE
    told = repr(read_failure(payload))
    assert not [word for word in ("ann", "Ann", "Human", "salary statement", "hr@") if word in told]

"""`maildns plan` and `prove` as people and scripts see them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cli import run_cli
from rich.console import Console

from maildns.cli.show_plan import FEW, show_plan
from maildns.plan.model import Plan, Unknown

CONFIG = (
    '[server."mail.example.com"]\nipv4 = "93.184.216.34"\n[domain."example.com"]\n'
    'dmarc = { reports_to = ["postmaster@example.com"] }\n'
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("maildns.toml").write_text(CONFIG)
    Path("world").write_text('example.com. 300 TXT "foreign"\nexample.com. 300 MX 5 old.example.\n')


def test_each_change_says_what_goes_what_comes_what_stays_and_why():
    out = run_cli("plan", "--world", "world").out
    for line in (
        "~ example.com MX",
        "- 5 old.example.",
        "+ 10 mail.example.com.",
        "= mail no longer goes to old.example",
        '"foreign"  (not ours, stays)',
        "+ mail.example.com A",
        "3 to add, 2 to change, 0 to remove",
    ):
        assert line in out


def test_a_plan_file_and_json_hold_the_same():
    printed = run_cli("plan", "--world", "world", "--json", "--out", "plan.json")
    assert printed.code == 0
    assert json.loads(printed.out) == json.loads(Path("plan.json").read_text())
    assert json.loads(printed.out)["kind"] == "plan"


def test_a_plan_is_the_same_when_it_is_made_twice():
    one, other = (run_cli("plan", "--world", "world", "--json").out for _ in range(2))
    assert one == other


def test_a_proof_of_what_fails_is_a_finding():
    Path("maildns.toml").write_text(CONFIG + 'senders = ["include:gone.example"]\n')
    proved = run_cli("prove", "--world", "world", "--json")
    assert proved.code == 1
    bad = [one for one in json.loads(proved.out)["checks"] if one["result"] == "bad"]
    assert any("gone.example" in one["evidence"] for one in bad)


def test_of_very_many_unknown_names_the_first_are_listed_and_the_rest_counted():
    unknown = tuple(
        Unknown("lan", "example.com", f"{number}.example.com", "A", "it sleeps")
        for number in range(FEW + 7)
    )
    console = Console(file=io.StringIO(), width=120)
    show_plan(Plan(unknown=unknown), console)
    out = console.file.getvalue()
    assert "0.example.com A in view lan: cannot tell what stands there (it sleeps)" in out
    assert f"{FEW}.example.com" not in out
    assert "and 7 more" in out

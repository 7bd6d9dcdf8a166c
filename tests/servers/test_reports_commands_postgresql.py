"""`maildns reports` on PostgreSQL says what it says on SQLite."""

from __future__ import annotations

import json
from pathlib import Path

import postgresql_server
import pytest
from cli import run_cli

pytestmark = pytest.mark.server
EXAMPLES = Path(__file__).parents[2] / "examples" / "reports"
COMMANDS = [
    "summary",
    "summary example.org",
    "senders",
    "source 198.51.100.12",
    "tls",
    "failures",
    "advise",
    "replay --policy p=reject",
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    file = tmp_path_factory.mktemp("store") / "reports.db"
    with (
        postgresql_server.running() as server,
        postgresql_server.database(server, "reports_commands") as url,
    ):
        for store in (file, url):
            assert run_cli("reports", "import", EXAMPLES, "--store", store).code == 0
        yield file, url


@pytest.mark.parametrize("command", COMMANDS)
def test_both_stores_tell_the_same(stores, command):
    told = [run_cli("reports", *command.split(), "--json", "--store", one) for one in stores]
    assert told[0].code == told[1].code
    assert json.loads(told[0].out) == json.loads(told[1].out)


def test_rows_and_quarantine_are_the_same(stores):
    rows = [run_cli("reports", "export", "-f", "jsonl", "--store", one).out for one in stores]
    assert sorted(rows[0].splitlines()) == sorted(rows[1].splitlines())
    held = [
        json.loads(run_cli("reports", "quarantine", "list", "--json", "--store", one).out)["held"]
        for one in stores
    ]
    assert [one["reason"] for one in held[0]] == [one["reason"] for one in held[1]]

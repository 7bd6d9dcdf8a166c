"""`maildns reports import`, `quarantine`, `export` and `prune`: from files to a store and out again."""

from __future__ import annotations

import csv
import json
import stat
import subprocess
import sys
from datetime import date, timedelta
from io import StringIO

import pyarrow.parquet
import pytest
from cli import run_cli
from report_story import LAST, OWN, imported, put, reports
from report_texts import aggregate, packed, record

from maildns.cli.documents import model_of

BAD = aggregate()[:-30]
CONFIG = """\
[server."mail.example.com"]
ipv4 = "192.0.2.1"
[reports]
store = "{store}"
"""


@pytest.fixture
def store(tmp_path):
    return tmp_path / "kept.db"


def told(*args, kind, input=None):
    """What a command prints as JSON, read back by the model that its schema is of; its exit code."""
    result = run_cli("reports", *args, "--json", input=input)
    return model_of(kind).model_validate_json(result.out), result.code


# --- import ---------------------------------------------------------------------------


def test_reports_are_new_once_and_known_from_then_on(tmp_path, store):
    folder = put(tmp_path / "in", [aggregate(report_id="1"), packed(aggregate(report_id="2"))])
    first, code = told("import", folder, "--store", store, kind="reports-import")
    assert (first.new, first.known, first.rows, first.messages, code) == (2, 0, 2, 2, 0)
    again, code = told("import", folder, "--store", store, kind="reports-import")
    assert (again.new, again.known, again.rows, code) == (0, 2, 0, 0)
    assert sorted(folder.iterdir()) == [folder / "0000.xml", folder / "0001.xml"]


def test_words_say_what_came_in(tmp_path, store):
    folder = put(tmp_path / "in", [aggregate(record(count=1200))])
    result = run_cli("reports", "import", folder, "--store", store)
    assert result.out == (
        f"1 new report (1 row, 1,200 messages), 0 known already; kept in {store}\n"
        "next: maildns reports summary\n"
    )
    assert result.code == 0


def test_a_bad_one_is_told_with_its_reason_and_the_rest_is_kept(tmp_path, store):
    folder = put(tmp_path / "in", [aggregate(report_id="1"), BAD, aggregate(report_id="2")])
    result = run_cli("reports", "import", folder, "--store", store)
    assert result.code == 0, "two of three came in"
    assert "2 new reports" in result.out
    assert "1 in quarantine" in result.out
    assert f"bad       {folder}/0001.xml: it is cut off before its end" in result.out
    assert "maildns reports quarantine list" in result.out


def test_of_conflicting_reports_it_is_said_which_counts(tmp_path, store):
    folder = put(tmp_path / "in", [aggregate(record(count=5)), aggregate(record(count=7))])
    document, code = told("import", folder, "--store", store, kind="reports-import")
    assert (document.new, document.conflicting, code) == (1, 1, 0)
    (receipt,) = document.receipts
    assert receipt.kept == "conflict"
    assert "that one counts" in receipt.reason


@pytest.mark.parametrize(
    "odd, reason",
    [(BAD, "one goes to quarantine"), (aggregate(record(count=7)), "one conflicts")],
)
def test_who_wants_to_know_of_each_odd_one_says_strict(tmp_path, store, odd, reason):
    folder = put(tmp_path / "in", [aggregate(), odd])
    args = ["reports", "import", folder, "--store", store]
    assert run_cli(*args).code == 0
    assert run_cli(*args, "--strict", "--store", tmp_path / "other.db").code == 1, reason


@pytest.mark.parametrize(
    "name, octets, reason",
    [
        ("a.eml", b"From: a@b\r\n\r\nhello\r\n", "a mail of somebody"),
        ("empty", b"", "an empty file"),
    ],
)
def test_nothing_that_is_a_report_is_a_finding(tmp_path, store, name, octets, reason):
    (tmp_path / name).write_bytes(octets)
    result = run_cli("reports", "import", tmp_path / name, "--store", store)
    assert result.code == 1, reason
    assert "0 new reports, 0 known already" in result.out


def test_standard_input_is_a_source_too(store):
    document, code = told(
        "import", "-", "--store", store, kind="reports-import", input=packed(aggregate())
    )
    assert (document.new, code) == (1, 0)


def test_the_mails_of_an_mbox_file_are_taken_one_by_one(tmp_path, store):
    mails = b"".join(
        b"From a@b Mon May  4 00:00:00 2026\n"
        b"From: a@b\nContent-Type: application/xml\n\n" + aggregate(report_id=str(number)) + b"\n"
        for number in range(3)
    )
    (tmp_path / "reports.mbox").write_bytes(mails)
    document, code = told(
        "import", tmp_path / "reports.mbox", "--store", store, kind="reports-import"
    )
    assert (document.new, code) == (3, 0)


def test_other_processes_can_read_while_this_one_writes(tmp_path, store):
    folder = put(tmp_path / "in", [aggregate(report_id=str(n)) for n in range(300)])
    # A process of its own: those that help must be able to import its main module.
    command = [sys.executable, "-m", "maildns.cli.main", "reports", "import", str(folder)]
    arguments = ["--store", str(store), "--workers", "2", "--json"]
    result = subprocess.run([*command, *arguments], capture_output=True, check=True, text=True)
    assert json.loads(result.stdout)["new"] == 300


def test_a_path_that_is_not_there_is_misuse_and_nothing_is_made(tmp_path, store):
    result = run_cli("reports", "import", tmp_path / "nowhere", "--store", store)
    assert (result.code, result.out) == (2, "")
    assert "there is no such file or folder" in result.err
    assert not store.exists()


def test_without_an_option_the_store_is_in_the_folder_at_hand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "in", [aggregate()])
    assert run_cli("reports", "import", "in").code == 0
    assert stat.S_IMODE((tmp_path / "reports.db").stat().st_mode) == 0o600


def test_the_description_says_where_the_store_is_and_an_option_says_otherwise(tmp_path):
    config = tmp_path / "etc" / "maildns.toml"
    config.parent.mkdir()
    config.write_text(CONFIG.format(store="../var/dmarc.db"))
    (tmp_path / "var").mkdir()
    folder = put(tmp_path / "in", [aggregate()])
    assert run_cli("reports", "import", folder, "--config", config).code == 0
    assert (tmp_path / "var" / "dmarc.db").exists()
    other = tmp_path / "other.db"
    assert run_cli("reports", "import", folder, "--config", config, "--store", other).code == 0
    assert other.exists()


def test_the_description_says_how_long_details_are_kept(tmp_path):
    config = tmp_path / "maildns.toml"
    config.write_text(CONFIG.format(store="reports.db") + "keep_days = 36500\n")
    imported(tmp_path, [aggregate()])
    document, _ = told("prune", "--yes", "--config", config, kind="reports-prune")
    assert document.before < date(1990, 1, 1)
    assert document.pruned == 0


def test_the_password_of_a_store_is_never_shown(tmp_path):
    url = "postgresql://me:hush@127.0.0.1:1/reports"  # nobody listens there
    result = run_cli("reports", "summary", "--store", url)
    assert result.code == 2
    assert "cannot open the store of reports" in result.err
    assert "hush" not in result.out + result.err


@pytest.mark.parametrize(
    "library, args",
    [("sqlalchemy", ["import", "."]), ("alembic", ["import", "."])],
)
def test_without_the_extra_it_is_said_what_to_install(tmp_path, library, args):
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from maildns.cli.main import main; main(['reports', *sys.argv[1:]])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *args], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert f"keeping reports needs {library}" in result.stderr
    assert "pip install 'maildns[reports]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_control_characters_of_names_do_not_reach_the_terminal(tmp_path, store):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a\x1b[31m.xml").write_bytes(BAD)
    result = run_cli("reports", "import", folder, "--store", store)
    assert "\x1b" not in result.out
    assert "a[31m.xml: it is cut off" in result.out


# --- quarantine -----------------------------------------------------------------------


def held(store):
    return told("quarantine", "list", "--store", store, kind="reports-quarantine")[0].held


def test_what_is_in_quarantine_is_listed_and_shown(tmp_path, store):
    odd = BAD.replace(b"</", b"\x1b[31m[blink]</", 1)
    run_cli("reports", "import", put(tmp_path / "in", [odd]), "--store", store)
    (one,) = held(store)
    assert one.octets == len(odd)
    listed = run_cli("reports", "quarantine", "list", "--store", store)
    assert one.reason[:40] in listed.out
    assert "1 arrival in quarantine" in listed.out
    shown = run_cli("reports", "quarantine", "show", one.id, "--store", store)
    assert "\x1b" not in listed.out + shown.out
    assert "·[31m[blink]" in shown.out
    file = tmp_path / "octets"
    run_cli("reports", "quarantine", "show", one.id, "--out", file, "--store", store)
    assert file.read_bytes() == odd
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_no_text_is_not_shown_as_such(tmp_path, store):
    run_cli(
        "reports", "import", put(tmp_path / "in", [packed(aggregate())[:-20]]), "--store", store
    )
    (one,) = held(store)
    shown = run_cli("reports", "quarantine", "show", one.id, "--store", store)
    assert "it is no text (--out FILE writes it)" in shown.out
    assert "\ufffd" not in shown.out


def test_what_still_cannot_be_read_stays_in_quarantine(tmp_path, store):
    run_cli("reports", "import", put(tmp_path / "in", [BAD]), "--store", store)
    document, code = told("quarantine", "retry", "--store", store, kind="reports-import")
    assert (document.new, document.bad, code) == (0, 1, 1)
    assert len(held(store)) == 1


def test_dropping_asks_and_then_forgets(tmp_path, store):
    texts = [BAD, BAD + b" ", BAD + b"  "]
    run_cli("reports", "import", put(tmp_path / "in", texts), "--store", store)
    one, *rest = held(store)
    refused = run_cli("reports", "quarantine", "drop", one.id, "--store", store)
    assert (refused.code, len(held(store))) == (2, 3)
    run_cli("reports", "quarantine", "drop", one.id, "--yes", "--store", store)
    assert held(store) == rest
    document, code = told(
        "quarantine", "drop", "--all", "--yes", "--store", store, kind="reports-quarantine"
    )
    assert (len(document.held), document.dropped, code) == (2, True, 0)
    assert held(store) == []


@pytest.mark.parametrize(
    "args, says",
    [
        (["show", "77"], "there is no 77 in quarantine"),
        (["retry", "77"], "there is no 77 in quarantine"),
        (["drop", "77", "--yes"], "there is no 77 in quarantine"),
        (["drop", "--yes"], "which of them?"),
    ],
)
def test_what_is_not_there_is_misuse(tmp_path, store, args, says):
    run_cli("reports", "import", put(tmp_path / "in", [BAD]), "--store", store)
    result = run_cli("reports", "quarantine", *args, "--store", store)
    assert (result.code, result.out) == (2, "")
    assert says in result.err


def test_an_empty_quarantine_is_fine(tmp_path):
    store = imported(tmp_path, [aggregate()])
    assert run_cli("reports", "quarantine", "list", "--store", store).code == 0
    assert (
        "nothing is in quarantine"
        in run_cli("reports", "quarantine", "retry", "--store", store).out
    )


# --- export ---------------------------------------------------------------------------


def test_rows_go_out_in_each_format(tmp_path):
    store = imported(tmp_path, list(reports(days=3)))
    lines = list(csv.DictReader(StringIO(run_cli("reports", "export", "--store", store).out)))
    assert len(lines) == 3 * 2 * 3
    assert {line["domain"] for line in lines} == {"example.com"}
    rows = run_cli("reports", "export", "-f", "jsonl", "--store", store).out.splitlines()
    assert sum(json.loads(row)["messages"] for row in rows) == 3 * 2 * 53
    document, code = told(
        "export", "-f", "parquet", "-o", tmp_path / "rows.parquet", "--store", store,
        kind="reports-export",
    )  # fmt: skip
    assert (document.rows, code) == (18, 0)
    assert pyarrow.parquet.read_table(tmp_path / "rows.parquet").num_rows == 18
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["in", "reports.db", "rows.parquet"], "no draft is left"


def test_the_days_and_the_domain_can_be_chosen(tmp_path):
    texts = [*reports(days=4), *reports("example.org", days=4)]
    store = imported(tmp_path, texts)
    args = ["--store", store, "--days", "2", "--until", LAST - timedelta(days=1)]
    result = run_cli("reports", "export", "example.org", *args)
    lines = list(csv.DictReader(StringIO(result.out)))
    assert {line["domain"] for line in lines} == {"example.org"}
    assert {line["begin"][:10] for line in lines} == {"2026-05-29", "2026-05-30"}


@pytest.mark.parametrize(
    "args, says",
    [
        (["--format", "xls"], "'xls' is no format"),
        (["--json"], "name it: --out FILE"),
        (["nobody.example"], "is about nobody.example"),
        (["--until", "yesterday"], "'yesterday' is no day"),
        (["--until", "9999-12-31"], "out of reach"),
        (["--out", "/nowhere/at/all.csv"], "cannot write it"),
    ],
)
def test_an_export_that_cannot_be_is_misuse(tmp_path, args, says):
    store = imported(tmp_path, [aggregate()])
    result = run_cli("reports", "export", *args, "--store", store)
    assert result.code == 2
    assert says in result.err + result.out


# --- prune ----------------------------------------------------------------------------


def test_old_details_go_and_the_summary_stays(tmp_path):
    store = imported(tmp_path, list(reports(days=10)))
    before = run_cli("reports", "summary", "--store", store, "--json").out
    assert run_cli("reports", "prune", "--keep-days", "1", "--store", store).code == 2
    document, code = told(
        "prune", "--keep-days", "1", "--yes", "--store", store, kind="reports-prune"
    )
    assert (document.pruned, code) == (20, 0)
    assert document.before > date(2026, 5, 31)
    assert run_cli("reports", "summary", "--store", store, "--json").out == before
    source = run_cli("reports", "source", OWN, "--store", store)
    assert "only daily counts are kept" in source.out

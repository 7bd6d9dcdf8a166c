"""`maildns reports alerts`: what wants looking at, who was told, and telling them."""

from __future__ import annotations

import json
import stat
from datetime import UTC, date, datetime, timedelta

import pytest
from cli import run_cli
from pki import make
from report_story import LAST, OWN, STRANGER, imported, reports
from report_texts import aggregate, record

from maildns.cli.documents import model_of

UNTIL = ["--until", LAST]
DOMAIN = "example.com"


def wave(days=42):
    """The story, and at its end a wave of forged mail from a new address."""
    yield from reports(days=days)
    yield aggregate(
        record("203.0.113.99", 900, dkim="fail", spf="fail"),
        report_id="wave",
        reporter="big.example",
        day=LAST,
    )


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    return imported(tmp_path_factory.mktemp("calm"), reports())


@pytest.fixture
def store(tmp_path):
    return imported(tmp_path, wave())


@pytest.fixture
def teller(tmp_path):
    """A description whose alerts go to a program that appends what it is given to a file."""

    def write(more="", program='cat >> "$1"; echo >> "$1"'):
        script, heard = tmp_path / "tell", tmp_path / "heard"
        script.write_text(f"#!/bin/sh\n{program}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        config = tmp_path / "maildns.toml"
        config.write_text(
            f'[server."mail.example.com"]\nipv4 = "{OWN}"\n{more}\n'
            f'[domain."{DOMAIN}"]\n[reports.alerts]\ncommand = ["{script}", "{heard}"]\n'
        )
        return config, heard

    return write


def alerts(store, *args, kind="reports-alerts"):
    result = run_cli("reports", "alerts", "--store", store, "--json", *args)
    return model_of(kind).model_validate_json(result.out), result


def test_nothing_is_told_where_all_is_as_usual(calm):
    result = run_cli("reports", "alerts", "--store", calm, *UNTIL)
    assert (result.code, result.out, result.err) == (0, f"nothing to tell as of {LAST}\n", "")


def test_a_wave_of_forged_mail_is_told_with_its_mend(store):
    result = run_cli("reports", "alerts", "--store", store, *UNTIL)
    assert result.code == 1
    assert "906 messages that fail DMARC on 2026-05-31; 6 a day are usual" in result.out
    assert "203.0.113.99 is new" in result.out or "unknown sources is new" in result.out
    assert result.out.count("mend: ") == 2
    assert "nobody is told" in result.out


def test_the_document_tells_the_same(store):
    document, result = alerts(store, *UNTIL)
    assert result.code == 1
    assert [one.alert.topic for one in document.alerts] == ["jump", "new source"]
    assert {one.domain for one in document.alerts} == {DOMAIN}
    assert (document.today, document.sent) == (LAST, [])


def test_silence_is_told_as_of_today(tmp_path):
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=10 + passed) for passed in range(30)]
    store = imported(tmp_path, [aggregate(report_id=f"{day}", day=day) for day in days])
    document, result = alerts(store)
    (one,) = document.alerts
    assert one.alert.says == f"no report since that of {days[0]}, 10 days ago"
    assert (document.today, result.code) == (today, 1)


def test_send_tells_each_trouble_once(store, teller):
    config, heard = teller()
    first = run_cli("reports", "alerts", "--store", store, "-c", config, "--send", *UNTIL)
    assert (first.code, first.err) == (0, "")
    assert "told by command: 2 alerts" in first.out
    (told,) = heard.read_text().splitlines()
    assert [one["topic"] for one in json.loads(told)["alerts"]] == ["jump", "new source"]
    again = run_cli("reports", "alerts", "--store", store, "-c", config, "--send", *UNTIL)
    assert again.code == 0
    assert len(heard.read_text().splitlines()) == 1
    document, _ = alerts(store, "-c", config, *UNTIL)
    assert [[told.due for told in one.told] for one in document.alerts] == [[False], [False]]


def test_without_send_nobody_is_told(store, teller):
    config, heard = teller()
    document, result = alerts(store, "-c", config, *UNTIL)
    assert not heard.exists()
    assert all(told.due and told.last is None for one in document.alerts for told in one.told)
    assert result.code == 1


def test_what_could_not_be_told_is_said_and_due_again(store, teller):
    config, _ = teller(program="echo the room is closed >&2; exit 7")
    document, result = alerts(store, "-c", config, "--send", *UNTIL)
    assert result.code == 3
    assert "ended with 7: the room is closed" in result.err
    assert document.sent[0].problem.endswith("the room is closed")
    assert all(told.due for one in document.alerts for told in one.told)


def test_domains_that_are_not_described_wake_nobody(tmp_path, teller):
    texts = [*reports(), *reports("other.example")]
    texts.append(
        aggregate(
            record(STRANGER, 5000, dkim="fail", spf="fail"),
            domain="other.example", report_id="w", reporter="big.example", day=LAST,
        )
    )  # fmt: skip
    store = imported(tmp_path, texts)
    config, _ = teller()
    assert alerts(store, "-c", config, *UNTIL)[0].alerts == []
    found, _ = alerts(store, "-c", config, "other.example", *UNTIL)
    assert {one.domain for one in found.alerts} == {"other.example"}


# --- certificates ---------------------------------------------------------------------


def test_a_certificate_that_ends_soon_is_told(calm, teller, tmp_path):
    now = datetime(LAST.year, LAST.month, LAST.day, tzinfo=UTC)
    (tmp_path / "cert.pem").write_text(make("mail.example.com", now=now, days=(-80, 5)).pem)
    config, _ = teller('certificate = "cert.pem"')
    document, _ = alerts(calm, "-c", config, *UNTIL)
    (one,) = document.alerts
    end = LAST + timedelta(days=5)
    assert one.alert.says == f"the certificate of mail.example.com ends on {end}, in 5 days"


def test_a_certificate_that_is_not_there_holds_nothing_else_up(store, teller):
    config, _ = teller('certificate = "nowhere.pem"')
    document, result = alerts(store, "-c", config, *UNTIL)
    assert len(document.alerts) == 2
    assert "certificates are not looked at" in result.err


# --- metrics --------------------------------------------------------------------------


def test_metrics_are_printed_or_written_whole(store, tmp_path):
    printed = run_cli("reports", "alerts", "--store", store, "--metrics", *UNTIL)
    out = tmp_path / "maildns.prom"
    written = run_cli("reports", "alerts", "--store", store, "--metrics", "-o", out, *UNTIL)
    assert (printed.code, written.code, written.out) == (0, 0, "")
    assert out.read_text() == printed.out
    assert 'maildns_reports_alerts{topic="jump"} 1' in printed.out
    assert 'maildns_dmarc_messages{domain="example.com",result="fail"} 942' in printed.out


def test_metrics_and_sending_go_together(store, teller, tmp_path):
    config, heard = teller()
    args = ("--send", "--metrics", "-o", tmp_path / "x.prom", *UNTIL)
    assert run_cli("reports", "alerts", "--store", store, "-c", config, *args).code == 0
    assert heard.exists()
    assert (tmp_path / "x.prom").exists()


# --- misuse ---------------------------------------------------------------------------

MISUSE = [
    (["--metrics", "--json"], "two forms", "one output"),
    (["--out", "x"], "--metrics", "out without metrics"),
    (["--send"], "nobody is to be told", "no way to tell"),
    (["--until", "yesterday"], "is no day", "not a date"),
    (["nowhere.example"], "no report", "a domain without reports"),
]


@pytest.mark.parametrize("args, said, reason", MISUSE)
def test_misuse_is_told_with_its_mend(store, args, said, reason):
    given = args if "--until" in args else [*args, *UNTIL]
    result = run_cli("reports", "alerts", "--store", store, *given)
    assert result.code == 2, reason
    assert said in result.err
    assert "mend:" in result.err


def test_an_empty_store_tells_nothing(tmp_path):
    (tmp_path / "in").mkdir()
    store = tmp_path / "reports.db"
    run_cli("reports", "import", tmp_path / "in", "--store", store)
    result = run_cli("reports", "alerts", "--store", store)
    assert result.code == 3
    assert "no reports" in result.err


def test_a_day_long_ago_has_no_alerts(store):
    result = run_cli("reports", "alerts", "--store", store, "--until", date(2020, 1, 1))
    assert (result.code, result.err) == (0, "")

"""`maildns reports summary`, `senders`, `source` and `tls`: what the reports say, and plots of it."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import mmdb
import pytest
from cli import run_cli
from PIL import Image
from report_story import LAST, OWN, SHOP, STRANGER, imported, reports
from report_texts import aggregate, record
from terminal import talk

from maildns.cli.documents import model_of
from maildns.reports.keeping import Arrival
from maildns.reports.model import ReportHead, TlsFailure, TlsPolicy, TlsReport
from maildns.reports.store import Store
from maildns.reports.store.preparing import Prepared, tls_columns

LOOKS = ["summary", "senders", "tls", "advise"]
CONFIG = f"""\
[server."mail.example.com"]
ipv4 = "{OWN}"

[domain."example.com"]
senders = ["sendgrid"]
"""
HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold red]Big[/] & <script>\u202etxt\nsecond line"


@pytest.fixture
def store(tmp_path):
    return imported(tmp_path, [*reports(), *reports("example.org", shop="fail")])


def told(*args, kind):
    """What a command prints as JSON, read back by the model that its schema is of; its exit code."""
    result = run_cli("reports", *args, "--json")
    return model_of(kind).model_validate_json(result.out), result.code


# --- where there is nothing to look at ------------------------------------------------


@pytest.mark.parametrize("command", [*LOOKS, "export", "prune", "quarantine list"])
def test_a_store_that_is_not_there_is_misuse_and_not_made(tmp_path, command):
    result = run_cli("reports", *command.split(), "--store", tmp_path / "no.db")
    assert (result.code, result.out) == (2, "")
    assert "there is no store of reports" in result.err
    assert "maildns reports import PATH makes one" in result.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [*LOOKS, "export"])
def test_of_an_empty_store_nothing_can_be_known(tmp_path, command):
    with Store(tmp_path / "empty.db"):
        pass
    result = run_cli("reports", command, "--store", tmp_path / "empty.db")
    assert (result.code, result.out) == (3, "")
    assert "there are no reports in" in result.err


@pytest.mark.parametrize("command", LOOKS)
@pytest.mark.parametrize(
    "domain, says",
    [
        ("example.net", "no report of 2026-05-02 to 2026-05-31 is about example.net"),
        ("not a domain", "'not a domain' is not a domain"),
        ("a" * 300, "is not a domain"),
    ],
)
def test_an_unknown_domain_is_misuse(store, command, domain, says):
    result = run_cli("reports", command, domain, "--store", store)
    assert (result.code, result.out) == (2, "")
    assert says in result.err


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "text").write_text("no database" * 100)
    result = run_cli("reports", "summary", "--store", tmp_path / "text")
    assert (result.code, result.out) == (2, "")
    assert "cannot open the store of reports" in result.err


# --- summary --------------------------------------------------------------------------


def test_all_domains_are_summed_up(store):
    document, code = told("summary", "--store", store, kind="reports-summary")
    assert code == 0
    assert (document.days.since, document.days.until) == (date(2026, 5, 2), LAST)
    assert document.stale_days == (datetime.now(UTC).date() - LAST).days
    assert {one.domain: (one.counts.messages, one.counts.passing) for one in document.domains} == {
        "example.com": (30 * 2 * 53, 30 * 2 * 50),
        "example.org": (30 * 2 * 53, 30 * 2 * 40),
    }


def test_the_summary_in_a_pipe_is_a_plain_table(store):
    result = run_cli("reports", "summary", "--store", store)
    assert result.code == 0
    assert re.search(
        r"^example\.com +60 +3,180 +94\.3 % +180 +0 +2026-05-31", result.out, re.MULTILINE
    )
    assert not re.search("[▁-█\x1b]", result.out)
    assert "as of then" in result.out.splitlines()[0]


def test_a_domain_is_looked_at_closely(store):
    document, _ = told(
        "summary", "example.com", "--days", "7", "--store", store, kind="reports-summary"
    )
    (one,) = document.domains
    assert (one.policy, one.reports) == ("p=none", 14)
    assert [day.day for day in one.days] == [LAST - timedelta(days=n) for n in range(6, -1, -1)]
    assert {(day.passing, day.failing) for day in one.days} == {(100, 6)}
    assert one.reporters == {"big.example": 7 * 53, "small.example": 7 * 53}
    shown = run_cli("reports", "summary", "example.com", "--store", store).out
    assert "policy        p=none" in shown
    assert "example.org" not in shown


def test_new_sources_are_told(tmp_path):
    new = aggregate(record("192.0.2.200"), report_id="new", day=LAST)
    store = imported(tmp_path, [*reports(), new])
    document, _ = told("summary", "example.com", "--store", store, kind="reports-summary")
    assert document.domains[0].new_sources == ["192.0.2.200"]
    senders, _ = told("senders", "example.com", "--store", store, kind="reports-senders")
    assert [one.new for one in senders.domains[0].senders] == [False, False, False, True]


def test_a_store_of_today_is_not_stale(tmp_path):
    today = datetime.now(UTC).date()
    store = imported(tmp_path, [aggregate(day=today - timedelta(days=1))])
    document, _ = told("summary", "--store", store, kind="reports-summary")
    assert document.stale_days == 0
    assert "as of then" not in run_cli("reports", "summary", "--store", store).out


def test_what_wants_looking_at_is_told_with_its_mend(tmp_path):
    wave = aggregate(
        record("203.0.113.9", 900, dkim="fail", spf="fail"), report_id="wave", day=LAST
    )
    store = imported(tmp_path, [*reports(), wave])
    document, _ = told("summary", "--store", store, kind="reports-summary")
    assert "jump" in {one.topic for one in document.domains[0].remarks}
    shown = run_cli("reports", "summary", "--store", store).out
    assert "906 messages that fail DMARC on 2026-05-31; 6 a day are usual" in shown
    assert "maildns reports senders example.com --days 7" in shown


def test_a_key_that_signs_and_is_not_in_the_dns_is_told_when_the_dns_may_be_asked(tmp_path, store):
    world = tmp_path / "world.zone"
    world.write_text('example.com. IN TXT "v=spf1 -all"\n')
    args = ["summary", "example.com", "--store", store]
    quiet, _ = told(*args, kind="reports-summary")
    asked, _ = told(*args, "--world", world, kind="reports-summary")
    assert "missing key" not in {one.topic for one in quiet.domains[0].remarks}
    missing = [one for one in asked.domains[0].remarks if one.topic == "missing key"]
    assert [one.subject for one in missing] == ["s1._domainkey.example.com"]


def test_confirmed_names_of_addresses_are_told_and_remembered(tmp_path, store):
    world = tmp_path / "world.zone"
    world.write_text(
        f"7.100.51.198.in-addr.arpa. IN PTR out.shop.example.\nout.shop.example. IN A {SHOP}\n"
    )
    args = ["senders", "example.org", "--store", store]
    assert "out.shop.example" not in run_cli("reports", *args).out
    live, _ = told("source", SHOP, "--store", store, "--world", world, kind="reports-source")
    assert live.host == "out.shop.example"
    offline, _ = told("source", SHOP, "--store", store, kind="reports-source")
    assert offline.host == "out.shop.example"


def test_a_geography_file_tells_where_addresses_are(tmp_path, store):
    entry = {"country": {"iso_code": "NZ"}, "autonomous_system_organization": "[red]Net"}
    mmdb.write(tmp_path / "where.mmdb", {"198.51.100.0/24": entry})
    config = tmp_path / "maildns.toml"
    config.write_text(CONFIG + '[reports]\ngeoip = { files = "where.mmdb" }\n')
    args = ["--store", store, "--config", config]
    document, _ = told("source", SHOP, *args, kind="reports-source")
    assert (document.country, document.organization) == ("NZ", "[red]Net")
    shown = run_cli("reports", "senders", "example.com", *args).out
    assert re.search(r"stranger .*203\.0\.113\.77", shown)
    assert re.search(rf"NZ +{SHOP}", shown)
    assert "[red]Net, NZ" in run_cli("reports", "source", SHOP, *args).out


def test_a_network_of_the_description_is_ours_and_a_stranger_is_not(tmp_path, store):
    config = tmp_path / "maildns.toml"
    config.write_text(
        CONFIG + f'[reports]\nstrangers = "{SHOP}"\nnetworks = {{ printers = "{STRANGER}/32" }}\n'
    )
    args = ["example.com", "--store", store, "--config", config]
    document, _ = told("senders", *args, kind="reports-senders")
    kinds = {one.addresses[0]: (one.name, one.sender_kind) for one in document.domains[0].senders}
    assert kinds[STRANGER] == ("printers", "ours")
    assert kinds[SHOP][1] == "stranger"


def test_many_domains_are_cut_for_people_and_whole_for_machines(tmp_path):
    texts = [aggregate(domain=f"d{number:02}.example") for number in range(45)]
    store = imported(tmp_path, texts)
    shown = run_cli("reports", "summary", "--store", store).out
    assert "... and 5 more; --all shows them" in shown
    assert shown.count(".example") == 40
    assert run_cli("reports", "summary", "--all", "--store", store).out.count(".example") == 45
    document, _ = told("summary", "--store", store, kind="reports-summary")
    assert len(document.domains) == 45


# --- senders and source ---------------------------------------------------------------


def test_senders_are_told_apart(store):
    document, code = told("senders", "--store", store, kind="reports-senders")
    assert code == 0
    com, org = document.domains
    assert [(one.sender_kind, one.counts.messages) for one in com.senders] == [
        ("ours", 2400), ("ours", 600), ("stranger", 180),
    ]  # fmt: skip
    assert [(one.name, one.address_count) for one in org.senders] == [
        (OWN, 1), ("unknown sources", 2),
    ]  # fmt: skip
    assert com.senders[0].first_seen == date(2026, 4, 20)


def test_the_description_gives_names(tmp_path, store):
    config = tmp_path / "maildns.toml"
    config.write_text(CONFIG)
    args = ["--store", store, "--config", config]
    document, _ = told("senders", "example.com", *args, kind="reports-senders")
    first = document.domains[0].senders[0]
    assert (first.name, first.by) == ("mail.example.com", "a server of maildns.toml")


def test_a_broken_description_is_said_with_its_line(tmp_path, store):
    config = tmp_path / "maildns.toml"
    config.write_text(CONFIG + "sendres = 1\n")
    result = run_cli("reports", "senders", "--store", store, "--config", config)
    assert (result.code, result.out) == (2, "")
    assert f"{config}:6: " in result.err


def test_all_is_told_of_one_address(store):
    document, code = told("source", SHOP, "--store", store, kind="reports-source")
    assert (document.address, code) == (SHOP, 0)
    com, org = document.domains
    assert (com.domain, com.counts.passing, org.counts.passing) == ("example.com", 600, 0)
    assert [(one.domain, one.selector, one.result, one.messages) for one in org.dkim] == [
        ("example.org", "s1", "fail", 600)
    ]
    assert com.reporters == {"big.example": 300, "small.example": 300}
    shown = run_cli("reports", "source", SHOP, "--store", store).out
    assert "DKIM fail     d=example.org s=s1: 600" in shown
    assert "SPF pass      bounce.example.com (mfrom): 600" in shown


@pytest.mark.parametrize(
    "address, says",
    [
        ("203.0.113.1", "tells of 203.0.113.1"),
        ("not-an-address", "is no address"),
        ("\x1b[31m", "is no address"),
    ],
)
def test_an_unknown_address_is_misuse(store, address, says):
    result = run_cli("reports", "source", address, "--store", store)
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert "\x1b" not in result.err


# --- tls ------------------------------------------------------------------------------


def tls_report(*failures, successful=100, domain="example.com", reporter="Big Mail"):
    begin = datetime(2026, 5, 30, tzinfo=UTC)
    head = ReportHead(reporter, "tls-1", begin, begin + timedelta(days=1) - timedelta(seconds=1))
    failed = sum(one.sessions for one in failures)
    policy = TlsPolicy("sts", domain, ("version: STSv1", "mode: enforce", "mx: mail.example.com", "max_age: 86400"), ("mail.example.com",), successful, failed, failures)  # fmt: skip
    return Prepared(Arrival(b"", "a test"), b"", [tls_columns(TlsReport(head, (policy,)))])


@pytest.fixture
def tls_store(tmp_path):
    def make(*reports):
        with Store(tmp_path / "tls.db") as opened:
            list(opened.keep_prepared(reports))
        return tmp_path / "tls.db"

    return make


def test_a_tls_failure_is_told_with_its_cause_and_its_mend(tls_store):
    failure = TlsFailure("certificate-expired", 7, receiving_host="mail.example.com")
    store = tls_store(tls_report(failure))
    document, code = told("tls", "--store", store, kind="reports-tls")
    (one,) = document.domains
    assert (one.successful, one.failed, one.unexplained, code) == (100, 7, 0, 1)
    assert one.troubles[0].at == "the certificate of mail.example.com"
    shown = run_cli("reports", "tls", "--store", store)
    assert "107, 100 succeeded (93.5 %)" in shown.out
    assert (
        "7 sessions failed, 2026-05-30: the certificate of mail.example.com has expired"
        in shown.out
    )
    assert "mend: renew it" in shown.out
    assert "maildns rule dane-certificate-expired" in shown.out


def test_tls_without_failures_is_fine(tls_store):
    result = run_cli("reports", "tls", "example.com", "--store", tls_store(tls_report()))
    assert result.code == 0
    assert "100 succeeded (100 %)" in result.out
    assert "MTA-STS" in result.out


def test_without_tls_reports_it_is_said_how_they_come(store):
    result = run_cli("reports", "tls", "--store", store)
    assert result.code == 0
    assert "no TLS report" in result.out
    assert "tls_rpt in maildns.toml" in result.out


@pytest.mark.parametrize("command", ["summary", "senders", "advise"])
def test_a_domain_with_tls_reports_alone_is_no_fault(tls_store, command):
    result = run_cli("reports", command, "example.com", "--store", tls_store(tls_report()))
    assert result.code in {0, 1}
    assert "example.com" in result.out or "maildns reports tls" in result.out


# --- failures -------------------------------------------------------------------------


def test_single_messages_are_shown_without_who_wrote_to_whom(tmp_path):
    document, code = told("failures", "--store", examples(tmp_path), kind="reports-failures")
    (one,) = document.failures
    assert (one.domain, one.address, one.redacted, code) == (
        "example.org", "203.0.113.103", True, 0,
    )  # fmt: skip
    assert one.recipient == "<redacted@campus.example>"
    shown = run_cli("reports", "failures", "--store", tmp_path / "reports.db").out
    assert "<redacted@payroll.invalid>" in shown
    assert "0 failure reports" in run_cli(
        "reports", "failures", "example.net", "--store", tmp_path / "reports.db"
    ).out  # fmt: skip


def examples(tmp_path):
    """A store of the shipped examples."""
    folder = Path(__file__).parents[2] / "examples" / "reports"
    assert run_cli("reports", "import", folder, "--store", tmp_path / "reports.db").code == 0
    return tmp_path / "reports.db"


# --- hostile texts --------------------------------------------------------------------


def hostile_store(tmp_path):
    """A store whose every text is hostile, past the reading that would have cleaned it."""
    failure = TlsFailure("<b>\x1b[31m", 7, "", HOSTILE, "", "", HOSTILE, HOSTILE)
    prepared = [tls_report(failure, reporter=HOSTILE)]
    texts = [
        *reports(days=3),
        aggregate(record(), reporter="evil[bold].example", report_id="x", day=LAST),
    ]
    store = imported(tmp_path, texts)
    with Store(store) as opened:
        list(opened.keep_prepared(prepared))
    return store


@pytest.mark.parametrize(
    "command",
    ["summary", "summary example.com", "senders", f"source {OWN}", "tls", "advise", "replay example.com --strict"],
)  # fmt: skip
def test_texts_of_reporters_are_only_text(tmp_path, command):
    store = hostile_store(tmp_path)
    result = run_cli("reports", *command.split(), "--store", store)
    assert result.code in {0, 1}
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", result.out + result.err)


def test_markup_of_reporters_is_shown_and_not_obeyed(tmp_path):
    store = hostile_store(tmp_path)
    assert (
        "evil[bold].example" in run_cli("reports", "summary", "example.com", "--store", store).out
    )
    shown = run_cli("reports", "tls", "--store", store).out
    assert "[bold red]Big[/] & <script>" in shown


# --- plots ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["summary", "senders", "tls"])
def test_a_plot_is_drawn_as_svg_and_as_png(tmp_path, command):
    store = hostile_store(tmp_path)
    svg, png = tmp_path / "plot.svg", tmp_path / "plot.png"
    run_cli("reports", command, "--store", store, "--svg", svg, "--png", png)
    root = ET.fromstring(svg.read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "example.com" in texts
    with Image.open(BytesIO(png.read_bytes())) as image:
        assert image.size == (2 * int(root.get("width")), 2 * int(float(root.get("height"))))


def test_a_plot_fetches_and_runs_nothing(tmp_path):
    store = hostile_store(tmp_path)
    run_cli("reports", "tls", "--store", store, "--svg", tmp_path / "plot.svg")
    names = {one.tag.partition("}")[2] for one in ET.parse(tmp_path / "plot.svg").iter()}
    assert names == {"svg", "title", "rect", "line", "text"}


def test_without_pillow_it_is_said_what_to_do(tmp_path, store):
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from maildns.cli.main import main; main(['reports', *sys.argv[1:]])"
    )
    args = ["summary", "--store", store, "--png", tmp_path / "plot.png"]
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "a PNG needs Pillow" in result.stderr
    assert "pip install 'maildns[plot]', or draw SVG" in result.stderr
    assert not (tmp_path / "plot.png").exists()


def test_strangers_are_seen_in_every_form(store):
    assert STRANGER in run_cli("reports", "senders", "example.com", "--store", store).out


@pytest.mark.parametrize(
    "command, sparks",
    [("summary", 2), ("summary example.com", 2), ("senders example.com", 0), (f"source {OWN}", 2)],
)
def test_a_terminal_gets_sparklines(tmp_path, store, command, sparks):
    code, said = talk(["reports", *command.split(), "--store", store], [])
    assert code == 0
    assert len(re.findall("[▁-█]{10,}", said)) >= sparks
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said).splitlines()
    tables = [line for line in lines if line.startswith("example.")]
    assert all(len(line) <= 200 for line in tables), "as wide as the terminal says"

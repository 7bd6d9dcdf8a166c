"""Which remarks are alerts, which of them are due, and what is written about them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from pki import make
from report_rows import DOMAIN, TODAY

from maildns.reports.alerting import (
    alerts_among,
    certificate_remarks,
    document,
    headline,
    key_of,
    letter,
    remember_told,
    weighed,
)
from maildns.reports.metrics import MOST_DOMAINS, escaped, metrics
from maildns.reports.model import TlsFailure
from maildns.reports.remarks import Remark, Topic
from maildns.reports.store import Store
from maildns.reports.views import DomainDay, TlsDay, Window

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


def remark(topic=Topic.JUMP, subject="messages", domain=DOMAIN, says="900 messages", **more):
    return Remark(topic, domain, subject, says, "look", TODAY, **more)


@pytest.fixture
def memory(tmp_path):
    with Store(tmp_path / "reports.db") as store:
        yield store.memory()


CALM = {Topic.IDLE_KEY, Topic.IDLE_INCLUDE}


@pytest.mark.parametrize("topic", list(Topic))
def test_what_can_wait_is_no_alert(topic):
    assert bool(alerts_among([remark(topic)])) is (topic not in CALM)


def test_each_trouble_is_one_alert():
    twice = [
        remark(says="900 messages"),
        remark(says="950 messages"),
        remark(domain="other.example"),
    ]
    assert [one.domain for one in alerts_among(twice)] == [DOMAIN, "other.example"]


def due(memory, alerts, way="mail", at=NOW):
    return [one.remark.subject for one in weighed(alerts, way, memory, at, WEEK) if one.due]


def test_an_alert_is_told_once_a_week_by_each_way(memory):
    alerts = [remark(subject="a"), remark(subject="b")]
    assert due(memory, alerts) == ["a", "b"]
    remember_told(alerts[:1], "mail", memory, NOW)
    assert due(memory, alerts) == ["b"]
    assert due(memory, alerts, "webhook") == ["a", "b"]
    assert due(memory, alerts, at=NOW + WEEK - timedelta(seconds=1)) == ["b"]
    assert due(memory, alerts, at=NOW + WEEK) == ["a", "b"]


def test_the_age_of_a_key_is_told_seldom(memory):
    old = [remark(Topic.OLD_KEY)]
    remember_told(old, "mail", memory, NOW)
    assert due(memory, old, at=NOW + 7 * WEEK) == []
    assert due(memory, old, at=NOW + 8 * WEEK) == ["messages"]


def test_a_store_remembers_what_was_told(tmp_path):
    with Store(tmp_path / "reports.db") as store:
        remember_told([remark()], "mail", store.memory(), NOW)
    with Store(tmp_path / "reports.db") as store:
        (told,) = weighed([remark()], "mail", store.memory(), NOW + timedelta(hours=1), WEEK)
    assert (told.due, told.last) == (False, NOW)


def test_the_same_trouble_on_another_day_is_the_same():
    from dataclasses import replace

    assert key_of(remark()) == key_of(replace(remark(), day=TODAY - WEEK, says="other words"))


# --- certificates ---------------------------------------------------------------------

ENDS = [
    (5, "ends on", "five days are few"),
    (14, "ends on", "two weeks"),
    (15, "", "time enough"),
    (-1, "ended on", "too late"),
]


@pytest.mark.parametrize("days, said, reason", ENDS)
def test_a_certificate_that_ends_soon_is_told(days, said, reason):
    end = NOW + timedelta(days=days)
    chain = (make("mx.example.com", now=end, days=(-90, 0)).der,)
    found = certificate_remarks({"mx.example.com": chain}, TODAY)
    assert bool(found) is bool(said), reason
    assert all(said in one.says and one.urgent for one in found)


def test_what_is_no_certificate_is_left_out():
    assert certificate_remarks({"mx.example.com": (b"nonsense",), "x.example": ()}, TODAY) == []


# --- words ----------------------------------------------------------------------------


def test_the_headline_is_one_line_whatever_a_reporter_wrote():
    line = headline([remark(says="a\r\nBcc: all@example.com\x1b[2J" + "x" * 300)])
    assert "\n" not in line
    assert "\x1b" not in line
    assert len(line) <= 150


def test_many_alerts_have_one_headline():
    alerts = [remark(domain=f"d{at}.example") for at in range(5)]
    assert headline(alerts) == (
        "maildns: 5 alerts about d0.example, d1.example, d2.example and 2 more"
    )


def test_the_letter_tells_all_with_the_mend():
    text = letter([remark(evidence=("from 192.0.2.1",)), remark(subject="b", says="x\x00y")])
    assert text == (
        "example.com: 900 messages\n  mend: look\n  from 192.0.2.1\n  seen on 2026-05-31\n\n"
        "example.com: xy\n  mend: look\n  seen on 2026-05-31\n"
    )


def test_the_document_is_json_with_a_text_for_chat_rooms():
    told = json.loads(json.dumps(document([remark(urgent=True)])))
    assert told["version"] == 1
    assert "900 messages" in told["text"]
    (one,) = told["alerts"]
    assert (one["topic"], one["domain"], one["urgent"], one["day"]) == (
        "jump", DOMAIN, True, "2026-05-31",
    )  # fmt: skip


def test_the_text_for_chat_rooms_is_cut_and_the_alerts_are_all_there():
    told = document([remark(subject=str(at)) for at in range(500)])
    assert len(told["text"]) == 3500
    assert len(told["alerts"]) == 500


# --- metrics --------------------------------------------------------------------------

WINDOW = Window.last(7, TODAY)
SAMPLE = re.compile(r'[a-z_]+\{([a-z]+="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*\} [0-9]+')


def day(domain=DOMAIN, messages=10, passing=7):
    return DomainDay(domain, TODAY, messages, passing, 6, 5, 2, 1)


def samples(text):
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_metrics_are_those_of_the_window():
    failed = TlsFailure("certificate-expired", 3), TlsFailure("moon-phase", 2)
    tls = [TlsDay(DOMAIN, TODAY, "r", "sts", 90, 5, failures=failed)]
    told = samples(metrics([day(), day()], tls, [remark()], WINDOW))
    assert told['maildns_dmarc_messages{domain="example.com",result="pass"}'] == "14"
    assert told['maildns_dmarc_messages{domain="example.com",result="fail"}'] == "6"
    assert told['maildns_dmarc_aligned_messages{domain="example.com",mechanism="dkim"}'] == "12"
    assert told['maildns_dmarc_disposed_messages{domain="example.com",disposition="reject"}'] == "2"
    assert told['maildns_dmarc_newest_day_timestamp_seconds{domain="example.com"}'] == "1780185600"
    assert told['maildns_tls_sessions{domain="example.com",result="failure"}'] == "5"
    assert told['maildns_tls_failures{domain="example.com",type="certificate-expired"}'] == "3"
    assert told['maildns_tls_failures{domain="example.com",type="other"}'] == "2"
    assert told['maildns_reports_alerts{topic="jump"}'] == "1"
    assert told['maildns_reports_alerts{topic="silence"}'] == "0"
    assert told['maildns_reports_domain_alerts{domain="example.com",topic="jump"}'] == "1"


HOSTILE = ['a"b', "a\\b", "a\nb", "ä.example", "", 'x"} 1\nmaildns_evil 7']


@pytest.mark.parametrize("domain", HOSTILE)
def test_no_text_of_a_reporter_breaks_out_of_its_label(domain):
    text = metrics([day(domain)], [], [remark(domain=domain)], WINDOW)
    for line in text.splitlines():
        assert line.startswith("# ") or SAMPLE.fullmatch(line), line
    assert "maildns_evil 7" not in text.splitlines()


def test_the_number_of_domains_is_bounded_and_the_rest_is_counted():
    days = [day(f"d{at}.example", messages=at + 1, passing=0) for at in range(MOST_DOMAINS + 50)]
    told = samples(metrics(days, [], [], WINDOW))
    failing = {key: int(value) for key, value in told.items() if 'result="fail"' in key}
    assert len(failing) == MOST_DOMAINS + 1
    assert failing['maildns_dmarc_messages{domain="other",result="fail"}'] == sum(range(1, 51))


def test_each_metric_is_described_once():
    text = metrics([day(), day("b.example")], [], [], WINDOW)
    helps = [line.split()[2] for line in text.splitlines() if line.startswith("# HELP")]
    types = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert helps == types
    assert len(set(helps)) == len(helps)
    assert text.endswith("\n")


def test_an_empty_store_has_metrics_too():
    assert 'maildns_reports_alerts{topic="jump"} 0' in metrics([], [], [], WINDOW)


@pytest.mark.parametrize("text", ["a", 'a"', "\\", "\n"])
def test_what_is_escaped_can_be_read_back(text):
    assert json.loads(f'"{escaped(text)}"') == text

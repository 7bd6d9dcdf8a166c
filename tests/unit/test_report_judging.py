"""What is judged out of a real store: the same as out of the reports that it was given."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from report_texts import aggregate, record

from maildns import reports
from maildns.net.world import World
from maildns.protocols import dmarc
from maildns.protocols.dmarc import READERS, Policy
from maildns.reports.advice import Known, Seen, advise
from maildns.reports.keeping import Arrival
from maildns.reports.ladder import record_seen, standing_since
from maildns.reports.meaning import Kind, sources_of
from maildns.reports.remarks import Topic, remarks_on
from maildns.reports.replay import Change, changed_record, replay
from maildns.reports.store import Store
from maildns.reports.views import Window

LAST = date(2026, 5, 31)
DOMAIN = "example.com"
OWN, SHOP, FORGER = "192.0.2.1", "198.51.100.7", "203.0.113.77"
WINDOW = Window.last(90, LAST)
NOW = dmarc.parse("v=DMARC1; p=none; rua=mailto:dmarc@example.com")
ZONE = f"""\
example.com.         IN TXT "v=spf1 ip4:{OWN} include:shop.example include:idle.example -all"
bounce.example.com.  IN TXT "v=spf1 ip4:{OWN} include:shop.example include:idle.example -all"
shop.example.        IN TXT "v=spf1 ip4:{SHOP} -all"
idle.example.        IN TXT "v=spf1 ip4:100.64.0.0/10 -all"
"""


def story(days=90):
    """Each day: an own server, a shop that SPF alone carries, a forger who comes up at the end."""
    for passed in range(days):
        day = LAST - timedelta(days=days - 1 - passed)
        late = [record(FORGER, 400, dkim="fail", spf="fail")] if passed >= days - 2 else []
        for reporter in ("big.example", "small.example"):
            yield aggregate(
                record(OWN, 40),
                record(SHOP, 10, dkim="fail"),
                *late,
                reporter=reporter,
                report_id=f"{reporter}-{day}",
                day=day,
            )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with Store(tmp_path_factory.mktemp("store") / "reports.db") as made:
        made.keep(Arrival(text, "a test") for text in story())
        yield made


@pytest.fixture
def evidence(store):
    with store.evidence() as told:
        yield told


def test_the_store_tells_what_the_reports_said(evidence):
    given = {}
    for text in story():
        for row in reports.parse_aggregate(text).rows:
            passes = (row.source_ip, row.passes)
            given[passes] = given.get(passes, 0) + row.messages
    kept = {}
    for row in evidence.source_days(WINDOW, DOMAIN):
        passes = (row.source_ip, row.passes)
        kept[passes] = kept.get(passes, 0) + row.messages
    assert kept == given


def test_the_published_policy_replayed_changes_nothing(evidence):
    rows = list(evidence.source_days(WINDOW, DOMAIN))
    seen = record_seen(evidence.reports(WINDOW, DOMAIN)[-1].published)
    for reader in READERS:
        for one in replay(rows, Change(seen), domain=DOMAIN, now=seen, reader=reader):
            assert one.before == one.after == {Policy.NONE: one.messages}
            passing = sum(row.messages for row in rows if row.passes and row.source_ip == one.ip)
            assert passing == (0 if one.ip == FORGER else one.messages)


@pytest.mark.parametrize("reader", READERS)
def test_reject_would_have_hit_the_forger_alone(evidence, reader):
    rows = evidence.source_days(WINDOW, DOMAIN)
    change = Change(changed_record(NOW, "p=reject"))
    told = replay(rows, change, domain=DOMAIN, now=NOW, reader=reader)
    assert {one.ip: one.hit for one in told} == {OWN: 0, SHOP: 0, FORGER: 1600}


def test_strict_alignment_would_have_cost_the_shop(evidence):
    rows = list(evidence.source_days(WINDOW, DOMAIN))
    change = Change(changed_record(NOW, "p=reject", strict=True))
    told = replay(rows, change, domain=DOMAIN, now=NOW, reader="rfc9989")
    assert {one.ip: one.newly_failing for one in told} == {OWN: 0, SHOP: 1800, FORGER: 0}


INCLUDES = [("shop.example", 1800, "it alone carries the shop"), ("idle.example", 0, "nobody")]


@pytest.mark.parametrize("include, failing, reason", INCLUDES)
def test_an_include_less_would_have_cost_those_it_carries(evidence, include, failing, reason):
    rows = evidence.source_days(WINDOW, DOMAIN)
    change = Change(NOW, (include,))
    told = replay(
        rows, change, domain=DOMAIN, now=NOW, reader="rfc9989", world=World.from_zone(ZONE)
    )
    assert sum(one.newly_failing for one in told) == failing, reason


def test_the_step_of_today_stands_as_long_as_reports_tell(evidence):
    assert standing_since(NOW, evidence.reports(WINDOW, DOMAIN)) == WINDOW.since


def test_advice_from_a_store_is_ready_with_its_evidence(evidence):
    window = Window.last(30, LAST)
    rows = list(evidence.source_days(window, DOMAIN))
    seen = Seen(window, rows, sources_of(rows), evidence.reports(WINDOW, DOMAIN))
    told = advise(Known(NOW, "a test", complete=True), DOMAIN, seen, today=LAST)
    assert (told.ready, str(told.step)) == (
        True, "v=DMARC1; p=quarantine; t=y; rua=mailto:dmarc@example.com",
    )  # fmt: skip
    assert (told.basis.wanted.messages, told.basis.strangers.messages) == (3000, 1600)
    assert told.basis.reporters == ("big.example", "small.example")
    assert [one.sender.kind for one in told.harms if one.hit] == [Kind.STRANGER]


def test_remarks_out_of_a_store_tell_of_the_wave(evidence):
    found = {one.topic: one for one in remarks_on(DOMAIN, evidence, today=LAST)}
    assert set(found) == {Topic.NEW_SOURCE, Topic.JUMP}
    assert found[Topic.NEW_SOURCE].subject == FORGER
    assert found[Topic.JUMP].says == "800 messages that fail DMARC on 2026-05-30; 0 a day are usual"


def test_keys_are_told_with_their_first_and_last_day(evidence):
    (use,) = evidence.key_uses(WINDOW, DOMAIN)
    assert (use.dkim_domain, use.selector, use.passed) == (DOMAIN, "s1", 7200)
    assert (use.first, use.last) == (WINDOW.since, LAST)
    assert use.failed == 1800 + 1600
    assert evidence.key_uses(WINDOW, "other.example") == []


def test_replay_goes_on_where_retention_left_counts_alone(tmp_path):
    with Store(tmp_path / "reports.db") as store:
        store.keep(Arrival(text, "a test") for text in story(20))
        store.prune(LAST + timedelta(days=1))
        with store.evidence() as evidence:
            rows = list(evidence.source_days(WINDOW, DOMAIN))
        assert not any(row.detailed for row in rows)
        change = Change(changed_record(NOW, "p=reject"))
        told = replay(rows, change, domain=DOMAIN, now=NOW, reader="rfc9989")
    assert {one.ip: one.hit for one in told} == {OWN: 0, SHOP: 0, FORGER: 1600}

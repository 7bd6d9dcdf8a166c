"""Laws of what reports mean: replay, the ladder, counts."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.protocols import dmarc
from maildns.protocols.dmarc import READERS, Policy
from maildns.reports.ladder import height, next_step, record_seen
from maildns.reports.meaning import Kind, senders_of, sources_of
from maildns.reports.metrics import escaped
from maildns.reports.model import DkimAuth, Override, PublishedPolicy, SpfAuth, TlsFailure
from maildns.reports.remarks import Limits, changes, new_sources
from maildns.reports.replay import Change, replay
from maildns.reports.transport import standings
from maildns.reports.views import DomainDay, SourceDay, TlsDay

QUICK = settings(max_examples=200, deadline=None)
DOMAIN = "example.com"
END = date(2026, 5, 31)
RESULTS = st.sampled_from(["pass", "fail", "none", "temperror", "softfail", "gibberish", ""])
NAMES = st.sampled_from(
    [DOMAIN, "m.example.com", "x.m.example.com", "other.example", "", "not a name", "sendgrid.net"]
)
ALIGNED = st.sampled_from(["pass", "fail"])
ROWS = st.builds(
    SourceDay,
    st.just(DOMAIN),
    st.dates(date(2026, 1, 1), date(2026, 3, 1)),
    st.sampled_from(["r1.example", "r2.example", "r3.example"]),
    st.sampled_from(["192.0.2.1", "198.51.100.7", "2001:db8::1", "nonsense"]),
    st.integers(0, 1000),
    st.sampled_from(["none", "pass", "quarantine", "reject", "?"]),
    ALIGNED,
    ALIGNED,
    NAMES,
    st.just(""),
    st.lists(st.builds(DkimAuth, NAMES, st.just("s"), RESULTS), max_size=3).map(tuple),
    st.lists(
        st.builds(SpfAuth, NAMES, st.sampled_from(["mfrom", "helo", ""]), RESULTS), max_size=2
    ).map(tuple),
    st.lists(
        st.builds(
            Override,
            st.sampled_from(["mailing_list", "forwarded", "local_policy", "?"]),
            st.just(""),
        ),
        max_size=2,
    ).map(tuple),
    st.booleans(),
)
LISTS = st.lists(ROWS, max_size=12)
POLICY = st.sampled_from(list(Policy))
ALIGNMENT = st.sampled_from(["r", "s"])
RECORDS = st.builds(
    lambda p, sp, np, t, adkim, aspf, pct: dmarc.build(
        policy=p,
        subdomain_policy=sp,
        nonexistent_policy=np,
        testing=t,
        dkim_alignment=adkim,
        spf_alignment=aspf,
        percent=pct,
        reports_to=["a@example.com"],
    ),
    POLICY,
    st.none() | POLICY,
    st.none() | POLICY,
    st.booleans(),
    ALIGNMENT,
    ALIGNMENT,
    st.sampled_from([None, 0, 50, 100]),
)
READER = st.sampled_from(READERS)


def replayed(rows, then, now, reader):
    return replay(rows, Change(then), domain=DOMAIN, now=now, reader=reader)


@QUICK
@given(LISTS, RECORDS, READER)
def test_the_policy_of_today_changes_nothing(rows, record, reader):
    for source in replayed(rows, record, record, reader):
        assert source.before == source.after
        assert source.hit == source.freed == source.newly_failing == source.unsure == 0


@QUICK
@given(LISTS, RECORDS, READER)
def test_what_reporters_found_to_pass_passes_under_relaxed_alignment(rows, record, reader):
    relaxed = replace(
        record, dkim_alignment=dmarc.Alignment.RELAXED, spf_alignment=dmarc.Alignment.RELAXED
    )
    mail = [row for row in rows if row.passes and row.header_from in {DOMAIN, "m.example.com"}]
    for source in replayed(mail, relaxed, relaxed, reader):
        assert set(source.after) <= {Policy.NONE}


@QUICK
@given(LISTS, RECORDS, RECORDS, READER)
def test_a_stricter_policy_never_delivers_more(rows, record, other, reader):
    def at_least(mine, theirs):
        return max(mine, theirs, key=lambda one: one.rank)

    strict = replace(
        record,
        policy=at_least(record.policy, other.policy),
        subdomain_policy=at_least(record.for_subdomains, other.for_subdomains),
        nonexistent_policy=at_least(record.for_nonexistent, other.for_nonexistent),
        testing=record.testing and other.testing,
        percent=None,
        dkim_alignment=max(record.dkim_alignment, other.dkim_alignment),
        spf_alignment=max(record.spf_alignment, other.spf_alignment),
    )
    for source in replayed(rows, strict, record, reader):
        assert source.freed == 0


@QUICK
@given(LISTS, RECORDS, RECORDS, READER)
def test_no_message_is_lost_in_a_replay(rows, then, now, reader):
    told = replayed(rows, then, now, reader)
    assert sum(one.messages for one in told) == sum(row.messages for row in rows)
    for one in told:
        assert sum(one.before.values()) == sum(one.after.values()) == one.messages
        assert one.hit + one.freed <= one.messages
        assert one.lists <= one.hit


@QUICK
@given(LISTS, RECORDS, RECORDS, READER)
def test_the_order_of_rows_does_not_matter(rows, then, now, reader):
    assert replayed(rows, then, now, reader) == replayed(rows[::-1], then, now, reader)


@QUICK
@given(RECORDS, st.sampled_from([Policy.QUARANTINE, Policy.REJECT]))
def test_the_ladder_ends_and_each_step_is_stricter(record, goal):
    seen = [record]
    while (step := next_step(seen[-1], goal)) is not None:
        before = seen[-1]
        assert (
            height(step) > height(before) or step.for_subdomains.rank > before.for_subdomains.rank
        )
        assert step.for_subdomains.rank >= before.for_subdomains.rank
        assert step.for_nonexistent.rank >= before.for_nonexistent.rank
        assert step.aggregate_reports_to == record.aggregate_reports_to
        seen.append(step)
        assert len(seen) < 12
    assert seen[-1].policy.rank >= goal.rank


@QUICK
@given(RECORDS)
def test_a_report_that_says_all_gives_the_record_back(record):
    tags = dict(record.tags())
    published = PublishedPolicy(
        DOMAIN,
        str(record.policy),
        str(record.for_subdomains),
        str(record.for_nonexistent),
        str(record.dkim_alignment),
        str(record.spf_alignment),
        tags.get("pct", ""),
        testing="y" if record.testing else "n",
    )
    seen = record_seen(published)
    for said in ("policy", "for_subdomains", "for_nonexistent", "testing", "dkim_alignment"):
        assert getattr(seen, said) == getattr(record, said)


@QUICK
@given(LISTS)
def test_sources_hold_every_message_once(rows):
    sources = sources_of(rows)
    total = sum(row.messages for row in rows)
    assert sum(one.tally.messages for one in sources) == total
    assert sum(one.tally.messages for one in senders_of(sources)) == total
    assert sum(sent for one in sources for sent, _ in one.by_day.values()) == total
    for one in sources:
        assert 0 <= one.tally.passing <= one.tally.messages
        assert one.kind in Kind


DAYS = st.builds(
    TlsDay,
    st.sampled_from([DOMAIN, "mx.example.com"]),
    st.dates(date(2026, 1, 1), date(2026, 1, 9)),
    st.just("r1.example"),
    st.sampled_from(["sts", "tlsa", "no-policy-found", "?"]),
    st.integers(0, 100),
    st.integers(0, 100),
    st.lists(st.sampled_from(["version: STSv1", "mode: enforce", "mx: *.example.com", "{x}"])).map(
        tuple
    ),
    st.just(()),
    st.lists(
        st.builds(
            TlsFailure,
            st.sampled_from(["certificate-expired", "certificate-host-mismatch", "{0}", ""]),
            st.integers(0, 100),
            receiving_host=st.sampled_from(["", "mx.example.com", "{domain}", "a b"]),
        ),
        max_size=3,
    ).map(tuple),
)


@QUICK
@given(st.lists(DAYS, max_size=8))
def test_tls_sessions_are_counted_once_whatever_reporters_write(days):
    told = standings(days)
    assert sum(one.successful for one in told) == sum(day.successful for day in days)
    assert sum(one.failed for one in told) == sum(day.failed for day in days)
    for one in told:
        assert one.unexplained >= 0
        assert all(trouble.first <= trouble.last for trouble in one.troubles)


COUNTS = st.lists(st.integers(0, 3000), min_size=0, max_size=60)


@QUICK
@given(COUNTS, COUNTS)
def test_changes_are_at_most_a_jump_and_a_drop_with_true_numbers(sent, passing):
    days = [
        DomainDay(DOMAIN, END - timedelta(days=at), count, min(good, count), 0, 0, 0, 0)
        for at, (count, good) in enumerate(zip(sent, passing, strict=False))
    ]
    found = list(changes(DOMAIN, days, END, Limits()))
    assert len({one.topic for one in found}) == len(found) <= 2
    assert all(one.day <= END and one.mend for one in found)


@QUICK
@given(st.integers(0, 3000), st.integers(28, 60))
def test_what_is_the_same_each_day_is_no_change(count, days):
    same = [
        DomainDay(DOMAIN, END - timedelta(days=at), count, count // 2, 0, 0, 0, 0)
        for at in range(days)
    ]
    assert list(changes(DOMAIN, same, END, Limits())) == []


@QUICK
@given(LISTS, st.dictionaries(st.sampled_from(["192.0.2.1", "2001:db8::1"]), st.dates(END, END)))
def test_new_senders_are_told_once_each(rows, first_seen):
    seen = {**first_seen, "203.0.113.1": END - timedelta(days=99)}
    found = list(new_sources(sources_of(rows), seen, END, Limits()))
    keys = [(one.topic, one.domain, one.subject) for one in found]
    assert len(keys) == len(set(keys))


@QUICK
@given(st.text(max_size=60))
def test_any_text_stays_within_its_label(text):
    inner = escaped(text)
    assert "\n" not in inner
    assert re.fullmatch(r'(?:[^"\\\n]|\\.)*', inner, re.DOTALL)

"""The ladder to a strict policy: its steps, when one is safe, and what speaks against it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from report_rows import DOMAIN, TODAY, daily, policy, report, row

from maildns.ask import Outcome
from maildns.net.world import World
from maildns.protocols import dmarc
from maildns.protocols.dmarc import Policy
from maildns.reports.advice import Known, Seen, Thresholds, advise
from maildns.reports.ladder import next_step, record_seen, standing_since
from maildns.reports.meaning import sources_of
from maildns.reports.views import Window
from maildns.reports.who import Naming

RUA = "rua=mailto:dmarc@example.com"
OWN, SHOP, FORGER = "192.0.2.1", "198.51.100.7", "203.0.113.77"
WINDOW = Window.last(30, TODAY)


def record(text):
    return dmarc.parse(f"v=DMARC1; {text}")


STEPS = [
    # the record of today, the goal, the next step, reason
    ("p=none", "reject", "p=quarantine; t=y", "watched long enough: test"),
    ("p=quarantine; t=y", "reject", "p=quarantine", "the test is over"),
    ("p=quarantine", "reject", "p=reject", "and then the top"),
    ("p=reject", "reject", None, "nothing is above"),
    ("p=quarantine", "quarantine", None, "where the owner wants to stay"),
    ("p=reject", "quarantine", None, "a goal below never makes it milder"),
    ("p=reject; t=y", "reject", "p=reject", "a test of the last step is a step"),
    ("p=quarantine; pct=50", "reject", "p=quarantine", "a share is not all: first all of it"),
    ("p=none; pct=50", "reject", "p=quarantine; t=y", "a share of none is none"),
    ("p=reject; pct=100", "reject", None, "a share of all is all"),
    ("p=reject; sp=none", "reject", "p=reject; sp=quarantine", "subdomains follow, step by step"),
    ("p=reject; sp=quarantine", "reject", "p=reject", "until they need no word of their own"),
    ("p=none; sp=none", "reject", "p=quarantine; sp=none; t=y", "sp stays where its owner put it"),
    ("p=none; sp=reject", "reject", "p=quarantine; sp=reject; t=y", "sp that is ahead stays ahead"),
    (
        "p=none; np=reject",
        "reject",
        "p=quarantine; np=reject; t=y",
        "np=reject stands from the start",
    ),
    ("p=quarantine; sp=reject", "reject", "p=reject", "p has caught up"),
    ("p=none; adkim=s; fo=1", "reject", "p=quarantine; t=y; adkim=s; fo=1", "all else is kept"),
]


@pytest.mark.parametrize("now, goal, then, reason", STEPS)
def test_each_step_is_the_next_stricter_one(now, goal, then, reason):
    step = next_step(record(f"{now}; {RUA}"), Policy(goal))
    wanted = None if then is None else record(f"{then}; {RUA}")
    assert step == wanted or (step and wanted and step.for_subdomains == wanted.for_subdomains), (
        reason
    )
    if wanted is not None:
        assert (step.policy, step.testing, step.percent) == (wanted.policy, wanted.testing, None), (
            reason
        )
        assert step.aggregate_reports_to == wanted.aggregate_reports_to, reason


SEEN = [
    ("p=none; sp=none; np=none", "p=none", "reporters repeat what p says"),
    ("p=reject; sp=quarantine; np=quarantine", "p=reject; sp=quarantine", "np is sp's shadow here"),
    ("p=reject; sp=quarantine; np=reject", "p=reject; sp=quarantine; np=reject", "np is its own"),
    ("p=none; pct=100", "p=none", "all is the default"),
    ("p=quarantine; t=y", "p=quarantine; t=y", "a test that the reporter knows"),
    ("p=nonsense", "p=none", "what no reader takes"),
    ("sp=reject", "p=none", "no p at all"),
]


@pytest.mark.parametrize("published, now, reason", SEEN)
def test_the_record_is_read_out_of_a_report(published, now, reason):
    assert record_seen(policy(published)) == record(now), reason


def days_ago(days):
    return TODAY - timedelta(days=days)


STANDING = [
    ("p=none", daily(40), days_ago(39), "always seen"),
    ("p=none", [], None, "no report, no evidence"),
    ("p=reject", daily(5), None, "described, and not published yet"),
    (
        "p=quarantine",
        daily(40, until=days_ago(10)) + daily(10, "p=quarantine"),
        days_ago(9),
        "a step",
    ),
    ("p=quarantine; t=y", daily(9, "p=quarantine; t=y"), days_ago(8), "a test, seen as one"),
    ("p=quarantine; t=y", daily(9, "p=quarantine"), days_ago(8), "RFC 7489 has no word for a test"),
    ("p=quarantine", daily(9, "p=quarantine; t=y"), None, "the test is still seen"),
    ("p=reject; sp=reject", daily(9, "p=reject"), days_ago(8), "sp that says what p says"),
    ("p=reject; sp=none", daily(9, "p=reject"), None, "sp is another one"),
    (
        "p=quarantine; pct=50",
        daily(9, "p=quarantine"),
        days_ago(8),
        "RFC 9990 has no word for a share",
    ),
    (
        "p=reject",
        [
            *daily(9, "p=reject"),
            *daily(9, "p=reject", reporter="r2.example"),
            *daily(9, reporter="late.example"),
        ],
        days_ago(8),
        "one reporter of three is wrong for ever",
    ),
]


@pytest.mark.parametrize("now, reports, since, reason", STANDING)
def test_a_step_stands_since_reports_see_it(now, reports, since, reason):
    assert standing_since(record(now), reports) == since, reason


# --- advice ---------------------------------------------------------------------------


def good(messages=100, **columns):
    return row(OWN, messages, dkim=DOMAIN, spf="b.example.com", **columns)


def advised(
    rows, now="p=none", *, reports=None, goal=Policy.REJECT, world=None, naming=None, **limits
):
    """Advice for *rows*, where the step of today has stood for 60 days."""
    told = daily(60, now) if reports is None else reports
    known = Known(record(f"{now}; {RUA}"), "a test", complete=True)
    seen = Seen(WINDOW, rows, sources_of(rows, naming or Naming()), told)
    return advise(
        known, DOMAIN, seen, today=TODAY, goal=goal, thresholds=Thresholds(**limits), world=world
    )


def test_where_all_own_mail_passes_the_step_is_safe_and_forgers_are_hit():
    told = advised([good(), row(FORGER, 500)])
    assert told.ready
    assert str(told.step) == f"v=DMARC1; p=quarantine; t=y; {RUA}"
    assert [(one.sender.title, one.hit) for one in told.harms if one.hit] == [
        ("unknown sources", 500)
    ]
    assert (told.basis.wanted.messages, told.basis.strangers.messages) == (100, 500)
    assert (told.basis.days_covered, told.basis.reports, told.basis.since) == (30, 30, days_ago(59))


OWN_SHOP = Naming(own={SHOP: "shop.example.com"})
WORDS = [
    # rows, the record of today, further arguments, what is said against, reason
    ([], "p=none", {"reports": []}, "there are no reports", "flying blind"),
    ([good()], "p=none", {"reports": daily(50, until=days_ago(8))}, "8 days ago", "they stopped"),
    ([good()], "p=none", {"reports": daily(10)}, "only 10 of the last 30 days", "too early"),
    (
        [good(), row(SHOP, 50)],
        "p=none",
        {"naming": OWN_SHOP},
        "50 of 50 messages of shop.example.com (100 %)",
        "an own server that nobody set up",
    ),
    (
        [good(), row(SHOP, 5, dkim="sendgrid.net")],
        "p=none",
        {},
        "5 of 5 messages of Twilio SendGrid",
        "a service that somebody ordered",
    ),
    (
        [good(), row(SHOP, 50, dkim="newsletter.example")],
        "p=none",
        {},
        "50 of 50 messages of newsletter.example",
        "it may be a newsletter of ours",
    ),
    (
        [row(OWN, 100, spf="b.example.com")],
        "p=quarantine",
        {},
        "only 0 % of your mail is signed",
        "RFC 9989 section 8: reject needs DKIM",
    ),
    (
        [good(), row(SHOP, 5, override="mailing_list")],
        "p=quarantine",
        {},
        "5 messages that lists and forwarders passed on",
        "RFC 9989 section 7.4",
    ),
]


@pytest.mark.parametrize("rows, now, more, said, reason", WORDS)
def test_what_speaks_against_a_step_is_said_with_its_mend(rows, now, more, said, reason):
    told = advised(rows, now, **more)
    against = [one for one in told.against if said in one.says]
    assert against, (reason, told.against)
    assert all(one.mend for one in against)
    assert not told.ready


FINE = [
    ([good(), row(SHOP, 1, dkim="newsletter.example")], "p=none", "one mail of somebody unknown"),
    ([good(1000), row(SHOP, 5, override="mailing_list")], "p=quarantine", "0.5 % by lists: few"),
    ([good(), row(SHOP, 5, override="mailing_list")], "p=none", "lists do not hold quarantine up"),
    ([good(99), row(OWN, 1)], "p=none", "1 % of an own server is less than the threshold"),
    ([good(), row(SHOP, 50, dkim=DOMAIN)], "p=quarantine", "a forwarder whose mail passes"),
]


@pytest.mark.parametrize("rows, now, reason", FINE)
def test_what_harms_nobody_holds_nothing_up(rows, now, reason):
    assert advised(rows, now).ready, reason


def test_a_step_waits_until_the_one_before_has_stood_a_month():
    told = advised(
        [good()],
        "p=quarantine; t=y",
        reports=daily(50, until=days_ago(20)) + daily(20, "p=quarantine; t=y"),
    )
    assert not told.against
    assert (told.ready, told.not_before) == (False, days_ago(19) + timedelta(days=30))


def test_the_owner_says_that_a_stranger_is_one():
    rows = [good(), row(SHOP, 50, dkim="newsletter.example")]
    from ipaddress import ip_network

    assert advised(rows, naming=Naming(strangers=(ip_network("198.51.100.0/24"),))).ready


def test_where_the_dns_is_silent_no_step_is_safe():
    world = World()
    for owner in ("_dmarc.com", "_dmarc.b.example.com", "_dmarc.s.example.com"):
        world.fail(owner, Outcome.UNREACHABLE)
    told = advised([row(OWN, 100, spf="b.example.com", header_from="s.example.com")], world=world)
    assert [one.says for one in told.against] == [
        "the DNS did not say what would become of 100 messages of yours"
    ]


def test_at_the_top_nothing_is_advised_but_what_is_beside_the_ladder():
    told = advised([good()], "p=reject")
    assert (told.step, told.not_before, told.ready, told.against) == (None, None, False, ())
    assert [one.tag for one in told.further] == ["adkim=s", "aspf=s"]


def rolled_up(**columns):
    return row(OWN, 9, **columns)._replace(detailed=False, dkim=(), spf=())


FURTHER = [
    # rows, tag, safe, reason
    ([good()], "adkim=s", True, "signed by the very domain"),
    ([good()], "aspf=s", True, "the signature carries it where the envelope is another name"),
    ([row(OWN, 9, dkim="m.example.com")], "adkim=s", False, "signed by a subdomain alone"),
    ([row(OWN, 9, spf="b.example.com")], "aspf=s", False, "by the envelope of a subdomain alone"),
    ([row(OWN, 9, spf=DOMAIN)], "aspf=s", True, "the envelope is the very domain"),
    ([rolled_up(spf=DOMAIN)], "aspf=s", False, "details are gone: nobody can say"),
    ([rolled_up(spf=DOMAIN)], "adkim=s", True, "SPF carries it, and is not touched"),
    ([rolled_up(spf=DOMAIN, dkim=DOMAIN)], "aspf=s", True, "DKIM carries it"),
]


@pytest.mark.parametrize("rows, tag, safe, reason", FURTHER)
def test_strict_alignment_is_safe_where_nothing_passes_by_a_subdomain_alone(
    rows, tag, safe, reason
):
    found = {one.tag: one for one in advised(rows, "p=reject").further}
    assert found[tag].safe is safe, reason
    assert tag in str(found[tag].record)


MISSING = [
    ([good()], None, True, "all mail is of a name that exists"),
    (
        [good(), row(OWN, 9, header_from="sub.example.com")],
        None,
        False,
        "nobody asked whether it exists",
    ),
    (
        [good(), row(OWN, 9, header_from="sub.example.com")],
        "sub.example.com. IN A 192.0.2.1",
        True,
        "it does",
    ),
    (
        [good(), row(OWN, 9, header_from="sub.example.com")],
        "other.example.com. IN A 192.0.2.1",
        False,
        "it does not",
    ),
    ([good(), row(FORGER, 90, header_from="x.example.com")], None, True, "forged"),
]


@pytest.mark.parametrize("rows, zone, safe, reason", MISSING)
def test_np_reject_is_safe_where_no_wanted_mail_is_of_a_name_that_does_not_exist(
    rows, zone, safe, reason
):
    world = World.from_zone(zone) if zone else None
    (np,) = (one for one in advised(rows, world=world).further if one.tag == "np=reject")
    assert np.safe is safe, reason


NOTES = [
    (
        {"rows": [good(1000)]},
        "receivers of the older RFC 7489 do not know t=y",
        "a test is none to them",
    ),
    ({"rows": [good(5)]}, "which is little", "few messages"),
    ({"rows": [good()], "now": "p=quarantine; pct=50"}, "pct=50 is gone", "a share is history"),
    (
        {"rows": [good()], "now": "p=none; np=reject"},
        "while t=y stands, reject",
        "t=y lowers np too",
    ),
    (
        {"rows": [good()], "reports": [*daily(59), report(TODAY, authentication="fail")]},
        "1 of 31 reports came by mail that fails DMARC",
        "anybody may have written it",
    ),
    ({"rows": [good()]}, "all reports are of one reporter", "others see other mail"),
]


@pytest.mark.parametrize("given, said, reason", NOTES)
def test_what_is_worth_knowing_is_noted(given, said, reason):
    notes = advised(given.pop("rows"), given.pop("now", "p=none"), **given).notes
    assert any(said in one.says for one in notes), (reason, notes)


def test_evidence_is_of_the_window_alone():
    old = report(date(2025, 1, 1), reporter="gone.example")
    told = advised([good()], reports=[old, *daily(60)])
    assert (told.basis.reports, told.basis.reporters) == (30, ("r1.example",))

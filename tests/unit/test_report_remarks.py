"""What is remarked about reports, and what is no news."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

import pytest
from report_rows import DOMAIN, TODAY, daily, row

from maildns.net.drivers import run
from maildns.net.world import World
from maildns.reports.meaning import sources_of
from maildns.reports.model import TlsFailure
from maildns.reports.published import MAX_KEYS, KeyState, Published, look_up
from maildns.reports.remarks import (
    Limits,
    Topic,
    changes,
    idle_includes,
    idle_keys,
    key_ages,
    missing_keys,
    new_sources,
    remarks_on,
    silences,
    tls_troubles,
)
from maildns.reports.transport import standings
from maildns.reports.views import DomainDay, KeyUse, TlsDay, Window
from maildns.reports.who import Naming

IP, OLD = "203.0.113.77", "192.0.2.1"
LIMITS = Limits()


def ago(days):
    return TODAY - timedelta(days=days)


# --- new sources ----------------------------------------------------------------------

NEW = [
    # rows, first seen, what is known, remarks (subject, urgent), reason
    ([row(IP, 60)], {IP: ago(2), OLD: ago(60)}, {}, [(IP, False)], "a forger, and much of it"),
    ([row(IP, 5)], {IP: ago(2), OLD: ago(60)}, {}, [], "a few forged mails come each day"),
    ([row(IP, 60)], {IP: ago(20), OLD: ago(60)}, {}, [], "met before"),
    ([row(IP, 60)], {IP: ago(2), OLD: ago(10)}, {}, [], "to a young store all are new"),
    ([row(IP, 60, dkim=DOMAIN)], {IP: ago(2), OLD: ago(60)}, {}, [], "its mail passes"),
    ([row(IP, 60, override="mailing_list")], {IP: ago(2), OLD: ago(60)}, {}, [], "a list"),
    (
        [row(IP, 3)],
        {IP: ago(2), OLD: ago(60)},
        {"hosts": {IP: "o1.sendgrid.net"}},
        [("Twilio SendGrid", True)],
        "a service that somebody ordered, from its first mails on",
    ),
    (
        [row(f"203.0.113.{at}", 2) for at in range(1, 41)],
        {f"203.0.113.{at}": ago(1) for at in range(1, 41)} | {OLD: ago(60)},
        {},
        [("unknown sources", False)],
        "forty strangers are one remark",
    ),
]


@pytest.mark.parametrize("rows, first_seen, known, remarks, reason", NEW)
def test_new_senders_are_remarked_when_their_mail_fails(rows, first_seen, known, remarks, reason):
    found = list(new_sources(sources_of(rows, Naming(**known)), first_seen, TODAY, LIMITS))
    assert [(one.subject, one.urgent) for one in found] == remarks, reason
    assert all(one.mend and one.evidence and one.topic is Topic.NEW_SOURCE for one in found)


# --- changes --------------------------------------------------------------------------


def series(counts, failing=None):
    """Daily counts, the last one of today; *failing* likewise, none where it is left out."""
    bad = failing or [0] * len(counts)
    return [
        DomainDay(DOMAIN, ago(len(counts) - 1 - at), sent, sent - fail, 0, 0, 0, 0)
        for at, (sent, fail) in enumerate(zip(counts, bad, strict=True))
    ]


FLAT = [100] * 35
TUESDAYS = [2000 if at % 7 == 6 else 10 for at in range(35)]
CHANGES = [
    # days, topics, reason
    (series(FLAT), [], "nothing happens"),
    (series([*FLAT, 900], [*[5] * 35, 800]), [(Topic.JUMP, "messages that fail DMARC")], "a wave"),
    (series([*FLAT, 900]), [(Topic.JUMP, "messages")], "a wave of mail that passes"),
    (series([*FLAT, 140], [*[0] * 35, 40]), [], "forty are few"),
    (series([*FLAT, 300], [*[60] * 35, 200]), [], "three times as much is not four times"),
    (series(TUESDAYS, TUESDAYS), [], "what comes each Tuesday is no news"),
    (series([100] * 5 + [900]), [], "five days tell of no habit"),
    (series([*[200] * 30, *[5] * 9]), [(Topic.DROP, "messages that pass DMARC")], "mail stops"),
    (series([*[5] * 30, *[0] * 9]), [], "little mail tells of nothing"),
    (series([*[200] * 33, 0, 0]), [], "of the last two days not all reports are there"),
    ([], [], "no report"),
]


@pytest.mark.parametrize("days, topics, reason", CHANGES)
def test_sudden_changes_are_remarked_and_habits_are_not(days, topics, reason):
    found = list(changes(DOMAIN, days, TODAY, LIMITS))
    assert [(one.topic, one.subject) for one in found] == topics, reason
    assert all(one.mend for one in found)


def test_a_jump_is_told_of_its_own_day():
    (jump,) = changes(DOMAIN, series([*FLAT, 900, 100]), TODAY, LIMITS)
    assert (jump.day, jump.says) == (ago(1), "900 messages on 2026-05-30; 100 a day are usual")


# --- silence --------------------------------------------------------------------------

SILENCES = [
    (daily(40), [], "reports come"),
    ([], [], "a domain that never had any"),
    (daily(40, until=ago(3)), [], "three days late"),
    (daily(40, until=ago(4)), ["all reporters"], "nobody writes"),
    (
        daily(60) + daily(40, until=ago(5), reporter="gone.example"),
        ["gone.example"],
        "one of two writes no more",
    ),
    (daily(60) + daily(3, until=ago(5), reporter="rare.example"), [], "one who wrote thrice"),
    (daily(90) + daily(40, until=ago(40), reporter="gone.example"), [], "long ago is old news"),
]


@pytest.mark.parametrize("reports, subjects, reason", SILENCES)
def test_silence_is_remarked_of_those_who_used_to_write(reports, subjects, reason):
    found = list(silences(DOMAIN, reports, TODAY, LIMITS))
    assert [one.subject for one in found] == subjects, reason


# --- keys and includes ----------------------------------------------------------------

ZONE = """\
example.com.                   IN TXT "v=spf1 ip4:192.0.2.0/24 include:shop.example include:idle.example ?include:maybe.example -all"
shop.example.                  IN TXT "v=spf1 ip4:198.51.100.0/24 include:deep.example ~all"
deep.example.                  IN TXT "v=spf1 ip6:2001:db8::/32 -all"
idle.example.                  IN TXT "v=spf1 ip4:100.64.0.0/10 -all"
maybe.example.                 IN TXT "v=spf1 ip4:203.0.113.0/24 -all"
new._domainkey.example.com.    IN TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
old._domainkey.example.com.    IN TXT "v=DKIM1; p="
odd._domainkey.example.com.    IN TXT "v=DKIM1; p=!"
"""
PAIRS = [(DOMAIN, one) for one in ("new", "old", "odd", "none", "", "a b")]


@pytest.fixture(scope="module")
def published():
    return run(look_up(DOMAIN, PAIRS), World.from_zone(ZONE))


def test_what_is_published_is_read_term_by_term(published):
    assert published.sure
    assert dict(published.terms) == {
        "ip4:192.0.2.0/24": (ip_network("192.0.2.0/24"),),
        "include:shop.example": (ip_network("198.51.100.0/24"), ip_network("2001:db8::/32")),
        "include:idle.example": (ip_network("100.64.0.0/10"),),
        "?include:maybe.example": (),
    }


def test_keys_are_published_revoked_missing_or_not_known(published):
    states = {selector: state for (_, selector), state in published.keys.items()}
    assert states["new"] is KeyState.PUBLISHED
    assert states["old"] is KeyState.REVOKED
    assert states["odd"] is KeyState.UNKNOWN
    assert states["none"] is KeyState.MISSING
    assert "" not in states


def test_a_record_that_lets_the_whole_world_send_names_nobody():
    world = World.from_zone('example.com. IN TXT "v=spf1 ip4:0.0.0.0/0 ip6:::/0 +all"')
    assert all(not networks for _, networks in run(look_up(DOMAIN), world).terms)


def test_selectors_that_were_invented_by_the_thousand_are_not_all_asked_for():
    pairs = [(DOMAIN, f"s{at}") for at in range(5000)]
    found = run(look_up(DOMAIN, pairs), World.from_zone(ZONE))
    assert len(found.keys) == MAX_KEYS


def use(selector, passed=10, failed=0, *, first=30, last=1, domain=DOMAIN):
    return KeyUse(domain, selector, passed, failed, ago(first), ago(last))


MISSING = [
    (use("new"), [], "there"),
    (use("none"), ["none._domainkey.example.com"], "gone, and mail was signed with it yesterday"),
    (use("old"), ["old._domainkey.example.com"], "revoked likewise"),
    (use("none", last=20), [], "nothing signs with it any more"),
    (use("none", passed=0, failed=9), [], "it never passed: a forger's invention"),
    (use("odd"), [], "it cannot be known"),
    (use("none", domain="other.example"), [], "another's key"),
]


@pytest.mark.parametrize("one, owners, reason", MISSING)
def test_a_key_that_signs_and_is_gone_is_remarked(published, one, owners, reason):
    found = list(missing_keys([one], published, TODAY, LIMITS))
    assert [remark.subject for remark in found] == owners, reason


NEVER = [
    ({OLD: "mail.example.com"}, 1, "a server of ours signs with a key that was never published"),
    ({}, 0, "a forger invents a selector"),
]


@pytest.mark.parametrize("own, count, reason", NEVER)
def test_a_key_that_never_was_there_is_remarked_of_own_servers(published, own, count, reason):
    rows = [row(OLD, 40, dkim="!example.com", selector="none")]
    sources = sources_of(rows, Naming(own=own))
    uses = [use("none", passed=0, failed=40)]
    found = list(missing_keys(uses, published, TODAY, LIMITS, sources))
    assert len(found) == count, reason
    assert all("mail of yours is signed with none._domainkey" in one.says for one in found)


IDLE = [
    ([use("new")], [], "in use"),
    ([], ["new._domainkey.example.com"], "no mail at all"),
    ([use("new", passed=0, failed=5)], ["new._domainkey.example.com"], "no mail that passes"),
]


@pytest.mark.parametrize("uses, owners, reason", IDLE)
def test_a_key_that_no_mail_uses_is_remarked_where_it_is_published(published, uses, owners, reason):
    configured = [(DOMAIN, "new"), (DOMAIN, "none")]
    found = list(idle_keys(uses, published, configured, TODAY, LIMITS))
    assert [remark.subject for remark in found] == owners, reason


AGES = [
    (use("s", first=500), 1, "more than a year"),
    (use("s", first=300), 0, "less"),
    (use("s", first=900, last=30), 0, "out of use"),
    (use("s", first=500, domain="other.example"), 0, "another's"),
    (use("s", passed=0, failed=3, first=500), 0, "it never passed"),
]


@pytest.mark.parametrize("one, count, reason", AGES)
def test_a_key_that_signs_for_long_is_old(one, count, reason):
    assert len(list(key_ages([one], DOMAIN, TODAY, LIMITS))) == count, reason


INCLUDES = [
    ([row("198.51.100.9", spf=DOMAIN), row("100.64.0.9", spf=DOMAIN)], [], "both are used"),
    ([row("2001:db8::9", spf=DOMAIN), row("100.64.0.9", spf=DOMAIN)], [], "by IPv6, deep below"),
    ([row("198.51.100.9", spf=DOMAIN)], ["include:idle.example"], "one is not"),
    (
        [row("198.51.100.9", spf=DOMAIN), row("100.64.0.9", spf="idle.example")],
        ["include:idle.example"],
        "its servers send by their own envelope: that is their record",
    ),
    (
        [row("198.51.100.9", spf=DOMAIN), row("100.64.0.9", spf="b.example.com")],
        ["include:idle.example"],
        "a subdomain has a record of its own",
    ),
    (
        [
            row("198.51.100.9", spf=DOMAIN),
            row("100.64.0.9", spf=DOMAIN)._replace(detailed=False, spf=()),
        ],
        [],
        "rolled up, and perhaps its work",
    ),
]


@pytest.mark.parametrize("rows, terms, reason", INCLUDES)
def test_an_include_that_no_mail_used_is_remarked(published, rows, terms, reason):
    found = list(idle_includes(sources_of(rows), published, TODAY, LIMITS))
    assert [one.subject for one in found] == terms, reason
    assert all("--without-include idle.example" in one.mend for one in found)


def test_nothing_is_called_idle_where_the_dns_was_silent():
    unsure = Published(
        DOMAIN, (("include:idle.example", (ip_network("100.64.0.0/10"),)),), sure=False
    )
    assert list(idle_includes([], unsure, TODAY, LIMITS)) == []


# --- TLS ------------------------------------------------------------------------------


def test_tls_failures_are_told_with_the_record_or_certificate_at_fault():
    failure = TlsFailure("certificate-expired", 7, receiving_host="mx.example.com")
    days = [TlsDay(DOMAIN, TODAY, "r1.example", "sts", 90, 7, failures=(failure,))]
    (remark,) = tls_troubles(standings(days))
    assert (remark.subject, remark.urgent) == ("certificate-expired at mx.example.com", True)
    assert remark.evidence[0] == "the certificate of mx.example.com (RFC 8460 section 4.3)"


# --- together -------------------------------------------------------------------------


class Told:
    """Evidence that is all in this table."""

    def __init__(self, rows, reports, uses=(), first_seen=None):
        self.rows, self.told, self.uses = rows, reports, list(uses)
        self.seen = first_seen or {}

    def source_days(self, window, domain="", source_ip=""):
        return iter(one for one in self.rows if one.day in window)

    def domain_days(self, window, domain=""):
        return []

    def reports(self, window, domain=""):
        return [one for one in self.told if one.begin.date() in window]

    def key_uses(self, window, domain):
        return self.uses

    def tls_days(self, window, domain=""):
        return []

    def first_seen(self, domain):
        return self.seen


ROWS = [row("198.51.100.9", spf=DOMAIN, dkim=DOMAIN)]


def test_of_few_reports_nothing_is_called_idle(published):
    few = Told(ROWS, daily(30))
    assert remarks_on(DOMAIN, few, today=TODAY, published=published) == []


def test_of_a_quarter_years_reports_what_is_idle_is_told(published):
    found = remarks_on(DOMAIN, Told(ROWS, daily(90)), today=TODAY, published=published)
    assert [one.subject for one in found] == ["include:idle.example", "new._domainkey.example.com"]


def test_without_the_dns_nothing_is_said_of_it():
    assert remarks_on(DOMAIN, Told(ROWS, daily(90)), today=TODAY) == []


def test_what_is_urgent_comes_first(published):
    uses = [use("none"), use("new", first=500)]
    found = remarks_on(DOMAIN, Told(ROWS, daily(90), uses), today=TODAY, published=published)
    assert [one.topic for one in found] == [Topic.MISSING_KEY, Topic.IDLE_INCLUDE, Topic.OLD_KEY]


def test_the_window_of_idleness_is_a_quarter_of_a_year():
    assert Window.last(LIMITS.idle_days, TODAY).days == 90

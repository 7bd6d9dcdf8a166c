"""What kind of source the reports make of an address, and what it is called."""

from __future__ import annotations

from datetime import date, timedelta
from ipaddress import ip_network

import pytest
from report_rows import DOMAIN, TODAY, row

from maildns.reports.geography import Place
from maildns.reports.known import Role, known_senders, sender_of_name
from maildns.reports.meaning import Kind, Tally, senders_of, sources_of
from maildns.reports.views import Window
from maildns.reports.who import Naming, networks

IP = "198.51.100.7"
THREE = ("r1.example", "r2.example", "r3.example")


def of(*rows, **known):
    (source,) = sources_of(rows, Naming(**known))
    return source


def many(reporters=THREE, **columns):
    return [row(IP, reporter=reporter, **columns) for reporter in reporters]


HOSTS = {
    "sendgrid": {"hosts": {IP: "o1.ptr.sendgrid.net"}},
    "google": {"hosts": {IP: "mail-sor-f41.google.com"}},
    "list": {"hosts": {IP: "lists.sourceforge.net"}},
}
KINDS = [
    # rows, what is known beforehand, kind, reason
    (many(dkim=DOMAIN), {}, Kind.OURS, "all signed with our key, to receivers of many kinds"),
    (many(spf="bounce.example.com"), {}, Kind.OURS, "the SPF record of a name of ours permits it"),
    (
        many(dkim=DOMAIN, reporters=THREE[:1]),
        {},
        Kind.FORWARDER,
        "signed by us, met at one receiver",
    ),
    (
        many(dkim=DOMAIN, spf="!example.com"),
        HOSTS["google"],
        Kind.FORWARDER,
        "our signature survives at a provider of mailboxes, which forwards",
    ),
    (
        many(dkim="!example.com", reporters=THREE[:1]),
        HOSTS["google"],
        Kind.FORWARDER,
        "a signature of ours that broke on the way",
    ),
    (
        many(dkim="!example.com"),
        {},
        Kind.STRANGER,
        "anybody can add a signature that does not verify",
    ),
    (many(override="mailing_list"), {}, Kind.LIST, "the reporters know it for a list"),
    (many(override="forwarded"), {}, Kind.FORWARDER, "RFC 7489's word for it"),
    (many(override="trusted_forwarder"), {}, Kind.FORWARDER, "RFC 9990's word for it"),
    (many(override="local_policy"), {}, Kind.STRANGER, "which says nothing of the way"),
    (
        [row(IP, 1000), row(IP, 1, override="mailing_list")],
        {},
        Kind.STRANGER,
        "one guess of one reporter does not turn a thousand forged mails into a list's",
    ),
    (
        [row(IP, 1000), row(IP, 1, dkim=DOMAIN)],
        {},
        Kind.STRANGER,
        "one signed mail, sent again by a forger, does not make him a forwarder",
    ),
    (many(), HOSTS["sendgrid"], Kind.NOT_SET_UP, "sends on order; nobody set it up"),
    (many(dkim=DOMAIN), HOSTS["sendgrid"], Kind.SERVICE, "sends on order, with our signature"),
    (many(spf=DOMAIN), HOSTS["sendgrid"], Kind.SERVICE, "sends on order, permitted by SPF"),
    (many(), {}, Kind.STRANGER, "proves nothing at all"),
    (
        many(dkim="newsletter.example", spf="newsletter.example"),
        {},
        Kind.UNDECIDED,
        "proves to be somebody else's, who may send for us",
    ),
    (
        [row(IP, 10, spf="a.example"), row(IP, 90)],
        {},
        Kind.STRANGER,
        "most of it proves nothing",
    ),
    (
        many(dkim="newsletter.example"),
        {"strangers": (ip_network("198.51.100.0/24"),)},
        Kind.STRANGER,
        "the owner's word against it",
    ),
    (
        many(),
        {"operator": networks([("198.51.100.0/24", "the shop")])},
        Kind.OURS,
        "the owner's word for it, though nothing passes",
    ),
    (many(), {"own": {IP: "mail.example.com"}}, Kind.OURS, "a server of the description"),
]


@pytest.mark.parametrize("rows, known, kind, reason", KINDS)
def test_forwarders_lists_and_services_are_told_from_forgers(rows, known, kind, reason):
    assert of(*rows, **known).kind is kind, reason


def test_spf_of_the_helo_alone_proves_nothing():
    one = row(IP, spf="mail.other.example")
    rows = [one._replace(spf=(one.spf[0]._replace(scope="helo"),))]
    assert of(*rows).kind is Kind.STRANGER  # RFC 9989 section 4.4.2


INCLUDES = {
    DOMAIN: (
        (ip_network("198.51.100.0/24"), "include:sendgrid.net"),
        (ip_network("198.51.100.0/28"), "redirect=spf.mailjet.com"),
        (ip_network("192.0.2.0/24"), "ip4:192.0.2.0/24"),
        (ip_network("203.0.113.0/24"), "include:spf.nobody.example"),
    )
}
NAMES = [
    ("198.51.100.99", {}, "Twilio SendGrid", True, "the include of a known service"),
    ("198.51.100.7", {}, "Mailjet", True, "the narrower network wins; a redirect leads there too"),
    (
        "192.0.2.9",
        {"192.0.2.9": "out.example.com"},
        "out.example.com",
        True,
        "an own network, by host",
    ),
    ("192.0.2.8", {}, "192.0.2.8", True, "an own network, by address"),
    ("203.0.113.5", {}, "spf.nobody.example", True, "an include that nobody knows"),
    (
        "100.64.0.1",
        {"100.64.0.1": "o9.sendgrid.net"},
        "Twilio SendGrid",
        False,
        "by its confirmed name",
    ),
    (
        "100.64.0.2",
        {"100.64.0.2": "x.host.example"},
        "x.host.example",
        False,
        "a name that says nothing",
    ),
    ("100.64.0.3", {}, "100.64.0.3", False, "nothing is known"),
    ("not an address", {}, "not an address", False, "what a reporter wrote in its place"),
]


@pytest.mark.parametrize("ip, hosts, title, ours, reason", NAMES)
def test_a_source_is_named_by_the_surest_evidence(ip, hosts, title, ours, reason):
    named = Naming(includes=INCLUDES, hosts=hosts).name(DOMAIN, ip)
    assert (named.title, named.ours) == (title, ours), reason


def test_an_include_of_one_domain_says_nothing_of_another():
    assert not Naming(includes=INCLUDES).name("other.example", "198.51.100.99").ours


def test_a_wanted_service_is_ours_by_its_confirmed_name_alone():
    known = Naming(wanted={DOMAIN: frozenset({"sendgrid"})}, hosts={IP: "o1.sendgrid.net"})
    assert known.name(DOMAIN, IP).ours
    assert not known.name("other.example", IP).ours


def test_mail_names_a_service_where_the_address_does_not():
    named = Naming().name(DOMAIN, IP, [row(IP, dkim="sendgrid.net"), row(IP, 1, spf="x.mcsv.net")])
    assert (named.title, named.by) == ("Twilio SendGrid", "its signature d=sendgrid.net")


def test_a_signature_that_fails_names_nobody():
    assert Naming().name(DOMAIN, IP, [row(IP, dkim="!sendgrid.net")]).role is Role.UNKNOWN


def test_where_a_geography_file_knows_the_organization_it_is_the_title():
    place = Place("DE", 64500, "Example Networks")
    assert Naming(places={IP: place}).name(DOMAIN, IP).title == "Example Networks"


def test_the_undecided_are_called_by_the_domain_that_they_prove():
    one = of(*many(dkim="newsletter.example", spf="b.newsletter.example"))
    assert (one.named.title, one.named.ours) == ("newsletter.example", False)


def test_counts_are_those_of_the_rows():
    rows = [
        row(IP, 5, dkim=DOMAIN, spf="b.example.com"),
        row(IP, 3, dkim=DOMAIN, day=TODAY - timedelta(days=2)),
        row(IP, 2, override="mailing_list", disposition="reject"),
        row(IP, 1, dkim="!example.com", disposition="quarantine", selector="old"),
    ]
    one = of(*rows)
    assert one.tally == Tally(11, 8, 8, 5, 8, 5, 1, 2, 2)
    assert (one.tally.failing, one.first, one.last) == (3, TODAY - timedelta(days=2), TODAY)
    assert dict(one.signatures) == {(DOMAIN, "s1"): 8}
    assert dict(one.broken) == {(DOMAIN, "old"): 1}
    assert one.by_day == {TODAY: (8, 5), TODAY - timedelta(days=2): (3, 3)}


def test_unnamed_strangers_are_one_sender():
    senders = senders_of(sources_of([row(f"203.0.113.{at}") for at in range(5)]))
    (only,) = senders
    assert (only.title, only.tally.messages, len(only.addresses)) == ("unknown sources", 50, 5)


def test_sources_of_several_domains_stay_apart():
    found = sources_of([row(IP), row(IP, domain="other.example")])
    assert {one.domain for one in found} == {DOMAIN, "other.example"}


@pytest.mark.parametrize("key", sorted(known_senders()))
def test_the_table_of_services_is_well_formed(key):
    one = known_senders()[key]
    assert one.domains
    assert one.source
    assert one.role not in {Role.OWN, Role.UNKNOWN}
    for domain in one.domains:
        assert domain == domain.lower().strip(".")
        assert sender_of_name(f"x.{domain}") is not None


def test_no_domain_stands_for_two_services():
    domains = [domain for one in known_senders().values() for domain in one.domains]
    assert len(domains) == len(set(domains))


LOOKALIKES = ["sendgrid.net.evil.example", "xsendgrid.net", "", ".", "net", "sendgrid"]


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_name_that_only_looks_alike_is_nobody(name):
    assert sender_of_name(name) is None


def test_a_window_has_both_its_ends():
    week = Window.last(7, date(2026, 5, 7))
    assert list(week.each()) == [date(2026, 5, day) for day in range(1, 8)]
    assert (week.days, date(2026, 5, 1) in week, date(2026, 5, 8) in week) == (7, True, False)
    assert "2026-05-01" not in week

"""MX records and the hosts behind them."""

from __future__ import annotations

import pytest

from maildns.ask import Outcome, Question
from maildns.dnsdata import Mx
from maildns.errors import RecordSyntaxError, UsageError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import mx


def rules_of(findings):
    return {finding.rule for finding in findings}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("10 mx.example.com.", Mx(10, "mx.example.com")),
        ("10 MX.Example.com", Mx(10, "mx.example.com")),
        ("0 .", mx.NULL_MX),
        ("65535 mx.bücher.example.", Mx(65535, "mx.xn--bcher-kva.example")),
    ],
)
def test_a_record_is_read(text, expected):
    assert mx.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "10", "mx.example.com.", "-1 mx.example.com.", "65536 mx.", "10 a..b.", "10 mx. extra."],
)
def test_a_malformed_record_is_refused_at_a_place_within_it(text):
    with pytest.raises(RecordSyntaxError) as caught:
        mx.parse(text)
    start, end = caught.value.span
    assert 0 <= start <= end <= len(text)


def test_a_record_is_built_of_a_host():
    assert mx.build("MX.example.com", preference=20) == Mx(20, "mx.example.com")
    assert mx.build(".", preference=10) == mx.NULL_MX  # RFC 7505 section 3: preference 0


@pytest.mark.parametrize(
    "host, preference", [("192.0.2.1", 10), ("mx.example.com", -1), ("mx.example.com", 65536)]
)
def test_what_is_no_mail_host_is_not_built(host, preference):
    with pytest.raises(UsageError):
        mx.build(host, preference=preference)


@pytest.mark.parametrize(
    "texts, expected",
    [
        (["10 mx1.example.com.", "10 mx2.example.com."], set()),  # equal ones share the load
        (["0 ."], set()),
        (["0 .", "10 mx.example.com."], {"mx-null-with-others"}),
        (["10 mx.example.com.", "20 mx.example.com."], {"mx-double-host"}),
        (["10 localhost."], {"mx-not-public"}),
        (["10 mx.invalid."], {"mx-not-public"}),
        (["10 192.0.2.1."], {"mx-is-address"}),
        (["10 mx.example."], set()),  # a name for examples may stand in them
        ([f"{number} mx{number}.example.com." for number in range(11)], {"mx-many-hosts"}),
        ([], set()),
    ],
)
def test_records_of_one_domain_are_judged_together(texts, expected):
    assert rules_of(mx.lint_rrset([mx.parse(text) for text in texts], "example.com")) == expected


def test_an_explanation_tells_the_null_mx_from_others():
    assert mx.explain(mx.parse("10 mx.example.com."))[1][0] == "mx.example.com."
    assert "no mail" in mx.explain(mx.NULL_MX)[1][1]


ZONE = """
two.example.    300 MX 20 mx2.two.example.
two.example.    300 MX 10 mx1.two.example.
mx1.two.example. A 192.0.2.1
mx1.two.example. AAAA 2001:db8::1
mx2.two.example. A 192.0.2.2
own.example.    A 192.0.2.3
null.example.   MX 0 .
both.example.   MX 0 .
both.example.   MX 10 mx1.two.example.
empty.example.  TXT "no mail here"
alias.example.  CNAME two.example.
bad.example.    MX 10 www.bad.example.
bad.example.    MX 20 gone.bad.example.
bad.example.    MX 30 text.bad.example.
www.bad.example. CNAME mx1.two.example.
text.bad.example. TXT "no address"
twice.example.  MX 10 mx1.two.example.
twice.example.  MX 20 mx1.two.example.
"""


@pytest.mark.parametrize(
    "domain, result, names, reason",
    [
        ("two.example", "found", ("mx1.two.example", "mx2.two.example"), "in order"),
        ("own.example", "implicit", ("own.example",), "RFC 5321 section 5.1"),
        ("null.example", "null", (), "RFC 7505"),
        ("both.example", "found", ("mx1.two.example",), "the null MX names nobody"),
        ("empty.example", "none", (), "no MX and no address"),
        ("gone.example", "none", (), "no such name"),
        ("alias.example", "found", ("mx1.two.example", "mx2.two.example"), "the domain's alias"),
        ("twice.example", "found", ("mx1.two.example",), "asked once"),
    ],
)
def test_the_mail_hosts_are_those_a_sender_finds(domain, result, names, reason):
    found = run(mx.mail_hosts(domain), World.from_zone(ZONE))
    assert (found.result, found.names) == (result, names), reason


def test_addresses_come_with_the_hosts_in_two_rounds_of_questions():
    world = World.from_zone(ZONE)
    found = run(mx.mail_hosts("two.example"), world)
    assert [str(one) for one in found.hosts[0].addresses] == ["192.0.2.1", "2001:db8::1"]
    hosts = ("mx1.two.example", "mx2.two.example")
    addresses = [Question(host, rrtype) for host in hosts for rrtype in ("A", "AAAA")]
    assert world.asked == [Question("two.example", "MX"), *addresses]


def test_a_name_that_does_not_exist_is_not_asked_for_addresses():
    world = World.from_zone(ZONE)
    run(mx.mail_hosts("gone.example"), world)
    assert world.asked == [Question("gone.example", "MX")]


def test_what_cannot_be_known_is_not_missing():
    world = World.from_zone(ZONE)
    world.fail("two.example", Outcome.UNREACHABLE, "MX")
    world.fail("own.example", Outcome.BOGUS, "A")
    world.fail("mx2.two.example", Outcome.UNREACHABLE)
    world.fail("mx1.two.example", Outcome.UNREACHABLE, "AAAA")
    assert run(mx.mail_hosts("two.example"), world).result is mx.MxResult.TEMPERROR
    assert run(mx.mail_hosts("own.example"), world).result is mx.MxResult.TEMPERROR
    found = run(mx.mail_hosts("both.example"), world)
    assert [str(one) for one in found.hosts[0].addresses] == ["192.0.2.1"]
    world.fail("mx1.two.example", Outcome.UNREACHABLE)
    found = run(mx.mail_hosts("both.example"), world)
    assert found.hosts[0].outcome is Outcome.UNREACHABLE
    assert rules_of(mx.lint_hosts(found)) == {"mx-host-unreachable-name"}


@pytest.mark.parametrize(
    "domain, expected",
    [
        ("two.example", []),
        ("bad.example", ["mx-host-is-alias", "mx-host-without-address", "mx-host-without-address"]),
        ("own.example", ["mx-implicit"]),
        ("empty.example", ["mx-no-mail-host"]),
        ("null.example", []),
    ],
)
def test_the_hosts_are_judged(domain, expected):
    found = run(mx.mail_hosts(domain), World.from_zone(ZONE))
    assert [finding.rule for finding in mx.lint_hosts(found)] == expected

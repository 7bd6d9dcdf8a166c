"""Addresses, their names, and whether the two agree."""

from __future__ import annotations

import pytest

from maildns.ask import Outcome, Question
from maildns.errors import UsageError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import addresses

ZONE = """
1.2.0.192.in-addr.arpa. 600 PTR mx.example.com.
mx.example.com.         A 192.0.2.1
mx.example.com.         AAAA 2001:db8::1
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mx.example.com.
2.2.0.192.in-addr.arpa. PTR mx.example.com.
3.2.0.192.in-addr.arpa. PTR gone.example.com.
4.2.0.192.in-addr.arpa. PTR a.example.com.
4.2.0.192.in-addr.arpa. PTR gone.example.com.
a.example.com.          A 192.0.2.4
5.2.0.192.in-addr.arpa. CNAME 5.0-31.2.0.192.in-addr.arpa.
5.0-31.2.0.192.in-addr.arpa. PTR b.example.com.
b.example.com.          A 192.0.2.5
other.example.com.      A 192.0.2.1
"""


def rules_of(findings):
    return [finding.rule for finding in findings]


@pytest.mark.parametrize(
    "ip, result, reason",
    [
        ("192.0.2.1", "pass", "there and back"),
        ("2001:db8::1", "pass", "IPv6 as well"),
        ("::ffff:192.0.2.1", "pass", "an IPv4 address in disguise"),
        ("192.0.2.2", "fail", "the name has other addresses"),
        ("192.0.2.3", "fail", "RFC 8601 section 2.7.3: the name has none"),
        ("192.0.2.4", "pass", "one of two names suffices"),
        ("192.0.2.5", "pass", "RFC 2317: through an alias"),
        ("192.0.2.9", "permerror", "no PTR record"),
    ],
)
def test_an_address_is_confirmed_by_its_name(ip, result, reason):
    found = run(addresses.forward_confirmed(ip), World.from_zone(ZONE))
    assert found.result == result, reason
    assert bool(found.reason) is (result != "pass")


@pytest.mark.parametrize("name", ["1.2.0.192.in-addr.arpa", "mx.example.com"])
def test_what_cannot_be_known_is_a_temperror(name):
    world = World.from_zone(ZONE)
    world.fail(name, Outcome.UNREACHABLE)
    found = run(addresses.forward_confirmed("192.0.2.1"), world)
    assert found.result is addresses.IprevResult.TEMPERROR
    assert rules_of(addresses.lint_iprev(found)) == ["addresses-ptr-unreachable"]


def test_a_name_that_fails_to_answer_does_not_hide_one_that_confirms():
    world = World.from_zone(ZONE)
    world.fail("gone.example.com", Outcome.UNREACHABLE)
    found = run(addresses.forward_confirmed("192.0.2.4"), world)
    assert (found.result, found.confirmed) == ("pass", ("a.example.com",))


def test_no_more_than_ten_names_of_an_address_are_looked_at():
    world = World()
    for number in range(50):
        world.add("1.2.0.192.in-addr.arpa", "PTR", f"h{number:02d}.example.com.")
    found = run(addresses.forward_confirmed("192.0.2.1"), world)
    assert (len(found.names), len(world.asked)) == (50, 11)
    assert world.asked[0] == Question("1.2.0.192.in-addr.arpa", "PTR")


@pytest.mark.parametrize(
    "ip, helo, result, is_ptr, reason",
    [
        ("192.0.2.1", "MX.example.com.", "pass", True, "the name of the address"),
        ("192.0.2.1", "other.example.com", "pass", False, "another name with the address"),
        ("192.0.2.2", "mx.example.com", "fail", True, "the PTR name, but not confirmed"),
        ("192.0.2.1", "gone.example.com", "fail", False, "no such name"),
        ("192.0.2.1", "[192.0.2.1]", "pass", False, "an address literal"),
        ("2001:db8::1", "[IPv6:2001:DB8:0::1]", "pass", False, "of IPv6"),
        ("192.0.2.1", "[192.0.2.2]", "fail", False, "of another address"),
        ("192.0.2.1", "[mx]", "fail", False, "no address"),
        ("192.0.2.1", "not a name", "fail", False, "nonsense is the server's fault, not ours"),
        ("192.0.2.1", "", "fail", False, "nothing"),
    ],
)
def test_a_helo_name_agrees_when_it_has_the_address(ip, helo, result, is_ptr, reason):
    found = run(addresses.helo_agrees(ip, helo), World.from_zone(ZONE))
    assert (found.result, found.is_ptr_name) == (result, is_ptr), reason


def test_a_helo_name_that_cannot_be_looked_up_is_a_temperror():
    world = World.from_zone(ZONE)
    world.fail("other.example.com", Outcome.BOGUS)
    found = run(addresses.helo_agrees("192.0.2.1", "other.example.com"), world)
    assert found.result is addresses.HeloResult.TEMPERROR


@pytest.mark.parametrize("wrong", ["", "192.0.2", "192.0.2.256", "mx.example.com", "fe80::1%eth0"])
def test_what_is_no_address_is_our_misuse(wrong):
    with pytest.raises(UsageError):
        run(addresses.forward_confirmed(wrong), World())
    with pytest.raises(UsageError):
        addresses.lint_address(wrong)


@pytest.mark.parametrize(
    "address, rule",
    [
        ("8.8.8.8", None),
        ("2a00:1450:4001::1", None),
        ("127.0.0.1", "addresses-loopback"),
        ("::1", "addresses-loopback"),
        ("192.168.1.10", "addresses-private"),
        ("172.31.255.1", "addresses-private"),
        ("100.64.0.1", "addresses-private"),  # RFC 6598: shared by customers of a provider
        ("fd00::1", "addresses-private"),
        ("203.0.113.5", "addresses-documentation"),
        ("2001:db8::1", "addresses-documentation"),
        ("3fff::1", "addresses-documentation"),  # RFC 9637
        ("169.254.1.1", "addresses-unusable"),
        ("fe80::1", "addresses-unusable"),
        ("224.0.0.1", "addresses-unusable"),
        ("ff02::1", "addresses-unusable"),
        ("0.0.0.0", "addresses-unusable"),
        ("255.255.255.255", "addresses-unusable"),
        ("240.0.0.1", "addresses-unusable"),
        ("2002:c000:201::1", "addresses-unusable"),
        ("64:ff9b::808:808", "addresses-unusable"),
        ("::ffff:10.0.0.1", "addresses-private"),
        ("::ffff:8.8.8.8", None),
        ("198.18.0.1", "addresses-private"),  # RFC 2544: for measuring
        ("192.0.0.8", "addresses-private"),  # RFC 7600
        ("192.0.0.10", None),  # RFC 8155: a TURN server, anycast
        ("192.88.99.1", "addresses-unusable"),  # RFC 7526
        ("2001::1", "addresses-unusable"),  # Teredo
        ("2001:2::1", "addresses-private"),  # RFC 5180: for measuring
        ("2001:20::1", None),  # RFC 7343
        ("2001:200::1", None),  # just behind what is set apart
        ("100::1", "addresses-private"),  # RFC 6666: thrown away
        ("5f00::1", "addresses-private"),  # RFC 9602
        ("fec0::1", "addresses-private"),  # RFC 3879: of a site
    ],
)
def test_addresses_that_nobody_can_reach_are_named(address, rule):
    assert rules_of(addresses.lint_address(address)) == ([rule] if rule else [])


@pytest.mark.parametrize(
    "address, host, generic",
    [
        ("203.0.113.5", "mail.example.com", False),
        ("203.0.113.5", "mx1.example.com", False),
        ("203.0.113.5", "mx5.dc113.example.com", False),  # numbers, but not the address
        ("203.0.113.5", "203-0-113-5.example.net", True),
        ("203.0.113.5", "5.113.0.203.example.net", True),
        ("203.0.113.5", "host-113-0-203.city.example.net", True),
        ("203.0.113.5", "cb007105.example.net", True),  # hexadecimal
        ("203.0.113.5", "p203000113005.example.net", True),
        ("203.0.113.5", "dsl-line7.example.net", True),
        ("203.0.113.5", "pool.city.example.net", True),
        ("203.0.113.5", "dyn12.example.net", True),
        ("203.0.113.5", "mail.dynamic.com", False),  # the domain's own name
        ("203.0.113.5", "liverpool.example.org", False),
        ("203.0.113.5", "example.com", False),
        ("2001:db8::1:2:3:4", "2001-db8-0-0-0001-0002-0003-0004.example.net", True),
        ("2001:db8::1", "mail.example.com", False),
    ],
)
def test_names_of_dial_up_lines_are_told_from_names_of_servers(address, host, generic):
    found = rules_of(addresses.lint_ptr(address, [host]))
    assert found == (["addresses-generic-ptr"] if generic else [])


@pytest.mark.parametrize(
    "ip, expected",
    [
        ("192.0.2.1", []),
        ("192.0.2.2", ["addresses-ptr-not-confirmed"]),
        ("192.0.2.3", ["addresses-ptr-not-confirmed"]),
        ("192.0.2.4", ["addresses-several-ptr"]),
        ("192.0.2.9", ["addresses-no-ptr"]),
    ],
)
def test_what_a_lookup_found_is_judged(ip, expected):
    found = run(addresses.forward_confirmed(ip), World.from_zone(ZONE))
    assert rules_of(addresses.lint_iprev(found)) == expected


def test_the_request_for_a_ptr_record_holds_all_that_a_provider_needs():
    text = addresses.ptr_request("192.0.2.1", "MX.example.com")
    assert "1.2.0.192.in-addr.arpa. IN PTR mx.example.com." in text
    assert "mx.example.com. A 192.0.2.1" in text
    assert text.startswith("Subject: ")
    assert "AAAA 2001:db8::1" in addresses.ptr_request("2001:db8::1", "mx.example.com")


@pytest.mark.parametrize(
    "address, zone, owner",
    [
        ("192.0.2.65", "", "65.2.0.192.in-addr.arpa."),
        ("192.0.2.65", "2.0.192.in-addr.arpa", "65.2.0.192.in-addr.arpa."),
        ("192.0.2.65", "64/29.2.0.192.in-addr.arpa", "65.64/29.2.0.192.in-addr.arpa."),  # RFC 2317
        ("2001:db8::1", "8.b.d.0.1.0.0.2.ip6.arpa", "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa."),
    ],
)
def test_the_line_for_a_reverse_zone_is_absolute(address, zone, owner):
    line = addresses.reverse_line(address, "mx.example.com", 600, zone=zone)
    assert line == f"{owner} 600 IN PTR mx.example.com."
    (record,) = World.from_zone(line).rrsets()
    assert record.rrtype == "PTR"


def test_an_address_does_not_stand_in_a_foreign_zone():
    with pytest.raises(UsageError):
        addresses.reverse_line("192.0.2.65", "mx.example.com", zone="0-31.3.0.192.in-addr.arpa")

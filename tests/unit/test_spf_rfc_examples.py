"""The examples of RFC 7208 appendix A, as they are told there."""

import pytest

from maildns import spf
from maildns.net.drivers import run
from maildns.net.world import World

# RFC 7208 appendix A, the zone
ZONE = """
$ORIGIN example.com.
@       MX  10 mail-a
@       MX  20 mail-b
@       A   192.0.2.10
@       A   192.0.2.11
amy     A   192.0.2.65
bob     A   192.0.2.66
mail-a  A   192.0.2.129
mail-b  A   192.0.2.130
www     CNAME example.com.

$ORIGIN example.org.
@       MX  10 mail-c
mail-c  A   192.0.2.140

$ORIGIN 2.0.192.in-addr.arpa.
10      PTR example.com.
11      PTR example.com.
65      PTR amy.example.com.
66      PTR bob.example.com.
129     PTR mail-a.example.com.
130     PTR mail-b.example.com.
140     PTR mail-c.example.org.

$ORIGIN 0.0.10.in-addr.arpa.
4       PTR bob.example.com.
"""

A1 = [  # appendix A.1, simple examples
    ("v=spf1 +all", ["192.0.2.129", "203.0.113.1", "2001:db8::1"], []),
    ("v=spf1 a -all", ["192.0.2.10", "192.0.2.11"], ["192.0.2.65", "192.0.2.129"]),
    ("v=spf1 a:example.org -all", [], ["192.0.2.10", "192.0.2.140"]),  # it has no address
    ("v=spf1 mx -all", ["192.0.2.129", "192.0.2.130"], ["192.0.2.10", "192.0.2.140"]),
    ("v=spf1 mx:example.org -all", ["192.0.2.140"], ["192.0.2.129"]),
    ("v=spf1 mx mx:example.org -all", ["192.0.2.129", "192.0.2.130", "192.0.2.140"], []),
    (
        "v=spf1 mx/30 mx:example.org/30 -all",
        ["192.0.2.128", "192.0.2.131", "192.0.2.140", "192.0.2.143"],
        ["192.0.2.127", "192.0.2.132", "192.0.2.139", "192.0.2.144"],
    ),
    # 10.0.0.4 says it is bob, and bob does not say so
    ("v=spf1 ptr -all", ["192.0.2.65"], ["192.0.2.140", "10.0.0.4"]),
    ("v=spf1 ip4:192.0.2.128/28 -all", ["192.0.2.129"], ["192.0.2.65"]),
]


def verdict(world, ip, sender):
    return run(spf.check_host(ip=ip, sender=sender, helo="mail.example.net"), world).result


@pytest.mark.parametrize("record, passing, failing", A1)
def test_the_simple_examples_pass_and_fail_as_told(record, passing, failing):
    world = World.from_zone(ZONE)
    world.add("example.com", "TXT", record.encode())
    for ip in passing:
        assert verdict(world, ip, "a@example.com") == "pass", ip
    for ip in failing:
        assert verdict(world, ip, "a@example.com") == "fail", ip


def test_a_redirect_puts_several_domains_under_one_policy():
    # appendix A.2
    world = World.from_zone(ZONE)
    world.add("example.org", "TXT", b"v=spf1 include:example.com include:example.net -all")
    world.add("example.com", "TXT", b"v=spf1 mx -all")
    world.add("example.net", "TXT", b"v=spf1 ip4:198.51.100.0/24 -all")
    world.add("la.example.org", "TXT", b"v=spf1 redirect=example.org")
    for domain in ("example.org", "la.example.org"):
        assert verdict(world, "192.0.2.129", f"a@{domain}") == "pass"
        assert verdict(world, "198.51.100.7", f"a@{domain}") == "pass"
        assert verdict(world, "192.0.2.65", f"a@{domain}") == "fail"


USERS = [
    ("mary@example.com", "203.0.113.1", "pass"),  # she may send from anywhere
    ("fred+lists@example.com", "203.0.113.1", "pass"),  # %{l1r+} is the part before the plus
    ("joel@example.com", "192.168.15.15", "pass"),  # from these two addresses only
    ("joel@example.com", "192.168.15.16", "pass"),
    ("joel@example.com", "192.168.15.17", "fail"),
    ("nobody@example.com", "192.168.15.15", "fail"),
    ("nobody@example.com", "192.0.2.129", "pass"),  # the mail exchanger
]


@pytest.mark.parametrize("sender, ip, result", USERS)
def test_users_are_permitted_one_by_one_in_the_style_of_a_blocklist(sender, ip, result):
    # appendix A.3
    world = World.from_zone(
        ZONE
        + """
$ORIGIN _spf.example.com.
mary.mobile-users               A 127.0.0.2
fred.mobile-users               A 127.0.0.2
15.15.168.192.joel.remote-users A 127.0.0.2
16.15.168.192.joel.remote-users A 127.0.0.2
mobile-users TXT "v=spf1 exists:%{l1r+}.%{d}"
remote-users TXT "v=spf1 exists:%{ir}.%{l1r+}.%{d}"
"""
    )
    record = b"v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all"
    world.add("example.com", "TXT", record)
    assert verdict(world, ip, sender) == result


BOTH = [
    ("192.0.2.65", "pass"),  # in the network, and of our name
    ("192.0.2.140", "fail"),  # in the network, of another name
    ("10.0.0.4", "fail"),  # neither
]


@pytest.mark.parametrize("ip, result", BOTH)
def test_several_requirements_can_be_made_at_once(ip, result):
    # appendix A.4
    world = World.from_zone(ZONE)
    world.add(
        "example.com",
        "TXT",
        b"v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all",
    )
    world.add("ip4._spf.example.com", "TXT", b"v=spf1 -ip4:192.0.2.0/24 +all")
    world.add("ptr._spf.example.com", "TXT", b"v=spf1 -ptr:example.com +all")
    assert verdict(world, ip, "a@example.com") == result

"""The exact networks of a policy: each term, order, errors, conditions; and what differs."""

import pytest

from maildns import spf
from maildns.ask import Outcome, Question
from maildns.net.drivers import run
from maildns.net.world import World

ZONE = """
$TTL 3600
mail.example.com.   A    192.0.2.25
mail.example.com.   AAAA 2001:db8::25
example.com.        A    192.0.2.80
example.com.        MX   10 mail.example.com.
example.com.        MX   20 backup.example.net.
backup.example.net. 300 A 198.51.100.7
pool.example.net.   TXT "v=spf1 -ip4:198.51.100.0/28 ip4:198.51.100.0/24 ~all"
open.example.net.   TXT "v=spf1 +all"
user.example.net.   TXT "v=spf1 exists:%{l}.users.example.net ip4:203.0.113.0/24 -all"
two.example.net.    TXT "v=spf1 -all"
two.example.net.    TXT "v=spf1 ~all"
loop.example.net.   TXT "v=spf1 ip4:192.0.2.1 include:loop.example.net -all"
null.example.net.   MX   0 .
"""


def networks(record, zone=ZONE, domain="example.com"):
    return run(spf.networks(domain, record), World.from_zone(zone))


def passing(record):
    return [str(network) for network in networks(record).networks()]


# the /24 without its first /28
POOL = ["198.51.100.16/28", "198.51.100.32/27", "198.51.100.64/26", "198.51.100.128/25"]
PERMITTED = [
    ("v=spf1 ip4:192.0.2.0/25 ip4:192.0.2.128/25 -all", ["192.0.2.0/24"]),  # joined
    ("v=spf1 -ip4:192.0.2.0/25 ip4:192.0.2.0/24 -all", ["192.0.2.128/25"]),  # the first decides
    ("v=spf1 ip4:192.0.2.0/24 -ip4:192.0.2.0/25 -all", ["192.0.2.0/24"]),
    ("v=spf1 a -all", ["192.0.2.80/32"]),
    ("v=spf1 a/24 -all", ["192.0.2.0/24"]),
    ("v=spf1 mx -all", ["192.0.2.25/32", "198.51.100.7/32", "2001:db8::25/128"]),
    ("v=spf1 mx/28//64 -all", ["192.0.2.16/28", "198.51.100.0/28", "2001:db8::/64"]),
    ("v=spf1 include:pool.example.net -all", POOL),  # only what passes there
    ("v=spf1 -include:pool.example.net ip4:198.51.100.0/27 -all", ["198.51.100.0/28"]),
    ("v=spf1 redirect=pool.example.net", POOL),
    ("v=spf1 -all redirect=pool.example.net", []),  # idle beside an all
    ("v=spf1 include:open.example.net -all", ["0.0.0.0/0", "::/0"]),
    ("v=spf1 mx:null.example.net -all", []),  # RFC 7505
    ("v=spf1 a:nothing.example.net -all", []),
]


@pytest.mark.parametrize("record, permitted", PERMITTED)
def test_the_networks_that_pass_are_told_exactly(record, permitted):
    assert passing(record) == permitted


ERRORS = [
    ("v=spf1 include:nowhere.example.net -all", "203.0.113.9", "permerror", "has no SPF record"),
    ("v=spf1 redirect=nowhere.example.net", "203.0.113.9", "permerror", "has no SPF record"),
    ("v=spf1 include:two.example.net -all", "203.0.113.9", "permerror", "2 SPF records"),
    ("v=spf1 include:loop.example.net -all", "203.0.113.9", "permerror", "a loop"),
    ("v=spf1 include:loop.example.net -all", "192.0.2.1", "pass", "a loop"),  # before the loop
    ("v=spf1 ip4:203.0.113.9 include:nowhere.example.net -all", "203.0.113.9", "pass", "no SPF"),
]


@pytest.mark.parametrize("record, ip, result, says", ERRORS)
def test_an_error_is_of_those_addresses_alone_that_come_to_it(record, ip, result, says):
    found = networks(record)
    assert found.decision(ip) == result
    assert says in " ".join(found.problems)
    assert not found.temporary


def test_what_no_address_comes_to_is_no_problem():
    found = networks("v=spf1 ip4:0.0.0.0/0 ip6:::/0 include:nowhere.example.net -all")
    assert found.problems == ()


def test_a_name_that_does_not_answer_is_not_taken_for_an_empty_one():
    world = World.from_zone(ZONE)
    world.fail("mail.example.com", Outcome.UNREACHABLE, "AAAA")
    found = run(spf.networks("example.com", "v=spf1 a:mail.example.com -all"), world)
    assert (found.decision("2001:db8::25"), found.temporary) == ("temperror", True)
    assert found.decision("192.0.2.25") == "pass"  # IPv4 clients never ask for it
    assert found.decision("192.0.2.26") == "fail"


def test_terms_with_macros_are_conditions():
    found = networks("v=spf1 include:user.example.net ~all")
    assert found.conditions == ("exists:%{l}.users.example.net",)
    assert found.decision("203.0.113.7") == "pass"  # whoever the user is
    elsewhere = found.decision("192.0.2.1")
    assert (elsewhere.then, elsewhere.otherwise) == ("pass", "softfail")


def test_a_redirect_with_macros_leads_who_knows_where():
    found = networks("v=spf1 ip4:192.0.2.1 redirect=%{l}.example.net")
    assert found.decision("192.0.2.1") == "pass"
    assert str(found.decision("192.0.2.2")) == "redirect=%{l}.example.net"


def test_an_ipv4_mapped_address_is_an_ipv4_client():
    assert networks("v=spf1 ip4:192.0.2.0/24 -all").decision("::ffff:192.0.2.1") == "pass"


def test_a_domain_without_a_record_has_none_everywhere():
    found = run(spf.networks("nothing.example.net"), World.from_zone(ZONE))
    assert found.ends == {spf.SpfResult.NONE}
    assert found.problems == ()


def test_every_name_is_asked_once_and_each_level_together():
    world = World.from_zone(ZONE)
    run(spf.networks("example.com", "v=spf1 mx include:pool.example.net mx -all"), world)
    assert len(world.asked) == len(set(world.asked))
    assert set(world.asked[:2]) == {
        Question("example.com", "MX"),
        Question("pool.example.net", "TXT"),
    }


def test_each_name_is_remembered_with_its_ttl():
    found = networks("v=spf1 mx -all")
    ttls = {(one.name, one.rrtype): one.ttl_seconds for one in found.sources}
    assert ttls["backup.example.net", "A"] == 300
    assert ttls["example.com", "MX"] == 3600


def test_a_tree_of_policies_without_end_is_cut():
    zone = "\n".join(
        f'p{n}.example.net. TXT "v=spf1 include:p{n + 1}.example.net include:p{n + 1}.example.net -all"'
        for n in range(300)
    )
    found = networks("v=spf1 include:p0.example.net -all", zone)
    assert found.decision("192.0.2.1") in {"permerror", "temperror"}


# --- differences ----------------------------------------------------------------------

DIFFERENCES = [
    # a network moves from one include to another: nobody gains or loses
    (
        "v=spf1 ip4:203.0.113.0/24 -all",
        "v=spf1 ip4:203.0.113.0/25 ip4:203.0.113.128/25 -all",
        [],
        [],
    ),
    (
        "v=spf1 a -all",
        "v=spf1 mx -all",
        ["192.0.2.25", "198.51.100.7", "2001:db8::25"],
        ["192.0.2.80"],
    ),
    ("v=spf1 -all", "v=spf1 include:open.example.net -all", [], []),  # told of all the others
    (
        "v=spf1 ip4:198.51.100.0/27 -all",
        "v=spf1 ip4:198.51.100.0/28 include:pool.example.net -all",
        ["198.51.100.32/27", "198.51.100.64/26", "198.51.100.128/25"],
        [],
    ),
]


@pytest.mark.parametrize("before, after, gained, lost", DIFFERENCES)
def test_gained_and_lost_networks_are_told_over_the_whole_tree(before, after, gained, lost):
    differs = spf.difference(networks(before), networks(after))
    assert [str(one).removesuffix("/32").removesuffix("/128") for one in differs.gained] == gained
    assert [str(one).removesuffix("/32").removesuffix("/128") for one in differs.lost] == lost


def test_what_becomes_of_all_the_others_is_told_once():
    differs = spf.difference(networks("v=spf1 a ~all"), networks("v=spf1 a -all"))
    assert [str(one) for one in differs.others] == ["every other host: softfail becomes fail"]
    assert differs.shifts == ()


def test_terms_with_macros_that_say_the_same_do_not_differ():
    one = networks("v=spf1 include:user.example.net -all")
    other = networks("v=spf1 ip4:203.0.113.0/24 exists:%{l}.users.example.net -all")
    assert spf.difference(one, other).same


def test_the_own_name_in_a_macro_is_another_in_another_record():
    zone = ZONE + 'own.example.net. TXT "v=spf1 exists:%{i}.%{d} -all"\n'
    one = networks("v=spf1 include:own.example.net -all", zone)
    other = networks("v=spf1 exists:%{i}.%{d} -all", zone)
    assert not spf.difference(one, other).same

"""Laws of networks, diff and flatten: what holds for every tree of policies."""

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns import spf
from maildns.ask import Outcome
from maildns.net.drivers import run
from maildns.net.world import World

QUICK = settings(max_examples=150, deadline=None)

NAMES = ["a.example", "b.example", "c.example", "d.example"]
SIGNS = st.sampled_from(["", "", "", "-", "~", "?"])
NETWORKS = st.one_of(
    st.builds("ip4:192.0.2.{}/{}".format, st.integers(0, 255), st.integers(24, 32)),
    st.builds("ip6:2001:db8::{:x}/{}".format, st.integers(0, 255), st.integers(120, 128)),
)
ADDRESSES = st.one_of(
    st.builds("a:h{}.example".format, st.integers(0, 3)),
    st.builds("a:h{}.example/29//125".format, st.integers(0, 3)),
    st.sampled_from(["a", "mx", "mx:m0.example", "mx:m1.example/30"]),
)
INCLUDES = st.builds("include:{}".format, st.sampled_from(NAMES))
DYNAMIC = st.sampled_from(["exists:%{i}.x.example", "exists:%{l}.y.example"])
LAST = st.sampled_from([["-all"], ["~all"], ["?all"], [], ["redirect=d.example"], ["+all"]])


def records(*kinds, signs=SIGNS):
    terms = st.lists(st.builds("{}{}".format, signs, st.one_of(*kinds)), max_size=5)
    return st.builds(lambda terms, last: " ".join(["v=spf1", *terms, *last]), terms, LAST)


@st.composite
def worlds(draw, *kinds, acyclic=False):
    """A world of four policies, four hosts and two lists of mail exchangers."""
    world = World()
    for place, name in enumerate(NAMES):
        text = draw(records(*kinds))
        if acyclic:  # only what comes later is included
            for other in NAMES[: place + 1]:
                text = text.replace(f"include:{other}", "ip4:192.0.2.9").replace(
                    f"redirect={other}", "~all"
                )
        world.add(name, "TXT", text.encode())
        world.add(name, "A", f"192.0.2.{draw(st.integers(0, 255))}")
        world.add(name, "MX", (10, "h0.example"))
    for place in range(4):
        world.add(f"h{place}.example", "A", f"192.0.2.{draw(st.integers(0, 255))}")
        world.add(f"h{place}.example", "AAAA", f"2001:db8::{draw(st.integers(0, 255)):x}")
    world.add("m0.example", "MX", (10, "h1.example"))
    world.add("m0.example", "MX", (20, "h2.example"))
    world.add("m1.example", "MX", (10, "h3.example"))
    return world


CLIENTS = st.lists(
    st.one_of(
        st.builds("192.0.2.{}".format, st.integers(0, 255)),
        st.builds("2001:db8::{:x}".format, st.integers(0, 255)),
        st.sampled_from(["203.0.113.1", "2001:db8:ffff::1"]),
    ),
    min_size=4,
    max_size=8,
)


def verdict(world, ip, domain="a.example"):
    return run(spf.check_host(ip=ip, sender=f"x@{domain}", helo="h.example"), world)


def within_limits(verdict):
    told = verdict.problem
    return "terms that need DNS" not in told and "lookups found nothing" not in told


@QUICK
@given(worlds(NETWORKS, ADDRESSES, INCLUDES), CLIENTS)
def test_each_address_has_the_verdict_that_receivers_reach(world, clients):
    found = run(spf.networks("a.example"), world)
    for ip in clients:
        told = verdict(world, ip)
        if within_limits(told):
            assert found.decision(ip) == told.result, (ip, told)


@QUICK
@given(
    worlds(NETWORKS, ADDRESSES, INCLUDES),
    CLIENTS,
    st.sampled_from(["h0.example", "h1.example", "m0.example", "b.example"]),
    st.sampled_from([None, "A", "MX", "TXT"]),
)
def test_a_name_that_does_not_answer_is_a_temperror_for_just_whom_it_is(
    world, clients, failing, rrtype
):
    world.fail(failing, Outcome.UNREACHABLE, rrtype)
    found = run(spf.networks("a.example"), world)
    for ip in clients:
        told = verdict(world, ip)
        if within_limits(told):
            assert found.decision(ip) == told.result, (ip, told)


@QUICK
@given(worlds(NETWORKS, DYNAMIC, INCLUDES, acyclic=True), CLIENTS, st.booleans(), st.booleans())
def test_a_term_with_macros_decides_as_its_condition_says(world, clients, first, second):
    found = run(spf.networks("a.example"), world)
    if first:
        world.add("*.x.example", "A", "127.0.0.2")
    if second:
        world.add("*.y.example", "A", "127.0.0.2")
    holds = {"exists:%{i}.x.example": first, "exists:%{l}.y.example": second}
    for ip in clients:
        told = verdict(world, ip)
        if within_limits(told):
            decision = found.decision(ip)
            while not isinstance(decision, spf.SpfResult):
                matches = holds[str(decision.condition)]
                decision = decision.then if matches else decision.otherwise
            assert decision == told.result, (ip, told)


@QUICK
@given(worlds(NETWORKS, ADDRESSES, INCLUDES))
def test_the_pieces_cover_every_address_once(world):
    found = run(spf.networks("a.example"), world)
    for pieces, bits in ((found.ip4, 32), (found.ip6, 128)):
        assert (pieces[0].first, pieces[-1].last) == (0, 2**bits - 1)
        assert all(a.last + 1 == b.first for a, b in zip(pieces, pieces[1:], strict=False))
        assert all(a.result != b.result for a, b in zip(pieces, pieces[1:], strict=False))


def everyone(found, result):
    return sum(network.num_addresses for network in found.networks(result))


@QUICK
@given(worlds(NETWORKS, ADDRESSES, INCLUDES))
def test_the_networks_of_all_results_make_the_whole(world):
    found = run(spf.networks("a.example"), world)
    assert sum(everyone(found, result) for result in spf.SpfResult) == 2**32 + 2**128
    assert all(
        isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network)
        for network in found.networks()
    )

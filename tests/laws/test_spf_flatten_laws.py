"""Laws of networks, diff and flatten: what holds for every tree of policies."""

import ipaddress
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns import spf
from maildns.ask import Outcome
from maildns.errors import RecordSyntaxError
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
        assert all(a.last + 1 == b.first for a, b in itertools.pairwise(pieces))
        assert all(a.result != b.result for a, b in itertools.pairwise(pieces))


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


# --- flatten, optimise, difference, drift ---------------------------------------------

TREES = worlds(NETWORKS, ADDRESSES, DYNAMIC, INCLUDES, acyclic=True)


def published(world, flat):
    """The world in which the flattened record stands."""
    world.take(flat.domain, "TXT")
    world.add(flat.domain, "TXT", str(flat.record).encode())
    for name, part in flat.parts:
        world.add(name, "TXT", str(part).encode())
    return world


@QUICK
@given(TREES, st.integers(0, 4), st.integers(120, 450))
def test_a_flattened_record_says_the_same_within_its_limits(world, limit, octets):
    before = run(spf.networks("a.example"), world)
    flat = run(spf.flatten("a.example", max_lookups=limit, max_octets=octets), world)
    if flat.record is None:
        assert flat.problems
        return
    assert flat.proven
    assert flat.lookups <= limit
    for record in (flat.record, *(part for _, part in flat.parts)):
        assert len(str(record)) <= octets
        assert spf.parse(str(record)) == record
    after = run(spf.networks("a.example"), published(world, flat))
    assert spf.difference(before, after).same
    assert after.lookups == flat.lookups


@QUICK
@given(TREES, st.integers(0, 3), CLIENTS)
def test_receivers_reach_the_same_verdict_by_a_flattened_record(world, limit, clients):
    flat = run(spf.flatten("a.example", max_lookups=limit), world)
    before = [verdict(world, ip) for ip in clients]
    if flat.record is None:
        return
    published(world, flat)
    for ip, told in zip(clients, before, strict=True):
        now = verdict(world, ip)
        if within_limits(told) and within_limits(now):
            assert now.result == told.result, (ip, str(flat.record))


@QUICK
@given(TREES)
def test_an_optimised_record_says_the_same_and_never_costs_more(world):
    flat = run(spf.optimise("a.example"), world)
    if flat.record is None:
        assert flat.problems
        return
    assert flat.proven
    assert flat.lookups <= flat.lookups_before
    assert run(spf.optimise("a.example"), published(world, flat)).record == flat.record


@QUICK
@given(TREES)
def test_nothing_has_drifted_when_nothing_has_changed(world):
    flat = run(spf.flatten("a.example", max_lookups=0), world)
    assert not any(
        one.drifted or one.problem for one in run(spf.drift("a.example", flat.expanded), world)
    )


@QUICK
@given(worlds(NETWORKS, ADDRESSES, INCLUDES), worlds(NETWORKS, ADDRESSES, INCLUDES))
def test_a_difference_is_just_what_was_gained_and_lost(one, other):
    before, after = (run(spf.networks("a.example"), world) for world in (one, other))
    differs = spf.difference(before, after)
    assert spf.difference(before, before).same
    back = spf.difference(after, before)
    assert (back.gained, back.lost) == (differs.lost, differs.gained)
    for network in differs.gained:
        assert after.decision(network[0]) == "pass" != before.decision(network[0])
    for network in differs.lost:
        assert before.decision(network[-1]) == "pass" != after.decision(network[-1])


ANYTHING = st.one_of(
    st.text(),
    st.builds("v=spf1 {}".format, st.text("abimpx46:/.-%{}=~+ all")),
    st.builds(
        lambda terms: " ".join(["v=spf1", *terms]),
        st.lists(
            st.sampled_from(
                [
                    "include:a..b",
                    "a:%{l}.example",
                    "-exists:%{i}.x.example",
                    "include:%{d}.example",
                    "redirect=%{l}.example",
                    "redirect=a.example",
                    "include:a.example",
                    "ptr",
                    "mx",
                    "ip4:192.0.2.0/24",
                    "?ip6:2001:db8::/32",
                    "exp=why.example",
                    "~all",
                ]
            ),
            max_size=8,
        ),
    ),
)


@QUICK
@given(worlds(NETWORKS, ADDRESSES, DYNAMIC, INCLUDES), ANYTHING)
def test_any_record_over_any_world_is_told_or_refused(world, text):
    try:
        flat = run(spf.flatten("a.example", text, max_lookups=1), world)
    except RecordSyntaxError:
        return
    assert (flat.record is None) == bool(flat.problems)
    assert flat.proven == (flat.record is not None)
    assert len(world.asked) == len(set(world.asked))  # nothing is asked twice
    run(spf.optimise("a.example", text), world)

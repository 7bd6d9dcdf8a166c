"""Laws of a sender's verdicts: DANE over any DNS, MTA-STS over any policy, both readers of DMARC."""

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.ask import Outcome
from maildns.dnsdata import Tlsa
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import dane, dmarc, mtasts

QUICK = settings(max_examples=150, deadline=None)
NAMES = st.sampled_from(
    ["a.example", "b.example", "mx.a.example", "mx.b.example", "example", "_25._tcp.mx.a.example"]
)
TLSA = st.builds(
    Tlsa, st.integers(0, 4), st.integers(0, 2), st.integers(0, 3), st.binary(max_size=34)
)
RECORDS = st.lists(
    st.one_of(
        st.tuples(NAMES, st.just("A"), st.just("192.0.2.1")),
        st.tuples(NAMES, st.just("CNAME"), NAMES.map("{}.".format)),
        st.tuples(NAMES, st.just("MX"), st.tuples(st.integers(0, 3), NAMES | st.just("."))),
        st.tuples(NAMES, st.just("TLSA"), TLSA.map(str)),
        st.tuples(NAMES.map("_25._tcp.{}".format), st.just("TLSA"), TLSA.map(str)),
    ),
    max_size=12,
)
FAILING = st.lists(
    st.tuples(NAMES, st.sampled_from([Outcome.UNREACHABLE, Outcome.BOGUS])), max_size=2
)
CHAINS = st.none() | st.lists(st.binary(max_size=20), max_size=3)


def world_of(records, failing, signed):
    world = World()
    for owner, rrtype, data in records:
        if rrtype != "TLSA" or not data.endswith(" "):  # data without octets has no text
            world.add(owner, rrtype, data)
    for owner, outcome in failing:
        world.fail(owner, outcome)
    for apex in signed:
        world.sign(apex)
    return world


@QUICK
@given(RECORDS, FAILING, st.sets(NAMES, max_size=3), NAMES)
def test_a_domain_is_protected_only_where_all_of_it_is_signed(records, failing, signed, domain):
    found = run(dane.domain_lookup(domain), world_of(records, failing, signed))
    if found.protected:
        assert signed
        assert all(host.dnssec == "secure" for host in found.hosts)
    assert (found.result == "found") is bool(found.hosts)


@QUICK
@given(RECORDS, FAILING, st.sets(NAMES, max_size=3), CHAINS)
def test_no_junk_authenticates_a_host_and_no_dane_host_gets_mail_in_the_clear(
    records, failing, signed, chain
):
    world = world_of(records, failing, signed)
    found = run(dane.sender_verdict("mx.a.example", chain), world)
    assert found.delivery != "authenticated"  # junk is nobody's certificate
    if found.lookup.result == "dane":
        assert found.delivery == ("defer" if chain is None or found.lookup.usable else "encrypted")
    if not signed:
        assert found.delivery in {"opportunistic", "defer"}


POLICIES = st.builds(
    mtasts.StsPolicy,
    st.sampled_from(mtasts.Mode),
    st.just(86400),
    st.lists(st.sampled_from(["mx.a.example", "*.a.example", "*.example"]), max_size=2).map(tuple),
)


@QUICK
@given(POLICIES, NAMES, st.booleans(), st.none() | st.lists(NAMES, max_size=2), st.text(max_size=3))
def test_mail_is_refused_only_by_an_enforced_policy_that_is_not_kept(
    policy, host, starttls, names, distrust
):
    found = mtasts.verdict(
        policy, host, starttls=starttls, certificate_names=names, distrust=distrust
    )
    assert bool(found.report_as) is bool(found.reason)
    assert (found.action == "deliver") is (not found.report_as)
    if found.action == "refuse":
        assert policy.mode is mtasts.Mode.ENFORCE
    if starttls and not distrust and names is None and mtasts.policy_allows(policy, host):
        assert found.action == "deliver"


TAGS = st.lists(
    st.sampled_from(
        ["p=reject", "sp=none", "np=reject", "t=y", "psd=n", "psd=y", "pct=0", "adkim=s"]
    ),
    max_size=4,
)
DOMAINS = st.lists(st.sampled_from(["a", "b", "com", "co", "uk"]), min_size=1, max_size=9).map(
    ".".join
)


@QUICK
@given(
    st.dictionaries(DOMAINS, TAGS, max_size=4),
    DOMAINS,
    DOMAINS,
    st.lists(st.tuples(DOMAINS, st.sampled_from(["pass", "fail", "temperror"])), max_size=4),
)
def test_a_comparison_tells_every_difference_and_asks_within_bounds(records, author, spf, dkim):
    world = World()
    for owner, tags in records.items():
        world.add(f"_dmarc.{owner}", "TXT", "; ".join(["v=DMARC1", *tags]).encode())
    found = run(dmarc.compare(header_from=author, spf=(spf, "pass"), dkim=dkim), world)
    same = (found.newer.result, found.newer.disposition) == (
        found.older.result,
        found.older.disposition,
    )
    assert same or {"result", "disposition"} & {one.field for one in found.differences}
    walks = 1 + len({spf, *(domain for domain, _ in dkim)})
    assert len(world.asked) <= 8 * walks + 1 + 2

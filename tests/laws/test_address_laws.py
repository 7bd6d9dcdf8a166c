"""Which addresses can be reached from everywhere: the table of ours against that of Python."""

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns import addresses

# Where the two may differ: what is global and no server has, and what Python learned late.
NOT_COMPARED = [
    ipaddress.ip_network(one)
    for one in (
        "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4", "100:0:0:1::/64", "2001::/23",
        "2002::/16", "3fff::/20", "5f00::/16", "64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0/96",
        "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
COMPARED = [
    ipaddress.ip_network(one)
    for one in (
        "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24",
        "192.31.196.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "240.0.0.0/4", "::/128", "::1/128", "100::/64", "2001:db8::/32", "2620:4f:8000::/48",
        "fc00::/7", "fe80::/10",
    )
]  # fmt: skip


def at_an_edge(network, last, step):
    """An address at an edge of *network*, or one beside it."""
    number = int(network[-1] if last else network[0]) + step
    most = 2**network.max_prefixlen - 1
    return type(network[0])(min(max(number, 0), most))


EDGES = st.builds(
    at_an_edge, st.sampled_from(COMPARED + NOT_COMPARED), st.booleans(), st.integers(-1, 1)
)


@settings(max_examples=1000, deadline=None)
@given(st.one_of(st.ip_addresses(), EDGES))
def test_an_address_is_sound_if_it_is_global(address):
    if not any(address in one for one in NOT_COMPARED):
        assert (addresses.lint_address(address) == []) is address.is_global

"""Names of senders from real name servers on loopback: confirmed, remembered, within a deadline."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from misbehaving import udp_server

from maildns.lab import LabServer
from maildns.net.resolver import Resolver
from maildns.reports.naming import Reach, names_of, naming_for
from maildns.reports.store import Store

pytestmark = pytest.mark.server

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
MANY = 200
ADDRESSES = [f"198.51.100.{at}" for at in range(1, MANY + 1)]
ZONES = {
    "100.51.198.in-addr.arpa": "\n".join(
        f"{at} PTR h{at}.shop.example." for at in range(1, MANY + 1)
    ),
    # every tenth name is a lie: it has another address
    "shop.example": "\n".join(
        f"h{at} A {'192.0.2.1' if at % 10 == 0 else f'198.51.100.{at}'}"
        for at in range(1, MANY + 1)
    )
    + '\nspf TXT "v=spf1 ip4:198.51.100.0/24 -all"',
    "example.com": '@ TXT "v=spf1 include:spf.shop.example -all"',
}


@pytest.fixture(scope="module")
def lab():
    with LabServer(ZONES) as running:
        yield running


def asking(port, **more):
    return Resolver(servers=[f"127.0.0.1:{port}"], **{"timeout_seconds": 2, **more})


def test_names_of_many_addresses_are_confirmed_and_remembered(lab, tmp_path):
    with Store(tmp_path / "reports.db") as store:
        with asking(lab.port) as resolver:
            first = names_of(ADDRESSES, Reach(resolver, store.memory()), NOW)
        assert first == {
            f"198.51.100.{at}": f"h{at}.shop.example" for at in range(1, MANY + 1) if at % 10
        }
        later = NOW + timedelta(days=6)
        with udp_server(lambda _: []) as (port, asked), asking(port) as silent:
            assert names_of(ADDRESSES, Reach(silent, store.memory()), later) == first
            assert asked == []


def test_a_name_server_that_is_silent_is_given_up(tmp_path):
    with (
        Store(tmp_path / "reports.db") as store,
        udp_server(lambda _: []) as (port, _),
        asking(port, timeout_seconds=0.2, tries=1, deadline_seconds=1) as silent,
    ):
        before = time.monotonic()
        many = [f"100.64.{at // 250}.{at % 250 + 1}" for at in range(2000)]
        assert names_of(many, Reach(silent, store.memory()), NOW) == {}
        assert time.monotonic() - before < 15
        assert store.memory().recall("ptr", many) == {}


def test_the_spf_record_of_a_live_zone_names_its_senders(lab):
    with asking(lab.port) as resolver:
        naming = naming_for(["example.com"], ["198.51.100.7"], now=NOW, reach=Reach(resolver))
    named = naming.name("example.com", "198.51.100.7")
    assert (named.ours, named.host) == (True, "h7.shop.example")
    assert named.by == "permitted by include:spf.shop.example in the SPF record"

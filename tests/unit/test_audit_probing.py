"""Who is talked to, within what time, and what is made of silence; the servers are made up."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from live_facts import DOMAIN, HOST, V4, V6, fetched, talk, world

from maildns.ask import Outcome
from maildns.audit.facts import Facts
from maildns.audit.gathering import Scope, gather
from maildns.audit.live import MAX_MAIL_ADDRESSES
from maildns.audit.probing import mark_blocked, probe
from maildns.net.drivers import run
from maildns.net.https import FetchResult
from maildns.net.talk import PretendedProber, Reached, silent

SRV = ["_imaps._tcp.example.com. SRV 0 1 993 imap.example.com.", "imap.example.com. A 8.8.4.99",
       "_submission._tcp.example.com. SRV 0 1 1587 mx.example.com.",
       "_pop3._tcp.example.com. SRV 0 0 0 ."]  # fmt: skip


def gathered(at=None):
    return run(gather(DOMAIN, Scope(common_selectors=False, servers=False)), at or world())


def probed(dns, prober=None, fetcher=None, **more):
    return asyncio.run(asyncio.wait_for(probe(dns, prober, fetcher, **more), 10))


def visits(dns):
    prober = PretendedProber({})
    probed(dns, prober)
    return prober.visits


def test_each_address_of_each_mail_host_is_visited():
    found = [(one.host, one.address, one.port, one.server_name) for one in visits(gathered())]
    assert found == [(HOST, V4, 25, HOST), (HOST, V6, 25, HOST)]


def test_announced_services_are_visited_the_way_they_speak():
    found = visits(gathered(world(extra=SRV)))
    services = {(one.service, one.address, one.port, one.way, one.implicit_tls) for one in found}
    assert services - {("", V4, 25, "smtp", False), ("", V6, 25, "smtp", False)} == {
        ("_imaps", "8.8.4.99", 993, "imap", True),
        ("_submission", V4, 1587, "smtp", False),
        ("_submission", V6, 1587, "smtp", False),
    }


def test_the_base_domain_of_an_alias_is_asked_for_in_tls():
    lines = ["mx.example.com. CNAME real.example.com.", f"real.example.com. A {V4}",
             "_25._tcp.real.example.com. TLSA 3 1 1 " + "ab" * 32]  # fmt: skip
    at = world(without=["mx.example.com. A", "mx.example.com. TXT"], extra=lines)
    (found,) = visits(gathered(at))
    assert (found.host, found.server_name) == (HOST, "real.example.com")


def test_a_domain_with_addresses_without_end_is_not_visited_without_end():
    many = [f"mx.example.com. A 8.8.{number // 250}.{number % 250 + 1}" for number in range(300)]
    assert len(visits(gathered(world(extra=many)))) == MAX_MAIL_ADDRESSES


def test_the_talks_are_those_of_the_prober():
    both = {(V4, 25): talk(), (V6, 25): talk(address=V6)}
    found = probed(gathered(), PretendedProber(both))
    assert found.talks == tuple(both.values())
    assert found.policy is None


def test_without_ports_nobody_is_asked():
    found = probed(gathered())
    assert (found.talks, found.policy) == (None, None)


def test_who_takes_no_mail_is_not_visited():
    at = world(without=["example.com. MX"], extra=["example.com. MX 0 ."])
    assert probed(gathered(at), PretendedProber({})).talks == ()


SILENT, REFUSED, NO_ROUTE = Reached.NO_ANSWER, Reached.REFUSED, Reached.NO_ROUTE
BLOCKED = [
    # how each talk at port 25 ended, whether the port is taken for blocked, why
    ([SILENT, SILENT], True, "not a single answer"),
    ([SILENT], True, "nor from the only one"),
    ([SILENT, REFUSED], False, "a refusal comes through an open network"),
    ([SILENT, Reached.YES], False, "one answers"),
    ([REFUSED], False, "refused"),
    ([NO_ROUTE], False, "a machine without IPv6 cannot tell"),
    ([], False, "nobody was asked"),
]


@pytest.mark.parametrize("reached, blocked, reason", BLOCKED)
def test_a_port_is_taken_for_blocked_when_nobody_at_all_answers(reached, blocked, reason):
    talks = tuple(talk(reached=one, failure="time-out") for one in reached)
    found = mark_blocked(talks)
    assert all((one.reached is Reached.BLOCKED) is blocked for one in found), reason
    assert all(("lets nobody out" in one.failure) is blocked for one in found)


def test_a_family_that_this_machine_does_not_have_is_no_witness():
    found = mark_blocked((talk(reached=SILENT), talk(reached=NO_ROUTE, address=V6)))
    assert [one.reached for one in found] == [Reached.BLOCKED, NO_ROUTE]


def test_that_other_ports_are_silent_says_nothing_of_port_25():
    others = (replace(talk(), port=993, service="_imaps", reached=SILENT), talk())
    assert mark_blocked(others) == others
    both = (replace(talk(), port=993, service="_imaps"), talk(reached=SILENT))
    assert [one.reached for one in mark_blocked(both)] == [Reached.YES, Reached.BLOCKED]


# --- the policy -----------------------------------------------------------------------


class Shelf:
    """Hands out one policy, and remembers who asked."""

    def __init__(self, policy=None, seconds=0.0):
        self.policy, self.seconds, self.asked = policy, seconds, []

    async def __call__(self, domain, places, seconds):
        self.asked.append((domain, tuple(places)))
        await asyncio.sleep(self.seconds)
        return self.policy


def test_the_announced_policy_is_fetched_from_the_addresses_that_the_dns_gave():
    shelf = Shelf(fetched())
    assert probed(gathered(), None, shelf).policy == fetched()
    assert shelf.asked == [(DOMAIN, ("8.8.4.80",))]


POLICY_HOST = [
    (["_mta-sts"], {}, None, "without a record nobody looks for a policy"),
    (["mta-sts"], {}, FetchResult.REFUSED, "the host does not exist"),
    ([], {"mta-sts.example.com": Outcome.UNREACHABLE}, FetchResult.UNREACHABLE, "time-out"),
]


@pytest.mark.parametrize("without, fails, result, reason", POLICY_HOST)
def test_a_policy_host_without_an_address_is_not_asked(without, fails, result, reason):
    at, shelf = world(without=without), Shelf(fetched())
    for name, outcome in fails.items():
        at.fail(name, outcome)
    found = probed(gathered(at), None, shelf).policy
    assert (found.result if found else None) == result, reason
    assert shelf.asked == []


def test_a_policy_that_comes_too_late_is_unknown():
    found = probed(gathered(), None, Shelf(fetched(), seconds=5), deadline_seconds=0.05).policy
    assert found.result is FetchResult.UNREACHABLE


def test_progress_is_told_for_each_that_is_done():
    told = []
    probed(
        gathered(), PretendedProber({}), Shelf(fetched()),
        progress=lambda done, of: told.append((done, of)),
    )  # fmt: skip
    assert sorted(told) == [(1, 3), (2, 3), (3, 3)]


def test_a_pretended_prober_is_silent_where_nothing_is_made_up():
    (visit, _) = visits(gathered())
    prober = PretendedProber({})
    found = asyncio.run(prober.talk(visit, 0.0))
    assert found == silent(visit)
    assert isinstance(Facts(gathered(), None, (found,)).talks, tuple)

"""Who sends: gathered from the description, the DNS, a geography file and memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from mmdb import write
from report_rows import DOMAIN, row

from maildns.ask import Outcome
from maildns.intent.load import parse
from maildns.net.world import World
from maildns.reports.geography import Geography
from maildns.reports.meaning import Kind, sources_of
from maildns.reports.naming import AT_ONCE, PTR, Reach, confirmed_names, names_of, naming_for
from maildns.reports.store import Store
from maildns.reports.views import Memo

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
ZONE = """\
7.100.51.198.in-addr.arpa. IN PTR out.shop.example.
out.shop.example.          IN A 198.51.100.7
8.100.51.198.in-addr.arpa. IN PTR mail.example.com.
mail.example.com.          IN A 192.0.2.1
9.100.51.198.in-addr.arpa. IN PTR a.example.
9.100.51.198.in-addr.arpa. IN PTR b.example.
b.example.                 IN A 198.51.100.9
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. IN PTR six.example.
six.example.               IN AAAA 2001:db8::1
example.com.               IN TXT "v=spf1 include:spf.shop.example -all"
spf.shop.example.          IN TXT "v=spf1 ip4:198.51.100.0/24 -all"
"""
CONFIG = """\
[server."mail.example.com"]
ipv4 = "192.0.2.1"
ipv6 = "2001:db8::25"
[domain."example.com"]
senders = ["sendgrid", "ip4:192.0.2.128/25"]
spf = { ip4 = "203.0.113.0/24" }
[reports]
strangers = "198.51.100.66"
networks = { "the printer" = ["192.0.2.200"], "branch" = ["2001:db8:b::/48"] }
"""


class Memories:
    """What a store would remember."""

    def __init__(self, **texts):
        self.kept = {PTR: {}}
        self.written = 0

    def recall(self, kind, keys):
        return {key: self.kept[kind][key] for key in keys if key in self.kept[kind]}

    def remember(self, kind, texts, at):
        self.written += len(texts)
        self.kept[kind].update({key: Memo(text, at) for key, text in texts.items()})

    def forget(self, kind, keys):
        for key in keys:
            self.kept[kind].pop(key, None)


@pytest.fixture
def world():
    return World.from_zone(ZONE)


class Asked:
    """A world that counts its rounds."""

    def __init__(self, world):
        self.world, self.rounds, self.questions = world, 0, 0

    def answer(self, questions):
        self.rounds += 1
        self.questions += len(questions)
        return self.world.answer(questions)


NAMES = [
    ("198.51.100.7", "out.shop.example", "its name has the address"),
    ("198.51.100.8", None, "anyone can claim a name for an address of his own"),
    ("198.51.100.9", "b.example", "of two names the one that has it"),
    ("198.51.100.10", None, "it has no name"),
    ("2001:db8::1", "six.example", "IPv6 likewise"),
    ("nonsense", None, "what a reporter wrote in its place"),
    ("0.0.0.0", None, "nobody's address"),
]


@pytest.mark.parametrize("ip, host, reason", NAMES)
def test_only_a_confirmed_name_counts(world, ip, host, reason):
    assert names_of([ip], Reach(world), NOW).get(ip) == host, reason


def test_addresses_are_asked_for_together(world):
    asked = Asked(world)
    names_of([f"198.51.100.{at}" for at in range(1, AT_ONCE + 1)], Reach(asked), NOW)
    assert asked.rounds == 2  # their names, then the addresses of those


def test_names_are_remembered_and_not_asked_again(world):
    memory, asked = Memories(), Asked(world)
    ips = ["198.51.100.7", "198.51.100.10"]
    first = names_of(ips, Reach(asked, memory), NOW)
    before = asked.questions
    assert names_of(ips, Reach(asked, memory), NOW + timedelta(days=6)) == first
    assert (asked.questions, memory.written) == (before, 2)
    assert names_of(ips, Reach(None, memory), NOW + timedelta(days=6)) == first


def test_what_is_remembered_grows_old(world):
    memory, asked = Memories(), Asked(world)
    memory.remember(PTR, {"198.51.100.7": "old.example", "198.51.100.9": ""}, NOW)
    later = NOW + timedelta(days=8)
    ips = ["198.51.100.7", "198.51.100.9"]
    assert names_of(ips, Reach(asked, memory), later) == {
        "198.51.100.7": "old.example", "198.51.100.9": "b.example",
    }  # fmt: skip
    much_later = NOW + timedelta(days=31)
    assert names_of(ips, Reach(asked, memory), much_later)["198.51.100.7"] == "out.shop.example"


def test_what_the_dns_did_not_answer_is_asked_again(world):
    memory = Memories()
    world.fail("7.100.51.198.in-addr.arpa", Outcome.UNREACHABLE)
    assert names_of(["198.51.100.7"], Reach(world, memory), NOW) == {}
    assert names_of(["198.51.100.7"], Reach(World.from_zone(ZONE), memory), NOW)


def test_asking_ends_at_its_deadline(world):
    asked = Asked(world)
    seconds = iter(range(0, 1000, 10))
    reach = Reach(asked, seconds=15, clock=lambda: next(seconds))
    names_of([f"100.64.{at // 250}.{at % 250}" for at in range(1000)], reach, NOW)
    assert asked.questions == AT_ONCE


def test_a_dns_that_never_answers_is_given_up():
    dead = World()
    asked = Asked(dead)
    for at in range(640):
        dead.fail(f"{at % 250}.{at // 250}.64.100.in-addr.arpa", Outcome.UNREACHABLE)
    names_of([f"100.64.{at // 250}.{at % 250}" for at in range(640)], Reach(asked), NOW)
    assert asked.questions < 640


def test_progress_is_told(world):
    told = []
    names_of(
        [f"198.51.100.{at}" for at in range(1, 101)],
        Reach(world, progress=lambda done, total: told.append((done, total))),
        NOW,
    )
    assert told == [(64, 100), (100, 100)]


def test_a_store_remembers_names(tmp_path, world):
    with Store(tmp_path / "reports.db") as store:
        ips = ["198.51.100.7", "198.51.100.10"]
        names = names_of(ips, Reach(world, store.memory()), NOW)
    with Store(tmp_path / "reports.db") as store:
        assert (
            names_of(ips, Reach(None, store.memory()), NOW) == names == {ips[0]: "out.shop.example"}
        )


# --- together -------------------------------------------------------------------------

WHO = [
    ("192.0.2.1", "mail.example.com", True, "a server of the description"),
    ("2001:db8::25", "mail.example.com", True, "by its other address"),
    ("192.0.2.200", "the printer", True, "[reports] names its network"),
    ("2001:db8:b::9", "branch", True, "likewise"),
    ("192.0.2.130", "192.0.2.130", True, "a network among the senders"),
    ("203.0.113.9", "203.0.113.9", True, "a network of the SPF wish"),
    ("198.51.100.7", "spf.shop.example", True, "behind an include of the record"),
    ("100.64.0.1", "100.64.0.1", False, "nobody"),
]


@pytest.mark.parametrize("ip, title, ours, reason", WHO)
def test_the_description_and_the_dns_name_senders(world, ip, title, ours, reason):
    naming = naming_for([DOMAIN], [ip], now=NOW, intent=parse(CONFIG), reach=Reach(world))
    named = naming.name(DOMAIN, ip)
    assert (named.title, named.ours) == (title, ours), reason


def test_a_stranger_of_the_description_is_one_whatever_spf_says(world):
    naming = naming_for([DOMAIN], [], now=NOW, intent=parse(CONFIG), reach=Reach(world))
    (source,) = sources_of([row("198.51.100.66", spf=DOMAIN)], naming)
    assert source.kind is Kind.STRANGER


def test_nothing_is_asked_without_a_world():
    naming = naming_for([DOMAIN], ["198.51.100.7"], now=NOW)
    assert (naming.includes, naming.hosts, naming.places) == ({}, {}, {})


def test_places_come_from_the_file_of_the_operator(tmp_path):
    path = write(tmp_path / "x.mmdb", {"198.51.100.0/24": {"as_name": "Example Networks"}})
    with Geography(path) as geography:
        reach = Reach(geography=geography)
        naming = naming_for([DOMAIN], ["198.51.100.7"], now=NOW, reach=reach)
    assert naming.name(DOMAIN, "198.51.100.7").title == "Example Networks"


def test_networks_of_the_description_are_those_of_each_domain():
    naming = naming_for([], [], now=NOW, intent=parse(CONFIG))
    assert [network for network, _ in naming.includes[DOMAIN]] == [
        ip_network("192.0.2.128/25"), ip_network("203.0.113.0/24"),
    ]  # fmt: skip


def test_names_are_an_inquiry_that_any_driver_can_run(world):
    from maildns.net.drivers import run

    assert run(confirmed_names(["198.51.100.7"]), world) == {"198.51.100.7": "out.shop.example"}

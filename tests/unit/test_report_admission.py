"""Who may come in and how often, and what clients write in commands."""

from __future__ import annotations

import pytest

from maildns.reports.sources import admission
from maildns.reports.sources.admission import Admission, client_of
from maildns.reports.sources.commands import CommandError, comparable, forwarded, path_of


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_client_may_come_at_once_as_often_as_in_a_minute_and_then_as_time_passes():
    clock = Clock()
    doors = Admission(9, 9, 4, clock)
    assert [doors.may_bring("a") for _ in range(6)] == [True] * 4 + [False] * 2
    assert doors.may_bring("b"), "another client has an account of its own"
    clock.now += 15
    assert [doors.may_bring("a") for _ in range(3)] == [True, False, False]
    clock.now += 3600
    assert [doors.may_bring("a") for _ in range(6)] == [True] * 4 + [False] * 2


def test_there_is_room_for_so_many_and_each_has_a_part_of_it():
    doors = Admission(3, 2, 9)
    assert [doors.enter(one) for one in "aaabb"] == [True, True, False, True, False]
    doors.leave("a")
    assert doors.inside == 2
    assert doors.enter("b")
    doors.leave("nobody")
    assert doors.inside == 3
    assert not doors.enter("a", trusted=True), "trust makes no room"
    doors.leave("b")
    assert doors.enter("a", trusted=True)


def test_a_crowd_of_clients_takes_little_memory():
    clock = Clock()
    doors = Admission(9, 9, 1, clock)
    most = admission._MOST_CLIENTS
    for number in range(3 * most):
        clock.now += 0.001
        assert doors.may_bring(f"client{number}")
        assert len(doors._spent) <= most
    assert not doors.may_bring(f"client{3 * most - 1}"), "the latest is not forgotten"


CLIENTS = [
    ("192.0.2.1", "192.0.2.1", "an address"),
    ("::ffff:192.0.2.1", "192.0.2.1", "the same on a socket for both"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "a customer has a network"),
    ("fe80::1%eth0", "fe80::/64", "a link"),
    ("", "", "a unix socket"),
]


@pytest.mark.parametrize("address, client, reason", CLIENTS)
def test_what_counts_as_one_client(address, client, reason):
    assert client_of(address) == client, reason


PATHS = [
    ("FROM:<a@b.example>", "a@b.example", {}, "as it should be"),
    ("from: <a@b.example>", "a@b.example", {}, "a space that many write"),
    ("FROM:<>", "", {}, "nobody, as of a bounce"),
    ("FROM:<@x.example,@y.example:a@b.example>", "a@b.example", {}, "a source route"),
    ('FROM:<"a b"@b.example>', '"a b"@b.example', {}, "a quoted local part"),
    (r'FROM:<"a\">b"@b.example>', r'"a\">b"@b.example', {}, "with what would end it"),
    ("FROM:<a@b.example>  SIZE=5  SMTPUTF8 ", "a@b.example", {"SIZE": "5", "SMTPUTF8": ""}, ""),
]


@pytest.mark.parametrize("argument, address, parameters, reason", PATHS)
def test_a_path_is_read(argument, address, parameters, reason):
    assert path_of("FROM", argument) == (address, parameters), reason


@pytest.mark.parametrize(
    "argument",
    ["", "<a@b>", "FROM", "FROM:", "FROM:<", "FROM:<a@b", "FROM:<a>b>", "TO:<a@b>", "FROM:<a@b>x",
     "FROM:<a@b> <c@d>", "FROM:<" + "(" * 2000, 'FROM:<"' + "\\" * 2001 + ">"],
)  # fmt: skip
def test_what_is_no_path_is_refused(argument):
    with pytest.raises(CommandError, match=r"^501 "):
        path_of("FROM", argument)


def test_addresses_are_compared_as_the_dns_compares_their_domains():
    assert comparable("A@Example.COM") == "a@example.com"
    assert comparable("a@..") == "a@.."
    assert comparable("postmaster") == comparable("Postmaster")


@pytest.mark.parametrize(
    "argument, said, reason",
    [
        ("NAME=x ADDR=192.0.2.1", {"ADDR": "192.0.2.1"}, "names prove nothing"),
        ("addr=IPv6:2001:DB8::1", {"ADDR": "2001:db8::1"}, "whatever the case"),
        ("ADDR=[UNAVAILABLE] HELO=[TEMPUNAVAIL]", {"ADDR": "", "HELO": ""}, "it does not know"),
        ("HELO=a+2Bb", {"HELO": "a+b"}, "xtext"),
        ("", {}, "nothing"),
    ],
)
def test_what_a_server_of_ours_says_of_its_client(argument, said, reason):
    assert forwarded(argument) == said, reason


@pytest.mark.parametrize("argument", ["ADDR=here", "ADDR", "HELO=a+0Ab", "HELO=" + "a" * 300])
def test_what_it_cannot_say_is_refused(argument):
    with pytest.raises(CommandError, match=r"^501 "):
        forwarded(argument)

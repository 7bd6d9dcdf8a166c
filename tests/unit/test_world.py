"""The pretended world as its callers fill it: what `add` and `fail` take, and what they refuse."""

from __future__ import annotations

import pytest

from maildns import Outcome, Question, RecordSyntaxError, World


def answer(world, owner, rrtype):
    return world.answer([Question(owner, rrtype)])[0]


TEXTS = [
    (b"v=spf1 -all", "v=spf1 -all"),
    ([b"v=spf1 ", b"-all"], "v=spf1 -all"),  # the strings of one record
    ((b"v=spf1 ", b"-all"), "v=spf1 -all"),
    (["v=spf1 ", "-all"], "v=spf1 -all"),
    ("v=spf1 -all", "v=spf1 -all"),
    ('"v=spf1 " "-all"', "v=spf1 -all"),  # as in a zone file
    (bytearray(b"v=spf1 -all"), "v=spf1 -all"),
    (b"x" * 300, "x" * 300),  # cut into strings
    (b"", ""),
]


@pytest.mark.parametrize("data, text", TEXTS)
def test_text_is_added_in_every_form(data, text):
    world = World()
    world.add("Example.COM.", "txt", data)
    assert [record.text for record in answer(world, "example.com", "TXT").records] == [text]


EXCHANGERS = [(10, "mx.example.com"), [10, "MX.example.com."], "10 mx.example.com."]


@pytest.mark.parametrize("data", EXCHANGERS)
def test_a_mail_exchanger_is_added_in_every_form(data):
    world = World()
    world.add("example.com", "MX", data)
    assert [str(record) for record in answer(world, "example.com", "MX").records] == [
        "10 mx.example.com."
    ]


WRONG = [
    ("MX", (70_000, "mx.example.com")),  # 16 bits
    ("MX", (-1, "mx.example.com")),
    ("MX", ("10", "mx.example.com")),
    ("MX", ("mx.example.com", 10)),
    ("MX", b"10 mx.example.com."),
    ("MX", (10, "a..b")),
    ("TXT", []),  # RFC 1035 section 3.3.14: one string at least
    ("TXT", [1, 2]),
    ("TXT", (10, "mx.example.com")),
    ("A", b"192.0.2.1"),
    ("A", "192.0.2.256"),
    ("NOPE", "x"),
]


@pytest.mark.parametrize("rrtype, data", WRONG)
def test_data_of_another_form_is_refused_and_not_guessed(rrtype, data):
    world = World()
    with pytest.raises(RecordSyntaxError):
        world.add("example.com", rrtype, data)
    assert not world.rrsets()


@pytest.mark.parametrize("rrtype", ["TXT", "txt", None])
def test_a_name_fails_for_the_type_in_either_case(rrtype):
    world = World()
    world.add("example.com", "TXT", b"x")
    world.fail("Example.com.", Outcome.UNREACHABLE, rrtype)
    assert answer(world, "example.com", "TXT").outcome is Outcome.UNREACHABLE
    assert answer(world, "example.com", "A").failed is (rrtype is None)

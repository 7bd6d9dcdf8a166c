"""What a replay asks of a live DNS: together, ahead, and bounded."""

from __future__ import annotations

import pytest
from report_rows import DOMAIN, TODAY, daily, row

from maildns.ask import Outcome, Question
from maildns.net.world import World
from maildns.protocols import dmarc
from maildns.reports.advice import Known, Seen, advise
from maildns.reports.foresight import AT_ONCE, MOST_NAMES, Foresight, foreseen
from maildns.reports.meaning import sources_of
from maildns.reports.replay import Change, replay
from maildns.reports.views import Window

NOW = dmarc.parse("v=DMARC1; p=none; rua=mailto:a@example.com")
REJECT = dmarc.parse("v=DMARC1; p=reject; np=reject; sp=none; rua=mailto:a@example.com")
ZONE = """\
there.example.com.      IN A 192.0.2.1
_dmarc.own.example.com. IN TXT "v=DMARC1; p=none"
own.example.com.        IN A 192.0.2.1
"""


class Live:
    """A world that is asked over a network, as far as anybody can tell."""

    def __init__(self, zone=ZONE):
        self.world, self.asked = World.from_zone(zone), []

    def answer(self, questions):
        self.asked.append(list(questions))
        return self.world.answer(questions)


OUTCOMES = [
    ("gone.example.com", 10, "it does not exist: np"),
    ("there.example.com", 0, "it does: sp"),
    ("own.example.com", 0, "it has a record of its own"),
    (DOMAIN, 10, "the domain itself"),
]


@pytest.mark.parametrize("author, hit, reason", OUTCOMES)
def test_a_live_world_answers_as_the_pretended_one(author, hit, reason):
    rows = [row(header_from=author)]
    for world in (Live(), World.from_zone(ZONE)):
        (one,) = replay(rows, Change(REJECT), domain=DOMAIN, now=NOW, reader="rfc9989", world=world)
        assert one.hit == hit, reason


def test_all_is_asked_together_and_ahead():
    live = Live()
    rows = [row(header_from=f"n{at}.example.com") for at in range(20)]
    replay(rows, Change(REJECT), domain=DOMAIN, now=NOW, reader="rfc9989", world=live)
    assert len(live.asked) == 1


def test_names_that_were_forged_by_the_thousand_are_not_all_asked_for():
    live = Live()
    forged = (row(messages=9, header_from=f"n{at}.example.com") for at in range(5000))
    rows = [*forged, row(messages=1, dkim="s.example.com", header_from="s.example.com")]
    Foresight(live, DOMAIN, rows)
    asked = [one for some in live.asked for one in some]
    assert len(asked) <= 2 * MOST_NAMES + 10
    assert max(map(len, live.asked)) <= AT_ONCE
    assert Question("_dmarc.s.example.com", "TXT") in asked  # mail that passes goes first


def test_advice_asks_once_for_all_that_it_tries():
    live = Live()
    rows = [
        row(header_from="s.example.com", dkim=DOMAIN),
        row("203.0.113.7", header_from="x.example.com"),
    ]
    seen = Seen(Window.last(30, TODAY), rows, sources_of(rows), daily(60))
    advise(Known(NOW, "a test", complete=True), DOMAIN, seen, today=TODAY, world=live)
    assert len(live.asked) == 1


def test_a_dns_that_never_answers_is_given_up():
    live = Live("")
    rows = [row(header_from=f"n{at}.example.com") for at in range(MOST_NAMES)]
    for one in (Question("_dmarc.com", "TXT"), Question("_dmarc.example.com", "TXT")):
        live.world.fail(one.name, Outcome.UNREACHABLE)
    for each in rows:
        live.world.fail(each.header_from, Outcome.UNREACHABLE)
        live.world.fail(f"_dmarc.{each.header_from}", Outcome.UNREACHABLE)
    Foresight(live, DOMAIN, rows)
    assert sum(map(len, live.asked)) < 2 * MOST_NAMES


HOSTILE = ["not a name", "", ".", "a" * 300 + ".example.com", "x..example.com", "ä.example.com"]


@pytest.mark.parametrize("author", HOSTILE)
def test_what_stands_in_from_need_be_no_name(author):
    rows = [row(header_from=author), row(header_from=f"{author}.example.com")]
    replay(rows, Change(REJECT), domain=DOMAIN, now=NOW, reader="rfc9989", world=Live())


def test_a_pretended_world_is_taken_as_it_is():
    world = World()
    assert foreseen(world, DOMAIN, []) is world
    assert foreseen(None, DOMAIN, []) is None
    made = foreseen(Live(), DOMAIN, [])
    assert foreseen(made, DOMAIN, []) is made

"""Questions: equal where they ask the same of the same."""

from __future__ import annotations

import operator
import pickle

import pytest

from maildns.ask import Answer, DirectQuestion, Outcome, Question, Together
from maildns.net.drivers import run
from maildns.net.world import World

PLAIN = Question("example.com", "MX")
DIRECT = DirectQuestion("example.com", "MX", "192.0.2.53")
OTHERS = [
    PLAIN,
    DirectQuestion("example.com", "MX", "192.0.2.54"),
    DirectQuestion("example.com", "MX", "192.0.2.53", "tcp"),
    DirectQuestion("example.com", "TXT", "192.0.2.53"),
]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_a_direct_question_is_equal_to_no_other(other):
    assert operator.ne(DIRECT, other)
    assert other != DIRECT
    assert other not in {DIRECT: 1}
    assert DIRECT not in {other: 1}


def test_a_direct_question_survives_the_way_to_another_process():
    again = pickle.loads(pickle.dumps(DIRECT))
    assert again == DIRECT
    assert (again.server, again.transport) == ("192.0.2.53", "udp")


def one_after_the_other(*questions):
    """An inquiry that asks one question a round, and gives the outcomes."""
    found = []
    for question in questions:
        (answer,) = yield (question,)
        assert answer.question == question
        found.append(answer.outcome.value)
    return found


@pytest.mark.parametrize(
    ("first", "then", "asked"),
    [
        (("nobody.example", "A"), ("nobody.example", "TXT"), 1),  # RFC 8020
        (("host.example", "MX"), ("host.example", "A"), 2),  # the name is there
        (("below.nobody.example", "A"), ("nobody.example", "A"), 2),  # says nothing of above
        (("nobody.example", "A"), ("below.nobody.example", "A"), 2),  # taken name by name
        (("alias.example", "A"), ("alias.example", "TXT"), 2),  # the alias is there
        (("lost.example", "A"), ("lost.example", "TXT"), 2),  # nobody knows
    ],
)
def test_a_name_that_does_not_exist_is_not_asked_for_again(first, then, asked):
    world = World.from_zone("host.example. A 192.0.2.1\nalias.example. CNAME nobody.example.\n")
    world.fail("lost.example", Outcome.UNREACHABLE)
    inquiry = one_after_the_other(Question(*first), Question(*then))
    run(Together().run([inquiry]), world)
    assert len(world.asked) == asked


def test_a_server_that_denies_a_name_with_records_is_believed_no_further():
    questions = [Question("mail.example", one) for one in ("A", "AAAA", "TXT")]
    outcomes = [Outcome.FOUND, Outcome.NO_NAME, Outcome.NO_DATA]
    inquiry = Together().run([one_after_the_other(*questions)])
    assert list(next(inquiry)) == questions[:1]
    for at in (1, 2):
        assert inquiry.send([Answer(questions[at - 1], outcomes[at - 1])]) == [questions[at]]
    with pytest.raises(StopIteration) as end:
        inquiry.send([Answer(questions[2], outcomes[2])])
    assert end.value.value == [["found", "no name", "no data"]]

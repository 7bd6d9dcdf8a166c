"""Questions: equal where they ask the same of the same, and not put where the answer is known."""

from __future__ import annotations

import operator
import pickle

import pytest

from maildns.ask import Answer, DirectQuestion, Outcome, Question, Together
from maildns.net.drivers import run

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


def asked_of(first, answers):
    """What is asked beside MX of one name, after *first* was answered with *answers*; and the verdict."""

    def inquiry():
        yield first
        return (yield (Question("a.example", "MX"), Question("b.example", "MX")))

    running = Together().run([inquiry()])
    next(running)
    new = running.send(answers)
    try:
        running.send([Answer(one, Outcome.FOUND) for one in new])
    except StopIteration as stop:
        return [one.name for one in new], stop.value[0]
    raise AssertionError("it asks on")


A, TXT = Question("a.example", "A"), Question("a.example", "TXT")
AT_ONE = DirectQuestion("a.example", "A", "192.0.2.53")
GONE = Answer(A, Outcome.NO_NAME, ttl_seconds=60, detail="said so")
FIRST = [
    ([A], [GONE], False, "the name does not exist: nor do its other types (RFC 2308 section 5)"),
    ([A], [Answer(A, Outcome.NO_DATA)], True, "the name exists"),
    ([A], [Answer(A, Outcome.UNREACHABLE)], True, "nobody knows"),
    ([A], [Answer(A, Outcome.BOGUS)], True, "nobody may believe it"),
    ([A], [Answer(A, Outcome.NO_NAME, aliases=("b.example",))], True, "the alias exists"),
    ([AT_ONE], [Answer(AT_ONE, Outcome.NO_NAME)], True, "the word of one server alone"),
    ([A, TXT], [GONE, Answer(TXT, Outcome.FOUND)], True, "it exists all the same (RFC 4074)"),
    ([TXT, A], [Answer(TXT, Outcome.NO_DATA), GONE], True, "the same, in another order"),
]


@pytest.mark.parametrize("first, answers, is_asked, why", FIRST, ids=[why for *_, why in FIRST])
def test_no_further_type_is_asked_of_a_name_that_does_not_exist(first, answers, is_asked, why):
    names, (of_a, of_b) = asked_of(first, answers)
    assert names == (["a.example", "b.example"] if is_asked else ["b.example"])
    assert of_b.found
    assert of_a.question == Question("a.example", "MX")
    if not is_asked:
        assert (of_a.outcome, of_a.ttl_seconds, of_a.detail) == (Outcome.NO_NAME, 60, "said so")


def test_a_server_is_asked_by_itself_whatever_others_say():
    def inquiry():
        yield [A]
        yield [AT_ONE]

    running = Together().run([inquiry()])
    next(running)
    assert list(running.send([GONE])) == [AT_ONE]


@pytest.mark.parametrize(
    "first, wildcard, is_asked, why",
    [
        (GONE, "*.example", False, "it would have answered (RFC 4592 section 3.3.1)"),
        (GONE, "*.a.example", True, "it stands below"),
        (GONE, "*.other.example", True, "it stands elsewhere"),
        (Answer(A, Outcome.NO_DATA), "*.example", True, "the name exists"),
        (
            Answer(A, Outcome.NO_NAME, aliases=("b.example",)),
            "*.example",
            True,
            "an alias leads on",
        ),
    ],
)
def test_a_name_that_does_not_exist_has_no_wildcard_beside_it(first, wildcard, is_asked, why):
    asked = []

    def answered(questions):
        asked.extend(one.name for one in questions)
        return [first if one == A else Answer(one, Outcome.FOUND) for one in questions]

    def inquiry():
        yield [A]
        return (yield [Question(wildcard, "TXT")])

    ((answer,),) = run(Together().run([inquiry()]), Replies(answered))
    assert (wildcard in asked) == is_asked, why
    assert answer.found == is_asked


class Replies:
    """A world that is one function."""

    def __init__(self, answer):
        self.answer = answer

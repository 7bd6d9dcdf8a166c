"""The cache of answers: how long, how many, and which make room."""

from __future__ import annotations

import pytest

from maildns.ask import Answer, Outcome, Question
from maildns.net.cache import FAILURE_CACHE_SECONDS, MAX_CACHE_SECONDS, Cache


def answer(number, ttl=300, outcome=Outcome.NO_DATA):
    return Answer(Question(f"d{number}.example", "A"), outcome, ttl_seconds=ttl)


def kept(cache, one, now=0.0):
    cache.keep(one.question, one, now)
    return one.question


@pytest.mark.parametrize(
    "ttl, outcome, seconds, why",
    [
        (300, Outcome.FOUND, 300, "its TTL"),
        (60, Outcome.NO_NAME, 60, "its negative TTL"),
        (10**6, Outcome.FOUND, MAX_CACHE_SECONDS, "a day at most"),
        (None, Outcome.UNREACHABLE, FAILURE_CACHE_SECONDS, "a failure for a moment"),
        (0, Outcome.FOUND, 0, "a TTL of zero: not at all"),
        (None, Outcome.FOUND, 0, "nobody said how long"),
    ],
)
def test_an_answer_lives_as_long_as_it_may(ttl, outcome, seconds, why):
    cache = Cache()
    question = kept(cache, answer(1, ttl, outcome), now=100.0)
    if seconds:
        assert cache.get(question, 100.0 + seconds - 0.5) is not None, why
    assert cache.get(question, 100.0 + seconds) is None, why


def test_the_ttl_runs_down():
    cache = Cache()
    question = kept(cache, answer(1, 300))
    assert [cache.get(question, now).ttl_seconds for now in (0.5, 10.2, 299.9)] == [300, 290, 1]


def test_there_are_never_more_than_the_most_and_the_newest_are_there():
    cache = Cache(100)
    questions = [kept(cache, answer(number)) for number in range(1000)]
    held = [cache.get(question, 1.0) is not None for question in reversed(questions)]
    assert all(held[:50])
    assert sum(held) <= 100


def test_what_is_asked_for_again_stays():
    cache = Cache(100)
    question = kept(cache, answer(0))
    for number in range(1, 1000):
        kept(cache, answer(number))
        assert cache.get(question, 1.0) is not None, number


def test_nothing_is_left_when_it_is_cleared():
    cache = Cache(4)
    questions = [kept(cache, answer(number)) for number in range(4)]
    cache.clear()
    assert [cache.get(question, 1.0) for question in questions] == [None] * 4

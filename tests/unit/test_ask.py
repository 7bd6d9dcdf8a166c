"""Questions: equal where they ask the same of the same."""

from __future__ import annotations

import operator
import pickle

import pytest

from maildns.ask import DirectQuestion, Question

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

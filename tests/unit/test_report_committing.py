"""Between those who are called and who keeps: nothing is said to be safe before it is."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import pytest
from file_keeper import FileKeeper, report

from maildns.errors import InputError
from maildns.reports.keeping import Arrival, Kept, Receipt
from maildns.reports.sources.committing import Committer, why_not_kept


class Gate:
    """A keeper that waits, each time, to be let on."""

    def __init__(self, keeper):
        self.keeper = keeper
        self.may_go_on = threading.Event()
        self.begun = threading.Event()

    def keep(self, arrivals):
        self.begun.set()
        assert self.may_go_on.wait(10)
        return self.keeper.keep(arrivals)


@pytest.fixture
def keeper(tmp_path):
    return FileKeeper(tmp_path / "kept")


@contextmanager
def committing(keeper, **more):
    made = Committer(keeper, **more)
    try:
        yield made
    finally:
        made.close()


def arrival(name: str, octets: bytes = b"") -> Arrival:
    return Arrival(octets or report(name), f"mail {name}")


def test_what_waits_at_the_same_time_is_kept_together(keeper):
    gate = Gate(keeper)

    async def bring(committer):
        first = asyncio.create_task(committer.keep(arrival("first")))
        await asyncio.to_thread(gate.begun.wait, 10)
        others = [asyncio.create_task(committer.keep(arrival(f"m{n:03}"))) for n in range(250)]
        await asyncio.sleep(0.05)
        gate.may_go_on.set()
        return await asyncio.gather(first, *others)

    with committing(gate) as committer:
        told = asyncio.run(bring(committer))
    assert [[one.kept for one in receipts] for receipts in told] == [[Kept.NEW]] * 251
    assert [receipts[0].source for receipts in told[:2]] == ["mail first", "mail m000"]
    assert keeper.batches == [1, 200, 50]


def test_large_ones_do_not_share_a_transaction_without_end(keeper):
    gate = Gate(keeper)
    large = b"x" * (9 << 20)

    async def bring(committer):
        tasks = [
            asyncio.create_task(committer.keep(arrival(f"m{n}", report(f"m{n}") + large)))
            for n in range(4)
        ]
        await asyncio.sleep(0.05)
        gate.may_go_on.set()
        await asyncio.gather(*tasks)

    with committing(gate) as committer:
        asyncio.run(bring(committer))
    assert max(keeper.batches) == 1


def test_a_failure_is_told_to_those_it_concerns_and_the_next_is_kept(keeper):
    async def bring(committer):
        keeper.down = True
        failed = await asyncio.gather(
            *(committer.keep(arrival(name)) for name in "abc"), return_exceptions=True
        )
        keeper.down = False
        return failed, await committer.keep(arrival("a"))

    with committing(keeper) as committer:
        failed, receipts = asyncio.run(bring(committer))
    assert [type(one) for one in failed] == [OSError] * 3
    assert [one.kept for one in receipts] == [Kept.NEW]
    assert keeper.names == ["a"]


def test_what_nobody_waits_for_any_more_is_kept_all_the_same(keeper):
    gate = Gate(keeper)

    async def bring(committer):
        task = asyncio.create_task(committer.keep(arrival("a")))
        await asyncio.to_thread(gate.begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.may_go_on.set()

    with committing(gate) as committer:
        asyncio.run(bring(committer))
    assert keeper.names == ["a"]


def test_who_sent_it_is_asked_first_and_kept_with_it(keeper):
    told = []

    def authenticate(one, helo):
        return f"{helo} says {one.source}"

    async def bring(committer):
        await committer.keep(arrival("a"), "mx.example")

    with committing(keeper, authenticate=authenticate, tell=told.append) as committer:
        asyncio.run(bring(committer))
    assert [one.authentication for one in keeper.arrivals] == ["mx.example says mail a"]
    assert told == [Receipt(Kept.NEW, "mail a", report_id="a")]


class WrappedError(Exception):
    """As SQLAlchemy wraps what a driver raises."""

    orig = RuntimeError("database or disk is full\nDETAIL: x")


REASONS = [
    (OSError(28, "No space left on device"), "No space left on device", "the system's words"),
    (InputError("no store", path="a"), "a: no store", "ours"),
    (WrappedError("[parameters: ann@example.com]"), "database or disk is full", "theirs"),
    (ValueError("ann@example.com"), "ValueError", "whatever it may say of the mail"),
]


@pytest.mark.parametrize("error, words, reason", REASONS)
def test_why_is_told_without_what_was_to_be_kept(error, words, reason):
    assert why_not_kept(error) == words, reason

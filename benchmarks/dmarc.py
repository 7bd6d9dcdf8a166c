"""
How many messages DMARC judges each second, for both readers, with DNS answered from memory.

    python benchmarks/dmarc.py

Medians of nine runs, in seconds of the processor. The limit is 20,000 verdicts each second by
RFC 9989 in every case, so the least decides. The distance to what cannot be undercut is shown: a driver that takes
the same questions through the same generator protocol, with the answers in a dict and no rules.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from maildns.ask import Answer, Inquiry, Outcome, Question
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import dmarc

RUNS, CALLS = 9, 2000
LIMIT = 20_000
ZONE = """
_dmarc.example.com.       TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"
www.example.com.          A   192.0.2.1
_dmarc.bank.              TXT "v=DMARC1; p=reject; psd=y"
_dmarc.giant.bank.        TXT "v=DMARC1; p=none"
"""
DEEP = "a.b.c.d.e.f.g.h.i.j.mail.example.com"
CASES: dict[str, dict[str, object]] = {
    "passes, all domains the same": {
        "header_from": "example.com",
        "spf": ("example.com", "pass"),
        "dkim": [("example.com", "pass")],
    },
    "passes, relaxed: two walks": {
        "header_from": "example.com",
        "spf": ("bounce.example.com", "pass"),
    },
    "fails: policy from above": {"header_from": "www.example.com"},
    "no policy, eight questions": {"header_from": DEEP.replace("example", "nobody")},
    "below a public suffix": {
        "header_from": "giant.bank",
        "spf": ("mail.giant.bank", "pass"),
        "dkim": [("mail.mega.bank", "pass")],
    },
}


class Answers:
    """The least that a world can be: a dict of answers that are there already."""

    def __init__(self, world: World, cases: Sequence[dict[str, object]]) -> None:
        self.known: dict[Question, Answer] = {}
        for case in cases:
            for reader in dmarc.READERS:
                run(dmarc.evaluate(**case, reader=reader), world)
        for question in list(world.asked):
            self.known.setdefault(question, world.answer([question])[0])

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        known = self.known
        return [known[one] for one in questions]


def bare(questions: Sequence[Question]) -> Inquiry[bool]:
    """Ask what an evaluation asks, and judge nothing."""
    answers = yield questions
    return all(answer.outcome is not Outcome.UNREACHABLE for answer in answers)


def per_second(call: Callable[[], object]) -> float:
    def times() -> Iterator[float]:
        for _ in range(RUNS):
            start = time.process_time()
            for _ in range(CALLS):
                call()
            yield time.process_time() - start

    call()
    return CALLS / statistics.median(times())


def main() -> int:
    answers = Answers(World.from_zone(ZONE), list(CASES.values()))
    print(
        f"{'verdicts each second':<32}{'RFC 9989':>10}{'RFC 7489':>10}{'bare lookups':>14}  distance"
    )
    rates = {}
    for title, case in CASES.items():
        world = World.from_zone(ZONE)
        run(dmarc.evaluate(**case), world)
        questions = tuple(dict.fromkeys(world.asked))
        newer, older = (
            per_second(lambda: run(dmarc.evaluate(**case, reader=reader), answers))  # noqa: B023 - called at once
            for reader in dmarc.READERS
        )
        limit = per_second(lambda: run(bare(questions), answers))  # noqa: B023 - called at once
        rates[title] = newer
        print(f"{title:<32}{newer:>10,.0f}{older:>10,.0f}{limit:>14,.0f}{limit / newer:>9.1f}x")
    least = min(rates.values())
    print(f"the least is {least:,.0f} each second by RFC 9989; the limit {LIMIT:,}")
    return 0 if least >= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())

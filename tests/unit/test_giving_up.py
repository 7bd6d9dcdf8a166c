"""A world that never answers: it costs a few rounds, makes nothing missing and proves nothing."""

from __future__ import annotations

from collections.abc import Sequence

from planning import CONFIG, MemoryZone, lines, plan_for

from maildns.ask import Answer, Outcome, Question
from maildns.net.drivers import run
from maildns.net.world import FRUITLESS_ROUNDS, GivingUp, World
from maildns.plan.gather import ROUND, observe
from maildns.plan.proof import Result

WHY = "127.0.0.1:53: no answer within 3 s"


class Silent(World):
    """A world whose every answer is a time-out."""

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        self.asked.extend(questions)
        return [Answer(one, Outcome.UNREACHABLE, detail=WHY) for one in questions]


def asked(world: GivingUp, owner: str) -> Outcome:
    return world.answer([Question(owner, "A")])[0].outcome


def test_after_a_few_rounds_without_an_answer_nothing_more_is_asked():
    silent = Silent()
    world = GivingUp(silent)
    for number in range(10):
        answer = world.answer([Question(f"{number}.example", "A")])[0]
        assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, WHY)
    assert len(silent.asked) == FRUITLESS_ROUNDS


def test_one_answer_is_enough_to_go_on():
    live = World.from_zone("there.example. A 192.0.2.1\n")
    live.fail("lost.example", Outcome.UNREACHABLE)
    world = GivingUp(live)
    assert asked(world, "there.example") is Outcome.FOUND
    for _ in range(5):
        assert asked(world, "lost.example") is Outcome.UNREACHABLE
    assert asked(world, "there.example") is Outcome.FOUND


def test_that_a_name_does_not_exist_is_an_answer_too():
    live = World()
    live.fail("lost.example", Outcome.UNREACHABLE)
    world = GivingUp(live)
    assert asked(world, "lost.example") is Outcome.UNREACHABLE
    assert asked(world, "nothing.example") is Outcome.NO_NAME
    for _ in range(FRUITLESS_ROUNDS + 1):
        asked(world, "lost.example")
    assert asked(world, "nothing.example") is Outcome.NO_NAME


def test_of_very_many_names_only_the_first_round_is_asked():
    silent = Silent()
    keys = [(f"{number}.example", "A") for number in range(3 * ROUND)]
    contents = run(observe(keys), silent)
    assert len(silent.asked) == ROUND
    assert set(contents.unknown) == set(keys)
    assert contents.rrsets == {}


def test_a_plan_over_it_claims_nothing():
    silent = Silent()
    plan = plan_for(CONFIG, world=silent)
    assert lines(plan) == {}
    assert len(plan.unknown) == 6
    assert [check.result for check in plan.checks] == [Result.UNKNOWN]
    assert WHY in plan.checks[0].evidence
    assert len({(q.name, q.rrtype) for q in silent.asked}) == len(silent.asked) == 6


def test_a_zone_at_hand_is_planned_and_what_the_world_should_say_stays_unknown():
    silent = Silent()
    plan = plan_for(CONFIG, world=silent, publishers={"public": MemoryZone("", "example.com")})
    assert "example.com MX" in lines(plan)
    assert plan.unknown == ()
    results = {check.result for check in plan.checks}
    assert Result.UNKNOWN in results
    assert Result.BAD not in results

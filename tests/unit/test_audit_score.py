"""What results come to: points, a grade, and whose rules count."""

from __future__ import annotations

from datetime import date

import pytest
from audits import BAD, GONE, IDLE, NOTE, OK, UNKNOWN, WARN, assessed

from maildns.audit.profiles import profile_named, profiles
from maildns.audit.registry import TOPICS
from maildns.audit.result import Status
from maildns.audit.score import is_worse
from maildns.errors import UsageError

SCORES = [
    # results, points, grade, why
    ([OK], 100, "A", "nothing is wrong"),
    ([OK, WARN], 95, "A", "a warning takes five"),
    ([OK, WARN, WARN], 95, "A", "a rule takes its points once"),
    ([OK, BAD], 75, "C", "what is bad takes 25"),
    ([OK, NOTE, IDLE], 100, "A", "notes and what does not apply take nothing"),
    ([GONE], 0, "F", "a domain that does not exist has no points at all"),
    ([UNKNOWN], 100, "", "where nothing could be known there is no grade"),
    ([OK, UNKNOWN], 100, "A", "silence takes nothing; it is counted beside the grade"),
]


@pytest.mark.parametrize("results, points, grade, why", SCORES)
def test_the_score_adds_up(results, points, grade, why):
    one = assessed(mx=results).score
    assert (one.points, one.grade) == (points, grade), why


def test_every_missing_point_is_explained():
    one = assessed(spf=[BAD], dmarc=[WARN, OK]).score
    assert 100 - sum(each.points for each in one.deductions) == one.points
    assert [each.result.rule for each in one.deductions] == ["spf-pass-all", "dmarc-policy-none"]


def test_points_never_fall_below_zero():
    many = [type(BAD)(f"spf-{number}", Status.BAD, "example.com", "x") for number in range(9)]
    assert assessed(spf=many).score.points == 0


GRADES = [("A", "A", False), ("B", "A", True), ("F", "D", True), ("A", "F", False), ("", "F", True)]


@pytest.mark.parametrize("grade, least, worse", GRADES)
def test_grades_are_ordered_and_no_grade_is_the_worst(grade, least, worse):
    assert is_worse(grade, least) is worse


def test_a_profile_lifts_and_drops_rules():
    strict = assessed(profile="internet-nl", dmarc=[WARN])
    assert strict.results["dmarc"][0].status is Status.BAD, "p=none is not enough there"
    lenient = assessed(profile="google-bulk", dmarc=[WARN])
    assert lenient.results["dmarc"][0].note, "Google asks for any policy"
    assert lenient.score.points == 100


def test_topics_that_a_profile_leaves_out_do_not_count():
    one = assessed(profile="microsoft-bulk", mx=[UNKNOWN], spf=[OK])
    assert one.score.unsure == 0
    assert one.score.grade == "A"


def test_a_profile_makes_nothing_of_what_could_not_be_known():
    one = assessed(profile="internet-nl", mx=[UNKNOWN])
    assert one.results["mx"][0].status is Status.UNKNOWN


@pytest.mark.parametrize("profile", profiles(), ids=str)
def test_every_profile_is_dated_has_sources_and_speaks_of_topics_that_exist(profile):
    assert profile.date <= date(2026, 11, 25)
    assert profile.sources
    assert profile.says.endswith(".")
    assert set(profile.topics) <= set(TOPICS)
    assert set(profile.levels.values()) <= {"bad", "warn", "ignore"}


PINS = [
    ("default", "default"),
    ("google-bulk", "google-bulk@2025-11-01"),
    ("google-bulk@2026", "google-bulk@2025-11-01"),
    ("google-bulk@2025-11", "google-bulk@2025-11-01"),
    ("google-bulk@2025-11-01", "google-bulk@2025-11-01"),
]


@pytest.mark.parametrize("text, named", PINS)
def test_a_profile_can_be_pinned_to_a_day(text, named):
    assert str(profile_named(text)).startswith(named)


MISNAMED = ["gmail", "google-bulk@2019", "google-bulk@yesterday", "", "google-bulk@2025-13-01"]


@pytest.mark.parametrize("text", MISNAMED)
def test_a_profile_that_is_not_there_is_refused_with_those_that_are(text):
    with pytest.raises(UsageError) as raised:
        profile_named(text)
    assert raised.value.hint

"""
Profiles: whose rules count, and how much, as dated data with their sources.

A profile never makes a result out of nothing: it gives results that are there another level,
or takes them out of the count.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from typing import Any

from maildns.audit.registry import TOPICS
from maildns.audit.result import Result, Status
from maildns.errors import UsageError

_LEVELS: Mapping[str, Status | None] = {"bad": Status.BAD, "warn": Status.WARN, "ignore": None}


@dataclass(frozen=True)
class Profile:
    """
    One set of rules of one day.

    `topics` are those that count. `levels` maps a rule id, or a pattern of ids, to `bad`, `warn`
    or `ignore`; `points` a rule id to what it takes from the score.
    """

    name: str
    date: date
    title: str
    says: str = ""
    sources: tuple[str, ...] = ()
    topics: tuple[str, ...] = tuple(TOPICS)
    levels: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}@{self.date.isoformat()}"

    def level(self, rule: str) -> str:
        """What *rule* comes to when it is broken: `bad`, `warn`, `ignore`; empty: its own severity."""
        if rule in self.levels:
            return self.levels[rule]
        return next((lvl for pattern, lvl in self.levels.items() if fnmatchcase(rule, pattern)), "")


def apply(
    profile: Profile, results: Mapping[str, Iterable[Result]]
) -> dict[str, tuple[Result, ...]]:
    """The *results* by topic as *profile* sees them; those that do not count become notes."""
    return {
        topic: tuple(
            _seen(profile, result) if topic in profile.topics else replace(result, note=True)
            for result in found
        )
        for topic, found in results.items()
    }


def _seen(profile: Profile, result: Result) -> Result:
    """One result at the level that *profile* gives it."""
    broken = result.status in {Status.WARN, Status.BAD} or (
        result.note and result.status is Status.OK
    )
    level = profile.level(result.rule) if broken else ""
    if not level:
        return result
    status = _LEVELS[level]
    if status is None:
        return replace(result, status=Status.OK, note=True)
    return replace(result, status=status, note=False)


@lru_cache(maxsize=1)
def profiles() -> tuple[Profile, ...]:
    """
    All profiles, in the order of the file.

    >>> [one.name for one in profiles()][:2]
    ['default', 'google-bulk']
    """
    text = (files("maildns.audit") / "profiles.toml").read_text(encoding="utf-8")
    return tuple(_profile(entry) for entry in tomllib.loads(text)["profile"])


def _profile(entry: Mapping[str, Any]) -> Profile:
    lists = {key: tuple(entry[key]) for key in ("sources", "topics") if key in entry}
    return Profile(**{**entry, **lists})


def profile_named(text: str) -> Profile:
    """
    The profile that *text* names: `NAME`, or `NAME@DATE` for the newest that is not younger.

    Raises `UsageError` when there is none.

    >>> str(profile_named("google-bulk@2026-01"))
    'google-bulk@2025-11-01'
    """
    name, _, day = text.partition("@")
    named = sorted((one for one in profiles() if one.name == name), key=lambda one: one.date)
    if not named:
        known = ", ".join(dict.fromkeys(one.name for one in profiles()))
        raise UsageError(f"there is no profile {name[:60]!r}", f"known are {known}")
    if not day:
        return named[-1]
    # A month or a year names its last day, so that texts compare as dates do.
    before = [one for one in named if one.date.isoformat()[: len(day)] <= day]
    if not _is_day(day) or not before:
        first = named[0].date.isoformat()
        hint = f"the first is {name}@{first}; write a day, a month or a year, such as 2026-01"
        raise UsageError(f"there is no profile {name} of {day[:20]!r}", hint)
    return before[-1]


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat((text + "-01-01")[:10] if len(text) < 8 else text)
    except ValueError:
        return False
    return True

"""The page of peers' checks names rules that there are, and leaves no cell open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maildns.rules import all_rules

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "peer-checks.md"
ROWS = [
    line.strip("|").rsplit("|", 1)
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.endswith("| our rule |")
]
AREAS = {rule.partition("-")[0] for rule in all_rules()}


@pytest.mark.parametrize("check, rule", ROWS)
def test_every_row_names_rules_that_there_are_or_says_why_not(check, rule):
    assert check.strip()
    assert rule.strip()
    named = re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", rule)
    assert {one for one in named if one.partition("-")[0] in AREAS} <= set(all_rules())
    assert named or len(rule.split()) > 1, "a reason is more than a word"


def test_all_the_peers_are_there():
    text = PAGE.read_text(encoding="utf-8")
    for peer in ("Internet.nl", "mox", "Mail-in-a-Box", "checkdmarc", "MXToolbox", "Zonemaster"):
        assert f"## {peer}" in text
    assert len(ROWS) > 200

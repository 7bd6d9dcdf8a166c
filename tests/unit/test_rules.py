from __future__ import annotations

import re
from pathlib import Path

import pytest

import maildns
from maildns.recognise import KINDS
from maildns.rules import all_rules
from maildns.zonelint import lint_any

RULES = all_rules()
PREFIXES = sorted({kind.protocol for kind in KINDS.values()} | {"dnssec", "plan", "tsig", "zone"})
WITH_EXAMPLES = [rule for rule in RULES.values() if rule.bad]
WITHOUT = [rule for rule in RULES.values() if not rule.bad]
TESTS = Path(__file__).parents[1]


def ids(rules):
    return [rule.id for rule in rules]


def findings(rule, text):
    """The rules that *text* breaks, taken for a record of the rule's own kind."""
    kinds = [kind for kind in KINDS if rule.id.startswith(kind + "-")]
    if not kinds or text.startswith("version:"):
        return {finding.rule for finding in lint_any(text).findings}
    return {finding.rule for finding in lint_any(text, rrtype=max(kinds, key=len)).findings}


@pytest.mark.parametrize("rule", RULES.values(), ids=ids(RULES.values()))
def test_every_rule_can_be_understood(rule):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.id)
    assert rule.id.partition("-")[0] in PREFIXES
    assert len(rule.help.split()) >= 12, "the help says what it does to mail and the mend"
    assert re.search(r"RFC \d{4}|draft-|iana|IANA", rule.reference)
    assert rule.title
    assert not rule.title.endswith(".")
    assert bool(rule.bad) == bool(rule.good)


@pytest.mark.parametrize("rule", WITH_EXAMPLES, ids=ids(WITH_EXAMPLES))
def test_the_bad_example_breaks_the_rule_and_the_good_one_keeps_it(rule):
    assert rule.id in findings(rule, rule.bad)
    assert rule.id not in findings(rule, rule.good)


@pytest.fixture(scope="module")
def named_by_tests():
    paths = [path for path in TESTS.rglob("test_*.py") if path.name != Path(__file__).name]
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return frozenset(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)+", text))


@pytest.mark.parametrize("rule", WITHOUT, ids=ids(WITHOUT))
def test_a_rule_without_examples_is_named_by_a_test(rule, named_by_tests):
    assert rule.id in named_by_tests


def test_no_module_with_rules_is_forgotten():
    source = Path(maildns.__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in source.rglob("*.py"))
    registered = set(re.findall(r'\brule\(\s*"([a-z0-9-]+)"', text))
    assert registered <= set(RULES)
    assert len(registered) > 60


def test_the_rules_are_sorted_and_many():
    assert list(RULES) == sorted(RULES)
    assert len(RULES) > 60

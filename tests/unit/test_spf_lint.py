"""SPF lint: every rule is broken by its bad example and kept by its good one."""

import pytest

from maildns import spf
from maildns.finding import Severity
from maildns.protocols.spf import rules

RULES = [rule for rule in vars(rules).values() if hasattr(rule, "help")]
WITH_EXAMPLES = [rule for rule in RULES if rule.bad]


def broken(findings):
    return {finding.rule for finding in findings}


@pytest.mark.parametrize("rule", WITH_EXAMPLES, ids=lambda rule: rule.id)
def test_a_rule_is_broken_by_its_bad_example_alone(rule):
    assert rule.id in broken(spf.lint(spf.parse(rule.bad)))
    assert rule.id not in broken(spf.lint(spf.parse(rule.good)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_named_for_its_protocol_and_says_how_to_mend(rule):
    assert rule.id.startswith("spf-")
    assert 2 <= rule.help.count(". ") + 1 <= 5
    assert rule.reference.startswith("RFC ")


def test_a_good_record_has_no_findings():
    assert (
        spf.lint(spf.parse("v=spf1 ip4:9.9.9.9 ip6:2620:fe::9 mx include:_spf.example.net -all"))
        == []
    )


def test_a_finding_points_at_its_term():
    text = "v=spf1 mx ptr:example.com -all"
    (finding,) = spf.lint(spf.parse(text))
    assert text[slice(*finding.span)] == "ptr:example.com"


FIXED = [
    ("v=spf1 mx", "v=spf1 mx -all"),
    ("v=spf1 mx +all", "v=spf1 mx -all"),
    ("v=spf1 mx ?all", "v=spf1 mx ~all"),
    ("v=spf1 mx -all include:b.example", "v=spf1 mx include:b.example -all"),
    ("v=spf1 mx redirect=b.example -all", "v=spf1 mx -all"),
    ("v=spf1 mx mx -all", "v=spf1 mx -all"),
    ("v=spf1 ip4=9.9.9.9 -all", "v=spf1 ip4:9.9.9.9 -all"),
    ("v=spf1 ip6:::ffff:9.9.9.0/120 -all", "v=spf1 ip4:9.9.9.0/24 -all"),
]


@pytest.mark.parametrize("text, mended", FIXED)
def test_the_fix_is_a_record_without_the_fault(text, mended):
    (finding,) = spf.lint(spf.parse(text))
    assert finding.fix.record == mended
    assert spf.lint(spf.parse(mended)) == []


SIZES = [
    ("ip4:0.0.0.0/0", Severity.ERROR),
    ("ip4:9.0.0.0/8", Severity.ERROR),
    ("ip4:9.0.0.0/12", Severity.WARN),
    ("ip4:9.9.0.0/16", None),
    ("a/8", Severity.ERROR),
    ("ip6:2000::/3", Severity.ERROR),
    ("ip6:2620:fe::/32", None),
    ("-ip4:9.0.0.0/8", None),
]


@pytest.mark.parametrize("term, severity", SIZES)
def test_a_network_is_judged_by_its_size(term, severity):
    found = [f for f in spf.lint(spf.parse(f"v=spf1 {term} -all")) if f.rule == "spf-huge-network"]
    assert [f.severity for f in found] == ([severity] if severity else [])


SPECIAL = [
    "10.0.0.1",
    "172.16.0.0/12",
    "192.168.0.0/24",
    "127.0.0.1",
    "169.254.1.1",
    "100.64.0.1",
    "224.0.0.1",
]


@pytest.mark.parametrize("network", SPECIAL)
def test_an_address_that_no_receiver_sees_is_told(network):
    assert "spf-private-address" in broken(spf.lint(spf.parse(f"v=spf1 ip4:{network} -all")))


def test_a_domain_that_includes_itself_is_told_when_the_domain_is_known():
    record = spf.parse("v=spf1 include:Example.com. -all")
    assert "spf-include-self" in broken(spf.lint(record, "example.com"))
    assert "spf-include-self" not in broken(spf.lint(record, "example.net"))


# text, the rules broken, what was meant
MISTAKES = [
    (" v=spf1 mx -all", {"spf-leading-space"}, "v=spf1 mx -all"),
    ('"v=spf1 mx -all"', {"spf-leading-space"}, "v=spf1 mx -all"),
    ('"v=spf1 mx " "-all"', {"spf-leading-space"}, "v=spf1 mx -all"),
    ("v=spf1; mx; -all", {"spf-bad-version"}, "v=spf1 mx -all"),
    ("v=spf1\tmx -all", {"spf-bad-version"}, "v=spf1 mx -all"),
    ("v = spf1 mx -all", {"spf-bad-version"}, "v=spf1 mx -all"),
    ("v=spf1-all", {"spf-bad-version", "spf-missing-space"}, "v=spf1 -all"),
    ("spf1 mx -all", {"spf-bad-version"}, "v=spf1 mx -all"),
    ("v=spf1 ip4:9.9.9.9 v=spf1 mx ~all", {"spf-several-records"}, "v=spf1 ip4:9.9.9.9 mx ~all"),
    ("v=spf1 ipv4:9.9.9.9 -all", {"spf-syntax"}, "v=spf1 ip4:9.9.9.9 -all"),
    ("v=spf1 ip4:2620:fe::9 -all", {"spf-syntax"}, "v=spf1 ip6:2620:fe::9 -all"),
    ("v=spf1 ip6:9.9.9.9 -all", {"spf-syntax"}, "v=spf1 ip4:9.9.9.9 -all"),
    ("v=spf1 a:9.9.9.9 -all", {"spf-syntax"}, "v=spf1 ip4:9.9.9.9 -all"),
    ("v=spf1 9.9.9.9 -all", {"spf-syntax"}, "v=spf1 ip4:9.9.9.9 -all"),
    ("v=spf1 ip4: 9.9.9.9 -all", {"spf-syntax"}, "v=spf1 ip4:9.9.9.9 -all"),
    ("v=spf1 mx, ip4:9.9.9.9, -all", {"spf-syntax"}, "v=spf1 mx ip4:9.9.9.9 -all"),
    ("v=spf1 mx - all", {"spf-syntax"}, "v=spf1 mx -all"),
    ("v=spf1 mx \u2013all", {"spf-syntax"}, "v=spf1 mx -all"),
    ("v=spf1 mx -all.", {"spf-syntax"}, "v=spf1 mx -all"),
    ("v=spf1 mx redirect:b.example", {"spf-syntax"}, "v=spf1 mx redirect=b.example"),
    ("v=spf1 include:https://b.example/ -all", {"spf-syntax"}, "v=spf1 include:b.example -all"),
    (
        "v=spf1 include:b.example~all",
        {"spf-missing-space", "spf-syntax"},
        "v=spf1 include:b.example ~all",
    ),
    (
        "v=spf1 include:b.example-all",
        {"spf-missing-space", "spf-no-all"},
        "v=spf1 include:b.example -all",
    ),
    ("V=SPF1 mx -all", {"spf-upper-case"}, None),
    ("v=spf1  mx -all", {"spf-extra-space"}, "v=spf1 mx -all"),
    ("spf2.0/pra mx -all", {"spf-sender-id"}, None),
    ("v=spf1 frobnicate:x -all", {"spf-syntax"}, None),
    ("v=spf1 mx -all", set(), None),
    ("", {"spf-bad-version"}, None),
]


@pytest.mark.parametrize("text, wanted, meant", MISTAKES)
def test_a_common_mistake_is_named_and_mended(text, wanted, meant):
    findings = spf.lint_text(text)
    assert broken(findings) == wanted
    if meant is not None:
        assert meant in {finding.fix.record for finding in findings if finding.fix}
        spf.parse(meant)


def test_every_fault_of_a_text_is_shown_at_once():
    text = "v=spf1 ipv4:9.9.9.9 a:9.9.9.9 mx/99 -all"
    places = [text[slice(*finding.span)] for finding in spf.lint_text(text)]
    assert places == ["ipv4", "9.9.9.9", "99"]


def test_spans_point_into_the_text_as_published():
    text = "v=spf1   +MX  PTR -all"
    (place,) = [text[slice(*f.span)] for f in spf.lint_text(text) if f.rule == "spf-ptr"]
    assert place == "PTR"


def test_an_endless_record_is_judged_in_linear_time():
    text = "v=spf1 " + "include:a.example ip4:9.9.9.9/24 " * 1_500 + "-all"
    findings = spf.lint_text(text)
    assert len(findings) > 3_000
    assert sum(len(f.fix.record) for f in findings if f.fix and f.fix.record) < 10 * len(text)

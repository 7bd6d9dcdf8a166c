"""Organizational domains of RFC 7489 beside the public suffix list's own tests and rules."""

from __future__ import annotations

import re
from pathlib import Path

import publicsuffixlist
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import dmarc

FOLDER = Path(publicsuffixlist.__file__).parent
OFFICIAL = re.compile(r"checkPublicSuffix\('(?P<domain>[^']+)', (?:null|'(?P<expected>[^']+)')\);")


def official_cases():
    text = (FOLDER / "test_psl.txt").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("//"))
    return [
        (found["domain"], found["expected"]) for line in lines if (found := OFFICIAL.match(line))
    ]


def organizational(domain):
    return run(dmarc.organizational_domain(domain, reader="rfc7489"), World())


def test_the_official_tests_are_there():
    assert len(official_cases()) > 70


@pytest.mark.parametrize("domain, registered", official_cases())
def test_organizational_domains_are_those_of_the_official_tests(domain, registered):
    """The list has nothing to say of a suffix itself; for DMARC it is its own (RFC 7489 section 3.2)."""
    if domain.startswith("."):
        with pytest.raises(RecordSyntaxError):  # no name, so it cannot come to the question
            organizational(domain)
        return
    assert organizational(domain) == name(registered or domain)


# --- the algorithm of publicsuffix.org/list, written anew from its description ------------


def rules():
    text = (FOLDER / "public_suffix_list.dat").read_text("utf-8")
    lines = (line.split()[0] for line in text.splitlines() if line.strip())
    return frozenset(encoded(line) for line in lines if not line.startswith("//"))


def encoded(rule):
    mark, bare = ("!", rule[1:]) if rule.startswith("!") else ("", rule)
    star, bare = ("*.", bare[2:]) if bare.startswith("*.") else ("", bare)
    return f"{mark}{star}{name(bare)}"


RULES = rules()
# A rule *.kobe.jp says nothing of kobe.jp; the library counts it as a suffix: see disagreements.md.
IMPLIED = {rule[2:] for rule in RULES if rule.startswith("*.")} - RULES
ENDINGS = sorted({rule.lstrip("!").removeprefix("*.") for rule in RULES})


def by_the_description(domain):
    """The longest matching rule prevails, an exception before all; without any, one label."""
    labels = domain.split(".")
    length = 1
    for at in range(len(labels)):
        rest = labels[at:]
        if "!" + ".".join(rest) in RULES:
            length = len(rest) - 1
            break
        if ".".join(rest) in RULES or ".".join(["*", *rest[1:]]) in RULES:
            length = max(length, len(rest))
    return ".".join(labels[-length - 1 :])


def expected(domain):
    return domain if domain in IMPLIED else by_the_description(domain)


LABEL = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
DOMAINS = st.builds(
    lambda labels, ending: ".".join([*labels, ending]),
    st.lists(LABEL | st.sampled_from(["www", "city", "co", "com"]), max_size=4),
    st.sampled_from(ENDINGS) | LABEL,
)


@settings(max_examples=400, deadline=None)
@given(DOMAINS)
def test_organizational_domains_follow_the_list(domain):
    assert organizational(domain) == expected(domain)


@pytest.mark.parametrize("ending", [one for one in ENDINGS if one.count(".") > 1][::25])
@pytest.mark.parametrize("above", ["", "a.", "b.a."])
def test_deep_suffixes_follow_the_list(ending, above):
    assert organizational(above + ending) == expected(above + ending)


def test_the_settled_disagreement_is_still_there():
    parted = [one for one in sorted(IMPLIED) if by_the_description(one) != one]
    assert len(parted) > 50
    assert all(organizational(one) == one for one in parted)

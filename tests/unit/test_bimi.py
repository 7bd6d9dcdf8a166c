"""BIMI records."""

from __future__ import annotations

import pytest

from maildns.ask import Outcome, Question
from maildns.errors import RecordSyntaxError, UsageError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import bimi

LOGO = "https://example.com/logo.svg"


def rules_of(findings):
    return {finding.rule for finding in findings}


@pytest.mark.parametrize(
    "text, expected",
    [
        (f"v=BIMI1; l={LOGO}", bimi.BimiRecord(LOGO)),
        (f"v=BIMI1;l={LOGO};a=;", bimi.BimiRecord(LOGO, "")),
        ("v=BIMI1; l=; a=;", bimi.BimiRecord("", "")),
        (f"v=BIMI1; avp=personal; l={LOGO}; lps=", bimi.BimiRecord(LOGO, None, "personal", ())),
        (
            f"v=BIMI1; l={LOGO}; lps=news, sales-x",
            bimi.BimiRecord(LOGO, None, None, ("news", "sales-x")),
        ),
        (f"v=BIMI1; l={LOGO}; s=x", bimi.BimiRecord(LOGO, unknown=(("s", "x"),))),
    ],
)
def test_a_record_is_read(text, expected):
    assert bimi.parse(text) == expected
    assert bimi.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text, fault",
    [
        ("", ""),
        ("v=BIMI1", ""),  # l is required
        ("v=BIMI1;", ""),
        (f"v=bimi1; l={LOGO}", "v=bimi1"),  # receivers must not repair
        (f"v=BIMI10; l={LOGO}", "v=BIMI10"),
        (f"l={LOGO}; v=BIMI1", f"l={LOGO}"),
        (f"v=BIMI1; L={LOGO}", ""),  # an unknown tag, and l is missing
        ("v=BIMI1; l=logo.svg", "logo.svg"),
        (f"v=BIMI1; l={LOGO},{LOGO}", f"{LOGO},{LOGO}"),
        (f"v=BIMI1; l={LOGO}; l={LOGO}", f"l={LOGO}"),
        (f"v=BIMI1; l={LOGO}; avp=Brand", "Brand"),
        (f"v=BIMI1; l={LOGO}; lps=a,b_c", "b_c"),
        (f"v=BIMI1; l={LOGO}; lps=a,,b", ""),
        (f"v=BIMI1; l={LOGO}; lps={'x' * 64}", "x" * 64),
        (f"v=BIMI1; l={LOGO}; nonsense", "nonsense"),
    ],
)
def test_a_malformed_record_is_pointed_at(text, fault):
    with pytest.raises(RecordSyntaxError) as caught:
        bimi.parse(text)
    start, end = caught.value.span
    assert text[start:end] == fault


def test_a_record_is_built():
    record = bimi.build(
        "https://example.com/a,b;c.svg",
        authority_evidence="https://example.com/mark.pem",
        avatar_preference="brand",
        local_part_prefixes=["news"],
    )
    assert str(record) == (
        "v=BIMI1; l=https://example.com/a%2Cb%3Bc.svg; a=https://example.com/mark.pem; avp=brand; lps=news;"
    )
    assert bimi.build().declines


@pytest.mark.parametrize(
    "location, how",
    [
        ("http://example.com/logo.svg", {}),
        ("logo.svg", {}),
        ("https://example.com/my logo.svg", {}),
        ("", {"authority_evidence": "https://example.com/mark.pem"}),
        (LOGO, {"avatar_preference": "none"}),
        (LOGO, {"local_part_prefixes": ["a b"]}),
    ],
)
def test_what_receivers_would_not_take_is_not_built(location, how):
    with pytest.raises(UsageError):
        bimi.build(location, **how)


@pytest.mark.parametrize(
    "policy, more, weak",
    [
        ("reject", {}, False),
        ("quarantine", {"percentage": 100}, False),
        ("none", {}, True),
        ("reject", {"subdomain_policy": "none"}, True),
        ("quarantine", {"percentage": 50}, True),
        ("reject", {"percentage": 50}, False),  # the draft asks it of quarantine alone
        ("reject", {"testing": True}, True),
    ],
)
def test_the_dmarc_policy_must_be_enforced(policy, more, weak):
    assert rules_of(bimi.lint_dmarc(policy=policy, **more)) == (
        {"bimi-dmarc-too-weak"} if weak else set()
    )


ZONE = f"""
default._bimi.one.example.     TXT "v=BIMI1; l={LOGO};"
shop._bimi.one.example.        TXT "v=BIMI1; l=https://example.com/shop.svg;"
default._bimi.no.example.      TXT "v=BIMI1; l=; a=;"
default._bimi.two.example.     TXT "v=BIMI1; l={LOGO};"
default._bimi.two.example.     TXT "v=BIMI1; l=; a=;"
default._bimi.bad.example.     TXT "v=BIMI1; l=logo.svg;"
default._bimi.mixed.example.   TXT "hello"
default._bimi.mixed.example.   TXT "v=BIMI1; l={LOGO};"
"""


@pytest.mark.parametrize(
    "domain, result, owner",
    [
        ("one.example", "found", "default._bimi.one.example"),
        ("mixed.example", "found", "default._bimi.mixed.example"),
        ("no.example", "declined", "default._bimi.no.example"),
        ("two.example", "permerror", "default._bimi.two.example"),
        ("bad.example", "permerror", "default._bimi.bad.example"),
        ("sub.one.example", "none", "default._bimi.sub.one.example"),
    ],
)
def test_the_lookup_finds_the_one_record_or_none(domain, result, owner):
    found = run(bimi.record_lookup(domain), World.from_zone(ZONE))
    assert (found.result, found.owner) == (result, owner)
    assert bool(found.reason) is (result != "found")


def test_the_organizational_domain_is_asked_only_when_the_author_has_none():
    world = World.from_zone(ZONE)
    found = run(bimi.record_lookup("a.one.example", organizational_domain="one.example"), world)
    assert found.owner == "default._bimi.one.example"
    found = run(
        bimi.record_lookup("one.example", "shop", organizational_domain="one.example"), world
    )
    assert found.record.location.endswith("shop.svg")
    names = ["default._bimi.a.one.example", "default._bimi.one.example", "shop._bimi.one.example"]
    assert world.asked == [Question(name, "TXT") for name in names]


def test_what_cannot_be_known_is_not_missing():
    world = World.from_zone(ZONE)
    world.fail("default._bimi.one.example", Outcome.UNREACHABLE)
    assert run(bimi.record_lookup("one.example"), world).result is bimi.BimiResult.TEMPERROR


OF_THE_AUTHOR = """
default._bimi.all.example.    TXT "v=BIMI1; l=https://example.com/all.svg; lps=;"
news-letter._bimi.all.example. TXT "v=BIMI1; l=https://example.com/news.svg;"
none._bimi.all.example.       TXT "v=BIMI1; l=; a=;"
bad._bimi.all.example.        TXT "v=BIMI1; a=;"
default._bimi.some.example.   TXT "v=BIMI1; l=; a=; lps=news,Shop;"
news-letter._bimi.some.example. TXT "v=BIMI1; l=https://example.com/news.svg;"
shop1._bimi.some.example.     TXT "v=BIMI1; l=https://example.com/shop.svg;"
ann._bimi.some.example.       TXT "v=BIMI1; l=https://example.com/ann.svg;"
default._bimi.plain.example.  TXT "v=BIMI1; l=https://example.com/all.svg;"
ann._bimi.plain.example.      TXT "v=BIMI1; l=https://example.com/ann.svg;"
"""


@pytest.mark.parametrize(
    "local_part, domain, result, owner",
    [
        ("News_.Letter+may", "all.example", "found", "news-letter._bimi.all.example"),
        ("-news.letter-", "all.example", "found", "news-letter._bimi.all.example"),
        ("nobody", "all.example", "found", "default._bimi.all.example"),  # has none of its own
        ("none", "all.example", "declined", "none._bimi.all.example"),
        ("bad", "all.example", "permerror", "bad._bimi.all.example"),  # as if it was the first
        ("o'hara", "all.example", "found", "default._bimi.all.example"),  # no selector
        ("+may", "all.example", "found", "default._bimi.all.example"),  # nothing is left
        ("a" * 64, "all.example", "found", "default._bimi.all.example"),  # no label
        ("", "all.example", "found", "default._bimi.all.example"),  # the author is not known
        ("newsletter", "some.example", "declined", "default._bimi.some.example"),
        ("news.letter", "some.example", "found", "news-letter._bimi.some.example"),
        ("SHOP1", "some.example", "found", "shop1._bimi.some.example"),  # case does not count
        ("ann", "some.example", "declined", "default._bimi.some.example"),  # no prefix is hers
        ("ann", "plain.example", "found", "default._bimi.plain.example"),  # without lps
    ],
)
def test_a_local_part_has_a_record_of_its_own_where_the_domain_says_so(
    local_part, domain, result, owner
):
    world = World.from_zone(OF_THE_AUTHOR)
    found = run(bimi.record_lookup(domain, local_part=local_part), world)
    assert (found.result, found.owner) == (result, owner)


def test_no_name_is_asked_for_twice_or_that_cannot_be():
    long = ".".join(["a" * 60, "b" * 60, "c" * 60, "example"])
    for domain, local_part in (("all.example", "default"), (long, "d" * 63)):
        world = World.from_zone(OF_THE_AUTHOR)
        world.add(f"default._bimi.{long}", "TXT", b"v=BIMI1; l=https://example.com/a.svg; lps=")
        found = run(bimi.record_lookup(domain, local_part=local_part), world)
        assert (found.result, found.owner) == ("found", f"default._bimi.{domain}")
        assert world.asked == [Question(f"default._bimi.{domain}", "TXT")]


def test_the_record_of_a_local_part_stands_where_lps_was_found():
    world = World.from_zone(OF_THE_AUTHOR)
    lookup = bimi.record_lookup(
        "sub.all.example", organizational_domain="all.example", local_part="news.letter"
    )
    assert run(lookup, world).owner == "news-letter._bimi.all.example"
    names = ["default._bimi.sub", "default._bimi", "news-letter._bimi"]
    assert world.asked == [Question(f"{name}.all.example", "TXT") for name in names]


def test_a_silent_name_server_is_no_missing_record_of_a_local_part():
    world = World.from_zone(OF_THE_AUTHOR)
    world.fail("ann._bimi.all.example", Outcome.UNREACHABLE)
    found = run(bimi.record_lookup("all.example", local_part="ann"), world)
    assert (found.result, found.owner) == ("temperror", "ann._bimi.all.example")


def test_an_explanation_has_each_tag():
    for text in ("v=BIMI1; l=; a=", f"v=BIMI1; l={LOGO}; a=https://x/; avp=brand; lps=a,b; z=1"):
        parts = bimi.explain(bimi.parse(text))
        assert all(meaning for _, meaning in parts)
        assert "; ".join(part for part, _ in parts) == text

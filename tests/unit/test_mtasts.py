"""MTA-STS records and policies."""

from __future__ import annotations

import pytest

from maildns.ask import Outcome, Question
from maildns.errors import RecordSyntaxError, UsageError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import mtasts

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.example.net\r\nmax_age: 1209600\r\n"


def rules_of(findings):
    return {finding.rule for finding in findings}


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "v=STSv1; id=20160831085700Z;",
            mtasts.StsRecord("20160831085700Z"),
        ),  # RFC 8461 section 3.1
        ("v=STSv1;id=1", mtasts.StsRecord("1")),  # no space, no final semicolon
        ("v=STSv1; \t id=1 \t ; ", mtasts.StsRecord("1")),
        ("v=STSv1; id=1; later=x:/y", mtasts.StsRecord("1", (("later", "x:/y"),))),
        (
            "v=STSv1; 1st=x; id=1",
            mtasts.StsRecord("1", (("1st", "x"),)),
        ),  # names may begin with digits
        ("v=STSv1; id=" + "a" * 32, mtasts.StsRecord("a" * 32)),
    ],
)
def test_a_record_is_read(text, expected):
    assert mtasts.parse(text) == expected


@pytest.mark.parametrize(
    "text, fault, reason",
    [
        ("", "", "empty"),
        ("v=STSv1", "v=STSv1", "no id"),
        ("v=STSv1;", "", "no id"),
        ("v=stsv1; id=1", "v=stsv1;", "the version is case-sensitive"),
        (" v=STSv1; id=1", " v=STSv1", "it is the very beginning"),
        ("v=STSv1 ; id=1", "v=STSv1 ", "senders want v=STSv1;"),
        ("v=STSv1; id=2026-06-01", "2026-06-01", "letters and digits alone"),
        ("v=STSv1; id=", "", "empty"),
        ("v=STSv1; id=" + "a" * 33, "a" * 33, "33 characters"),
        ("v=STSv1; id=1; id=2", "id=2", "twice"),
        ("v=STSv1; id=1; x=1; x=2", "x=2", "twice"),
        ("v=STSv1; id=1;; x=2", ";", "an empty field"),
        ("v=STSv1; id = 1", "id =", "no space around ="),
        ("v=STSv1; id", "id", "no value"),
        ("v=STSv1; id=1; x=a=b", "a=b", "no = in a value"),
        ("v=STSv1; id=1; x=é", "é", "no letters beyond ASCII"),
        ("v=STSv1; id=1; " + "x" * 33 + "=1", "x" * 33 + "=", "a name of 33 characters"),
    ],
)
def test_a_malformed_record_is_pointed_at(text, fault, reason):
    with pytest.raises(RecordSyntaxError) as caught:
        mtasts.parse(text)
    start, end = caught.value.span
    assert text[start:end] == fault, reason


def test_a_policy_is_read_and_written_as_served():
    policy = mtasts.parse_policy(POLICY)
    assert policy.mode is mtasts.Mode.ENFORCE
    assert policy.mx == ("mx1.example.com", "*.example.net")
    assert policy.max_age_seconds == 1_209_600
    assert str(policy) == POLICY


@pytest.mark.parametrize(
    "text, expected, reason",
    [
        (POLICY.replace("\r\n", "\n"), None, "LF ends a line as well"),
        (POLICY.strip(), None, "the last end may be missing"),
        (POLICY + "\r\n\r\n", None, "blank lines after the end"),
        (POLICY.replace(": ", ":\t "), None, "white space after the colon"),
        (POLICY.replace("\r\n", "  \r\n"), None, "and at the end of a line"),
        (POLICY.replace("mx1", "MX1"), None, "names have no case"),
        (POLICY + "mode: none\r\nmax_age: 1\r\n", None, "the first of doubles counts"),
    ],
)
def test_what_the_grammar_leaves_open_changes_nothing(text, expected, reason):
    assert mtasts.parse_policy(text) == (expected or mtasts.parse_policy(POLICY)), reason


def test_a_policy_that_is_switched_off_needs_no_host_and_unknown_lines_are_kept():
    policy = mtasts.parse_policy("max_age: 0\nmode: none\nversion: STSv1\nnote: soon gone, sorry\n")
    assert policy == mtasts.StsPolicy(mtasts.Mode.NONE, 0, (), (("note", "soon gone, sorry"),))


@pytest.mark.parametrize(
    "text, fault",
    [
        ("", ""),
        ("hello", "hello"),
        (POLICY.replace("STSv1", "STSv2"), "STSv2"),
        (POLICY.replace("enforce", "Enforce"), "Enforce"),
        (POLICY.replace("1209600", "31557601"), "31557601"),  # the largest is 31557600
        (POLICY.replace("1209600", "-1"), "-1"),
        (POLICY.replace("1209600", "two weeks"), "two weeks"),
        (POLICY.replace("*.example.net", "*.*.example.net"), "*.*.example.net"),
        (POLICY.replace("*.example.net", "mx*.example.net"), "mx*.example.net"),
        (POLICY.replace("*.example.net", "*"), "*"),
        (POLICY.replace("*.example.net", ".example.net"), ".example.net"),  # of an early draft
        (POLICY.replace("*.example.net", "example.net."), "example.net."),
        (POLICY.replace("*.example.net", "bücher.example"), "bücher.example"),
        (POLICY.replace("*.example.net", "192.0.2.1 x"), "192.0.2.1 x"),
        (POLICY.replace("mode: enforce\r\n", ""), ""),
        (POLICY.replace("max_age: 1209600\r\n", ""), ""),
        ("version: STSv1\nmode: testing\nmax_age: 1\n", "mode: testing"),  # and no mx
        ("version: STSv1\n\nmode: none\nmax_age: 1\n", ""),  # a blank line within
        ("version: STSv1\nmode: none\nmax_age: 1\nnote:\n", "note:"),
        ("version : STSv1\nmode: none\nmax_age: 1\n", "version : STSv1"),
        ("<html>" + "x" * 65536, None),
    ],
)
def test_a_malformed_policy_is_pointed_at(text, fault):
    with pytest.raises(RecordSyntaxError) as caught:
        mtasts.parse_policy(text)
    start, end = caught.value.span
    assert fault is None or text[start:end] == fault


@pytest.mark.parametrize(
    "host, allowed, reason",
    [
        ("mx1.example.com", True, "by name"),
        ("MX1.Example.Com.", True, "names have no case, and may be absolute"),
        ("mx2.example.com", False, "another host"),
        ("a.example.net", True, "the wildcard is one label"),
        ("a.b.example.net", False, "not two"),
        ("example.net", False, "not none"),
        ("badexample.net", False, "and ends at a dot"),
    ],
)
def test_a_wildcard_is_exactly_one_label(host, allowed, reason):
    assert mtasts.policy_allows(mtasts.parse_policy(POLICY), host) is allowed, reason


def test_a_policy_that_is_switched_off_allows_every_host():
    off = mtasts.build_policy(mode="none")
    assert mtasts.policy_allows(off, "any.example")


# --- building ---------------------------------------------------------------------------


def test_a_built_policy_reads_back_and_has_sensible_ages():
    policy = mtasts.build_policy(
        mode="enforce", mx=["MX.Bücher.example", "*.example.com", "*.example.com"]
    )
    assert policy.mx == ("mx.xn--bcher-kva.example", "*.example.com")
    assert mtasts.parse_policy(str(policy)) == policy
    assert policy.max_age_seconds >= 7 * 86400
    assert mtasts.build_policy(mx=["mx.example.com"]).max_age_seconds == 86400


@pytest.mark.parametrize(
    "wish",
    [
        {"mode": "strict", "mx": ["mx.example.com"]},
        {"mode": "enforce"},
        {"mode": "enforce", "mx": ["mx.example.com"], "max_age": -1},
        {"mode": "enforce", "mx": ["mx.example.com"], "max_age": 31557601},
        {"mode": "enforce", "mx": ["under_score.example.com"]},
    ],
)
def test_a_policy_that_no_sender_would_take_is_not_built(wish):
    with pytest.raises(UsageError):
        mtasts.build_policy(**wish)


def test_the_id_changes_with_the_policy_and_only_then():
    one = mtasts.build_policy(mode="testing", mx=["mx.example.com"])
    same = mtasts.build_policy(mode="testing", mx=["MX.example.com."])
    other = mtasts.build_policy(mode="enforce", mx=["mx.example.com"])
    assert mtasts.build(one) == mtasts.build(same) != mtasts.build(other)
    assert mtasts.parse(str(mtasts.build(one))) == mtasts.build(one)


# --- advice -----------------------------------------------------------------------------


def policy(mode, max_age, *mx, **unknown):
    return mtasts.StsPolicy(mtasts.Mode(mode), max_age, mx, tuple(unknown.items()))


@pytest.mark.parametrize(
    "one, expected",
    [
        (policy("enforce", 1209600, "mx.example.com"), set()),
        (policy("enforce", 86400, "mx.example.com"), {"mtasts-short-max-age"}),
        (policy("testing", 86400, "mx.example.com"), {"mtasts-testing"}),
        (policy("testing", 1209600, "mx.example.com"), {"mtasts-testing", "mtasts-long-testing"}),
        (policy("none", 86400), {"mtasts-off"}),
        (policy("enforce", 1209600, "*.com"), {"mtasts-wide-wildcard"}),
        (policy("enforce", 1209600, "a.example", "a.example"), {"mtasts-double-mx"}),
        (policy("enforce", 1209600, "a.example", maxage="1"), {"mtasts-unknown-line"}),
    ],
)
def test_a_policy_is_judged(one, expected):
    assert rules_of(mtasts.lint_policy(one, "example.com")) == expected


def test_a_host_that_the_policy_forgets_is_an_error_once_it_enforces():
    hosts = ["mx1.example.com", "mx2.example.com"]
    (finding,) = mtasts.lint_coverage(policy("enforce", 1209600, "mx1.example.com"), hosts)
    assert (finding.rule, finding.severity) == ("mtasts-host-not-covered", "error")
    assert "mx2.example.com" in finding.says
    (finding,) = mtasts.lint_coverage(policy("testing", 86400, "mx1.example.com"), hosts)
    assert finding.severity == "warn"


def test_explanations_cover_all_that_is_published():
    assert [part for part, _ in mtasts.explain(mtasts.parse("v=STSv1; id=1; x=y"))] == [
        "v=STSv1",
        "id=1",
        "x=y",
    ]
    parts = [part for part, _ in mtasts.explain_policy(mtasts.parse_policy(POLICY))]
    assert parts == POLICY.split("\r\n")[:-1]


# --- looking up -------------------------------------------------------------------------

ZONE = """
_mta-sts.one.example.   300 TXT "v=STSv1; " "id=1;"
_mta-sts.alias.example. CNAME _mta-sts.one.example.
_mta-sts.mixed.example. TXT "unrelated"
_mta-sts.mixed.example. TXT "v=STSv1; id=2;"
_mta-sts.two.example.   TXT "v=STSv1; id=1;"
_mta-sts.two.example.   TXT "v=STSv1; id=2;"
_mta-sts.bad.example.   TXT "v=STSv1; id=a-b;"
_mta-sts.other.example. TXT "v=STSv2; id=1;"
"""


@pytest.mark.parametrize(
    "domain, result, id",
    [
        ("one.example", "found", "1"),  # strings join with nothing between
        ("alias.example", "found", "1"),  # it may be an alias
        ("mixed.example", "found", "2"),  # other texts are passed over
        ("two.example", "permerror", None),  # more than one
        ("bad.example", "permerror", None),
        ("other.example", "none", None),
        ("nothing.example", "none", None),
    ],
)
def test_the_lookup_finds_the_one_record_or_none(domain, result, id):
    found = run(mtasts.record_lookup(domain), World.from_zone(ZONE))
    assert found.result == result
    assert (found.record.id if found.record else None) == id
    assert bool(found.reason) is (result != "found")


def test_what_cannot_be_known_is_not_missing():
    world = World.from_zone(ZONE)
    world.fail("_mta-sts.one.example", Outcome.UNREACHABLE)
    assert run(mtasts.record_lookup("one.example"), world).result is mtasts.StsResult.TEMPERROR
    assert world.asked == [Question("_mta-sts.one.example", "TXT")]


def test_the_policy_has_its_one_place():
    assert (
        mtasts.policy_url("Example.com.") == "https://mta-sts.example.com/.well-known/mta-sts.txt"
    )

"""`maildns spf`: verdicts, costs and differences, with the exit code that a script wants."""

from __future__ import annotations

import json

import pytest
from cli import run_cli

ZONE = """
$ORIGIN example.com.
@ 3600 TXT "v=spf1 mx include:_spf.example.net -all"
@ MX 10 mail
mail A 192.0.2.25
explained TXT "v=spf1 exp=why.example.com -all"
why TXT "%{i} is not ours"
soft TXT "v=spf1 ~all"
two TXT "v=spf1 -all"
two TXT "v=spf1 ~all"
loop CNAME loop2
loop2 CNAME loop
deep TXT "v=spf1 include:_spf.example.net a:a b:b -all"
big TXT "v=spf1 a:1.example.org a:2.example.org a:3.example.org a:4.example.org a:5.example.org a:6.example.org a:7.example.org a:8.example.org a:9.example.org a:10.example.org a:11.example.org -all"
asks TXT "v=spf1 include:loop.example.com -all"
_spf.example.net. TXT "v=spf1 ip4:198.51.100.0/24 ?all"
"""


@pytest.fixture
def world(tmp_path):
    path = tmp_path / "world.zone"
    path.write_text(ZONE)
    return path


VERDICTS = [
    ("192.0.2.25", "a@example.com", "pass", 0),  # by mx
    ("198.51.100.7", "a@example.com", "pass", 0),  # by the include
    ("203.0.113.9", "a@example.com", "fail", 1),
    ("203.0.113.9", "example.com", "fail", 1),  # a bare domain is postmaster's
    ("203.0.113.9", "a@soft.example.com", "softfail", 1),
    ("203.0.113.9", "a@nothing.example.com", "none", 1),  # nothing is published
    ("203.0.113.9", "a@two.example.com", "permerror", 1),  # RFC 7208 section 4.5
    ("203.0.113.9", "a@loop.example.com", "temperror", 3),  # aliases without end: cannot know
]


@pytest.mark.parametrize("ip, sender, verdict, code", VERDICTS)
def test_the_verdict_is_told_with_its_exit_code(world, ip, sender, verdict, code):
    result = run_cli("spf", "check", "--ip", ip, "--sender", sender, "--world", world)
    assert (result.out.split(":")[0], result.code) == (verdict, code)
    assert result.err == ""


def test_the_trace_shows_what_an_include_did_under_it(world):
    result = run_cli(
        "spf", "check", "--ip", "198.51.100.7", "--sender", "a@example.com", "--world", world
    )
    mx, include, inner = (
        next(n for n, line in enumerate(result.out.splitlines()) if text in line)
        for text in ("example.com: mx", "include:_spf.example.net:", "_spf.example.net: ip4:")
    )
    lines = result.out.splitlines()
    assert mx < include < inner
    assert len(lines[inner]) - len(lines[inner].lstrip()) > len(lines[include]) - len(
        lines[include].lstrip()
    )
    assert lines[-1] == "lookups: 2 of 10"


def test_the_owner_s_explanation_is_shown(world):
    result = run_cli(
        "spf", "check", "--ip", "203.0.113.9", "--sender", "explained.example.com", "--world", world
    )
    assert "the owner explains: 203.0.113.9 is not ours" in result.out


def test_a_bounce_is_judged_by_its_helo(world):
    asked = ["spf", "check", "--ip", "192.0.2.25", "--sender", "<>", "--world", world]
    assert run_cli(*asked, "--helo", "example.com").code == 0
    assert run_cli(*asked).code == 2  # nobody is left to judge


def test_the_json_of_a_check_has_the_trace(world):
    result = run_cli(
        "spf",
        "check",
        "--ip",
        "192.0.2.25",
        "--sender",
        "a@example.com",
        "--world",
        world,
        "--json",
    )
    document = json.loads(result.out)
    assert (document["kind"], document["version"]) == ("spf-check", 1)
    assert document["trace"] == [
        {
            "depth": 0,
            "domain": "example.com",
            "term": "mx",
            "answer": document["trace"][0]["answer"],
            "matched": True,
        }
    ]
    assert (document["lookups"], document["term"]) == (1, "mx")


TREES = [
    ("example.com", 0, "2 of 10 lookups"),
    ("big.example.com", 1, "11 lookups; receivers stop at 10"),
    ("nothing.example.com", 1, "has no SPF record"),
    ("asks.example.com", 3, "cannot be known"),  # a branch that does not answer
]


@pytest.mark.parametrize("domain, code, says", TREES)
def test_the_tree_is_measured(world, domain, code, says):
    result = run_cli("spf", "tree", domain, "--world", world)
    assert says in result.out
    assert result.code == code


def test_a_record_can_be_measured_before_it_is_published(world):
    record = "v=spf1 include:_spf.example.net mx -all"
    result = run_cli("spf", "tree", "example.com", "--record", record, "--world", world, "--json")
    assert json.loads(result.out)["costs"] == [
        {"term": "include:_spf.example.net", "lookups": 1},
        {"term": "mx", "lookups": 1},
    ]


BUILT = [
    (["--ip4", "192.0.2.1", "--mx"], "v=spf1 ip4:192.0.2.1 mx -all"),
    (["--ip6", "2001:db8::/32", "--a", "--all", "~all"], "v=spf1 ip6:2001:db8::/32 a ~all"),
    (["--redirect", "_spf.example.net"], "v=spf1 redirect=_spf.example.net"),
    (["--ip4", "192.0.2.1", "--into", "v=spf1 a ~all"], "v=spf1 a ip4:192.0.2.1 ~all"),
    (
        ["--ip4", "192.0.2.1", "--all", "-all", "--into", "v=spf1 a ~all"],
        "v=spf1 a ip4:192.0.2.1 -all",
    ),
    (["--term", "exists:%{i}.example.com"], "v=spf1 exists:%{i}.example.com -all"),
]


@pytest.mark.parametrize("options, record", BUILT)
def test_a_record_is_built(options, record):
    result = run_cli("spf", "build", *options)
    assert result.out.splitlines()[0] == record
    assert result.code == 0


def test_a_difference_is_told_in_sentences():
    result = run_cli("spf", "diff", "v=spf1 mx ~all", "v=spf1 ip4:192.0.2.1 -all")
    assert "192.0.2.1 may now send" in result.out
    assert "others: softfail becomes fail" in result.out
    assert run_cli("spf", "diff", "v=spf1 a mx -all", "v=spf1 mx a -all").out.count("\n") == 1


MISUSE = [
    (["check", "--ip", "300.1.1.1", "--sender", "a@example.com"], "not an IP address"),
    (["check", "--ip", "192.0.2.1"], "who sends?"),
    (
        ["check", "--ip", "192.0.2.1", "--sender", "a@b.example", "--world", "/nowhere"],
        "cannot read",
    ),
    (["build", "--ip4", "2001:db8::1"], "ip6"),
    (["build", "--ip4", "mail.example.com"], "not an IP network"),
    (["build", "--all", "none"], "-all"),
    (["build", "--term", "ipv4:192.0.2.1"], "unknown mechanism"),
    (["build", "--into", "v=spf1 mxx"], "unknown mechanism"),
    (["diff", "v=spf1 mx -all", "v=spf2 mx -all"], "error:"),
    (["tree", "exa mple.com"], "cannot stand in a name"),
    (["tree", "example.com", "--record", "v=spf1 \udcff"], "error:"),  # octets that are not UTF-8
]


@pytest.mark.parametrize("arguments, says", MISUSE)
def test_misuse_is_one_clear_message(arguments, says):
    result = run_cli("spf", *arguments)
    assert result.code == 2
    assert says in result.err
    assert "Traceback" not in result.err


def test_octets_that_are_not_text_are_shown_with_a_mark(world):
    # As the shell hands over what is not UTF-8.
    result = run_cli(
        "spf",
        "check",
        "--ip",
        "192.0.2.1",
        "--sender",
        "\udcff@example.com",
        "--world",
        world,
        "--json",
    )
    assert json.loads(result.out)["sender"] == "\ufffd@example.com"

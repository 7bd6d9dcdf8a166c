"""`maildns dmarc`: which policy applies, for whom, and the next step."""

from __future__ import annotations

import json

import pytest
from cli import run_cli

ZONE = """
$ORIGIN example.com.
@ A 192.0.2.1
_dmarc TXT "v=DMARC1; p=quarantine; sp=reject; rua=mailto:a@example.com,mailto:b@reports.example.net"
sub A 192.0.2.1
_dmarc.quiet TXT "v=DMARC1; p=reject; rua=mailto:x@taker.example"
quiet.example.com._report._dmarc.taker.example. TXT "v=DMARC1;"
_dmarc.two TXT "v=DMARC1; p=none"
_dmarc.two TXT "v=DMARC1; p=reject"
_dmarc.bad TXT "v=DMARC1; p=rejct"
_dmarc.loop CNAME loop
loop CNAME _dmarc.loop
_dmarc.watch TXT "v=DMARC1; p=none; rua=mailto:a@example.com"
_dmarc.test TXT "v=DMARC1; p=reject; t=y; rua=mailto:a@example.com"
_dmarc.half TXT "v=DMARC1; p=quarantine; pct=50; rua=mailto:a@example.com"
_dmarc.top TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"
_dmarc.unit TXT "v=DMARC1; p=reject; psd=n; rua=mailto:a@example.com"
"""


@pytest.fixture
def world(tmp_path):
    path = tmp_path / "world.zone"
    path.write_text(ZONE)
    return path


CHECKS = [
    ("example.com", [], 0, "this mail gets: quarantine"),
    ("sub.example.com", [], 0, "this mail gets: reject"),  # sp
    (
        "example.com",
        ["--spf", "bounce.example.com=pass"],
        0,
        "spf passed for bounce.example.com",
    ),  # aligned, relaxed
    ("example.com", ["--spf", "other.example=pass"], 1, "this mail gets: quarantine"),
    ("example.com", ["--dkim", "example.com=fail", "--dkim", "mail.example.com"], 0, "dkim passed"),
    ("example.com", ["--spf", "example.com=temperror"], 3, "temperror"),
    ("nothing.example", [], 1, "none; this mail gets: none"),
    ("bad.example.com", [], 1, "permerror"),
    ("two.example.com", [], 1, "zone-several-dmarc"),
    ("loop.example.com", [], 3, "temperror"),  # aliases without end: cannot know
]


@pytest.mark.parametrize("domain, options, code, says", CHECKS)
def test_the_policy_and_what_it_does_are_told(world, domain, options, code, says):
    result = run_cli("dmarc", "check", domain, *options, "--world", world)
    assert result.code == code
    assert says in result.out
    assert result.err == ""


def test_both_readers_speak_and_their_difference_is_told(world):
    # psd=n makes unit.example.com an organization of its own, which RFC 7489 does not know.
    arguments = [
        "dmarc",
        "check",
        "unit.example.com",
        "--spf",
        "example.com=pass",
        "--world",
        world,
    ]
    result = run_cli(*arguments)
    assert "receivers of RFC 9989: fail" in result.out
    assert "receivers of RFC 7489: pass" in result.out
    assert "they differ: the result is fail for rfc9989, pass for rfc7489" in result.out
    assert "rfc9989 walks the DNS upwards" in result.out
    assert result.code == 1
    one = run_cli(*arguments, "--reader", "rfc7489")
    assert "RFC 9989" not in one.out
    assert "walks" not in one.out
    assert one.code == 0


def test_readers_that_agree_have_no_difference(world):
    result = run_cli("dmarc", "check", "example.com", "--world", world, "--json")
    document = json.loads(result.out)
    assert (document["kind"], document["differences"]) == ("dmarc-check", [])
    assert [one["reader"] for one in document["readers"]] == ["rfc9989", "rfc7489"]


def test_a_destination_that_has_not_agreed_is_told_with_the_record_it_lacks(world):
    result = run_cli("dmarc", "check", "example.com", "--world", world)
    assert 'example.com._report._dmarc.reports.example.net. IN TXT "v=DMARC1;"' in result.out
    granted = run_cli("dmarc", "check", "quiet.example.com", "--world", world)
    assert "taker.example takes them" in granted.out


STEPS = [
    ("new.example", "p=none; rua=mailto:postmaster@new.example"),  # nothing there: watch first
    ("watch.example.com", "p=quarantine"),
    ("half.example.com", "p=quarantine; rua="),  # a share becomes all mail before it gets stricter
    ("example.com", "p=reject; t=y; sp=reject|p=reject; sp=reject; t=y"),
    ("test.example.com", "p=reject; rua="),  # the test ends
]


@pytest.mark.parametrize("domain, step", STEPS)
def test_the_next_step_is_a_record_to_publish(world, domain, step):
    result = run_cli("dmarc", "next", domain, "--world", world, "--json")
    document = json.loads(result.out)
    assert any(one in document["text"] for one in step.split("|"))
    assert document["record"]["name"] == f"_dmarc.{domain}"
    assert result.code == 0


def test_at_the_goal_nothing_is_left_to_do(world):
    top = run_cli("dmarc", "next", "top.example.com", "--world", world)
    assert "nothing is left to do" in top.out
    lower = run_cli("dmarc", "next", "watch.example.com", "--policy", "none", "--world", world)
    assert "nothing is left to do" in lower.out
    assert (top.code, lower.code) == (0, 0)


def test_following_the_steps_reaches_the_goal(tmp_path):
    path, text, seen = tmp_path / "world.zone", "", []
    while True:
        path.write_text(
            f'_dmarc.example.com. TXT "{text}"\n' if text else "example.com. A 192.0.2.1"
        )
        text = json.loads(run_cli("dmarc", "next", "example.com", "--world", path, "--json").out)[
            "text"
        ]
        if not text:
            break
        seen.append(text.split(" rua")[0])
    assert seen == [
        "v=DMARC1; p=none;",
        "v=DMARC1; p=quarantine;",
        "v=DMARC1; p=reject; t=y;",
        "v=DMARC1; p=reject;",
    ]


def test_the_step_of_a_subdomain_is_that_of_the_record_it_inherits(world):
    result = run_cli("dmarc", "next", "sub.example.com", "--world", world)
    assert "this is the record of example.com, which sub.example.com inherits" in result.out


def test_there_is_no_next_step_from_what_is_not_known(world):
    assert run_cli("dmarc", "next", "loop.example.com", "--world", world).code == 3
    several = run_cli("dmarc", "next", "two.example.com", "--world", world)
    assert several.code == 1
    assert "2 DMARC records" in several.err


def test_a_record_is_built_and_shown_at_its_name():
    result = run_cli(
        "dmarc", "record", "--policy", "reject", "--reports-to", "d@example.com", "--strict-spf",
        "--domain", "bücher.example",
    )  # fmt: skip
    assert "name:  _dmarc.xn--bcher-kva.example" in result.out
    assert "value: v=DMARC1; p=reject; aspf=s; rua=mailto:d@example.com" in result.out


MISUSE = [
    (["record", "--policy", "rejct"], "'rejct' is not one of"),
    (["record", "--reports-to", "nobody"], "not a mail address"),
    (["record", "--reports-to", "\udcff@example.com", "--policy", "x"], "error:"),
    (["check", "example.com", "--spf", "example.com=fine"], "not a result"),
    (["check", "example.com", "--spf", "pass"], "write example.com=pass"),  # whose?
    (["check", "example.com", "--dkim", "fail"], "write example.com=fail"),
    (["check", "a..b"], "empty label"),
    (["check", "a@example.com"], "an address, not a domain"),
    (["check", "\udcff.example"], "error:"),
    (["check", "example.com", "--world", "/nowhere/x"], "cannot read"),
    (["next", "example.com", "--policy", "all", "--world", "/dev/null"], "'all' is not one of"),
]


@pytest.mark.parametrize("arguments, says", MISUSE)
def test_misuse_is_one_clear_message(arguments, says):
    result = run_cli("dmarc", *arguments)
    assert result.code == 2
    assert says in result.err

"""`maildns check`: names in, forms out, and the exit code that a script wants."""

from __future__ import annotations

import json

import pytest
from cli import run_cli

ZONE = """
example.com.         SOA ns.example.com. hostmaster.example.com. 1 3600 900 604800 300
example.com.         NS  ns.example.com.
ns.example.com.      A   198.51.100.53
example.com.         MX  10 mail.example.com.
mail.example.com.    A   198.51.100.25
nomail.example.      MX  10 gone.nomail.example.
"""


@pytest.fixture
def check(tmp_path):
    world = tmp_path / "world.zone"
    world.write_text(ZONE)

    def command(*arguments, input=None):
        return run_cli("check", "--world", world, *arguments, input=input)

    return command


def test_what_is_wrong_is_shown_with_its_rule_and_told_to_the_shell(check):
    result = check("nomail.example")
    assert result.code == 1
    assert "nomail.example  grade" in result.out
    assert "[mx-host-without-address]" in result.out
    assert result.err == ""


def test_many_domains_come_from_arguments_and_files_each_once(check, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("# ours\nexample.com\n\nNOMAIL.example.   # the other\n")
    result = check("example.com", "-f", names, "--json")
    document = json.loads(result.out)
    assert [one["domain"] for one in document["domains"]] == ["example.com", "nomail.example"]
    assert document["failed"] is True
    assert json.loads(check("-f", "-", "--json", input="example.com\n").out)["domains"]


MISUSE = [
    ([], "which domain?"),
    (["192.0.2.1"], "the address of a host"),
    (["[2001:db8::1]"], "the address of a host"),
    (["."], "not a domain"),
    (["a..b"], "is not a domain"),
    (["x" * 300], "is not a domain"),
    (["exa mple.com"], "is not a domain"),
    (["example.com", "--profile", "mine"], "there is no profile"),
    (["example.com", "--fail-on", "info"], "--fail-on takes"),
    (["example.com", "--fail-below", "Z"], "--fail-below takes"),
    (["example.com", "--json", "--html"], "do not go together"),
    (["-f", "/nowhere/names"], "cannot read it"),
]


@pytest.mark.parametrize("arguments, told", MISUSE)
def test_misuse_is_told_with_its_mend(check, arguments, told):
    result = check(*arguments)
    assert result.code == 2
    assert told in result.err
    assert "Traceback" not in result.err


SPELLINGS = ["Example.COM.", "postmaster@example.com", "https://example.com/about", " example.com "]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_domain_is_taken_as_people_write_it(check, text):
    assert json.loads(check(text, "--json").out)["domains"][0]["domain"] == "example.com"


def test_an_international_name_is_shown_as_it_is_read(check):
    assert "bücher.example" in check("bücher.example").out


def test_each_form_can_be_written_to_a_file(check, tmp_path):
    for form in ("--json", "--sarif", "--junit", "--html", "--markdown", "--table"):
        path = tmp_path / f"out{form}"
        assert check("example.com", form, "--out", path).out == ""
        assert path.read_text(encoding="utf-8").strip(), form


def test_the_profiles_are_listed_with_their_sources():
    result = run_cli("check", "--profile", "list")
    assert result.code == 0
    assert "google-bulk@2025-11-01" in result.out
    assert "support.google.com" in result.out

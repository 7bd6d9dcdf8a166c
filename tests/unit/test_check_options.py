"""`maildns check`: what is looked for beside the domain itself, and the mend carried out."""

from __future__ import annotations

import json

import pytest
from cli import run_cli

ZONE = """
example.com.         SOA ns.example.com. hostmaster.example.com. 1 3600 900 604800 300
example.com.         NS  ns.example.com.
ns.example.com.      A   93.184.216.53
example.com.         MX  10 mail.example.com.
mail.example.com.    A   93.184.216.34
example.com.         TXT "v=spf1 mx -all"
example.com.         TXT "v=spf1 a -all"
_dmarc.example.com.  TXT "v=DMARC1; p=none; pct=50; rua=mailto:d@example.com"
parked.example.      MX  0 .
parked.example.      TXT "v=spf1 -all"
"""
MAIL = (
    b"From: a@example.com\r\nDKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=news; h=from;"
    b" bh=AA==; b=AA==\r\nDKIM-Signature: v=1; a=rsa-sha256; d=other.example; s=x; h=from;"
    b" bh=AA==; b=AA==\r\n\r\nHi\r\n"
)


@pytest.fixture
def check(tmp_path):
    world = tmp_path / "world.zone"
    world.write_text(ZONE)
    return lambda *arguments: run_cli("check", "--world", world, *arguments)


def rules(result):
    (domain,) = json.loads(result.out)["domains"]
    return {(one["rule"], one["subject"]) for one in domain["results"] if one["status"] == "bad"}


NEWS = ("dkim-selector-missing", "news._domainkey.example.com")


def test_a_selector_that_was_given_must_be_there(check):
    assert NEWS in rules(check("example.com", "--selector", "news", "--json"))
    assert NEWS not in rules(check("example.com", "--json"))


def test_a_message_names_its_own_selectors_and_not_those_of_others(check, tmp_path):
    mail = tmp_path / "mail.eml"
    mail.write_bytes(MAIL)
    found = rules(check("example.com", "--message", mail, "--json"))
    assert NEWS in found
    assert not any(subject.startswith("x.") for _, subject in found)


def test_a_description_names_the_selectors_of_its_domains(check, tmp_path):
    config = tmp_path / "maildns.toml"
    config.write_text(
        '[server."mail.example.com"]\nipv4 = "93.184.216.34"\n[domain."example.com"]\n'
        'dkim = [{ selector = "news", key = "news.pem" }]\n'
    )
    assert NEWS in rules(check("example.com", "--config", config, "--json"))


def test_the_table_holds_one_record_for_each_place(check):
    lines = check("example.com", "--table").out.splitlines()[1:]
    places = [tuple(line.split("\t")[:3]) for line in lines]
    assert ("example.com", "@", "TXT") in places
    assert len(places) == len(set(places)), "two records for one place would break each other"


def test_fix_writes_a_description_that_mends_and_its_plan(check, tmp_path):
    config = tmp_path / "maildns.toml"
    result = check("example.com", "parked.example", "--fix", "--yes", "--config", config)
    assert result.code == 0
    text = config.read_text()
    assert "percent" not in text, "pct is historic"
    assert 'domain."parked.example"' in text
    assert "parked = true" in text
    assert '- "v=spf1 a -all"' in result.out
    assert "proof: " in result.out


def test_fix_never_writes_over_a_description(check, tmp_path):
    config = tmp_path / "maildns.toml"
    config.write_text("# mine\n")
    result = check("example.com", "--fix", "--yes", "--config", config)
    assert result.code == 2
    assert "it is there already" in result.err
    assert config.read_text() == "# mine\n"


MISUSE = [
    (["--view", "lan"], "--view and --world"),
    (["--selector", "a..b"], "is not a selector"),
    (["--message", "/nowhere.eml"], "cannot read it"),
    (["--config", "/nowhere.toml"], "nowhere.toml"),
]


@pytest.mark.parametrize("options, told", MISUSE)
def test_options_that_make_no_sense_are_told(check, options, told):
    result = check("example.com", *options)
    assert result.code == 2
    assert told in result.err

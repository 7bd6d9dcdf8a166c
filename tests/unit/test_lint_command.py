from __future__ import annotations

import json

import pytest
from cli import run_cli

ZONE = """\
$ORIGIN example.com.
@ 3600 TXT "v=spf1 mx -all"
@ 3600 TXT "v=spf1 include:_spf.example.net -all"
"""
SOUND = "v=spf1 mx -all"
BAD = "v=DMARC1; p=none; p=reject"


def test_a_sound_record_exits_with_0():
    result = run_cli("lint", SOUND)
    assert (result.code, result.err) == (0, "")
    assert result.out == "1 mail record, no findings\n"


def test_a_bad_record_shows_the_place_the_fault_and_the_rule():
    result = run_cli("lint", BAD)
    assert result.code == 1
    assert f"    {BAD}\n                      ^^^^^^^^\n" in result.out
    assert "[dmarc-syntax]" in result.out


THRESHOLDS = [
    ("v=DMARC1; p=none; rua=mailto:a@example.com", "error", 0, "a warning is no error"),
    ("v=DMARC1; p=none; rua=mailto:a@example.com", "warn", 1, "a warning is one"),
    ("v=DMARC1; p=reject; t=y; rua=mailto:a@example.com", "warn", 0, "a note is no warning"),
    ("v=DMARC1; p=reject; t=y; rua=mailto:a@example.com", "info", 1, "a note is one"),
]


@pytest.mark.parametrize("text, fail_on, code, why", THRESHOLDS)
def test_fail_on_says_what_fails(text, fail_on, code, why):
    assert run_cli("lint", text, "--fail-on", fail_on).code == code, why


def test_a_zone_file_is_linted_with_its_lines(tmp_path):
    path = tmp_path / "db.example.com"
    path.write_text(ZONE)
    result = run_cli("lint", path)
    assert result.code == 1
    assert "[zone-several-spf]" in result.out
    assert f"{path}:3" in result.out
    assert "mend: publish one record in place of all: v=spf1" in result.out


def test_the_origin_is_taken_from_the_name_of_the_file(tmp_path):
    path = tmp_path / "example.com.zone"
    path.write_text("@ 60 MX 10 mail\n")
    document = json.loads(run_cli("lint", path, "--json").out)
    assert document["records"][0]["subject"] == "example.com"
    assert document["records"][0]["text"] == "10 mail.example.com."
    named = json.loads(run_cli("lint", path, "--name", "example.net", "--json").out)
    assert named["records"][0]["subject"] == "example.net"


def test_standard_input_may_be_a_zone_or_a_record_a_line():
    assert "zone-several-spf" in run_cli("lint", input=ZONE).out
    assert "zone-several-spf" in run_cli("lint", "-", input=ZONE).out
    assert run_cli("lint", input=f"{SOUND}\n10 mx.example.com.\n").out.startswith("2 mail records")


def test_json_says_all_that_the_terminal_says():
    document = json.loads(run_cli("lint", BAD, "--json").out)
    assert (document["kind"], document["version"], document["failed"]) == ("lint", 1, True)
    (record,) = document["records"]
    assert record["text"] == BAD
    assert record["record_kind"] == "dmarc"
    (syntax,) = [one for one in record["findings"] if one["rule"] == "dmarc-syntax"]
    assert BAD[slice(*syntax["span"])] == "p=reject"
    assert document["errors"] + document["warnings"] + document["notes"] == len(record["findings"])


UNUSABLE = [
    (["lint", "hello"], "cannot tell which record this is"),
    (["lint", "no/such/file.zone"], "there is no such file"),
    (["lint", "example.com"], "there is no such file"),
    (["lint", SOUND, "--type", "nonsense"], "'nonsense' is not a kind of mail record"),
    (["lint", "x" * 5000], "cannot tell which record this is"),
    (["lint", "a\0b"], "cannot tell which record this is"),
    (["explain", "hello"], "cannot tell which record this is"),
    (["rule", "spf-to-many-lookups"], "there is no rule"),
    (["schema", "nonsense"], "there is no schema"),
]


@pytest.mark.parametrize("arguments, problem", UNUSABLE)
def test_what_cannot_be_used_is_one_message_with_the_mend(arguments, problem):
    result = run_cli(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert problem in result.err
    assert "\nmend: " in result.err


def test_a_broken_zone_file_names_its_line(tmp_path):
    path = tmp_path / "zone"
    path.write_text(ZONE + "@ MX ten mail\n")
    result = run_cli("lint", path)
    assert result.code == 2
    assert f"error: {path}:4: " in result.err


HOSTILE = [
    (b"\xff\xfe\x00\x01", "a binary file"),
    (b'\xff\xfe IN TXT "v=spf1 -all"\n', "octets that are not UTF-8"),
    (b"$INCLUDE /etc/passwd\n", "no file is opened by a zone's word"),
    (b"$GENERATE 1-99999999999 a$ A 192.0.2.1\n", "no endless work"),
    (b'"' * 10000, "quotes without end"),
    (b"(" * 10000, "parentheses without end"),
    (b"v=spf1 " + b"include:a " * 20000, "a very long record"),
    (b"\x1b[31mv=DMARC1\x1b[0m", "terminal control"),
]


@pytest.mark.parametrize("octets, why", HOSTILE)
def test_hostile_input_ends_without_a_traceback(octets, why):
    result = run_cli("lint", input=octets)
    assert result.code in {0, 1, 2}, why
    assert "Traceback" not in result.err
    assert "\x1b" not in result.out


def test_a_folder_is_refused(tmp_path):
    result = run_cli("lint", tmp_path)
    assert result.code == 2
    assert "give the zone files in it one by one" in result.err


def test_words_without_quotes_are_one_record():
    assert run_cli("lint", "v=spf1", "mx", "-all").out == "1 mail record, no findings\n"
    assert run_cli("lint", "v=DMARC1;", "p=none;", "p=reject").out == run_cli("lint", BAD).out
    assert run_cli("lint", SOUND, "10 mx.example.com.").out.startswith("2 mail records")


def test_texts_of_one_name_are_seen_together():
    texts = '"v=spf1 mx -all"\n"v=spf1 a -all"\n"google-site-verification=x"\n'
    assert "zone-several-spf" in run_cli("lint", "--name", "example.com", input=texts).out
    assert "zone-several-spf" not in run_cli("lint", input=texts).out


def test_octets_that_are_no_text_are_shown_as_such():
    text = b"version: STSv1\nmode: \xff\n"
    document = json.loads(run_cli("lint", "--json", input=text).out)
    assert document["records"][0]["text"] == "version: STSv1\nmode: \ufffd\n"
    assert run_cli("lint", "\udcff/zone").err.startswith("error: ·/zone: there is no such file")

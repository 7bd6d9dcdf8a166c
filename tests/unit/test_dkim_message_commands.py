"""`maildns dkim sign` and `dkim verify`, one after the other."""

from __future__ import annotations

import json

import pytest
from cli import run_cli

from maildns.protocols import dkim

MESSAGE = "From: me@example.com\nTo: you@example.org\nSubject: hi\n\nHello,\nit is me.\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    key = dkim.generate()
    (tmp_path / "key.pem").write_bytes(dkim.to_pem(key))
    (tmp_path / "mail.eml").write_text(MESSAGE)
    (tmp_path / "world").write_text(f"abc._domainkey.example.com. TXT {strings(key)}\n")
    (tmp_path / "maildns.toml").write_text(
        '[server."mail.example.com"]\nipv4 = "192.0.2.1"\n[domain."example.com"]\n'
        'dkim = [{ selector = "abc", key = "key.pem" }]\n'
    )
    return tmp_path


def strings(key):
    text = str(dkim.key_record(key))
    return f'"{text[:200]}" "{text[200:]}"'


def signed(folder, *more):
    options = ("--domain", "example.com", "--selector", "abc", *more)
    result = run_cli("dkim", "sign", "mail.eml", *options)
    assert result.code == 0, result.err
    (folder / "signed.eml").write_text(result.out)
    return result.out


@pytest.mark.parametrize(
    "more",
    [
        (),  # the key of the config
        ("--key", "key.pem", "--config", "nowhere.toml"),
        ("--canonicalization", "simple/simple"),
    ],
)
def test_what_is_signed_verifies(folder, more):
    text = signed(folder, *more)
    assert text.endswith(MESSAGE)
    assert "\r" not in text, "the line ends are those of the message"
    result = run_cli("dkim", "verify", "signed.eml", "--world", "world")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("pass: example.com, selector abc (rsa-sha256, 2048 bits)")


def test_a_changed_body_fails_and_it_says_which_hash_differs(folder):
    (folder / "changed.eml").write_text(signed(folder).replace("it is me", "it is he"))
    result = run_cli("dkim", "verify", "changed.eml", "--world", "world")
    assert result.code == 1
    assert "the body was changed: its hash is" in result.out


def test_the_results_are_there_as_json(folder):
    signed(folder)
    result = run_cli("dkim", "verify", "signed.eml", "--world", "world", "--json")
    document = json.loads(result.out)
    assert document["kind"] == "dkim-verify"
    (one,) = document["signatures"]
    assert (one["result"], one["domain"], one["selector"]) == ("pass", "example.com", "abc")


def test_a_message_without_a_signature_is_not_signed(folder):
    result = run_cli("dkim", "verify", "mail.eml", "--world", "world")
    assert (result.code, result.out) == (1, "none: the message is not signed\n")


def test_a_key_that_cannot_be_fetched_is_not_known(folder):
    signed(folder)
    result = run_cli("dkim", "verify", "signed.eml", "--server", "tls://127.0.0.1:1")
    assert result.code == 3
    assert result.out.startswith("temperror")


REFUSED = [
    (("--selector", "other"), "no key other"),
    (("--selector", "abc", "--key", "nowhere.pem"), "nowhere.pem"),
    (("--selector", "abc", "--key", "mail.eml"), "not a key"),
    (("--selector", "abc", "--canonicalization", "loose"), "loose"),
]


@pytest.mark.parametrize("options, words", REFUSED)
def test_what_cannot_be_signed_is_refused_with_one_message(folder, options, words):
    result = run_cli("dkim", "sign", "mail.eml", "--domain", "example.com", *options)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("error:") == 1

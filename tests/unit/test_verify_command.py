"""`maildns verify`: the field, the reasons, JSON and the exit code a script wants."""

from __future__ import annotations

import json

import authres_grammar
import pytest
from cli import run_cli
from signed_mail import MESSAGE, sign, zone

ELSEWHERE = "198.51.100.1"

ZONE = """
example.com.         TXT "v=spf1 ip4:192.0.2.0/24 -all"
_dmarc.example.com.  TXT "v=DMARC1; p=reject"
nopolicy.example.    TXT "v=spf1 ip4:192.0.2.0/24 -all"
loop.example.        CNAME loop2.example.
loop2.example.       CNAME loop.example.
_dmarc.slow.example. CNAME loop.example.
mx.example.com.      TXT "v=spf1 ip4:192.0.2.1 -all"
"""


@pytest.fixture
def world(tmp_path):
    path = tmp_path / "world.zone"
    path.write_text(ZONE + zone())
    return path


@pytest.fixture
def verify(tmp_path, world):
    def command(message, *options):
        path = tmp_path / "message.eml"
        path.write_bytes(message)
        return run_cli("verify", path, "--world", world, *options)

    return command


def field_of(out):
    assert out.startswith("Authentication-Results: ")
    value = out.split("\n\n")[0].removeprefix("Authentication-Results: ").rstrip("\n")
    return authres_grammar.read(value.replace("\n", "\r\n"))


def test_a_message_signed_by_dkimpy_passes(verify):
    result = verify(sign(MESSAGE), "--ip", ELSEWHERE, "--sender", "b@signed.example")
    assert (result.code, result.err) == (0, "")
    assert "dkim: pass  d=signed.example s=test a=rsa-sha256" in result.out
    told = {method: outcome for method, outcome, *_ in field_of(result.out)[1]}
    assert (told["dkim"], told["dmarc"], told["spf"]) == ("pass", "pass", "fail")


def test_one_octet_of_the_body_changed_fails_and_both_hashes_are_shown(verify):
    changed = sign(MESSAGE).replace(b"body of", b"bOdy of")
    result = verify(changed, "--ip", ELSEWHERE, "--sender", "b@signed.example")
    assert result.code == 1
    assert "the body was changed: its hash is " in result.out
    assert "bh= in the signature: " in result.out
    assert "such mail is treated with: reject" in result.out


def test_a_message_without_its_envelope_is_judged_by_its_signature(verify):
    result = verify(sign(MESSAGE), "--ip", ELSEWHERE)
    assert (result.code, result.err) == (0, "")
    assert "spf: none  the envelope\n  no domain is known\n" in result.out
    told = {method: outcome for method, outcome, *_ in field_of(result.out)[1]}
    assert (told["dkim"], told["dmarc"], told["spf"]) == ("pass", "pass", "none")


CODES = [
    # From, sender, address: exit code
    ("a@example.com", "a@example.com", "192.0.2.1", 0),
    ("a@example.com", "a@example.com", ELSEWHERE, 1),
    ("a@nopolicy.example", "a@nopolicy.example", "192.0.2.1", 0),  # no policy, SPF passes
    ("a@nopolicy.example", "a@nopolicy.example", ELSEWHERE, 1),
    ("a@nopolicy.example", "a@loop.example", ELSEWHERE, 3),  # no policy, SPF cannot be known
    ("a@slow.example", "a@example.com", "192.0.2.1", 3),  # DMARC cannot be known
    ("nobody", "a@example.com", "192.0.2.1", 1),  # whose mail is it?
]


@pytest.mark.parametrize("author, sender, ip, code", CODES)
def test_the_exit_code_follows_dmarc(verify, author, sender, ip, code):
    message = f"From: {author}\r\n\r\nhi\r\n".encode()
    assert verify(message, "--ip", ip, "--sender", sender).code == code


def test_json_holds_what_is_shown(verify):
    message = b"From: a@example.com\r\n\r\nhi\r\n"
    options = ["--ip", "192.0.2.1", "--sender", "a@example.com", "--helo", "mx.example.com"]
    document = json.loads(verify(message, *options, "--json").out)
    assert (document["kind"], document["dmarc"], document["authors"]) == (
        "verify",
        "pass",
        ["example.com"],
    )
    methods = [one["method"] for one in document["methods"] if one["method"] != "arc"]
    assert methods == ["iprev", "spf", "spf", "dkim", "dmarc", "bimi"]
    assert {one["reader"] for one in document["dmarc_readers"]} == {"rfc9989", "rfc7489"}
    assert document["explanation"][0]["why"]
    authres_grammar.read(document["field"].removeprefix("Authentication-Results: "))


BEFORE = [
    "",
    "From a@example.com Mon Jan  1 00:00:00 2027\n",  # an mbox file
    "\n\r\n",  # pasted
    "\ufeff",  # an editor
]


@pytest.mark.parametrize("before", BEFORE, ids=ascii)
def test_standard_input_is_read_whatever_was_put_before_the_mail(world, before):
    options = ["--ip", "192.0.2.1", "--sender", "a@example.com", "--world", world]
    message = f"{before}From: a@example.com\n\nhi\n"
    assert run_cli("verify", "-", *options, input=message).code == 0


def test_the_sender_is_that_of_return_path_when_left_out(verify):
    message = b"Return-Path: <a@example.com>\r\nFrom: a@example.com\r\n\r\nhi\r\n"
    result = verify(message, "--ip", "192.0.2.1")
    assert result.code == 0
    assert "smtp.mailfrom=a@example.com" in result.out


def test_a_bounce_is_judged_by_its_helo(verify):
    message = b"From: a@example.com\r\n\r\nhi\r\n"
    result = verify(message, "--ip", "192.0.2.1", "--sender", "<>", "--helo", "mx.example.com")
    assert (result.code, "spf=pass smtp.helo=mx.example.com" in result.out) == (0, True)


def test_the_receiver_s_name_stands_first(verify):
    message = b"From: a@example.com\r\n\r\nhi\r\n"
    result = verify(
        message, "--ip", "192.0.2.1", "--helo", "mx.example.com", "--authserv-id", "in.example.org"
    )
    assert field_of(result.out)[0] == "in.example.org"


MISUSE = [
    (b"From: a@example.com\r\n\r\n", ["--ip", "nowhere", "--sender", "a@example.com"]),
    (b"\r\n", ["--ip", "192.0.2.1", "--sender", "a@example.com"]),  # nothing to verify
    (b"From: a@example.com\r\n\r\n", ["--sender", "a@example.com"]),  # no address
]


@pytest.mark.parametrize("message, options", MISUSE)
def test_what_cannot_be_verified_is_misuse(verify, message, options):
    result = verify(message, *options)
    assert (result.code, result.out) == (2, "")
    assert result.err


def test_a_file_that_is_not_there_is_misuse(tmp_path, world):
    result = run_cli(
        "verify",
        tmp_path / "none.eml",
        "--ip",
        "192.0.2.1",
        "--sender",
        "a@x.example",
        "--world",
        world,
    )
    assert result.code == 2
    assert "cannot read it" in result.err


def test_what_a_message_says_cannot_move_the_cursor(verify):
    message = b"From: a@example.com\r\nDKIM-Signature: v=1; d=\x1b[2Jx.example\r\n\r\nhi\r\n"
    result = verify(
        message, "--ip", "192.0.2.1", "--sender", "a\x1b[2J@example.com", "--helo", "\x1b]0;x"
    )
    assert "\x1b" not in result.out

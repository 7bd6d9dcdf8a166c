"""The words up to TLS, driven over lists: no socket, no clock."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from pki import make, server_context

from maildns.errors import UsageError
from maildns.net.dialogue import (
    MAX_REPLY_OCTETS,
    Opening,
    TalkEnds,
    imap_opening,
    own_name,
    pop3_opening,
    smtp_opening,
)
from maildns.net.handshake import (
    Distrusted,
    has_roots,
    looking_context,
    shake_hands,
    trusting_context,
)
from maildns.net.talk import Stage

HELLO = b"250-mx.example.com at your service\r\n250-size 1000\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"


def drive(dialogue, replies):
    """Feed *replies* one by one, then the end; all that was sent."""
    sent = [next(dialogue)]
    for octets in [*replies, b"", b""]:
        try:
            sent.append(dialogue.send(octets))
        except StopIteration:
            return b"".join(sent)
    raise AssertionError("it reads on after the end")


def test_smtp_goes_to_where_tls_begins():
    opening = Opening()
    replies = [b"220-mx.example.com\r\n220 ESMTP\r\n", HELLO, b"220 go\r\n"]
    sent = drive(smtp_opening(opening, "me.example"), replies)
    assert sent == b"EHLO me.example\r\nSTARTTLS\r\n"
    assert (opening.code, opening.banner) == (220, "mx.example.com ESMTP")
    assert opening.greeting_name == "mx.example.com"
    assert opening.extensions == ("SIZE 1000", "STARTTLS", "AUTH PLAIN")
    assert (opening.starttls, opening.stage, opening.farewell) == (True, Stage.TLS, b"")


def test_it_does_not_matter_how_the_octets_are_cut():
    whole = b"220 hi\r\n" + b"250-mx\r\n250 STARTTLS\r\n" + b"220 go\r\n"
    opening = Opening()
    drive(smtp_opening(opening, "me"), [bytes([octet]) for octet in whole])
    assert opening.stage is Stage.TLS


SMTP_FAULTS = [
    # replies, where it ends, in what words, whether later may be otherwise, why
    ([], Stage.GREETING, "closed", True, "closes at once"),
    ([b"SSH-2.0-OpenSSH\r\n"], Stage.GREETING, "not speak SMTP", False, "another service"),
    ([bytes(range(256))], Stage.GREETING, "not speak SMTP", False, "garbage"),
    ([b"\n"], Stage.GREETING, "not speak SMTP", False, "an empty line"),
    ([b"220\r\n", b"250\r\n"], Stage.HELLO, "not offer STARTTLS", False, "bare codes are replies"),
    ([b"99 \r\n"], Stage.GREETING, "not speak SMTP", False, "two digits"),
    ([b"220_x\r\n"], Stage.GREETING, "not speak SMTP", False, "RFC 5321 section 4.2"),
    ([b"220-x\r\n", b"oops\r\n"], Stage.GREETING, "not speak SMTP", False, "nonsense in between"),
    ([b"220 " + b"x" * MAX_REPLY_OCTETS], Stage.GREETING, "without end", False, "one long line"),
    ([b"220-x\r\n"] * 10_000, Stage.GREETING, "without end", False, "lines without end"),
    ([b"554 5.7.1 blocked\r\n"], Stage.GREETING, "with 554 5.7.1 blocked", False, "5xx"),
    ([b"421 busy\r\n"], Stage.GREETING, "with 421 busy", True, "4xx"),
    ([b"220 x\r\n"], Stage.HELLO, "closed", True, "closes after the greeting"),
    ([b"220 x\r\n", b"502 no\r\n"], Stage.HELLO, "EHLO with 502", False, "EHLO unknown"),
    ([b"220 x\r\n", b"451 dns\r\n"], Stage.HELLO, "EHLO with 451", True, "EHLO put off"),
    ([b"220 x\r\n", b"250 STARTTLS\r\n"], Stage.HELLO, "not offer", False, "that is its name"),
    ([b"220 x\r\n", b"250-x\r\n250 STARTTLSX\r\n"], Stage.HELLO, "not offer", False, "other word"),
    ([b"220 x\r\n", HELLO, b"454 no\r\n"], Stage.STARTTLS, "with 454", True, "RFC 3207 section 4"),
    ([b"220 x\r\n", HELLO, b"501 \x1b[2J\r\n"], Stage.STARTTLS, "501 ·[2J", False, "no control"),
    ([b"220 x\r\n", HELLO, b"220 y\r\n250 z\r\n"], Stage.STARTTLS, "in the clear", False, "6"),
    ([b"220 x\r\n", HELLO, b"220 y\r\n\x16"], Stage.STARTTLS, "in the clear", False, "an octet"),
]


@pytest.mark.parametrize("replies, stage, says, may_retry, reason", SMTP_FAULTS)
def test_what_a_server_does_wrong_ends_the_dialogue(replies, stage, says, may_retry, reason):
    opening = Opening()
    with pytest.raises(TalkEnds) as caught:
        drive(smtp_opening(opening, "me"), replies)
    assert says in caught.value.problem, reason
    assert (opening.stage, caught.value.may_retry) == (stage, may_retry)


def test_what_was_said_before_the_fault_is_kept():
    opening = Opening()
    with pytest.raises(TalkEnds):
        drive(smtp_opening(opening, "me"), [b"220 x \x07\r\n", b"250-mx\r\n250 SIZE\r\n"])
    assert (opening.banner, opening.extensions, opening.starttls) == ("x ·", ("SIZE",), False)
    assert opening.farewell == b"QUIT\r\n"


IMAP = [
    ([b"* OK hi\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na OK\r\n", b"b OK\r\n"], "", ""),
    ([b"* PREAUTH hi\r\n", b"* CAPABILITY IMAP4rev1\r\na OK\r\n"], "hello", "not offer"),
    ([b"* BYE busy\r\n"], "greeting", "greets with * BYE busy"),
    ([b"220 smtp\r\n"], "greeting", "greets with 220 smtp"),
    ([b"* OK\r\n", b"a BAD what\r\n"], "hello", "CAPABILITY with A BAD"),
    ([b"* OK\r\n", b"* CAPABILITY STARTTLS\r\na OK\r\n", b"b NO\r\n"], "starttls", "with B NO"),
    ([b"* OK\r\n", b"* CAPABILITY STARTTLS\r\na OK\r\n", b"b OK\r\n*"], "starttls", "the clear"),
    ([b"* OK\r\n", b"* x\r\n" * 20_000], "hello", "without end"),
]


@pytest.mark.parametrize("replies, stage, says", IMAP)
def test_imap_goes_to_where_tls_begins_or_says_why_not(replies, stage, says):
    opening = Opening()
    if not says:
        assert drive(imap_opening(opening), replies) == b"a CAPABILITY\r\nb STARTTLS\r\n"
        assert opening.extensions == ("IMAP4REV1", "STARTTLS")
        return
    with pytest.raises(TalkEnds) as caught:
        drive(imap_opening(opening), replies)
    assert says in caught.value.problem
    assert opening.stage == stage


POP3 = [
    ([b"+OK hi\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK go\r\n"], "", ""),
    ([b"-ERR busy\r\n"], "greeting", "greets with -ERR busy"),
    ([b"+OK\r\n", b"-ERR what\r\n"], "hello", "not offer"),
    ([b"+OK\r\n", b"+OK\r\nUIDL\r\n.\r\n"], "hello", "not offer"),
    ([b"+OK\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"-ERR\r\n"], "starttls", "STLS with -ERR"),
    ([b"+OK\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK\r\n+"], "starttls", "in the clear"),
    ([b"+OK\r\n", b"+OK\r\n" + b"x\r\n" * 30_000], "hello", "without end"),
]


@pytest.mark.parametrize("replies, stage, says", POP3)
def test_pop3_goes_to_where_tls_begins_or_says_why_not(replies, stage, says):
    opening = Opening()
    if not says:
        assert drive(pop3_opening(opening), replies) == b"CAPA\r\nSTLS\r\n"
        return
    with pytest.raises(TalkEnds) as caught:
        drive(pop3_opening(opening), replies)
    assert says in caught.value.problem
    assert opening.stage == stage


@pytest.mark.parametrize(
    "address, literal", [("192.0.2.1", "[192.0.2.1]"), ("::1%lo", "[IPv6:::1]")]
)
def test_a_host_without_a_full_name_greets_by_its_address(address, literal):
    assert own_name(address) == literal or "." in own_name(address)


# --- TLS, over memory -----------------------------------------------------------------


@pytest.fixture(scope="module")
def root():
    return make("Test Root", authority=True)


@pytest.fixture(scope="module")
def leaf(root):
    return make("mx.example.com", root, names=["mx.example.com"])


def meet(dialogue, context):
    """Let *dialogue* meet a TLS server in memory, until it returns; what it returned."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    to_send = next(dialogue)
    try:
        for _ in range(20):
            incoming.write(to_send)
            with contextlib.suppress(ssl.SSLWantReadError):
                server.do_handshake()
            to_send = dialogue.send(outgoing.read())
    except StopIteration as stop:
        return stop.value, server, incoming
    raise AssertionError("it does not end")


def test_a_handshake_shows_version_cipher_and_chain(root, leaf):
    opening = Opening()
    dialogue = shake_hands(opening, trusting_context(root.pem), "mx.example.com", b"QUIT\r\n")
    shown, server, incoming = meet(dialogue, server_context((leaf, root)))
    assert shown.version == "TLSv1.3"
    assert shown.cipher.startswith("TLS_")
    assert shown.chain_der == (leaf.der, root.der)
    assert opening.stage is Stage.DONE
    incoming.write(opening.farewell)
    server.do_handshake()
    assert server.read(100) == b"QUIT\r\n"


def test_a_chain_without_trust_is_told_from_a_handshake_that_fails(root, leaf):
    other = make("Other Root", authority=True)
    dialogue = shake_hands(Opening(), trusting_context(other.pem), "mx.example.com")
    with pytest.raises(Distrusted) as caught:
        meet(dialogue, server_context((leaf,)))
    assert caught.value.code == 20
    shown, _, _ = meet(
        shake_hands(Opening(), looking_context(), "mx.example.com"), server_context((leaf,))
    )
    assert shown.chain_der == (leaf.der,)


BROKEN_TLS = [
    ([], "closed the connection", "closes at once"),
    ([b"HTTP/1.1 400 Bad Request\r\n"], "wrong version number", "not TLS"),
    ([b"\x15\x03\x03\x00\x02\x02\x28"], "handshake failure", "an alert"),
    ([b"\x16\x03\x03\x40\x00" + b"\x02\xff\xff\xff" + bytes(0x3FFC)] * 40, "", "without end"),
]


@pytest.mark.parametrize("replies, says, reason", BROKEN_TLS)
def test_a_broken_handshake_ends_in_words(replies, says, reason):
    opening = Opening()
    with pytest.raises(TalkEnds) as caught:
        drive(shake_hands(opening, looking_context(), "mx.example.com"), replies)
    assert says in caught.value.problem, reason
    assert opening.stage is Stage.TLS


def test_a_name_that_tls_cannot_ask_for_ends_in_words():
    with pytest.raises(TalkEnds, match="TLS does not come about"):
        drive(shake_hands(Opening(), looking_context(), "x" * 70 + ".example"), [])


def test_roots_are_looked_for_where_openssl_looks(tmp_path):
    empty = tmp_path / "certs"
    empty.mkdir()
    paths = ssl.get_default_verify_paths()
    assert not has_roots(paths._replace(cafile=None, capath=None))
    assert not has_roots(paths._replace(cafile=str(tmp_path / "none.pem"), capath=str(empty)))
    (empty / "root.pem").write_text("")
    assert has_roots(paths._replace(cafile=None, capath=str(empty)))


@pytest.mark.parametrize("text", ["", "not PEM", "ümlaut"])
def test_authorities_without_a_certificate_are_our_misuse(text):
    with pytest.raises(UsageError, match="no certificate"):
        trusting_context(text)


def test_remarks_between_the_certificates_may_have_any_letters(root, leaf):
    remark = "# Autorité de Münster\n"
    context = trusting_context(f"{remark}{root.pem}{remark}{leaf.pem}")
    assert context.cert_store_stats()["x509"] == 2

"""
DKIM against dkimpy: both ways, on generated messages; where the two part is in a table.

dkimpy verifies Ed25519 only with another package, so the comparison is of RSA.
"""

import base64
import re
import time

import dkim as peer
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from maildns import World, run
from maildns.protocols import dkim
from maildns.protocols.dkim.canonical import body_hashes, signed_header
from maildns.protocols.dkim.message import Field, read_message
from maildns.protocols.dkim.signing import make_signature

QUICK = settings(max_examples=150, deadline=None)
KEY = dkim.private_key_from_pem(
    dkim.to_pem(dkim.generate("rsa2048"))  # as a user has it: from a file
)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
RECORD = str(dkim.key_record(KEY)).encode()
WORLD = World()
WORLD.add("s._domainkey.example.com", "TXT", RECORD)

NAMES = st.sampled_from([b"Subject", b"To", b"X-Any", b"Received", b"from", b"Date", b"Cc"])
PIECES = st.sampled_from(
    [b"a", b"B", b" ", b"  ", b"\t", b"\r\n ", b"\r\n\t", b":", b";", b"=", b"\xff"]
)
LINES = st.sampled_from(
    [b"a", b" ", b"\t", b"  ", b"\r\n", b"\r\n\r\n", b"b c", b"\xff", b"From ", b".", b"\r\n \r\n"]
)
VALUES = st.lists(PIECES, max_size=6).map(b"".join)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
BODIES = st.lists(LINES, max_size=14).map(b"".join)
FORMS = st.sampled_from(["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"])


def message_of(fields, body):
    header = b"".join(name + b": " + value + b"x\r\n" for name, value in fields)
    return b"From: a@example.com\r\n" + header + b"\r\n" + body + b"end\r\n"


MESSAGES = st.builds(message_of, FIELDS, BODIES)


def ours(message):
    return any(one.result == "pass" for one in run(dkim.verify(message), WORLD))


def theirs(message):
    try:
        return peer.verify(message, dnsfunc=lambda name, timeout=5: RECORD)
    except Exception:  # noqa: BLE001 - it raises errors of many kinds for what it cannot read
        return False


def signed_by_us(message, form="relaxed/relaxed", **options):
    field = dkim.sign(
        message, KEY, domain="example.com", selector="s", canonicalization=form, **options
    )
    return field + message


def signed_by_dkimpy(message, form="relaxed/relaxed", **options):
    forms = tuple(form.encode().split(b"/"))
    field = peer.sign(message, b"s", b"example.com", PEM, canonicalize=forms, **options)
    return field + message


@QUICK
@given(MESSAGES, FORMS)
def test_dkimpy_verifies_what_we_sign(message, form):
    assert theirs(signed_by_us(message, form))


@settings(max_examples=60, deadline=None)  # it signs slowly
@given(MESSAGES, FORMS, st.booleans())
def test_we_verify_what_dkimpy_signs(message, form, length):
    assert ours(signed_by_dkimpy(message, form, length=length))


@QUICK
@given(MESSAGES, FORMS, st.data())
def test_both_think_the_same_of_a_message_that_was_changed(message, form, data):
    signed = signed_by_us(message, form)
    at = data.draw(st.integers(0, len(signed) - 1))
    new = data.draw(st.sampled_from([b"", b" ", b"a", b"\r\n", b"=", b";"]))
    drop = data.draw(st.integers(0, 2))
    changed = signed[:at] + new + signed[at + drop :]
    reason = parted(changed)
    if reason is None:
        assert ours(changed) == theirs(changed), changed


def parted(message):
    """The row of the table that stands for *message*; None where both must agree."""
    header = message.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    lone = message.replace(b"\r\n", b"")
    if b"\x0b" in message or b"\x0c" in message:
        return "white space that is none in mail"
    if re.search(rb"(?m)^[!-9;-~]+[ \t]+:", header):
        return "white space before a colon"
    if b"\r" in lone:
        return "a lone CR"
    if header.lower().count(b"\nfrom") + header.lower().startswith(b"from") > 1:
        return "a second From"
    if not message.endswith(b"\r\n"):
        return "a body without a last line end"
    return None


# --- the table: each row of disagreements.md, held ------------------------------------

GOOD = message_of([(b"Subject", b"s"), (b"To", b"t")], b"body\r\n")
ONE_FROM = signed_by_us(GOOD, headers=["From"], oversign=())


def with_length(more):
    """GOOD with a signature whose l= is *more* than its body."""
    mail = read_message(GOOD)
    body = body_hashes(mail.body, [("simple", None)])["simple", None]
    value = (
        f" v=1; a=rsa-sha256; d=example.com; s=s; h=from; l={body.octets + more}; "
        f"bh={base64.b64encode(body.digest).decode()}; b="
    ).encode()
    field = Field(b"dkim-signature", b"DKIM-Signature:" + value, value)
    b = make_signature(KEY, signed_header(mail, [b"from"], field, "simple"))
    return field.raw + base64.b64encode(b) + b"\r\n" + GOOD


AHEAD = int(time.time()) + 100_000
ROWS = [
    # what it is, message, ours, theirs
    ("a second From", b"From: b@example.org\r\n" + ONE_FROM, True, False),
    ("l= beyond the body", with_length(5), False, True),
    ("l= of the whole body", with_length(0), True, True),
    ("VT", signed_by_us(GOOD.replace(b"To: tx", b"To: t\x0b")), True, False),
    ("FF", signed_by_us(GOOD.replace(b"To: tx", b"To: \x0ct")), True, False),
    ("lone CR", signed_by_us(GOOD.replace(b"To: tx", b"To: t\r")), True, False),
    ("white space before a colon", signed_by_us(GOOD.replace(b"To:", b"To :")), True, False),
    ("no last line end", signed_by_us(GOOD)[:-2] + b" ", True, False),
    ("t= ahead", signed_by_us(GOOD, timestamp=AHEAD), True, False),
    ("no field", b"no field\r\n" + signed_by_us(GOOD), False, False),
    ("a mailbox's line", b"From joe Mon Nov 23\r\n" + signed_by_us(GOOD), True, True),
    ("LF", signed_by_us(GOOD).replace(b"\r\n", b"\n"), True, True),
]


@pytest.mark.parametrize("what, message, we, they", ROWS, ids=[row[0] for row in ROWS])
def test_the_table_of_disagreements_holds(what, message, we, they):
    assert (ours(message), theirs(message)) == (we, they), what

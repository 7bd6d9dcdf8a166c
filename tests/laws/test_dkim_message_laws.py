"""Laws of signing and verifying."""

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns import World, run
from maildns.errors import RecordSyntaxError
from maildns.protocols import dkim
from maildns.protocols.dkim import Signature
from maildns.protocols.dkim.canonical import CanonicalBody
from maildns.protocols.dkim.message import read_message

QUICK = settings(max_examples=150, deadline=None)
KEY = dkim.generate("ed25519")
NAMES = st.sampled_from([b"Subject", b"To", b"X-Any", b"Received", b"from", b"Date"])
PIECES = st.sampled_from(
    [
        b"a",
        b"B",
        b" ",
        b"  ",
        b"\t",
        b"\r\n ",
        b"\r\n\t",
        b":",
        b";",
        b"\r",
        b"\x0b",
        b"\xff",
        b"\x00",
    ]
)
LINES = st.sampled_from(
    [b"a", b" ", b"\t", b"  ", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"b c", b"\xff", b"\x0c"]
)
VALUES = st.lists(PIECES, max_size=6).map(b"".join)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
BODIES = st.lists(LINES, max_size=14).map(b"".join)
FORMS = st.sampled_from(["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"])
CHUNKS = st.integers(1, 9)


def message_of(fields, body):
    header = b"".join(name + b":" + value + b"x\r\n" for name, value in fields)
    return b"From: a@example.com\r\n" + header + b"\r\n" + body


MESSAGES = st.builds(message_of, FIELDS, BODIES)


def world():
    made = World()
    made.add("s._domainkey.example.com", "TXT", str(dkim.key_record(KEY)).encode())
    return made


WORLD = world()


@QUICK
@given(MESSAGES, FORMS)
def test_what_is_signed_verifies(message, form):
    field = dkim.sign(message, KEY, domain="example.com", selector="s", canonicalization=form)
    (verdict, *_) = run(dkim.verify(field + message), WORLD)
    assert (verdict.result, verdict.reason) == ("pass", "")


@QUICK
@given(MESSAGES, FORMS, CHUNKS)
def test_a_message_in_chunks_is_the_message(message, form, size):
    field = dkim.sign(message, KEY, domain="example.com", selector="s", canonicalization=form)
    signed = field + message
    chunks = [signed[at : at + size] for at in range(0, len(signed), size)]
    assert run(dkim.verify(iter(chunks), now=0), WORLD) == run(dkim.verify(signed, now=0), WORLD)


@QUICK
@given(MESSAGES, FORMS, st.data())
def test_an_octet_that_changes_more_than_white_space_fails(message, form, data):
    field = dkim.sign(message, KEY, domain="example.com", selector="s", canonicalization=form)
    body = message.index(b"\r\n\r\n") + 4
    places = [at for at in range(body, len(message)) if message[at] in b"abc\xff"]
    if not places:
        return
    at = data.draw(st.sampled_from(places))
    changed = message[:at] + b"Z" + message[at + 1 :]
    (verdict, *_) = run(dkim.verify(field + changed), WORLD)
    assert verdict.result == "fail"


class Kept:
    def __init__(self):
        self.octets = b""

    def update(self, octets):
        self.octets += octets


def canonical(body, form, size):
    kept = Kept()
    made = CanonicalBody(form, kept)
    for at in range(0, len(body), size):
        made.update(body[at : at + size])
    made.finish()
    return kept.octets


@QUICK
@given(BODIES, CHUNKS)
def test_a_canonical_body_is_its_own_canonical_form(body, size):
    for form in ("relaxed", "simple"):
        once = canonical(body, form, size)
        assert canonical(once, form, 1000) == once
    assert canonical(canonical(body, "simple", size), "relaxed", size) == canonical(
        body, "relaxed", size
    )


@QUICK
@given(st.binary(max_size=200) | MESSAGES | st.lists(LINES | PIECES, max_size=20).map(b"".join))
def test_any_octets_are_read_and_verified_without_an_error(octets):
    message = read_message(octets)
    assert len(message.fields) <= octets.count(b"\n") + 1
    signed = b"DKIM-Signature: v=1; a=rsa-sha256; d=x; s=s; h=From; bh=AAAA; b=AAAA\r\n" + octets
    assert all(one.result != "pass" for one in run(dkim.verify(signed), World()))


TAGS = st.sampled_from(
    [
        "v=1", "v=2", "a=rsa-sha256", "a=x", "b=AAAA", "b=", "bh=AAAA", "bh=A", "d=example.com",
        "d=bücher.example", "d=..", "h=From", "h=from:to", "h=To", "s=s", "s=a.b", "s=*", "c=relaxed",
        "c=relaxed/simple", "c=/", "i=@example.com", "i=a", "l=3", "l=x", "q=dns/txt", "q=", "t=1",
        "t=-1", "x=2", "x=0", "z=a|b", "new=1", "", "=", "v", "\ud7ff=1", "\x00", "n\u0130=1",
    ]
)  # fmt: skip
TEXTS = st.text(max_size=60) | st.lists(TAGS, max_size=14, unique=True).map("; ".join)


@QUICK
@given(TEXTS)
def test_any_text_is_a_signature_or_refused_with_a_span_inside_it(text):
    try:
        signature = dkim.parse_signature(text)
    except RecordSyntaxError as error:
        start, end = error.span
        assert 0 <= start <= end <= len(text)
        str(error)
    else:
        assert dkim.parse_signature(str(signature)) == signature


SIGNATURES = st.builds(
    Signature,
    algorithm=st.sampled_from(["rsa-sha256", "ed25519-sha256"]),
    signature=st.binary(min_size=1, max_size=80),
    body_hash=st.binary(min_size=1, max_size=32),
    domain=st.just("example.com"),
    selector=st.sampled_from(["s", "a.b"]),
    headers=st.lists(st.sampled_from(["To", "X-A"]), max_size=4).map(lambda x: ("From", *x)),
    header_form=st.sampled_from(["simple", "relaxed"]),
    body_form=st.sampled_from(["simple", "relaxed"]),
    identity=st.sampled_from(["", "@example.com", "a=20b@m.example.com"]),
    body_length=st.none() | st.integers(0, 10**70),
    query_methods=st.sampled_from([(), ("dns/txt",), ("x", "dns/txt")]),
    timestamp=st.none() | st.integers(0, 10),
    expires=st.none() | st.integers(11, 10**12),
    copied_headers=st.sampled_from(["", "From:a|To:b"]),
    unknown=st.sampled_from([(), (("y", "1"),), (("y", ""), ("x_y", "a=b"))]),
)


@QUICK
@given(SIGNATURES)
def test_a_signature_survives_being_printed(signature):
    assert dkim.parse_signature(str(signature)) == signature

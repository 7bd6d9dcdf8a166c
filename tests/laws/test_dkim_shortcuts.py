"""What is done in a hurry comes to what the RFC's own steps come to, one after the other."""

import re
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maildns import dkim
from maildns.ask import Answer, DnssecStatus, Outcome, Question
from maildns.errors import RecordSyntaxError
from maildns.frozen import quickly
from maildns.protocols.dkim.canonical import body_hashes, signed_header, without_signature
from maildns.protocols.dkim.message import Field, read_message
from maildns.protocols.dkim.signature import NEEDED, TagReader
from maildns.taglist import parse_tags, refuse_doubles

QUICK = settings(max_examples=300, deadline=None)
NAMES = [b"From", b"from", b"SUBJECT", b"To ", b"x-a\t", b"X\xff", b"", b"From a b", b"x" * 997]
ENDS = [b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n"]
PIECES = [
    b"a",
    b"B:",
    b" ",
    b"  ",
    b"\t",
    b"\r\n ",
    b"\r\n\t",
    b"\n ",
    b"\r",
    b"\v",
    b"\f",
    b"\xa0",
]
VALUES = st.lists(st.sampled_from(PIECES), max_size=5).map(b"".join)
FIELDS = st.tuples(st.sampled_from(NAMES), st.sampled_from([b":", b":", b":", b""]), VALUES)
HEADERS = st.lists(st.tuples(FIELDS, st.sampled_from(ENDS)), max_size=7).map(
    lambda all_: b"".join(b"".join(field) + end for field, end in all_)
)


def naively_read(header):
    """The fields of *header* (RFC 5322 section 2.2), and whether a line is none."""
    lines = re.sub(rb"\r?\n", b"\r\n", header).split(b"\r\n")
    lines = lines[: lines.index(b"")] if b"" in lines else lines
    raws = []
    for line in lines:
        if raws and line.startswith((b" ", b"\t")):
            raws[-1] += b"\r\n" + line
        else:
            raws.append(line)
    found, broken = [], False
    for raw in raws:
        name = re.match(rb"([!-9;-~]+)[ \t]*:", raw)
        if name and raw.index(b":") < 998:
            found.append((name[1].lower(), raw, raw[name.end() :]))
        else:
            broken = broken or bool(found) or not raw.startswith(b"From ")
    return found, broken


def naively_relaxed(name, value):
    """RFC 6376 section 3.4.2, step by step."""
    value = re.sub(rb"\r\n(?=[ \t])", b"", value)
    value = re.sub(rb"[ \t]+", b" ", value)
    return name + b":" + value.strip(b" ")


def naively_signed(found, names, form):
    """RFC 6376 section 5.4.2: each name takes the lowest field that is left."""
    left = list(found)
    taken = []
    for wanted in names:
        at = max((at for at, field in enumerate(left) if field[0] == wanted), default=None)
        if at is not None:
            name, raw, value = left.pop(at)
            taken.append(naively_relaxed(name, value) if form == "relaxed" else raw)
    return taken


@QUICK
@given(HEADERS)
def test_a_header_is_read_as_line_by_line(header):
    message = read_message(header + b"\r\n")
    found, broken = naively_read(header + b"\r\n")
    assert [(field.name, field.raw, field.value) for field in message.fields] == found
    assert bool(message.malformed) == broken
    for name in {field[0] for field in found}:
        same = [field for field in found if field[0] == name]
        assert [field[:3] for field in message.named(name)] == same
        assert [field[:3] for field in message.by_name[name]] == same
        assert message.lowest[name] == same[-1][2]


@QUICK
@given(
    HEADERS,
    st.lists(st.sampled_from([b"from", b"subject", b"to", b"x-a", b"date"]), max_size=7),
    st.sampled_from(["relaxed", "simple"]),
)
def test_the_signed_fields_are_those_taken_one_by_one(header, names, form):
    message = read_message(header + b"\r\n")
    own = Field(b"dkim-signature", b"DKIM-Signature: b=", b" b=")
    last = naively_relaxed(own.name, own.value) if form == "relaxed" else own.raw
    taken = naively_signed(naively_read(header + b"\r\n")[0], names, form)
    assert signed_header(message, names, own, form) == b"\r\n".join([*taken, last])


BODIES = st.lists(
    st.sampled_from([b"a", b" ", b"\t", b"  ", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"b c"]),
    max_size=12,
).map(b"".join)


@QUICK
@given(BODIES, st.none() | st.integers(0, 30))
def test_a_body_at_hand_is_hashed_like_one_that_flows_by(body, limit):
    wanted = [("relaxed", limit), ("simple", limit)]
    assert body_hashes((body,), wanted) == body_hashes(iter([body[:3], body[3:]]), wanted)


TAGS = ["v=1", " a = x y ", "\r\n\tb=AA\r\n AA", "b=", "bh=", "d=", "\u00e9=1", "=", "", " ", "b", "x-y=1"]  # fmt: skip
LISTS = st.lists(st.sampled_from(TAGS), max_size=6).map(lambda tags: ";".join(["n=1", *tags]))


@QUICK
@given(LISTS)
def test_tags_are_those_of_the_reader_that_points_at_faults(text):
    try:
        tags = parse_tags(text)
        refuse_doubles(tags, text)
    except RecordSyntaxError as error:
        with pytest.raises(RecordSyntaxError, match=re.escape(error.problem)):
            TagReader(text, ())
        return
    if any("-" in tag.name for tag in tags):  # RFC 6376 section 3.2: not in DKIM
        with pytest.raises(RecordSyntaxError):
            TagReader(text, ())
    else:
        assert TagReader(text, ()).values == {tag.name: tag.value for tag in tags}


@QUICK
@given(st.permutations(["bh=A", " b = B\r\n\tB ", "xb=C", "\tz=b=D", " d=b"]), st.booleans())
def test_b_is_emptied_wherever_it_stands(tags, ended):
    tail = ";" if ended else ""
    value = (";".join(tags) + tail).encode()
    wanted = (";".join(" b =" if "B" in tag else tag for tag in tags) + tail).encode()
    emptied = without_signature(Field(b"x", b"X:" + value, value))
    assert (emptied.value, emptied.raw) == (wanted, b"X:" + wanted)


QUICK_ANSWERS = st.builds(
    lambda *parts: parts,
    st.just(Question("a.example", "TXT")),
    st.sampled_from(Outcome),
    st.just(()),
    st.none() | st.integers(0, 9),
    st.sampled_from(DnssecStatus),
)


@QUICK
@given(QUICK_ANSWERS)
def test_a_value_made_quickly_is_the_same_and_locked(parts):
    slow, quick = Answer(*parts), quickly(Answer)(*parts)
    assert (quick, hash(quick), repr(quick), type(quick)) == (slow, hash(slow), repr(slow), Answer)
    with pytest.raises(FrozenInstanceError):
        quick.detail = "changed"


def test_every_attribute_of_a_signature_has_its_place():
    text = (
        "v=1; a=rsa-sha256; c=relaxed/simple; d=d.example; s=sel; i=@i.d.example; l=3; q=dns/txt; "
        "t=4; x=5; h=From:To; z=From:a; new=6; bh=QUFB; b=QkJC"
    )
    signature = dkim.parse_signature(text)
    assert {one.name: getattr(signature, one.name) for one in fields(signature)} == {
        "algorithm": "rsa-sha256",
        "signature": b"BBB",
        "body_hash": b"AAA",
        "domain": "d.example",
        "selector": "sel",
        "headers": ("From", "To"),
        "header_form": "relaxed",
        "body_form": "simple",
        "identity": "@i.d.example",
        "body_length": 3,
        "query_methods": ("dns/txt",),
        "timestamp": 4,
        "expires": 5,
        "copied_headers": "From:a",
        "unknown": (("new", "6"),),
        "published": tuple(tag.split("=")[0] for tag in text.split("; ")),
    }
    assert set(NEEDED) <= set(signature.published)

"""Canonical forms, by the examples of RFC 6376 section 3.4.5 and the corners beside them."""

import pytest

from maildns.protocols.dkim.canonical import (
    CanonicalBody,
    body_hashes,
    canonical_field,
    without_signature,
)
from maildns.protocols.dkim.message import read_message


class Kept:
    def __init__(self):
        self.octets = b""

    def update(self, octets):
        self.octets += octets


def canonical(body, form, size):
    kept = Kept()
    canonical = CanonicalBody(form, kept)
    for at in range(0, len(body), size):
        canonical.update(body[at : at + size])
    canonical.finish()
    return kept.octets


BODIES = [
    # body, relaxed, simple
    (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n", b" C \r\nD \t E\r\n"),  # section 3.4.5
    (b"", b"", b"\r\n"),  # sections 3.4.4 and 3.4.3
    (b"\r\n", b"", b"\r\n"),
    (b"\r\n\r\n\r\n", b"", b"\r\n"),
    (b" \t\r\n", b"", b" \t\r\n"),  # a line of white space alone is empty
    (b"a\r\n \r\n\r\n", b"a\r\n", b"a\r\n \r\n"),
    (b"\r\na\r\n", b"\r\na\r\n", b"\r\na\r\n"),  # empty lines before text stay
    (b"a\r\n\r\n\r\nb", b"a\r\n\r\n\r\nb\r\n", b"a\r\n\r\n\r\nb\r\n"),
    (b"a", b"a\r\n", b"a\r\n"),  # section 3.4.3: a CRLF is added
    (b"a ", b"a\r\n", b"a \r\n"),
    (b"  a  b\tc\t\td", b" a b c d\r\n", b"  a  b\tc\t\td\r\n"),
    (b"a\nb\n", b"a\r\nb\r\n", b"a\r\nb\r\n"),  # section 5.3: a lone LF is a line's end
    (b"a\r\nb\n\r\n\n", b"a\r\nb\r\n", b"a\r\nb\r\n"),
    (b"a\rb\r\n", b"a\rb\r\n", b"a\rb\r\n"),  # a lone CR is not
    (b"a\r", b"a\r\r\n", b"a\r\r\n"),
    (b"a \r", b"a \r\r\n", b"a \r\r\n"),
    (b"a\r\r\n\r\n", b"a\r\r\n", b"a\r\r\n"),
    (b"a\r\n\r\r\n\r\n", b"a\r\n\r\r\n", b"a\r\n\r\r\n"),
    (b"a\x0b\x0c \x0b\r\n", b"a\x0b\x0c \x0b\r\n", b"a\x0b\x0c \x0b\r\n"),  # section 2.8
    (b"\x00\xff  \xfe\r\n", b"\x00\xff \xfe\r\n", b"\x00\xff  \xfe\r\n"),
]


@pytest.mark.parametrize("body, relaxed, simple", BODIES)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_bodies_have_one_form_however_they_are_cut(body, relaxed, simple, size):
    assert canonical(body, "relaxed", size) == relaxed
    assert canonical(body, "simple", size) == simple


FIELDS = [
    # field, relaxed
    (b"A: X", b"a:X"),  # section 3.4.5
    (b"B : Y\t\r\n\tZ  ", b"b:Y Z"),
    (b"SUBJect:AbC", b"subject:AbC"),
    (b"X:", b"x:"),
    (b"X: \t ", b"x:"),
    (b"X:\r\n folded first", b"x:folded first"),
    (b"X: a\r\n \r\n b", b"x:a b"),
    (b"X: a:b : c", b"x:a:b : c"),
    (b"X: \x0ba\x0c ", b"x:\x0ba\x0c"),  # section 2.8: these are no white space
    (b"X: a\rb  c", b"x:a\rb c"),
    (b"X: \xa0a\x85 ", b"x:\xa0a\x85"),
]


@pytest.mark.parametrize("raw, relaxed", FIELDS)
def test_fields_have_one_form(raw, relaxed):
    (field,) = read_message(raw + b"\r\n\r\n").fields
    assert canonical_field(field, "relaxed") == relaxed
    assert canonical_field(field, "simple") == raw


EMPTIED = [
    (b" v=1; b=AAAA; d=x", b" v=1; b=; d=x"),
    (b" v=1; b=AAAA", b" v=1; b="),
    (b" v=1; b = AA\r\n AA \r\n ; d=x", b" v=1; b =; d=x"),  # white space around the value goes
    (b" b=AAAA; v=1", b" b=; v=1"),
    (b" v=1;\r\n\tb=AA\r\n\tAA", b" v=1;\r\n\tb="),
    (b" bh=AAAA; b=BBBB", b" bh=AAAA; b="),  # bh stays
    (b" z=From:b=40c; xb=1; b=BBBB", b" z=From:b=40c; xb=1; b="),
    (b" v=1", b" v=1"),
]


@pytest.mark.parametrize("value, emptied", EMPTIED)
def test_the_value_of_b_and_nothing_else_is_taken_out(value, emptied):
    (field,) = read_message(b"DKIM-Signature:" + value + b"\r\n\r\n").fields
    assert without_signature(field).raw == b"DKIM-Signature:" + emptied
    assert without_signature(field).value == emptied


def test_the_body_is_read_once_for_all_hashes():
    chunks = iter([b"ab", b"c\r\n"])
    wanted = [("simple", None), ("relaxed", None), ("relaxed", 1), ("relaxed", 99)]
    hashes = body_hashes(chunks, wanted)
    assert set(hashes) == set(wanted)
    assert hashes["simple", None] == hashes["relaxed", None]
    assert hashes["relaxed", 99] == hashes["relaxed", None]
    assert hashes["relaxed", 1].digest != hashes["relaxed", None].digest
    assert {one.octets for one in hashes.values()} == {5}


def test_memory_does_not_grow_with_white_space_at_the_end():
    body = CanonicalBody("relaxed", Kept())
    for _ in range(1000):
        body.update(b" \t" * 1000 + b"\r\n" * 1000)
    assert len(body._rest) < 10


ENDS = [
    (b"A: b\r\n\r\nbody", [b"A: b"], b"body"),
    (b"A: b\n\nbody", [b"A: b"], b"body"),
    (b"A: b\r\n\nbody", [b"A: b"], b"body"),
    (b"A: b\n\r\nbody", [b"A: b"], b"body"),
    (b"A: b", [b"A: b"], b""),
    (b"A: b\r\n", [b"A: b"], b""),
    (b"\r\nbody", [], b"body"),
    (b"\nbody", [], b"body"),
    (b"A: b\n c\nD: e\n\nx\n\ny", [b"A: b\r\n c", b"D: e"], b"x\n\ny"),
]


@pytest.mark.parametrize("message, fields, body", ENDS)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_the_header_ends_at_the_first_empty_line(message, fields, body, size):
    whole = read_message(message)
    chunked = read_message(message[at : at + size] for at in range(0, len(message), size))
    for one in (whole, chunked):
        assert [field.raw for field in one.fields] == fields
        assert b"".join(one.body) == body
        assert not one.malformed

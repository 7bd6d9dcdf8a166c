"""Whatever a server says, and however it is cut, the dialogue ends, and within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maildns.net.dialogue import MAX_REPLY_OCTETS, OPENINGS, Opening, TalkEnds
from maildns.net.handshake import looking_context, shake_hands

# Octets as servers send them, and pieces of what they should say, in any order.
PIECES = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.sampled_from(
        [b"220 mx.example\r\n", b"250-mx\r\n", b"250 STARTTLS\r\n", b"220-", b"* OK\r\n", b"\n",
         b"* CAPABILITY STARTTLS\r\n", b"a OK\r\n", b"b OK\r\n", b"+OK\r\n", b"STLS\r\n", b".\r\n",
         b"\x16\x03\x03", b"\x15\x03\x03\x00\x02\x02\x28", b"\xff" * 40]
    ),
)  # fmt: skip


def end(dialogue, chunks):
    """How *dialogue* ends when it hears *chunks*, and then nothing; and how much it heard."""
    heard = 0
    try:
        next(dialogue)
        for chunk in chunks:
            heard += len(chunk)
            dialogue.send(chunk)
        dialogue.send(b"")
        dialogue.send(b"")
    except StopIteration:
        return "agreed", heard
    except TalkEnds as ends:
        return ends.problem, heard
    raise AssertionError("it goes on after the end")


@pytest.mark.parametrize("way", OPENINGS)
@given(chunks=st.lists(PIECES, max_size=30))
def test_every_opening_ends(way, chunks):
    problem, _ = end(OPENINGS[way](Opening(), "me"), chunks)
    assert problem
    assert all(char.isprintable() for char in problem)


@pytest.mark.parametrize("way", OPENINGS)
@given(piece=st.binary(min_size=1, max_size=200).filter(lambda octets: b"\n" not in octets))
def test_no_line_is_heard_without_end(way, piece):
    endless = [piece * (1 + 4096 // len(piece))] * 40
    problem, heard = end(OPENINGS[way](Opening(), "me"), endless)
    assert "without end" in problem
    assert heard <= MAX_REPLY_OCTETS + len(endless[0])


@given(chunks=st.lists(PIECES, max_size=12))
def test_every_handshake_ends(chunks):
    problem, _ = end(shake_hands(Opening(), looking_context(), "mx.example"), chunks)
    assert problem.startswith(("TLS does not come about", "it "))


@pytest.mark.parametrize("way", OPENINGS)
@given(chunks=st.lists(PIECES, max_size=20), size=st.integers(1, 7))
def test_how_the_octets_are_cut_changes_nothing_up_to_starttls(way, chunks, size):
    # Beyond, a piece that comes together with the agreement is talk in the clear; so it ends here.
    whole = b"".join(chunks)
    cut = [whole[at : at + size] for at in range(0, len(whole), size)]
    first, second = Opening(), Opening()
    end(OPENINGS[way](first, "me"), [whole] if whole else [])
    end(OPENINGS[way](second, "me"), cut)
    assert (first.banner, first.extensions, first.starttls) == (
        second.banner,
        second.extensions,
        second.starttls,
    )

"""Whatever a server shows for a certificate, the rules judge it and do not fall over."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_facts import V6, authorities, facts, good_leaf, results, talk, tls, world

from maildns.protocols import dane

ISSUER = authorities()[1]
RECORDS = [
    dane.from_certificate(good_leaf().certificate),
    dane.from_certificate(ISSUER.certificate, usage=2, selector=0),
]
CODES = st.sampled_from([0, 9, 10, 18, 19, 20, 21, 26, 79])


@pytest.fixture(scope="module")
def sound():
    return facts(at=world(records=RECORDS))


@st.composite
def spoilt(draw):
    """The sound chain with some octets changed, cut off, or repeated."""
    chain = []
    for made in (good_leaf(), ISSUER):
        octets = bytearray(made.der)
        for _ in range(draw(st.integers(0, 3))):
            octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
        chain.append(bytes(octets[: draw(st.sampled_from([None, None, 0, 20, 300]))]))
    return tuple(draw(st.permutations(chain)))


@given(chain=spoilt(), code=CODES)
@settings(max_examples=400, deadline=None)
def test_every_chain_is_judged(sound, chain, code):
    from dataclasses import replace

    shown = replace(tls(), chain_der=chain, distrust="why" if code else "", distrust_code=code)
    talks = (talk(tls=shown), talk(address=V6, other_tls=shown))
    found = results(replace(sound, talks=talks))
    assert {one.rule for one in found} >= {"smtp-refused", "tls-handshake-fails"}
    assert all(one.says for one in found)

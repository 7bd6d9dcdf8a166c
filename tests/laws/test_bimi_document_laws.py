"""Laws of what is fetched for BIMI: whatever the octets are, there are findings, and soon."""

from __future__ import annotations

import contextlib
import gzip
from datetime import UTC, datetime
from functools import lru_cache

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.errors import InputError
from maildns.lab.internet.mark import MarkAuthority, logotype, picture_of
from maildns.net.web import place_of
from maildns.protocols.bimi.logotype import embedded_picture
from maildns.protocols.bimi.mark import Expected, judge_mark
from maildns.protocols.bimi.picture import judge_picture

quick = settings(deadline=2000, max_examples=200)
PICTURE = picture_of("Example Ltd")
PIECES = [b"<svg ", b"<title>", b"</title>", b"</svg>", b"<!DOCTYPE ", b"<!ENTITY a 'b'>", b"&a;",
          b"xmlns='http://www.w3.org/2000/svg'", b" viewBox='0 0 1 1'", b"<?xml encoding='", b"'?>",
          b"<g>", b"</g>", b"<![CDATA[", b"]]>", b"<script/>", b">", b"utf-16", b"\xff\xfe"]  # fmt: skip
pieces = st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=20).map(b"".join)


@st.composite
def damaged(draw, whole):
    """*whole* with octets changed, taken out or cut off."""
    octets = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(octets) - 1, 0)))
        octets[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return (
        bytes(octets[: draw(st.integers(0, len(octets)))]) if draw(st.booleans()) else bytes(octets)
    )


@lru_cache(maxsize=1)
def authority():
    return MarkAuthority()


@lru_cache(maxsize=1)
def file():
    return authority().chain_pem(authority().issue(["example.com"], PICTURE))


def judged(octets):
    now = datetime.now(UTC)
    roots = (authority().root,)
    expected = Expected("default._bimi.example.com", ("example.com",), now, roots, PICTURE)
    return judge_mark(octets, expected, "https://example.com/mark.pem")


@quick
@given(st.binary(max_size=200) | pieces | damaged(PICTURE) | damaged(gzip.compress(PICTURE)))
def test_any_octets_are_a_picture_or_findings_that_can_be_shown(octets):
    picture = judge_picture(octets)
    assert picture.svg or picture.findings
    shown = [picture.title, *(one.says for one in picture.findings)]
    assert all(one.isprintable() and len(one) < 1000 for one in shown)
    assert judge_picture(octets) == picture


@quick
@given(st.binary(max_size=200) | damaged(file()))
def test_any_octets_are_a_mark_certificate_or_findings_that_can_be_shown(octets):
    mark = judged(octets)
    assert mark.findings or (mark.picture, mark.kind) == (PICTURE, "VMC")
    shown = [mark.trust_says, mark.organization, mark.mark_type, *mark.names]
    shown += [one.says for one in mark.findings]
    assert all(one.isprintable() and len(one) < 1500 for one in shown)


@quick
@given(st.binary(max_size=100) | damaged(logotype(PICTURE).value))
def test_any_octets_are_a_logotype_with_a_picture_or_refused(octets):
    with contextlib.suppress(InputError):
        assert isinstance(embedded_picture(octets), bytes)


@quick
@given(st.binary(max_size=2000))
def test_a_picture_comes_out_of_the_logotype_as_it_went_in(octets):
    assert gzip.decompress(embedded_picture(logotype(octets).value)) == octets


@quick
@given(st.text(max_size=60) | st.text(max_size=40).map("https://{}".format))
def test_an_address_leads_to_a_host_or_nowhere(url):
    place = place_of(url)
    if place is not None:
        assert place.host == place.host.lower()
        assert 1 <= place.port <= 65535
        assert place.path.startswith("/")
        assert place.path.isascii()
        assert place.path.isprintable()

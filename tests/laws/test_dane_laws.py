"""Laws of TLSA records: what holds whatever is published."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.dnsdata import Tlsa
from maildns.errors import RecordSyntaxError
from maildns.protocols import dane
from maildns.protocols.dane.matching import drop_weaker_digests
from maildns.protocols.dane.record import why_unusable

octet = st.integers(0, 255)
small = st.integers(0, 4)
wild = st.builds(Tlsa, octet, octet, octet, st.binary(min_size=1, max_size=80))
likely = st.builds(
    Tlsa, small, small, small, st.sampled_from([bytes(32), b"\1" * 32, bytes(64), b"0\x03abc"])
)


@settings(deadline=None, max_examples=200)
@given(wild)
def test_a_printed_record_is_read_back_the_same(record):
    assert dane.parse(str(record)) == record


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60) | st.text('0123 abxyz\\#()";', max_size=40))
def test_any_text_is_read_or_refused_at_a_place_within_it(text):
    start, end = _fault(text)
    assert 0 <= start <= end <= len(text)


def _fault(text):
    try:
        dane.parse(text)
    except RecordSyntaxError as error:
        return error.span
    return (0, 0)


@settings(deadline=None, max_examples=200)
@given(st.lists(wild | likely, max_size=6), st.lists(st.binary(max_size=40), max_size=3))
def test_a_hostile_chain_is_judged_never_an_accident(records, chain):
    verdict = dane.match(records, chain, ["mx.example.com"])
    assert verdict.matched is None
    assert len(verdict.per_record) == len(records)
    dane.lint_rrset(records)
    assert all(dane.explain(record) for record in records)


@settings(deadline=None, max_examples=200)
@given(st.lists(likely, max_size=8))
def test_digest_agility_keeps_some_record_of_every_kind(records):
    usable = [record for record in records if why_unusable(record) is None]
    kept = drop_weaker_digests(usable)
    kinds = {(one.usage, one.selector) for one in usable}
    assert {(one.usage, one.selector) for one in kept} == kinds
    assert drop_weaker_digests(kept) == kept


@pytest.mark.parametrize("chain", [[], [b""], [b"\x30\x80"], [b"\x30\x84\xff\xff\xff\xff"]])
def test_no_chain_matches_nothing(chain):
    assert dane.match([Tlsa(3, 1, 1, bytes(32))], chain, []).result is dane.DaneResult.NO_MATCH

"""Laws of BIMI records."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.errors import RecordSyntaxError
from maildns.protocols import bimi

quick = settings(deadline=None, max_examples=200)
uris = st.just("") | st.from_regex(r"\A(https://|x:)[!-+\--:<-~]{1,20}\Z")
prefixes = st.lists(st.from_regex(r"\A[A-Za-z0-9-]{1,20}\Z"), max_size=3).map(tuple)
unknown = st.dictionaries(
    st.from_regex(r"\A[A-Z][A-Za-z0-9_.-]{0,10}\Z"),
    st.from_regex(r"\A([!-:<-~]{1,9})?\Z"),
    max_size=2,
)
records = st.builds(
    bimi.BimiRecord,
    uris,
    st.none() | uris,
    st.sampled_from([None, "brand", "personal"]),
    st.none() | prefixes,
    unknown.map(lambda more: tuple(more.items())),
)


def fault(text):
    try:
        bimi.parse(text)
    except RecordSyntaxError as error:
        return error.span
    return (0, 0)


@quick
@given(records)
def test_a_printed_record_is_read_back_the_same(record):
    assert bimi.parse(str(record)) == record
    bimi.lint(record)
    assert bimi.explain(record)


@quick
@given(
    st.sampled_from(["", "v=BIMI1;", "v=BIMI1; l="]),
    st.text(max_size=60) | st.text("lavps=:;, \t\n", max_size=40),
)
def test_any_text_is_read_or_refused_at_a_place_within_it(lead, text):
    start, end = fault(lead + text)
    assert 0 <= start <= end <= len(lead + text)

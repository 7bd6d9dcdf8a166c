"""Laws of TLS-RPT records."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols import tlsrpt

quick = settings(deadline=None, max_examples=200)
uris = st.from_regex(r"\A(mailto:|https://|x\+y:)[!-+\--:<-~]{1,20}\Z")
keys = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z").filter(lambda key: key != "rua")
fields = st.dictionaries(keys, st.from_regex(r"\A[!-:<>-~]{1,20}\Z"), max_size=3)
records = st.builds(
    lambda rua, more: tlsrpt.TlsRptRecord(tuple(rua), tuple(more.items())),
    st.lists(uris, min_size=1, max_size=3),
    fields,
)


def fault(text):
    try:
        tlsrpt.parse(text)
    except RecordSyntaxError as error:
        return error.span
    return (0, 0)


@quick
@given(records)
def test_a_printed_record_is_read_back_the_same(record):
    assert tlsrpt.parse(str(record)) == record
    tlsrpt.lint(record)
    assert tlsrpt.explain(record)


@quick
@given(
    st.sampled_from(["", "v=TLSRPTv1;", "v=TLSRPTv1; rua="]),
    st.text(max_size=60) | st.text("rua=:;,x "),
)
def test_any_text_is_read_or_refused_at_a_place_within_it(lead, text):
    start, end = fault(lead + text)
    assert 0 <= start <= end <= len(lead + text)


@quick
@given(st.lists(st.text(max_size=20) | st.text("ab@.;,! ", max_size=12), max_size=3))
def test_what_is_built_reads_back_or_is_refused(rua):
    try:
        record = tlsrpt.build(rua)
    except UsageError:
        return
    assert tlsrpt.parse(str(record)) == record

"""Laws that MX, SRV and CAA records share: they are read, printed, judged and explained."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.dnsdata import Caa, Mx, Srv
from maildns.errors import RecordSyntaxError
from maildns.protocols import caa, clients, mx

quick = settings(deadline=None, max_examples=150)
number = st.integers(0, 65535)
host = st.just(".") | st.from_regex(r"\A[a-z0-9_]{1,9}(\.[a-z0-9]{1,9}){0,3}\Z")
records = {
    mx: st.builds(Mx, number, host),
    clients: st.builds(Srv, number, number, number, host),
    caa: st.builds(
        Caa,
        st.integers(0, 255),
        st.from_regex(r"\A[a-z0-9]{1,15}\Z") | st.just("issue"),
        st.binary(max_size=40) | st.text("a.=;% -", max_size=20).map(str.encode),
    ),
}
protocols = pytest.mark.parametrize("protocol", list(records), ids=lambda one: one.__name__[-7:])


@protocols
@quick
@given(st.data())
def test_any_record_is_read_back_the_same_and_judged(protocol, data):
    several = data.draw(st.lists(records[protocol], max_size=4))
    for record in several:
        assert protocol.parse(str(record)) == record
        assert protocol.explain(record)
    protocol.lint_rrset(several, "example.com")


@protocols
@quick
@given(st.text(max_size=50) | st.text('0123 a.-\\"();=@', max_size=40))
def test_any_text_is_read_or_refused_at_a_place_within_it(protocol, text):
    start, end = fault(protocol.parse, text)
    assert 0 <= start <= end <= len(text)


def fault(parse, text):
    try:
        parse(text)
    except RecordSyntaxError as error:
        return error.span
    return (0, 0)


@quick
@given(st.binary(max_size=60), st.text("a.=;% -\t", max_size=30))
def test_a_hostile_issuer_value_permits_at_most_whom_it_names(octets, text):
    for value in (octets, text.encode()):
        issuer = caa.issuer_of(Caa(0, "issue", value))
        assert issuer is None or issuer.domain.encode() in value.lower()

"""Laws of MTA-STS: what holds whatever is published."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.errors import RecordSyntaxError
from maildns.protocols import mtasts

quick = settings(deadline=None, max_examples=200)
ids = st.from_regex(r"\A[A-Za-z0-9]{1,32}\Z")
keys = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z").filter(lambda key: key != "id")
fields = st.dictionaries(keys, st.from_regex(r"\A[!-:<>-~]{1,20}\Z"), max_size=3)
records = st.builds(lambda text, more: mtasts.StsRecord(text, tuple(more.items())), ids, fields)
hosts = st.from_regex(r"\A(\*\.)?[a-z0-9]{1,10}(\.[a-z]{2,8}){1,3}\Z")
lines = st.dictionaries(
    keys.filter(lambda key: key not in {"version", "mode", "max_age", "mx"}),
    st.from_regex(r"\A[!-~é]( ?[!-~é]){0,9}\Z"),
    max_size=3,
)
policies = st.builds(
    lambda mode, age, mx, more: mtasts.StsPolicy(mode, age, tuple(mx), tuple(more.items())),
    st.sampled_from(list(mtasts.Mode)),
    st.integers(0, 31557600),
    st.lists(hosts, min_size=1, max_size=4),
    lines,
)
texts = st.text(max_size=80) | st.text("v=STSv1; id:mxode\r\n*.", max_size=80)


def fault(parse, text):
    try:
        parse(text)
    except RecordSyntaxError as error:
        return error.span
    return (0, 0)


@quick
@given(records)
def test_a_printed_record_is_read_back_the_same(record):
    assert mtasts.parse(str(record)) == record


@quick
@given(policies)
def test_a_printed_policy_is_read_back_the_same(policy):
    assert mtasts.parse_policy(str(policy)) == policy
    assert mtasts.parse(str(mtasts.build(policy))) == mtasts.build(policy)
    mtasts.lint_policy(policy)


@quick
@given(texts, st.sampled_from(["", "v=STSv1;", "version: STSv1\nmode: none\nmax_age: 1\n"]))
def test_any_text_is_read_or_refused_at_a_place_within_it(text, lead):
    for parse in (mtasts.parse, mtasts.parse_policy):
        start, end = fault(parse, lead + text)
        assert 0 <= start <= end <= len(lead + text)


@quick
@given(policies, st.from_regex(r"\A[a-z0-9]{1,10}(\.[a-z]{2,8}){1,3}\Z"))
def test_a_host_is_allowed_just_when_a_pattern_says_so(policy, host):
    by_rule = policy.mode is mtasts.Mode.NONE or any(
        pattern == host
        or (pattern.startswith("*.") and host.split(".")[1:] == pattern.split(".")[1:])
        for pattern in policy.mx
    )
    assert mtasts.policy_allows(policy, host) is by_rule

"""Laws of DKIM key records."""

from hypothesis import given, settings
from hypothesis import strategies as st

from maildns.errors import RecordSyntaxError
from maildns.protocols import dkim
from maildns.protocols.dkim import KeyRecord

QUICK = settings(max_examples=150, deadline=None)
WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
PIECES = st.sampled_from(
    [
        "v=DKIM1",
        "k=rsa",
        "k=ed25519",
        "k=x",
        "p=",
        "p=AQID",
        "p=AQ ID",
        "p=AQI",
        'p=A"',
        "t=y:s",
        "h=sha1",
        "h=",
        "s=*",
        "s=email",
        "n=a=20b",
        "n=",
        "g=",
        "x=y",
        "",
        "=",
        "p",
        "p=MII=",
    ]
)
TEXTS = st.text(max_size=60) | st.lists(PIECES, max_size=8).map("; ".join)


@QUICK
@given(TEXTS)
def test_any_text_parses_or_is_refused_with_a_span_inside_it(text):
    try:
        record = dkim.parse_key(text)
    except RecordSyntaxError as error:
        start, end = error.span
        assert 0 <= start <= end <= len(text)
        str(error)
    else:
        assert dkim.parse_key(str(record)) == record
        assert dkim.explain(record)
        dkim.lint(record)
    dkim.lint_text(text)


@QUICK
@given(
    st.binary(max_size=400),
    WORDS,
    st.lists(WORDS, max_size=3),
    st.lists(WORDS | st.just("*"), max_size=3),
    st.lists(WORDS, max_size=3),
)
def test_a_record_survives_its_text(octets, key_type, hashes, services, flags):
    record = KeyRecord(
        octets,
        key_type=key_type,
        hashes=tuple(hashes),
        services=tuple(services),
        flags=tuple(flags),
    )
    assert dkim.parse_key(str(record)) == record
    dkim.lint(record)

"""One spelling for every name, and no name of what is none."""

from __future__ import annotations

import pytest

from maildns.dnsdata import labels, name
from maildns.errors import RecordSyntaxError

SPELLINGS = [
    (".", "."),
    ("Example.COM.", "example.com"),
    ("example。com", "example.com"),  # an ideographic full stop parts labels, too
    (r"a\.b.c.", r"a\.b.c"),
    (r"a\.", r"a\."),  # an escaped dot ends no name
    (r"a\\.", r"a\\"),  # an escaped backslash does not escape the dot
]


@pytest.mark.parametrize("written, spelled", SPELLINGS)
def test_a_name_has_one_spelling(written, spelled):
    assert name(written) == spelled


@pytest.mark.parametrize(
    "text", ["", "..", ".a", "a..b", "a\\", "a b", "x" * 64, "a." * 127 + "b", "-\u0130" * 2000]
)
def test_what_is_no_name_is_refused_inside_the_text(text):
    with pytest.raises(RecordSyntaxError) as caught:
        name(text)
    start, end = caught.value.span
    assert 0 <= start <= end <= len(text)


def test_labels_part_at_dots_that_are_not_escaped():
    assert labels(r"a\.b.c\\.d\.") == [r"a\.b", r"c\\", r"d\."]

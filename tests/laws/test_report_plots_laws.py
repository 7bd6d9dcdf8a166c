"""Laws of plots: whatever the counts and names, a plot is a well-formed picture of them."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from maildns.reports.plots import (
    BAD,
    GOOD,
    MOST_BARS,
    MOST_PANELS,
    Bar,
    Day,
    Panel,
    Rect,
    bar_plot,
    daily_plot,
    svg,
)

COUNTS = st.integers(0, 10**12)
FIRST = date(2026, 1, 1)
DAYS = st.lists(st.tuples(COUNTS, COUNTS), max_size=400).map(
    lambda counts: [Day(FIRST + timedelta(days=n), *both) for n, both in enumerate(counts)]
)
PANELS = st.lists(st.builds(Panel, st.text(), DAYS), max_size=15)
BARS = st.lists(st.builds(Bar, st.text(), st.text(), COUNTS, COUNTS), max_size=20)


def bars(plot):
    return [one for one in plot.shapes if isinstance(one, Rect) and one.says]


@given(st.text(), PANELS)
def test_a_plot_of_days_is_well_formed_and_bounded(title, panels):
    plot = daily_plot(title, panels)
    root = ET.fromstring(svg(plot))
    assert float(root.get("height")) == plot.height > 0
    assert len(bars(plot)) <= 2 * MOST_BARS * MOST_PANELS
    for bar in bars(plot):
        assert 0 < bar.height <= 153
        assert bar.width > 0
        assert 0 <= bar.x <= bar.x + bar.width <= 960
        assert bar.y >= 0


@given(st.lists(st.tuples(st.text(), BARS), max_size=15))
def test_a_plot_of_senders_is_well_formed_and_stays_on_its_paper(groups):
    plot = bar_plot("who", groups)
    assert ET.fromstring(svg(plot)) is not None
    assert all(bar.width > 0 and bar.x + bar.width <= 960 for bar in bars(plot))


@given(DAYS)
def test_a_day_with_mail_is_seen_and_one_without_is_not(days):
    plot = daily_plot("t", [Panel("p", days)])
    shown = {bar.fill for bar in bars(plot)}
    assert (GOOD in shown) == any(day.good for day in days)
    assert (BAD in shown) == any(day.bad for day in days)

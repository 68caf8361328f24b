"""An axis of times: bars of all times have a length, and its lines are powers of ten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convbench.report.views.course.time_axis import MOST_LABELS, TimeAxis

TIMES = st.lists(st.floats(1e-9, 1e4), min_size=1)


@given(TIMES)
def test_every_time_has_a_bar_that_ends_on_the_axis(times):
    axis = TimeAxis.over(times)
    places = [axis.place(time) for time in times]
    assert min(places) > 0
    assert max(places) <= 100
    assert sorted(times) == [time for _, time in sorted(zip(places, times, strict=True))]


@given(TIMES)
def test_the_first_line_is_labelled_and_the_labels_are_few(times):
    ticks = TimeAxis.over(times).ticks
    assert ticks[0][1]
    assert (ticks[0][0], ticks[-1][0]) == (0, 100)
    assert sum(label != "" for _, label in ticks) <= MOST_LABELS


def test_labels_are_whole_numbers_with_their_unit():
    assert [label for _, label in TimeAxis(-4, -1).ticks] == ["100 µs", "1 ms", "10 ms", "100 ms"]
    assert TimeAxis(0, 3).ticks[-1][1] == "1,000 s"

"""The search ends next to the limit, whatever memory does, and tries nothing that is far beyond it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convbench.run.largest_batch.bisection import (
    GROWTH,
    RESOLUTION,
    first_batch_size,
    line_through,
    next_batch_size,
)
from convbench.run.largest_batch.subjects import OneCase
from convbench_specs import PASSES, Case, Conv

MEGABYTE = 1_000_000
CASE = Case(
    name="conv",
    operation=Conv(in_channels=8, out_channels=8, kernel_size=(3, 3), padding="same"),
    input_shape=(8, 32, 32),
)


def search(peak, limit, first=1):
    """All tries, the largest that fitted (0 for none) and the smallest that did not."""
    peaks, too_large, tries = {}, None, []
    while (size := next_batch_size(peaks, too_large, limit, first)) is not None:
        tries.append(size)
        assert len(tries) < 100
        if peak(size) <= limit:
            peaks[size] = peak(size)
        else:
            too_large = size
    return tries, max(peaks, default=0), too_large


bases = st.integers(0, 500 * MEGABYTE)
slopes = st.integers(2_000, 50 * MEGABYTE)  # no search reaches MOST_BATCH_SIZE
limits = st.integers(600 * MEGABYTE, 20_000 * MEGABYTE)


@given(bases, slopes, limits, st.integers(1, 3000))
def test_it_ends_within_the_resolution_below_the_limit(base, slope, limit, first):
    tries, largest, too_large = search(lambda size: base + slope * size, limit, first)
    assert base + slope * largest <= limit < base + slope * too_large
    assert too_large - largest <= max(1, largest // RESOLUTION)
    assert len(tries) <= 20


@given(bases, slopes, limits, st.lists(st.integers(0, 400 * MEGABYTE), min_size=1, max_size=7))
def test_memory_in_steps_ends_too(base, slope, limit, steps):
    _, largest, too_large = search(lambda size: base + slope * size + steps[size % len(steps)], limit)
    assert largest < too_large
    assert too_large - largest <= max(1, largest // RESOLUTION)


@given(bases, slopes, limits, st.integers(1, 50))
def test_no_try_leaps_far_over_the_limit(base, slope, limit, first):
    tries, _, _ = search(lambda size: base + slope * size, limit, first)
    for tried, before in zip(tries[1:], tries, strict=False):
        assert tried <= max(GROWTH * before, before)
    known = tries[2:]  # two tries make a line
    assert all(base + slope * size <= 1.02 * limit + slope for size in known if size > max(tries[:2]))


def test_nothing_fits_where_one_is_too_large():
    tries, largest, too_large = search(lambda size: 10 * size, 5)
    assert (tries, largest, too_large) == ([1], 0, 1)


def test_a_first_try_that_is_too_large_is_taken_back():
    _, largest, too_large = search(lambda size: 100 * size, 1000, first=4096)
    assert (largest, too_large) == (10, 11)


def test_equal_peaks_tell_no_line():
    assert line_through({1: 5, 2: 5}) is None
    assert line_through({4: 5}) is None


def test_the_first_try_holds_enough_to_be_seen():
    for pass_name in PASSES:
        subject = OneCase("w", CASE, pass_name)
        size = first_batch_size(subject.least_bytes)
        assert 14 * MEGABYTE < subject.least_bytes(size) < 18 * MEGABYTE

"""How far a run is told to be: by its pace, with the blocks that will fill its time, and never back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.run.time_left import TimeLeft


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def gone(time, clock, *seconds):
    for each in seconds:
        clock.now += each
        time.advance(1)
    return time


def test_the_time_left_goes_by_the_pace_since_the_first_tenth(clock):
    time = gone(TimeLeft(clock, 10), clock, 30)  # the first takes long, as all workers start
    assert time.left_s() is None
    assert time.share() == pytest.approx(0.1)
    gone(time, clock, 2)
    assert time.left_s() == pytest.approx(16)
    assert time.share() == pytest.approx(32 / 48)


def test_a_run_that_adds_blocks_fills_its_time(clock):
    time = gone(TimeLeft(clock, 10, 1000, within_s=100.0), clock, 2, 2)
    assert time.left_s() == pytest.approx(96)


def test_a_run_that_may_add_few_blocks_ends_with_the_last(clock):
    time = gone(TimeLeft(clock, 10, 20, within_s=100.0), clock, 2, 2)
    assert time.left_s() == pytest.approx(36)


def test_a_run_longer_than_its_time_is_told_as_long_as_it_is(clock):
    time = gone(TimeLeft(clock, 100, 1000, within_s=10.0), clock, *[1] * 20)
    assert time.left_s() == pytest.approx(80)


def test_what_is_expected_takes_the_place_of_what_may_be(clock):
    time = gone(TimeLeft(clock, 10, 1000, within_s=100.0), clock, 2, 2)
    time.expect(12)
    assert time.left_s() == pytest.approx(20)


def test_what_counts_no_steps_has_its_time_and_is_not_the_end(clock):
    time = gone(TimeLeft(clock, 10), clock, *[1] * 10)
    assert (time.left_s(), time.share()) == (0, 1)
    time = gone(TimeLeft(clock, 10), clock, *[1] * 10)
    time.set_aside(30)
    assert time.left_s() == pytest.approx(30)
    assert time.share() == pytest.approx(0.25)
    clock.now += 29
    assert time.left_s() == pytest.approx(1)
    clock.now += 60  # it takes longer than it was thought to
    assert (time.left_s(), time.share()) == (0, 0.99)
    time.set_aside(0)
    assert time.share() == 1


@given(
    steps=st.integers(1, 50),
    most=st.integers(0, 100),
    within=st.floats(0, 100),
    seconds=st.lists(st.floats(0, 10), min_size=1, max_size=50),
    expected=st.integers(1, 100),
)
def test_what_was_told_does_not_go_back(steps, most, within, seconds, expected):
    clock = Clock()
    time = TimeLeft(clock, steps, most, within)
    shares = []
    for number, each in enumerate(seconds):
        gone(time, clock, each)
        if number == len(seconds) // 2:
            time.expect(expected)
        left = time.left_s()
        assert left is None or left >= 0
        shares.append(time.share())
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] <= 1

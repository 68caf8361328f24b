"""A sample makes exactly the calls that it says, waits for each, and leaves the process as it was."""

from __future__ import annotations

import gc

import pytest

from convbench.measure.timing import MAX_LOOPS, calibrate, harness_overhead_s, once, sample


class Counting:
    """Counts calls, waits, and whether the collector was on."""

    def __init__(self):
        self.calls = self.waits = 0
        self.collecting = set()

    def call(self):
        self.calls += 1
        self.collecting.add(gc.isenabled())
        return self.calls

    def wait(self, native):
        assert native == self.calls  # each result is waited for before the next call
        self.waits += 1


@pytest.mark.parametrize("loops", [1, 2, 1000])
def test_a_sample_calls_and_waits_as_often_as_asked(loops):
    counting = Counting()
    found = sample(counting.call, counting.wait, loops)
    assert counting.calls == counting.waits == found.loops == loops
    assert found.elapsed_s > 0


def test_the_collector_is_off_in_a_sample_and_on_again_after():
    counting = Counting()
    sample(counting.call, counting.wait, 3)
    assert counting.collecting == {False}
    assert gc.isenabled()


def test_the_collector_is_on_again_after_a_call_that_raises():
    def fail():
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        sample(fail, lambda native: None, 3)
    assert gc.isenabled()


def test_once_gives_the_result_and_waits_for_it():
    counting = Counting()
    result, seconds = once(counting.call, counting.wait)
    assert (result, counting.waits) == (1, 1)
    assert seconds > 0


def test_calibration_never_asks_for_more_calls_than_the_limit():
    assert 1 <= calibrate(lambda: None, lambda native: None, 10.0) <= MAX_LOOPS


def test_a_call_longer_than_the_target_is_called_once_a_sample():
    assert calibrate(lambda: sum(range(10_000)), lambda native: None, 1e-9) == 1


def test_the_overhead_of_the_loop_is_stated():
    assert harness_overhead_s(loops=100) > 0

"""A sample makes exactly the calls that it says, waits for each, and leaves the process as it was."""

from __future__ import annotations

import gc
import itertools
import time

import pytest

from convbench.measure.timing import MAX_LOOPS, harness_overhead_s, once, sample, warm_up


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
    found, _ = sample(counting.call, counting.wait, loops)
    assert found.loops == loops
    assert counting.calls == counting.waits == loops
    assert found.elapsed_s > 0


def test_calls_that_settle_a_worker_go_before_the_sample_for_as_long_as_asked():
    counting = Counting()
    begin = time.perf_counter()
    found, _ = sample(counting.call, counting.wait, 5, settle_s=0.01)
    assert time.perf_counter() - begin >= found.settled_s + found.elapsed_s
    assert found.settled_s >= 0.01
    assert found.loops == 5
    assert counting.calls == counting.waits > 5


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


def test_a_warm_up_never_asks_for_more_calls_than_the_limit():
    found = warm_up(lambda: None, lambda native: None, sample_s=10.0, limit_s=1.0)
    assert 1 <= found.loops <= MAX_LOOPS


def test_a_call_longer_than_a_sample_is_called_once():
    assert warm_up(lambda: sum(range(10_000)), lambda native: None, sample_s=1e-9, limit_s=1.0).loops == 1


def test_a_call_that_gets_faster_and_faster_is_not_steady_and_its_warm_up_ends():
    calls = itertools.count()
    found = warm_up(lambda: sum(range(10_000_000 // 2 ** next(calls))), lambda native: None, sample_s=1e-9, limit_s=0)
    assert not found.steady
    assert found.warm_up_calls >= 1


def test_a_warm_up_counts_every_call():
    counting = Counting()
    begin = time.perf_counter()
    found = warm_up(counting.call, counting.wait, sample_s=1e-4, limit_s=1.0)
    assert 0 < found.elapsed_s <= time.perf_counter() - begin
    assert found.warm_up_calls == counting.waits


def test_the_overhead_of_the_loop_is_stated():
    assert harness_overhead_s(loops=100) > 0

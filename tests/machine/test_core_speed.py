"""A slow core is told by its own best; looking leaves the process where it was."""

from __future__ import annotations

import os

import pytest

from convbench.machine import core_speed
from convbench.machine.core_speed import BETWEEN_TIMINGS_S, MOST_CORES, CoreSpeeds, CoreTiming, time_core


def test_a_core_is_held_against_its_own_best():
    loops = {0: iter([1.0, 1.0, 2.0]), 1: iter([3.0, 1.5, 1.5])}  # cores need not be alike
    speeds = CoreSpeeds([0, 1], time_core=lambda core: CoreTiming(next(loops[core]), 1.0))
    assert [speeds.slowdown() for _ in range(3)] == [1.0, 1.0, 2.0]


def test_what_a_core_did_another_day_counts():
    speeds = CoreSpeeds(
        [0], {0: CoreTiming(1.0, 1.0), 7: CoreTiming(1.0, 1.0)}, time_core=lambda core: CoreTiming(2.0, 0.5)
    )
    assert speeds.slowdown() == 2.0
    assert speeds.best == {0: CoreTiming(1.0, 0.5)}


def test_many_cores_take_turns():
    seen: list[int] = []

    def timing_of(core):
        seen.append(core)
        return CoreTiming(1.0, 1.0)

    speeds = CoreSpeeds(range(MOST_CORES + 1), time_core=timing_of)
    assert len(speeds.time_cores()) == MOST_CORES
    speeds.time_cores()
    assert set(seen) == set(range(MOST_CORES + 1))


def test_where_no_core_can_be_chosen_nothing_is_told():
    assert CoreSpeeds([0, 1], time_core=lambda core: None).slowdown() is None
    assert CoreSpeeds([]).slowdown() is None


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not let a process choose its core")
def test_looking_leaves_the_process_on_its_cores():
    before = os.sched_getaffinity(0)
    for core in before:
        seen = time_core(core)
        assert seen is not None
        assert seen.chain_s > 0
        assert seen.loop_s > 0
    assert os.sched_getaffinity(0) == before


def test_a_core_that_is_not_there_is_not_told_of():
    assert time_core(10_000) is None


def test_a_watch_looks_until_its_time_is_over(monkeypatch):
    now = [0.0]

    def pass_time(seconds):
        now[0] += seconds

    monkeypatch.setattr(core_speed.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(core_speed.time, "sleep", pass_time)
    speeds = CoreSpeeds([0], time_core=lambda core: CoreTiming(1.0, 1.0))
    assert speeds.watch(3.5 * BETWEEN_TIMINGS_S) == {0: [CoreTiming(1.0, 1.0)] * 4}

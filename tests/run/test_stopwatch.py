"""Seconds go to the innermost phase that runs."""

from __future__ import annotations

import pytest

from convbench.run.stopwatch import Stopwatch


def test_what_runs_inside_counts_for_itself_alone():
    ticks = iter([0, 1, 3, 7, 15])
    phases = Stopwatch(clock=lambda: next(ticks))
    with phases.spending("verifying"), phases.spending("calling"):  # from 0, from 1
        pass  # until 3, until 7
    assert phases.seconds == {"preparing": 0, "calling": 2, "verifying": 1 + 4, "timing": 0, "memory": 0}


def test_a_phase_ends_with_an_exception():
    ticks = iter([0, 5, 6, 8])
    phases = Stopwatch(clock=lambda: next(ticks))
    with pytest.raises(KeyboardInterrupt), phases.spending("timing"):
        raise KeyboardInterrupt
    with phases.spending("memory"):
        pass
    assert (phases.seconds["timing"], phases.seconds["memory"]) == (5, 2)

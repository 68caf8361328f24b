"""Seconds an epoch as bars: the fastest first, and no time where none is worth one."""

from __future__ import annotations

import numpy as np
import pytest
from made_training import entrant

from convbench.report.training.bars import bars_of


def test_the_fastest_stands_first_and_ten_times_is_as_far_everywhere():
    found = bars_of([entrant(name, place=0, seconds=seconds) for name, seconds in (("c", 1), ("a", 0.01), ("b", 0.1))])
    assert [bar.name for bar in found.bars] == ["a", "b", "c"]
    places = [bar.to for bar in found.bars]
    assert places[2] - places[1] == pytest.approx(places[1] - places[0], rel=0.1)
    assert all(0 <= bar.low <= bar.to <= bar.high <= 100 for bar in found.bars)


def test_ticks_are_powers_of_ten_from_end_to_end():
    found = bars_of([entrant("a", place=0, seconds=0.01), entrant("b", place=0, seconds=4)])
    assert [label for _, label in found.ticks] == ["100 ms", "1 s", "10 s", "100 s", "1,000 s"]
    assert [at for at, _ in found.ticks] == [0, 25, 50, 75, 100]


def test_a_part_of_an_epoch_is_said_to_be_extrapolated():
    (bar,) = bars_of([entrant("slow", place=0, whole=False)]).bars
    assert bar.note == "extrapolated from 12 of 44 steps"


def test_a_disturbed_entrant_has_no_time():
    bars = bars_of([entrant("spins", place=0, own_ratio=3.2), entrant("calm", place=1, own_ratio=1.0)]).bars
    assert [(bar.name, bar.to is None) for bar in bars] == [("calm", False), ("spins", True)]
    assert bars[1].note == "no time: the host's own part took 3.2 times as long beside it"


def test_too_few_steps_have_no_time_and_no_steps_no_bar():
    few = {name: np.ones(3) for name in ("losses", "compute_s", "renew_s", "own_s")}
    none = {name: np.empty(0) for name in few}
    found = bars_of([entrant("few", place=0, whole=False, **few), entrant("none", place=1, whole=False, **none)])
    assert [bar.note for bar in found.bars] == ["no time: 3 steps are too few for a time"]
    assert found.ticks == []

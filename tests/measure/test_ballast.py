"""A ballast is as much resident memory as it is told to be."""

from __future__ import annotations

import pytest

from convbench.measure import memory
from convbench.measure.ballast import Ballast

MEGABYTE = 1_000_000


def test_it_grows_and_shrinks_and_goes():
    before = memory.resident_bytes()
    with Ballast() as ballast:
        for size in (30, 80, 10, -5, 40):
            ballast.hold(size * MEGABYTE)
            held = (memory.resident_bytes() - before) / MEGABYTE
            assert held == pytest.approx(max(0, size), abs=1)
    assert memory.resident_bytes() - before < MEGABYTE


def test_more_than_there_can_be_is_a_lack_of_memory():
    with Ballast() as ballast, pytest.raises(MemoryError):
        ballast.hold(2**62)

"""The time that a run has promised to keep, and how much of it is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

Clock = Callable[[], float]
"""Seconds of a clock that only goes forward."""
REPORT_S = 3.0
REPORT_CELL_S = 0.004
"""Set aside for loading the run and writing its files: at least, and for each cell, on a machine that is busy."""
GRACE = 0.04
"""Share of the promised time by which a call may go on beyond it before it is ended. With what ending it takes, the run
stays within a tenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When a run must be over: within_s seconds after `begin`; infinity where it promised nothing.

    `fill_s` is the time that it fills with further blocks, and `report_s` what is set aside for its files. `begin` is
    the time of `clock` at which the run would have begun had it never been cut short.
    """

    within_s: float = inf
    fill_s: float = inf
    report_s: float = 0.0
    begin: float = 0.0
    clock: Clock = time.monotonic

    def elapsed_s(self) -> float:
        """Seconds that the run has taken, those before it was cut short included."""
        return self.clock() - self.begin

    def left_s(self) -> float:
        """Seconds that may still be measured; less than 0 where the run is late."""
        return self.within_s - self.report_s - self.elapsed_s()

    def fill_left_s(self) -> float:
        """Seconds that may be filled with further blocks."""
        return min(self.fill_s - self.report_s - self.elapsed_s(), self.left_s())

    def patience_s(self) -> float:
        """How long an answer of a worker is waited for, whatever it is about; without any nothing is asked."""
        return self.left_s() + GRACE * self.within_s if self.within_s < inf else inf


def report_seconds(cells: int) -> float:
    """What to set aside for the files of a run of so many cells."""
    return REPORT_S + REPORT_CELL_S * cells

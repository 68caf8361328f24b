"""What a reader of the times must know, one sentence each: what happened, and by how much it moved which numbers.

It is found in the frames, so that old runs have it too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from convbench.machine.core_speed import SLOW
from convbench.results.timings import CELL

MOST_CONTENDED = 0.05
"""A larger share of disturbed samples is mentioned."""
MOST_SLOW = 0.1
"""A larger share of samples beside a slow core is mentioned. On an undisturbed machine it is about 1 %."""
THREADS_OFF = 0.1
"""A backend that is busy on this many cores more or fewer than asked for is mentioned."""
LONG_CALL_S = 1e-3
"""In shorter calls a second thread often does not pay, so they do not show whether a backend obeys."""
FEWEST = 5
"""Blocks of cells in which samples with and without a disturbance must have met, to say by how much they differ."""


def cautions(measurements: pd.DataFrame, samples: pd.DataFrame, threads: int) -> Iterator[str]:
    """Sentences on the cells that have a time; `threads` is the number that was asked for."""
    timed = measurements[measurements["median_s"].notna()]
    if {"contended", "samples"} <= set(timed) and timed["samples"].sum():
        share = timed["contended"].sum() / timed["samples"].sum()
        if share > MOST_CONTENDED:
            yield (
                f"Other programs used the machine in {share:.0%} of the samples, even after these were taken again"
                f"{_moved_by(samples, 'contended', 0)}."
            )
    if {"slow_core", "samples"} <= set(timed):
        looked = timed[timed["slow_core"].notna()]
        share = looked["slow_core"].sum() / max(1, looked["samples"].sum())
        if share > MOST_SLOW:
            yield (
                f"After {share:.0%} of the samples a core needed over {SLOW} times its best time for a fixed loop"
                f"{_moved_by(samples, 'core_slowdown', SLOW)}. This widens the intervals, and no counter of the system "
                "shows it. convbench doctor finds out whether the clock frequency or another virtual machine is the "
                "cause."
            )
    yield from _threads(timed[timed["median_s"] > LONG_CALL_S], threads)
    if "steady" in timed:
        unsteady = timed[timed["steady"].eq(False)]  # noqa: FBT003  # a column of True, False and NaN
        if len(unsteady):
            names = ", ".join(pd.unique(unsteady["backend"]))
            said = f"{len(unsteady):,} of {len(timed):,} cells were still becoming faster while they were timed"
            yield f"{said} (not steady): {names}{_drifted(unsteady)}."


def _moved_by(samples: pd.DataFrame, column: str, limit: float) -> str:
    """How much longer samples over a limit took than others of their cell and block, in the median over these."""
    if column not in samples:
        return ""
    is_over = samples[column].astype(float).fillna(0.0) > limit
    seconds = samples.assign(seconds=samples["elapsed_s"] / samples["loops"])
    over, others = (seconds[own].groupby([*CELL, "block"])["seconds"].median() for own in (is_over, ~is_over))
    ratios = (over / others).dropna()
    if len(ratios) < FEWEST:
        return ""
    return f": these took {float(np.exp(np.median(np.log(ratios)))):.2f} times as long as others of their block"


def _drifted(cells: pd.DataFrame) -> str:
    """By how much the times of cells changed while they were taken."""
    drift = cells["drift"].dropna() if "drift" in cells else cells["median_s"].iloc[:0]
    if drift.empty:
        return ""
    return f"; from the earlier to the later rounds their times changed by {float(drift.median()):+.1%} in the median"


def _threads(long: pd.DataFrame, threads: int) -> Iterator[str]:
    """Which backends were busy on more or fewer cores than asked for."""
    busy = long.groupby("backend", sort=False)["effective_threads"].median().dropna()
    over, under = busy[busy > threads + THREADS_OFF], busy[busy < threads - THREADS_OFF]
    for cores, what in ((over, "more"), (under, "fewer")):
        if len(cores):
            named = ", ".join(f"{name} {value:.1f}" for name, value in cores.items())
            yield f"These backends used {what} cores than the {threads} requested, in calls of more than 1 ms: {named}."

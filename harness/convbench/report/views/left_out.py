"""What the settings of a run left out, in sentences, each with the option that brings it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor, log10

import pandas as pd

from convbench.plan.settings import QUICK
from convbench.plan.status import Status
from convbench.text.units import format_integer
from convbench_specs import PASSES

ROOM = 1.1
"""A budget is told larger by so much: a prediction is not exact."""
FEW = 3
"""Of fewer cells only the budget for all is told."""
NEEDED = "needed_budget_s"


def left_out_lines(
    measurements: pd.DataFrame,
    *,
    budget_s: float = QUICK.budget_s,
    within_s: float = QUICK.within_s,
    passes: Sequence[str] = (),
    timing: bool = True,
) -> list[str]:
    """The sentences, from the measurements of a run and its settings, of which older runs lack some."""
    skipped = measurements[measurements["status"] == Status.SKIPPED.value]
    return [*_budget(skipped, budget_s), *_time(skipped, within_s), *(_passes(passes) if timing else ())]


def _budget(skipped: pd.DataFrame, budget_s: float) -> Iterator[str]:
    dear = skipped[skipped[NEEDED].notna()] if NEEDED in skipped else skipped.iloc[:0]
    if dear.empty:
        return
    needed = dear[NEEDED].astype(float).sort_values()
    back = f"--budget {rounded_up(needed.iloc[-1])} brings {'it' if len(dear) == 1 else 'all of them'} back"
    half = rounded_up(needed.iloc[(len(dear) - 1) // 2])
    if len(dear) > FEW and half != rounded_up(needed.iloc[-1]):
        back = f"--budget {half} brings half of them back, --budget {rounded_up(needed.iloc[-1])} all"
    yield f"{_cells(dear, 'skipped')}, because their calls would cost more than {budget_s:g} s a cell: {back}."


def _time(skipped: pd.DataFrame, within_s: float) -> Iterator[str]:
    late = skipped[skipped["reason"].str.contains("(--within)", regex=False)]
    if not late.empty:
        yield f"{_cells(late, 'left out')} to end within {within_s:g} s: --within gives more time."


def _passes(passes: Sequence[str]) -> Iterator[str]:
    """Only where the run took the passes that an effort takes by itself."""
    if tuple(passes) == QUICK.passes:
        others = [name for name in PASSES if name not in QUICK.passes]
        yield f"Not measured by default: {', '.join(others)} (--passes {','.join(PASSES)})."


def _cells(cells: pd.DataFrame, what: str) -> str:
    """How many were skipped or left out, and whose."""
    counts = cells["backend"].value_counts(sort=False)
    whose = ", ".join(f"{name} {count}" for name, count in counts.items())
    were = "cell was" if len(cells) == 1 else "cells were"
    return f"{format_integer(len(cells))} {were} {what} ({whose})"


def rounded_up(seconds: float) -> str:
    """A budget with some room, in two digits.

    >>> [rounded_up(value) for value in (0.301, 0.72, 1.84, 95.0)]
    ['0.34', '0.8', '2.1', '110']
    """
    digits = 10.0 ** (floor(log10(ROOM * seconds)) - 1)
    return f"{ceil(ROOM * seconds / digits - 1e-9) * digits:.6g}"

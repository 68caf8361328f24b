"""A diff in sentences, which every way of showing it shares; plain text without markup."""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, isnan
from typing import Any

import pandas as pd

from convbench.report.views.headline import join_names
from convbench.results.diff import Diff, Drift
from convbench.results.diff.result import FAILURE_KINDS, FailureKind
from convbench.text.units import MISSING, format_integer, format_ratio, format_share

BECAME: dict[FailureKind, tuple[str, str]] = {
    "right to wrong": ("cell that was right is wrong", "cells that were right are wrong"),
    "right to failed": ("cell that was right fails", "cells that were right fail"),
    "slower": ("cell is slower", "cells are slower"),
    "more memory": ("cell needs more memory", "cells need more memory"),
}
MANY_TIMES = 10.0
"""From this ratio on a change reads better as a multiple than in per cent."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Cells of one side without a partner, for one reason: the first of them and how many there are."""

    side: str
    first: str
    count: int
    why: str

    @property
    def text(self) -> str:
        """All of it in one line."""
        more = f" and {format_integer(self.count - 1)} more" if self.count > 1 else ""
        return f"only in {self.side}: {self.first}{more} ({self.why})"


def headline(diff: Diff) -> str:
    """The answer in one sentence."""
    margin = format_share(diff.margin)
    if diff.verdict == "regressed":
        counts = {kind: sum(failure.kind == kind for failure in diff.failures) for kind in FAILURE_KINDS}
        parts = [f"{count} {BECAME[kind][count > 1]}" for kind, count in counts.items() if count]
        return f"{join_names(parts)}, beyond its margin." if len(diff.failures) == 1 else f"{join_names(parts)}."
    if diff.verdict == "passed":
        undecided = diff.count("speed", "inconclusive")
        if undecided:
            return f"No regression is certain; {undecided} of {len(diff.cells)} cells are undecided."
        return f"Nothing became wrong, larger, or slower by more than {margin}."
    if diff.drift is None:
        return "Unproven: no regression is certain, and it is not known how much two runs of the same code differ."
    return (
        f"Unproven: no regression is certain, but these two runs differ by themselves by up to "
        f"{format_share(diff.drift.reach)} in a cell, more than the margin of {margin}."
    )


def drift_sentences(diff: Diff) -> str:
    """What the runs differ by on their own, and what was done about it; empty for two entrants of one run."""
    if diff.is_paired:
        return ""
    if diff.drift is None:
        return (
            "Drift is told from backends that did not change, and there are too few such cells: "
            "their versions differ, or they were timed in one block."
        )
    return f"{_shift(diff.drift)} Beyond that, 95 % of such cells are off by up to {format_share(diff.drift.reach)}."


def _shift(drift: Drift) -> str:
    """The common drift in a sentence.

    >>> _shift(Drift(log_shift=0.0953, shift_error=0, spread=0, freedom=9, cells=24, backends=("a", "b")))
    'Drift: the 24 cells of a and b, whose versions are the same, are 10.0 % slower; that is taken off all cells.'
    """
    named = f"the {drift.cells} cells of {join_names(drift.backends)}, whose versions are the same,"
    share = expm1(abs(drift.log_shift))
    if share < 0.0005:
        return f"Drift: {named} take as long as before."
    direction = "slower" if drift.log_shift > 0 else "faster"
    return f"Drift: {named} are {format_share(share)} {direction}; that is taken off all cells."


def summary(diff: Diff) -> str:
    """The numbers in one line, what cannot be decided among them."""
    speeds = [f"{diff.count('speed', name)} {name}" for name in ("slower", "faster", "equivalent", "inconclusive")]
    parts = [f"{format_integer(len(diff.cells))} cells in both: {', '.join(speeds)}"]
    became = diff.cells["correctness"]
    changed = became[became.str.contains(" to ")].value_counts()
    parts += [f"{count} {change}" for change, count in changed.items()]
    memory = [f"{diff.count('memory', name)} {name} memory" for name in ("more", "less") if diff.count("memory", name)]
    parts += memory
    if len(diff.unmatched):
        parts.append(f"{format_integer(len(diff.unmatched))} without a partner")
    return "; ".join(parts) + "."


def gaps(diff: Diff) -> list[Gap]:
    """The cells without a partner, by side, backend and reason."""
    return [
        Gap(str(side), _named(group.iloc[0]), len(group), str(why))
        for (side, _, why), group in diff.unmatched.groupby(["side", "backend", "why"], sort=False)
    ]


def recommendation(diff: Diff) -> str:
    """What would tell for sure, where two stored runs do not; empty elsewhere."""
    if diff.is_paired or diff.verdict != "unproven":
        return ""
    return (
        "To be sure, let both versions take turns in one run: `convbench compare --against PYTHON`, with the Python of "
        "the other environment, and then `convbench diff RUN --left NAME --right NAME`."
    )


def versions(diff: Diff) -> list[str]:
    """What differs in versions, a line each."""
    return [f"{change.what}: {change.base or 'none'} → {change.new or 'none'}" for change in diff.versions]


def percent(ratio: float) -> str:
    """A ratio of times as a change in per cent, with its sign.

    >>> percent(1.2), percent(0.8), percent(float("nan"))
    ('+20.0 %', '-20.0 %', '–')
    """
    if isnan(ratio):
        return MISSING
    return f"{100 * (ratio - 1):+.1f} %" if ratio < MANY_TIMES else format_ratio(ratio)


def _named(row: pd.Series[Any]) -> str:
    return f"{row['backend']}, {row['case']} {row['pass']} batch {row['batch_size']} {row['dtype']}"

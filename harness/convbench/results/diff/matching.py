"""Which cells of two sides are the same: by workload, case with its definition, batch size, dtype, pass and backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from convbench.plan.status import LEFT_OUT, Status
from convbench.results.run import Run
from convbench.results.timings import CELL

DEFINITION = "definition"
COMPARED = (
    "status", "verdict", "reason", "tensor", "reproduce", "median_s", "blocks", "memory_source", "peak_memory_bytes",
    "peak_memory_min_bytes", "peak_memory_max_bytes",
)  # fmt: skip
"""Columns of measurements that a diff reads of each side."""
UNMATCHED = (*CELL, "side", "why")


@dataclass(frozen=True, slots=True)
class Computed:
    """The cells of a side: those that were tried, and why the others were not."""

    cells: pd.DataFrame
    """Columns CELL, DEFINITION and COMPARED."""
    left_out: Mapping[tuple[object, ...], str]

    @classmethod
    def of(cls, run: Run) -> Computed:
        """All cells of a run."""
        cells = run.measurements.reindex(columns=[*CELL, *COMPARED])
        is_left_out = cells["status"].isin([*LEFT_OUT, Status.NOT_REACHED])
        reasons = {
            tuple(row[:-2]): f"{row[-2]}: {row[-1]}" if row[-1] else str(row[-2])
            for row in cells.loc[is_left_out, [*CELL, "status", "reason"]].itertuples(index=False, name=None)
        }
        known = {
            (workload.name, case.name): repr(replace(case, name=""))
            for workload in run.workloads
            for case in workload.cases
        }
        tried = cells[~is_left_out]
        keys = zip(tried["workload"], tried["case"], strict=True)
        return cls(tried.assign(**{DEFINITION: [known.get(key, "") for key in keys]}), reasons)

    def of_entrant(self, name: str, called: str) -> Computed:
        """The cells of one entrant, under another name."""
        place = CELL.index("backend")
        reasons = {
            (*key[:place], called, *key[place + 1 :]): why for key, why in self.left_out.items() if key[place] == name
        }
        return Computed(self.cells[self.cells["backend"] == name].assign(backend=called), reasons)


def match(base: Computed, new: Computed) -> pd.DataFrame:
    """The cells of both in the order of the base, with COMPARED of each under `_base` and `_new`."""
    return base.cells.merge(new.cells, on=[*CELL, DEFINITION], suffixes=("_base", "_new"))


def unmatched(base: Computed, new: Computed) -> pd.DataFrame:
    """The cells of one side that the other has not, each with its side and why; columns UNMATCHED."""
    rows = [*_without_partner(base, new, "base", "new"), *_without_partner(new, base, "new", "base")]
    return pd.DataFrame(rows, columns=list(UNMATCHED))


def _without_partner(this: Computed, other: Computed, side: str, other_side: str) -> list[tuple[object, ...]]:
    keys = [*CELL, DEFINITION]
    definitions = {row[:-1]: row[-1] for row in other.cells[keys].itertuples(index=False, name=None)}
    rows = []
    for *key, definition in this.cells[keys].itertuples(index=False, name=None):
        name = tuple(key)
        if name not in definitions:
            rows.append((*key, side, other.left_out.get(name, f"not in {other_side}")))
        elif definitions[name] != definition:
            rows.append((*key, side, "the case is defined otherwise there"))
    return rows

"""The ten columns of a run that most people want, of more than fifty."""

from __future__ import annotations

import pandas as pd

from convbench.report.views.cases import CASE, CaseKey, case_labels
from convbench.results.summary import rank
from convbench.results.timings import GROUP

COLUMNS = (
    "case", "batch_size", "pass_name", "backend", "status", "median_s", "ci_low_s", "ci_high_s", "ratio",
    "peak_memory_bytes",
)  # fmt: skip


def short_table(measurements: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS of each cell; in each case, batch size and pass the fastest first, and what is not ranked last.

    `case` names the workload and the dtype, too, where the run has several. `status` is that of the cell, or of a cell
    that is ok the verdict of its checks where that is not `agrees`: `untrusted`, `differs on NaN`, `not checked`.
    `median_s` with `ci_low_s` and `ci_high_s` (95 %) are seconds per call, `ratio` is to the fastest right backend (NaN
    where a cell is not ranked), and `peak_memory_bytes` is what a warm call needs above its inputs.
    """
    cells = measurements.reset_index(drop=True)
    ranked = rank(cells)
    labels = case_labels(cells)
    verdict = cells["verdict"].replace({"": "not checked", "agrees": "ok"})
    order = cells.groupby(GROUP, sort=False).ngroup()
    table = cells.assign(
        case=[labels[CaseKey(*key)] for key in cells[CASE].itertuples(index=False, name=None)],
        pass_name=cells["pass"],
        status=cells["status"].where(cells["status"] != "ok", verdict),
        ratio=ranked["ratio"].reindex(cells.index),
        group=order,
        place=ranked["place"].reindex(cells.index),
    )
    return table.sort_values(["group", "place"], kind="stable", ignore_index=True)[list(COLUMNS)]

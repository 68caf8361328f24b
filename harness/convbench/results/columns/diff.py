"""Columns of a diff, one row per cell that both sides have; see docs/diff.md."""

from __future__ import annotations

from convbench.results.columns.column import Column, count, ratio, seconds, size, text
from convbench.results.columns.keys import BACKEND, BATCH_SIZE, CASE, DTYPE, PASS, WORKLOAD

DIFF_CELLS: tuple[Column, ...] = (
    WORKLOAD,
    CASE,
    DTYPE,
    BATCH_SIZE,
    BACKEND,
    PASS,
    text("base_status", "The status of the cell in the base, as in the measurements."),
    text("new_status", "The same in the new side."),
    text(
        "correctness",
        "`right`, `wrong`, `failed` or `not proven` where both sides are the same, else the change: `right to wrong`.",
    ),
    text("tensor", "The tensor that a check of the new side found at fault; empty for none."),
    text("reason", "What the new side says of a cell that is not right."),
    text("reproduce", "The command that shows a fault of the new side again."),
    seconds("base_s", "Time of a call in the base: `median_s` of its measurements."),
    seconds("new_s", "Time of a call in the new side."),
    count("base_blocks", "Blocks in which the base timed the cell."),
    count("new_blocks", "Blocks in which the new side timed it."),
    ratio("ratio", "Time of the new side over that of the base, common drift taken off: over 1 is slower."),
    ratio("ratio_low", "Lower end of the 95 % interval of `ratio`."),
    ratio("ratio_high", "Upper end of it."),
    Column(
        name="p_value", unit="probability", dtype="number", meaning="Of a difference beyond the margin, if none is."
    ),
    Column(name="p_holm", unit="probability", dtype="number", meaning="`p_value`, adjusted by Holm for all cells."),
    ratio("margin", "The share of a difference that counts as none in this cell."),
    text(
        "speed",
        "`slower` or `faster` by more than the margin for sure, `equivalent`: within the margin for sure, "
        "`inconclusive`: more blocks are needed. Empty where a side is not right or was not timed.",
    ),
    size("base_peak_bytes", "Peak memory of a call in the base."),
    size("new_peak_bytes", "Peak memory of a call in the new side."),
    text("memory", "`more` or `less` beyond the margin for sure, else `same`. Empty where a side has no peak."),
)
"""In the order of the frame."""

"""The short table in a notebook: units, the fastest in bold, what is wrong in red."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from convbench.plan.status import FAILED, LEFT_OUT, Status
from convbench.text.units import format_bytes, format_ratio, format_seconds

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

HEADS = {
    "case": "case", "batch_size": "batch size", "pass_name": "pass", "backend": "backend", "status": "status",
    "median_s": "time", "ci_low_s": "95 % from", "ci_high_s": "to", "ratio": "× the fastest",
    "peak_memory_bytes": "peak memory",
}  # fmt: skip
FASTEST = "font-weight: bold"
WRONG = "color: #d5382e; font-weight: bold"
UNSURE = "color: #96690a"
LEFT_OUT_STYLE = "opacity: .6"
TEXTS = ("case", "pass_name", "backend", "status")
LAYOUT: Final = [{"selector": "td, th", "props": "text-align: right; white-space: nowrap; padding: .15rem .6rem"}]
LEFT: Final = [{"selector": "", "props": "text-align: left"}]


def styled(table: pd.DataFrame) -> Styler:
    """The short table with units and marks; a table for a paper is `convbench.export(run, "latex")`."""
    units: dict[str, Any] = dict.fromkeys(("median_s", "ci_low_s", "ci_high_s"), format_seconds)
    units |= {"ratio": format_ratio, "peak_memory_bytes": format_bytes}
    return (
        table.style.format(units)
        .apply(_marks, axis="columns")
        .format_index(_head, axis="columns")
        .hide(axis="index")
        .set_table_styles(LAYOUT)  # type: ignore[arg-type]  # the stubs ask for a type that cannot be imported
        .set_table_styles(dict.fromkeys(TEXTS, LEFT), overwrite=False)  # type: ignore[arg-type]
    )


def _head(column: object) -> str:
    return HEADS[str(column)]


def _marks(row: pd.Series[Any]) -> list[str]:
    """The style of each entry of a row."""
    status = row["status"]
    if status in {Status.WRONG.value, *FAILED}:
        return [WRONG] * len(row)
    if status in LEFT_OUT:
        return [LEFT_OUT_STYLE] * len(row)
    if status != "ok":
        return [UNSURE] * len(row)
    return [FASTEST if row["ratio"] == 1.0 else ""] * len(row)

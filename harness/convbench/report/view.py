"""What the page's template shows, worked out to plain values: nothing is computed in the template."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite, log10
from typing import Any

import pandas as pd

from convbench.results.events.state import BackendRecord
from convbench.results.summary import REFERENCES, geometric_means, pair_agreement, pass_place
from convbench.results.timings import GROUP
from convbench.text.units import power_of_ten

CASE = ["workload", "case", "dtype"]
SAMPLED = ("batch_size", "sampled")
HEAT_DECADES = 2.0
"""A cell this many powers of ten behind the fastest has the full tint."""


def case_labels(measurements: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """What each (workload, case, dtype) is called: only as much of it as tells the cases apart."""
    cases = measurements[CASE].drop_duplicates()
    workload, dtype = (len(cases[key].unique()) > 1 for key in ("workload", "dtype"))
    return {
        (row["workload"], row["case"], row["dtype"]): (
            (f"{row['workload']} / " if workload else "") + row["case"] + (f", {row['dtype']}" if dtype else "")
        )
        for row in cases.to_dict("records")
    }


@dataclass(frozen=True, slots=True)
class LogAxis:
    """Places on a logarithmic axis from 1 to a power of ten, in percent."""

    decades: int

    @classmethod
    def up_to(cls, largest: float) -> LogAxis:
        """The shortest axis of whole decades that holds it; at least one."""
        return cls(max(1, ceil(log10(largest) - 1e-9)) if isfinite(largest) and largest > 1 else 1)

    def place(self, value: float) -> float:
        """Percent of the axis, at most 100.

        >>> LogAxis(2).place(10.0)
        50.0
        """
        return round(min(100.0, max(0.0, 100.0 * log10(value) / self.decades)), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(percent, label) of each whole decade, and of 2 and 5 where there is but one; long axes label every other.

        >>> LogAxis(3).ticks[1:]
        [(33.33, '10×'), (66.67, '100×'), (100.0, '10³×')]
        """
        values = [1, 2, 5, 10] if self.decades == 1 else [10**power for power in range(self.decades + 1)]
        stride = 1 if len(values) <= 4 else 2
        labels = [f"{value}×" if value < 1000 else f"{power_of_ten(value)}×" for value in values]
        return [
            (self.place(value), label if not number % stride else "")
            for number, (value, label) in enumerate(zip(values, labels, strict=True))
        ]


def means_view(ranked: pd.DataFrame) -> dict[str, Any]:
    """Geometric means a pass: an axis, and panels with a row a backend."""
    means = geometric_means(ranked)
    axis = LogAxis.up_to(float(means["ratio_high"].max()) if len(means) else 1.0)
    panels = []
    for name in _known_order(means["pass"].unique()):
        rows = means[means["pass"] == name].to_dict("records")
        for row in rows:
            row["included"] = isfinite(row["ratio"])
            if row["included"]:
                row |= {
                    key: axis.place(row[f"ratio{end}"]) for key, end in (("at", ""), ("from", "_low"), ("to", "_high"))
                }
        taken = max((row["groups"] for row in rows), default=0)
        panels.append({"pass": name, "rows": rows, "taken": taken, "groups": _groups(ranked[ranked["pass"] == name])})
    return {"axis": axis, "panels": panels}


def _groups(ranked: pd.DataFrame) -> int:
    return int(ranked.groupby(GROUP).ngroups)


def ranking_view(measurements: pd.DataFrame, ranked: pd.DataFrame) -> dict[str, Any]:
    """A table a pass and batch size: rows are cases, columns the backends that were measured at all.

    A cell is a dict with `kind`: "fastest", "tied", "behind", "measured" (without a place: why stands in `status`), or
    "empty".
    """
    measured = measurements["median_s"].notna()
    columns = [str(name) for name in pd.unique(measurements.loc[measured, "backend"])]
    labels = case_labels(measurements)
    places = ranked[["place", "ratio", "ratio_low", "ratio_high", "tied"]]
    cells = measurements[measurements["backend"].isin(columns)]
    rows = cells.drop(columns=list(places), errors="ignore").join(places)
    tables: dict[tuple[str, int], dict[tuple[str, str, str], dict[str, Any]]] = {}
    for cell in rows.to_dict("records"):
        table = tables.setdefault((cell["pass"], cell["batch_size"]), {})
        key = (cell["workload"], cell["case"], cell["dtype"])
        row = table.setdefault(key, {"label": labels[key], "operation": cell["operation"], "cells": {}})
        row["cells"][cell["backend"]] = _ranking_cell(cell)
    order = sorted(tables, key=lambda table: (pass_place(table[0]), table[1]))
    return {
        "columns": columns,
        "tables": [{"pass": key[0], "batch_size": key[1], "rows": list(tables[key].values())} for key in order],
        "passes": _known_order(measurements["pass"].unique()),
        "batch_sizes": sorted({key[1] for key in tables}),
        "default": _default_table(measurements, ranked),
    }


def _ranking_cell(cell: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
    ranked, timed = isfinite(cell["place"]), isfinite(cell["median_s"])
    kind = "measured" if timed else "empty"
    if ranked:
        kind = "fastest" if cell["place"] == 1 else "tied" if cell["tied"] else "behind"
    status = cell["status"] if cell["status"] != "ok" else cell["verdict"] or "not checked"
    heat = min(1.0, log10(cell["ratio"]) / HEAT_DECADES) if ranked else 0.0
    return {**cell, "kind": kind, "status": status, "heat": round(100 * heat)}


def _default_table(measurements: pd.DataFrame, ranked: pd.DataFrame) -> tuple[str, int]:
    """The pass and batch size to show first: forward, and the largest batch size at which most cases have a winner."""
    passes = _known_order(measurements["pass"].unique())
    first = passes[0] if passes else ""
    winners = ranked[(ranked["pass"] == first) & (ranked["place"] == 1)].groupby("batch_size").size()
    if winners.empty:
        return first, int(measurements["batch_size"].max()) if len(measurements) else 0
    return first, int(winners[winners == winners.max()].index.max())


def _known_order(passes: Iterable[Any]) -> list[str]:
    return sorted((str(name) for name in passes), key=pass_place)


def matrix_view(agreement: pd.DataFrame) -> dict[str, Any]:
    """Who agrees with whom: `names` as they appear, `pairs` both ways round.

    `columns` begin with what is no backend: the oracle and the identities.
    """
    pairs = pair_agreement(agreement).to_dict("records")
    both_ways = {(pair["left"], pair["right"]): pair for pair in pairs}
    both_ways |= {(pair["right"], pair["left"]): pair for pair in pairs}
    names = [name for name in dict.fromkeys(key[0] for key in both_ways) if name not in REFERENCES]
    references = [name for name in REFERENCES if any(pair["right"] == name for pair in pairs)]
    return {"names": names, "references": references, "columns": references + names, "pairs": both_ways}


def samples_view(measurements: pd.DataFrame) -> list[dict[str, Any]]:
    """The cases that were too large for all of the oracle: `label`, `batch_size`, and what was `sampled`."""
    if "sampled" not in measurements:
        return []
    cells = measurements[measurements["sampled"] != ""].drop_duplicates([*CASE, "batch_size"])
    labels = case_labels(measurements)
    return [
        {"label": labels[row["workload"], row["case"], row["dtype"]], **{key: row[key] for key in SAMPLED}}
        for row in cells.to_dict("records")
    ]


def backends_view(verdicts: pd.DataFrame, backends: Sequence[BackendRecord]) -> list[dict[str, Any]]:
    """A row a backend: what is known of it and what the checks say."""
    checks = {row["backend"]: row for row in verdicts.to_dict("records")}
    records = {record.name: record for record in backends}
    names = [*checks, *(name for name in records if name not in checks)]
    return [{"record": records.get(name, BackendRecord(name=name)), "checks": checks.get(name)} for name in names]

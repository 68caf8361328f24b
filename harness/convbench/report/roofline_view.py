"""What the section on the roofline shows, worked out to plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from convbench.report.view import case_labels
from convbench.results.roofline import Limits
from convbench.results.summary import pass_place, right_cells


def roofline_view(measurements: pd.DataFrame, limits: Sequence[tuple[str, Limits]]) -> dict[str, Any]:
    """`roofs`, `tables` and `unplaced`; no roofs and no tables where no limit is known or no cell has a share.

    `limits` are those of each run, with its name where there are several. A table is a pass and batch size, with a row
    a backend: its best share of the roof, where that was, and the median. `unplaced` counts cells that have a share but
    no place in the drawing, as they compute nothing.
    """
    shared = right_cells(measurements)
    shared = shared[shared["roofline_share"].notna()] if "roofline_share" in shared else shared.iloc[:0]
    roofs = _roofs(measurements, limits)
    if shared.empty or not roofs:
        return {"roofs": [], "tables": [], "unplaced": 0}
    labels = case_labels(measurements)
    keys = shared[["pass", "batch_size"]].drop_duplicates().itertuples(index=False, name=None)
    order = sorted(keys, key=lambda key: (pass_place(key[0]), key[1]))
    return {
        "roofs": roofs,
        "tables": [
            {
                "pass": name,
                "batch_size": size,
                "rows": _rows(shared[(shared["pass"] == name) & (shared["batch_size"] == size)], labels),
            }
            for name, size in order
        ],
        "unplaced": int((shared["flops"] == 0).sum()),
    }


def _roofs(measurements: pd.DataFrame, limits: Sequence[tuple[str, Limits]]) -> list[dict[str, Any]]:
    """A roof a run and dtype that has cells; `label` tells them apart."""
    dtypes = set(measurements["dtype"])
    return [
        {
            "label": f"{name}: {peak.dtype}" if name else peak.dtype,
            "gflops_per_s": peak.gflops_per_s,
            "gbytes_per_s": found.gbytes_per_s,
            "backend": peak.backend,
            "case": peak.case,
            "way": found.bandwidth.way,
            "threads": found.threads,
            "device": found.device,
            "contended": peak.contended or found.bandwidth.contended,
        }
        for name, found in limits
        for peak in found.peaks
        if peak.dtype in dtypes and peak.gflops_per_s is not None and found.bandwidth is not None
    ]


def _rows(cells: pd.DataFrame, labels: Mapping[tuple[str, str, str], str]) -> list[dict[str, Any]]:
    """A row a backend, the highest median first."""
    rows = []
    for backend, own in cells.groupby("backend", sort=False):
        best = own.nlargest(1, "roofline_share").iloc[0]
        rows.append(
            {
                "backend": backend,
                "best": best["roofline_share"],
                "case": labels[best["workload"], best["case"], best["dtype"]],
                "bound_by": best["bound_by"],
                "median": own["roofline_share"].median(),
                "cells": len(own),
                "over": int((own["roofline_share"] > 1).sum()),
            }
        )
    return sorted(rows, key=lambda row: -row["median"])

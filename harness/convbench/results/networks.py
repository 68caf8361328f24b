"""Whole networks, rolled up from their layers; pure functions from frames to frames.

What a network's time is here: the sum over its layers of a layer's median times how often it occurs. It leaves out
what is no layer of the workload (activations, normalisation, dense layers) and what a framework saves or spends
between layers (fusion, changes of layout). Rules:

- Only right and measured layers count. A network that lacks one has no total: it says how many are missing, and why.
- The interval of a sum is made of those of its terms, taken as independent (MOVER: Zou and Donner, "Construction of
  confidence limits about effect measures", Statistics in Medicine 27, 2008, with sums in place of differences).
- Training memory is what all layers keep for the backward, and the largest peak of a backward on top of it: backward
  begins when every layer has run forward. Weights, the optimizer's state and the first input are not in it.
- The mix takes the fastest right backend of each layer. What changing between frameworks would cost is not in it, and
  a minimum of noisy medians is rather too small: its gain is the most that mixing can bring.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from convbench.measure.memory import BELOW_FLOOR
from convbench.results.summary import right_cells
from convbench_specs import Workload

NETWORK = ["workload", "dtype", "batch_size"]
TOTAL = [*NETWORK, "pass"]
LAYER_COLUMNS = (*TOTAL, "case", "count", "backend", "median_s", "time_s", "time_low_s", "time_high_s", "share")
NETWORK_COLUMNS = (
    *TOTAL, "backend", "layers", "missing", "missing_layers", "time_s", "time_low_s", "time_high_s", "measured_s",
    "kept_bytes", "training_memory_bytes", "memory_source", "memory_missing", "mix_s", "mix_low_s", "mix_high_s", "mix",
    "gain", "gain_low", "gain_high",
)  # fmt: skip
"""A row a network, dtype, batch size, pass and backend that has cells; see docs/results.md."""


def roll_up(measurements: pd.DataFrame, workloads: Iterable[Workload]) -> pd.DataFrame:
    """The networks among the workloads: NETWORK_COLUMNS. The fastest whole network first in each TOTAL."""
    rows: list[dict[str, Any]] = []
    for counts, cells in _networks(measurements, workloads):
        memory = {
            names: _training_memory(own, counts) for names, own in cells.groupby([*NETWORK, "backend"], sort=False)
        }
        for names, group in cells.groupby(TOTAL, sort=False):
            best = _mix(group, counts)
            totals = [
                {"backend": backend, **_total(own, counts), **memory[*names[: len(NETWORK)], backend]}
                for backend, own in group.groupby("backend", sort=False)
            ]
            rows.extend({**_key(names), **total, **best} for total in by_time(totals))
    frame = pd.DataFrame(rows, columns=list(NETWORK_COLUMNS))
    texts = {name: frame[name].astype(object).fillna("") for name in ("missing_layers", "memory_source", "mix")}
    numbers = {name: frame[name].astype(float) for name in NETWORK_COLUMNS if name.endswith(("_s", "_bytes"))}
    return _with_gain(frame.assign(**texts, **numbers))


def _networks(
    measurements: pd.DataFrame, workloads: Iterable[Workload]
) -> Iterator[tuple[dict[str, int], pd.DataFrame]]:
    """The workloads that are networks and have cells: how often each case occurs, and the cells."""
    for workload in workloads:
        cells = measurements[measurements["workload"] == workload.name]
        if workload.network and not cells.empty:
            yield {layer.case.name: layer.count for layer in workload.layers}, cells


def _key(names: Iterable[Any]) -> dict[str, Any]:
    """The columns of TOTAL from what a group is called."""
    return dict(zip(TOTAL, names, strict=True))


def by_time(totals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The fastest first; those without a total last."""
    return sorted(totals, key=lambda total: (np.isnan(total["time_s"]), total["time_s"]))


def fastest_layers(measurements: pd.DataFrame, workloads: Iterable[Workload]) -> pd.DataFrame:
    """The mix layer by layer: LAYER_COLUMNS.

    A row a layer, in the order of the network: its fastest right `backend` with its `median_s` a call, `time_s` for all
    `count` of them with its interval, and its `share` of the mix. A layer that no backend has right has no backend.
    """
    parts = []
    for counts, cells in _networks(measurements, workloads):
        for names, group in cells.groupby(TOTAL, sort=False):
            layers = _fastest(group).reindex(list(counts)).rename_axis("case").reset_index()
            number = layers["case"].map(counts)
            times = {f"time{end}_s": layers[f"{source}_s"] * number for end, source in ENDS.items()}
            layers = layers.assign(count=number, share=times["time_s"] / times["time_s"].sum(), **times)
            parts.append(layers.assign(**_key(names))[list(LAYER_COLUMNS)])
    if not parts:
        return pd.DataFrame(columns=list(LAYER_COLUMNS))
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(backend=frame["backend"].astype(object).fillna(""))


ENDS: Mapping[str, str] = {"": "median", "_low": "ci_low", "_high": "ci_high"}
"""Columns of a cell from which a total and the ends of its interval are made."""


def sum_of(cells: pd.DataFrame, counts: Mapping[str, int]) -> tuple[float, float, float]:
    """Sum of count * median_s over cells with one case each, and its 95 % interval; NaN where a cell has none."""
    count = cells["case"].map(counts).to_numpy(dtype=float)
    median, low, high = (cells[f"{name}_s"].to_numpy(dtype=float) for name in ("median", "ci_low", "ci_high"))
    total = float(count @ median)
    return (
        total,
        total - float(np.linalg.norm(count * (median - low))),
        total + float(np.linalg.norm(count * (high - median))),
    )


def _total(own: pd.DataFrame, counts: Mapping[str, int]) -> dict[str, Any]:
    """Of one backend: its time, and what it lacks."""
    right = right_cells(own)
    states = dict(zip(own["case"], _state(own), strict=True))
    present = set(right["case"])
    missing = {case: states.get(case, "not run") for case in counts if case not in present}
    total, low, high = sum_of(right, counts)
    whole = not missing
    return {
        "layers": sum(counts.values()),
        "missing": sum(counts[case] for case in missing),
        "missing_layers": ", ".join(f"{case} ({state})" for case, state in missing.items()),
        "time_s": total if whole else np.nan,
        "time_low_s": low if whole else np.nan,
        "time_high_s": high if whole else np.nan,
        "measured_s": total,
    }


def _state(cells: pd.DataFrame) -> pd.Series[Any]:
    """Why a cell is not right and measured: its status, else its verdict, else that it has no time."""
    verdict = cells["verdict"].replace({"": "not checked", "agrees": "not timed"})
    return cells["status"].where(cells["status"] != "ok", verdict)


def _fastest(group: pd.DataFrame) -> pd.DataFrame:
    """The fastest right cell of each case (index)."""
    right = right_cells(group).sort_values("median_s", kind="stable")
    return right.drop_duplicates("case").set_index("case")


def _mix(group: pd.DataFrame, counts: Mapping[str, int]) -> dict[str, Any]:
    """The sum over the fastest of each layer, and who they are; nothing where a layer has none."""
    best = _fastest(group).reset_index()
    if set(best["case"]) < set(counts):
        return {}
    total, low, high = sum_of(best, counts)
    layers = best["case"].map(counts).groupby(best["backend"]).sum().sort_values(ascending=False, kind="stable")
    names = ", ".join(f"{backend} {count}" for backend, count in layers.items())
    return {"mix_s": total, "mix_low_s": low, "mix_high_s": high, "mix": names}


def _training_memory(own: pd.DataFrame, counts: Mapping[str, int]) -> dict[str, Any]:
    """What one backend's layers keep in all, with the largest peak of a backward on top; `own` has all of its passes.

    Where a backward alone was not measured the peak is that of both, which is the larger by y at most.
    """
    if "kept_memory_bytes" not in own:
        return {"memory_missing": sum(counts.values())}
    trained = own[own["pass"].isin(["backward", "both"]) & (own["status"] == "ok")].sort_values("pass", kind="stable")
    cells = trained.dropna(subset=["kept_memory_bytes", "peak_memory_bytes"]).drop_duplicates("case")
    missing = sum(counts[case] for case in counts if case not in set(cells["case"]))
    if missing:
        return {"memory_missing": missing}
    kept = float((cells["case"].map(counts) * cells["kept_memory_bytes"]).sum())
    peak = float(cells["peak_memory_bytes"].max())
    sources = "; ".join(cells["memory_source"].replace(f"resident, {BELOW_FLOOR}", "resident").unique())
    return {"memory_missing": 0, "kept_bytes": kept, "training_memory_bytes": kept + peak, "memory_source": sources}


def _with_gain(rows: pd.DataFrame) -> pd.DataFrame:
    """`gain` is how many times as long as the mix, with an interval that takes the two as independent."""
    down = np.hypot(np.log(rows["time_s"] / rows["time_low_s"]), np.log(rows["mix_high_s"] / rows["mix_s"]))
    up = np.hypot(np.log(rows["time_high_s"] / rows["time_s"]), np.log(rows["mix_s"] / rows["mix_low_s"]))
    gain = rows["time_s"] / rows["mix_s"]
    return rows.assign(gain=gain, gain_low=gain * np.exp(-down), gain_high=gain * np.exp(up))

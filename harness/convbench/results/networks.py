"""Whole networks, summed over their layers; pure functions from frames to frames.

The time of a network is the sum over its layers of the median of a layer times the number of times that it occurs. This
leaves out what is no layer of the workload (activations, normalisation, dense layers), and what a framework saves or
spends between layers (fusion, changes of layout). Rules:

- Only layers that are right and measured count. If one is missing, the network has no total, and the row says how many
  layers are missing and why.
- The interval of a sum is made from the intervals of its terms, which are taken as independent (MOVER: Zou and Donner,
  "Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008, with sums in place of
  differences).
- Training memory is what all layers keep for the backward pass, and on top of it the largest peak of one backward pass,
  since the backward pass begins when every layer has run forward. It does not include the weights, the state of the
  optimizer or the first input.
- The mix takes the fastest right backend of each layer. It does not include the cost of changing between frameworks,
  and the minimum of noisy medians is a little too small. So its gain is the most that mixing can bring.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from convbench.measure.memory import BELOW_FLOOR
from convbench.results.summary import right_cells
from convbench.verify import DIFFERS_ON_NAN
from convbench_specs import Workload

NETWORK = ["workload", "dtype", "batch_size"]
TOTAL = [*NETWORK, "pass"]
LAYER_COLUMNS = (*TOTAL, "case", "count", "backend", "median_s", "time_s", "time_low_s", "time_high_s", "share")
NETWORK_COLUMNS = (
    *TOTAL, "backend", "layers", "missing", "missing_layers", "time_s", "time_low_s", "time_high_s", "measured_s",
    "kept_bytes", "training_memory_bytes", "memory_source", "memory_missing", "mix_s", "mix_low_s", "mix_high_s", "mix",
    "gain", "gain_low", "gain_high",
)  # fmt: skip
"""A row for each network, dtype, batch size, pass and backend that has cells; see docs/results.md."""


class Sum(NamedTuple):
    """A sum of times and its 95 % interval."""

    total_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Total:
    """The columns on the time of one backend, and on what it lacks."""

    layers: int
    missing: int
    missing_layers: str
    time_s: float
    time_low_s: float
    time_high_s: float
    measured_s: float


@dataclass(frozen=True, slots=True)
class _TrainingMemory:
    """The columns on memory in training; the numbers are known only if no layer lacks one."""

    memory_missing: int
    kept_bytes: float = np.nan
    training_memory_bytes: float = np.nan
    memory_source: str = ""


@dataclass(frozen=True, slots=True)
class _Mix:
    """The columns on the mix, which exists only if every layer has a right backend."""

    mix_s: float = np.nan
    mix_low_s: float = np.nan
    mix_high_s: float = np.nan
    mix: str = ""


def roll_up(measurements: pd.DataFrame, workloads: Iterable[Workload]) -> pd.DataFrame:
    """NETWORK_COLUMNS of the workloads that are networks, with the fastest whole network first in each TOTAL."""
    rows: list[dict[str, object]] = []
    for counts, cells in _networks(measurements, workloads):
        memory = {
            names: _training_memory(own, counts) for names, own in cells.groupby([*NETWORK, "backend"], sort=False)
        }
        for names, group in cells.groupby(TOTAL, sort=False):
            best = _mix(group, counts)
            totals = {backend: _total(own, counts) for backend, own in group.groupby("backend", sort=False)}
            rows.extend(
                {**_key(names), "backend": backend}
                | asdict(totals[backend])
                | asdict(memory[*names[: len(NETWORK)], backend])
                | asdict(best)
                for backend in sorted(totals, key=lambda backend: _by_time(totals[backend]))
            )
    frame = pd.DataFrame(rows, columns=list(NETWORK_COLUMNS))
    texts = {name: frame[name].astype(object).astype(str) for name in ("missing_layers", "memory_source", "mix")}
    numbers = {name: frame[name].astype(float) for name in NETWORK_COLUMNS if name.endswith(("_s", "_bytes"))}
    return _with_gain(frame.assign(**texts, **numbers))


def _networks(
    measurements: pd.DataFrame, workloads: Iterable[Workload]
) -> Iterator[tuple[dict[str, int], pd.DataFrame]]:
    """How often each case occurs, and the cells, of each workload that is a network.

    Not where some of its layers have no cells at all: the user chose cases of it and did not ask for the whole.
    """
    for workload in workloads:
        cells = measurements[measurements["workload"] == workload.name]
        counts = {layer.case.name: layer.count for layer in workload.layers}
        if workload.network and set(counts) <= set(cells["case"]):
            yield counts, cells


def _key(names: Iterable[Any]) -> dict[str, str | int]:
    """The columns of TOTAL from the key of a group."""
    return dict(zip(TOTAL, names, strict=True))


def _by_time(total: _Total) -> tuple[bool, float]:
    """Sorts the fastest to the front, and those without a time to the end."""
    return np.isnan(total.time_s), total.time_s


def fastest_layers(measurements: pd.DataFrame, workloads: Iterable[Workload]) -> pd.DataFrame:
    """LAYER_COLUMNS of the mix: a row for each layer, in the order of the network.

    A row has the fastest right `backend` with its `median_s` for one call, `time_s` for all `count` calls with its
    interval, and the `share` of the mix. If no backend is right, `backend` is empty.
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
"""The columns of a cell from which a total and the ends of its interval are made."""


def sum_of(cells: pd.DataFrame, counts: Mapping[str, int]) -> Sum:
    """The sum of count * median_s over cells of different cases; the interval is NaN if a cell has none."""
    count = cells["case"].map(counts).to_numpy(dtype=float)
    median, low, high = (cells[f"{name}_s"].to_numpy(dtype=float) for name in ("median", "ci_low", "ci_high"))
    total = float(count @ median)
    return Sum(
        total,
        total - float(np.linalg.norm(count * (median - low))),
        total + float(np.linalg.norm(count * (high - median))),
    )


def _total(own: pd.DataFrame, counts: Mapping[str, int]) -> _Total:
    """The time of one backend, of which `own` are the cells."""
    right = right_cells(own)
    states = dict(zip(own["case"], _state(own), strict=True))
    present = set(right["case"])
    missing = {case: states.get(case, "not run") for case in counts if case not in present}
    measured = sum_of(right, counts)
    time = Sum(np.nan, np.nan, np.nan) if missing else measured
    return _Total(
        layers=sum(counts.values()),
        missing=sum(counts[case] for case in missing),
        missing_layers=", ".join(f"{case} ({state})" for case, state in missing.items()),
        time_s=time.total_s,
        time_low_s=time.low_s,
        time_high_s=time.high_s,
        measured_s=measured.total_s,
    )


def _state(cells: pd.DataFrame) -> pd.Series[Any]:
    """Why a cell is not right and measured: its status, or else its verdict, or else that it has no time."""
    verdict = cells["verdict"].replace({"": "not checked", "agrees": "not timed", DIFFERS_ON_NAN: "not timed"})
    return cells["status"].where(cells["status"] != "ok", verdict)


def _fastest(group: pd.DataFrame) -> pd.DataFrame:
    """The fastest right cell of each case, with the case as the index."""
    right = right_cells(group).sort_values("median_s", kind="stable")
    return right.drop_duplicates("case").set_index("case")


def _mix(group: pd.DataFrame, counts: Mapping[str, int]) -> _Mix:
    """The sum over the fastest right cell of each layer, and their backends."""
    best = _fastest(group).reset_index()
    if set(best["case"]) < set(counts):
        return _Mix()
    layers = best["case"].map(counts).groupby(best["backend"]).sum().sort_values(ascending=False, kind="stable")
    names = ", ".join(f"{backend} {count}" for backend, count in layers.items())
    return _Mix(*sum_of(best, counts), names)


def _training_memory(own: pd.DataFrame, counts: Mapping[str, int]) -> _TrainingMemory:
    """The memory that one backend needs in training; `own` are its cells of all passes.

    If the backward pass was not measured alone, its peak is that of `both`, which is larger by y at most.
    """
    if "kept_memory_bytes" not in own:
        return _TrainingMemory(sum(counts.values()))
    trained = own[own["pass"].isin(["backward", "both"]) & (own["status"] == "ok")].sort_values("pass", kind="stable")
    cells = trained.dropna(subset=["kept_memory_bytes", "peak_memory_bytes"]).drop_duplicates("case")
    missing = sum(counts[case] for case in counts if case not in set(cells["case"]))
    if missing:
        return _TrainingMemory(missing)
    kept = float((cells["case"].map(counts) * cells["kept_memory_bytes"]).sum())
    peak = float(cells["peak_memory_bytes"].max())
    sources = "; ".join(cells["memory_source"].replace(f"resident, {BELOW_FLOOR}", "resident").unique())
    return _TrainingMemory(0, kept, kept + peak, sources)


def _with_gain(rows: pd.DataFrame) -> pd.DataFrame:
    """With `gain`, the time as a multiple of the mix, and an interval that takes the two as independent."""
    down = np.hypot(np.log(rows["time_s"] / rows["time_low_s"]), np.log(rows["mix_high_s"] / rows["mix_s"]))
    up = np.hypot(np.log(rows["time_high_s"] / rows["time_s"]), np.log(rows["mix_s"] / rows["mix_low_s"]))
    gain = rows["time_s"] / rows["mix_s"]
    return rows.assign(gain=gain, gain_low=gain * np.exp(-down), gain_high=gain * np.exp(up))

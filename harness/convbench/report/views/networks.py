"""What the section on whole networks shows, worked out to plain values, and the same as sentences for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import pandas as pd

from convbench.report.views.cases import of_table, table_keys
from convbench.report.views.headline import join_names
from convbench.report.views.rows import read_rows
from convbench.text.units import format_integer, format_ratio, format_seconds

LONGEST_BAR = 8.0
"""The bar of a network that takes more than this many times the mix is cut off, so that the others stay visible."""
IDENTITY = ["workload", "dtype"]
TERMINAL_PASSES = ("both", "backward", "forward")
"""The terminal shows only one pass: the first of these that was measured."""


@dataclass(frozen=True, slots=True)
class NetworkTime:
    """A row of Run.networks: a network computed by one backend, and the mix of the fastest backend of each layer."""

    workload: str
    batch_size: int
    pass_name: str
    backend: str
    layers: int
    missing: int
    missing_layers: str
    time_s: float
    time_low_s: float
    time_high_s: float
    measured_s: float
    kept_bytes: float
    training_memory_bytes: float
    memory_source: str
    memory_missing: int
    mix_s: float
    mix_low_s: float
    mix_high_s: float
    mix: str
    gain: float
    gain_low: float
    gain_high: float


@dataclass(frozen=True, slots=True)
class FastestLayer:
    """A row of Run.network_layers: a layer and its fastest backend, which is empty if no backend is right."""

    case: str
    count: int
    backend: str
    median_s: float
    time_s: float
    share: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in percent of the longest one; `cut` says that it would have to be longer."""

    share: float
    cut: bool = False


@dataclass(frozen=True, slots=True)
class TotalRow:
    """The time of a network with its bar."""

    network: NetworkTime
    bar: Bar


@dataclass(frozen=True, slots=True)
class TotalTable:
    """The backends at one pass and batch size, the fastest first; `mix` is None if a layer has no right backend."""

    pass_name: str
    batch_size: int
    rows: Sequence[TotalRow]
    mix: TotalRow | None


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer of the mix with its bar."""

    layer: FastestLayer
    bar: Bar


@dataclass(frozen=True, slots=True)
class LayerTable:
    """The layers of the mix at one pass and batch size, in the order of the network."""

    pass_name: str
    batch_size: int
    rows: Sequence[LayerRow]


@dataclass(frozen=True, slots=True)
class NetworkView:
    """A network in one dtype, with `count` layers."""

    label: str
    count: int
    totals: Sequence[TotalTable]
    layers: Sequence[LayerTable]


def networks_view(networks: pd.DataFrame, layers: pd.DataFrame) -> list[NetworkView]:
    """Every network and dtype, from Run.networks and Run.network_layers."""
    if networks.empty:
        return []
    many = len(set(networks["dtype"])) > 1
    return [
        NetworkView(
            label=f"{workload}, {dtype}" if many else str(workload),
            count=int(group["layers"].iloc[0]),
            totals=_total_tables(group),
            layers=_layer_tables(layers[(layers["workload"] == workload) & (layers["dtype"] == dtype)]),
        )
        for (workload, dtype), group in networks.groupby(IDENTITY, sort=False)
    ]


def _total_tables(networks: pd.DataFrame) -> list[TotalTable]:
    tables = []
    for key in table_keys(networks):
        rows = read_rows(of_table(networks, key), NetworkTime)
        first = rows[0]
        has_mix = isfinite(first.mix_s)
        whole = [row.time_s for row in rows if isfinite(row.time_s)]
        least = first.mix_s if has_mix else min(whole, default=float("nan"))
        longest = max((time for time in whole if time <= LONGEST_BAR * least), default=least)
        mix = TotalRow(first, _bar(least, longest)) if has_mix else None
        tables.append(TotalTable(*key, [TotalRow(row, _bar(row.time_s, longest)) for row in rows], mix))
    return tables


def _bar(time: float, longest: float) -> Bar:
    if not isfinite(time) or not longest > 0:
        return Bar(0.0)
    return Bar(round(100 * min(1.0, time / longest), 2), time > longest)


def _layer_tables(layers: pd.DataFrame) -> list[LayerTable]:
    tables = []
    for key in table_keys(layers):
        own = of_table(layers, key)
        largest = float(own["share"].max())
        rows = [
            LayerRow(layer, Bar(round(100 * layer.share / largest, 2) if layer.backend else 0.0))
            for layer in read_rows(own, FastestLayer)
        ]
        tables.append(LayerTable(*key, rows))
    return tables


def network_lines(networks: pd.DataFrame) -> list[str]:
    """A sentence or two on each network and dtype, at the largest batch size at which most backends have all layers."""
    return [_line(read_rows(_chosen(group), NetworkTime)) for _, group in networks.groupby(IDENTITY, sort=False)]


def _chosen(group: pd.DataFrame) -> pd.DataFrame:
    passes = set(group["pass"])
    shown = group[group["pass"] == next(name for name in TERMINAL_PASSES if name in passes)]
    whole = shown["time_s"].notna().groupby(shown["batch_size"]).sum()
    chosen: int = whole[whole == whole.max()].index.max()
    return shown.loc[shown["batch_size"] == chosen]


def _line(rows: Sequence[NetworkTime]) -> str:
    first = rows[0]
    whole = [row for row in rows if isfinite(row.time_s)]
    layers = f"{format_integer(first.layers)} layers"
    what = f"{first.workload}, {layers}, batch {first.batch_size}, {first.pass_name}"
    least = min((row.time_s for row in whole), default=float("nan"))
    text = f"{what}: {', '.join(_timed(row, least) for row in whole) or 'no backend has all layers'}"
    if whole and isfinite(first.mix_s):
        gain = f"{format_ratio(first.gain)} as fast as {first.backend}"
        text += f"; the fastest of each layer {format_seconds(first.mix_s)}, {gain} ({first.mix})"
    lacking = [f"{row.backend} {row.missing}" for row in rows if row.missing > 0]
    return f"{text}. Layers missing: {join_names(lacking)}." if lacking else f"{text}."


def _timed(row: NetworkTime, least: float) -> str:
    text = f"{row.backend} {format_seconds(row.time_s)}"
    return text if row.time_s == least else f"{text} ({format_ratio(row.time_s / least)})"

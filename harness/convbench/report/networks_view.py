"""What the section on whole networks shows, worked out to plain values, and the same in a line for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import pandas as pd

from convbench.report.headline import join_names
from convbench.results.summary import pass_place
from convbench.text.units import format_integer, format_ratio, format_seconds

LONGEST_BAR = 8.0
"""A network that takes longer than so many times the mix has a bar that is cut off: the others must stay visible."""
IDENTITY = ["workload", "dtype"]
TERMINAL_PASSES = ("both", "backward", "forward")
"""The pass of which the terminal tells: the first of these that was measured."""


def networks_view(networks: pd.DataFrame, layers: pd.DataFrame) -> list[dict[str, Any]]:
    """A dict a network and dtype, with `totals` and `layers`: a table each pass and batch size, in that order."""
    if networks.empty:
        return []
    many = len(set(networks["dtype"])) > 1
    return [
        {
            "label": f"{workload}, {dtype}" if many else str(workload),
            "count": int(group["layers"].iloc[0]),
            "totals": _tables(group, _total_rows),
            "layers": _tables(layers[(layers["workload"] == workload) & (layers["dtype"] == dtype)], _layer_rows),
        }
        for (workload, dtype), group in networks.groupby(IDENTITY, sort=False)
    ]


def _tables(frame: pd.DataFrame, rows_of: Callable[[pd.DataFrame], dict[str, Any]]) -> list[dict[str, Any]]:
    """One table a pass and batch size."""
    keys = frame[["pass", "batch_size"]].drop_duplicates().itertuples(index=False, name=None)
    order = sorted(keys, key=lambda key: (pass_place(key[0]), key[1]))
    return [
        {"pass": name, "batch_size": size, **rows_of(frame[(frame["pass"] == name) & (frame["batch_size"] == size)])}
        for name, size in order
    ]


def _total_rows(group: pd.DataFrame) -> dict[str, Any]:
    """`rows`, the fastest whole network first, and `mix`, None where a layer has no right backend."""
    rows = group.to_dict("records")
    first = rows[0]
    mix = first if isfinite(first["mix_s"]) else None
    whole = [row["time_s"] for row in rows if isfinite(row["time_s"])]
    least = first["mix_s"] if mix else min(whole, default=float("nan"))
    longest = max((time for time in whole if time <= LONGEST_BAR * least), default=least)
    return {"rows": [row | _bar(row["time_s"], longest) for row in rows], "mix": mix and mix | _bar(least, longest)}


def _bar(time: float, longest: float) -> dict[str, Any]:
    if not isfinite(time) or not longest > 0:
        return {"bar": 0.0, "cut": False}
    return {"bar": round(100 * min(1.0, time / longest), 2), "cut": time > longest}


def _layer_rows(group: pd.DataFrame) -> dict[str, Any]:
    largest = group["share"].max()
    rows = group.to_dict("records")
    return {"rows": [row | {"bar": round(100 * row["share"] / largest, 2) if row["backend"] else 0.0} for row in rows]}


def network_lines(networks: pd.DataFrame) -> list[str]:
    """A sentence or two a network and dtype, at the largest batch size at which most backends have all layers."""
    return [_line(_chosen(group)) for _, group in networks.groupby(IDENTITY, sort=False)]


def _chosen(group: pd.DataFrame) -> pd.DataFrame:
    passes = set(group["pass"])
    shown = group[group["pass"] == next(name for name in TERMINAL_PASSES if name in passes)]
    whole = shown["time_s"].notna().groupby(shown["batch_size"]).sum()
    chosen: int = whole[whole == whole.max()].index.max()
    return shown.loc[shown["batch_size"] == chosen]


def _line(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    whole = rows[rows["time_s"].notna()]
    layers = f"{format_integer(first['layers'])} layers"
    what = f"{first['workload']}, {layers}, batch {first['batch_size']}, {first['pass']}"
    parts = [_spoken(row, whole["time_s"].min()) for row in whole.to_dict("records")]
    text = f"{what}: {', '.join(parts) if parts else 'no backend has all layers'}"
    if len(whole) and isfinite(first["mix_s"]):
        gain = f"{format_ratio(first['gain'])} as fast as {first['backend']}"
        text += f"; the fastest of each layer {format_seconds(first['mix_s'])}, {gain} ({first['mix']})"
    lacking = [f"{row['backend']} {row['missing']}" for row in rows[rows["missing"] > 0].to_dict("records")]
    return f"{text}. Layers missing: {join_names(lacking)}." if lacking else f"{text}."


def _spoken(row: Mapping[Any, Any], least: float) -> str:
    text = f"{row['backend']} {format_seconds(row['time_s'])}"
    return text if row["time_s"] == least else f"{text} ({format_ratio(row['time_s'] / least)})"

"""From what kernels.py measured to the page that it writes: ratios, geometric means, shares of the roofline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TORCH = ("pytorch", "pytorch-tuned", "pytorch-nhwc", "pytorch-nhwc-tuned")
DENSE = tuple("abcdef")
SHORT = {
    "pytorch": "torch",
    "pytorch-tuned": "torch t",
    "pytorch-nhwc": "torch cl",
    "pytorch-nhwc-tuned": "torch cl t",
    "tensorflow": "TF",
    "jax": "JAX",
    "numpy-im2col": "NumPy",
    "numpy-im2col-tuned": "NumPy t",
    "numba-cpu": "Numba",
}
LEGEND = (
    "Milliseconds a call, medians. cl: channels last; t: glibc's allocator tuned, so that large results cost no page "
    "faults. Numba reuses its result arrays once the caller has dropped them, so it needs no tuning. `best` is the "
    "fastest of PyTorch's four columns. GFLOP/s and the share of the roofline count the FLOPs of the direct "
    "convolution, so Winograd may pass 100 %; so may rows whose tensors fit into the last cache, since the roofline's "
    "memory is that of a copy larger than any cache."
)


def kernel_page(folder: Path) -> str:
    """Markdown of all that a folder holds."""
    parts = ["# The kernel table\n"]
    if (folder / "times.csv").exists():
        facts = json.loads((folder / "machine.json").read_text(encoding="utf-8"))
        times = compared(pd.read_csv(folder / "times.csv"), facts)
        parts += [_machine(facts), LEGEND + "\n", _markdown(times_table(times)), _markdown(means_table(times))]
    if (folder / "memory.csv").exists():
        parts += ["Peak memory of a call, over its inputs and outputs:\n", _markdown(memory_table(folder))]
    if (folder / "book.csv").exists():
        epochs = pd.read_csv(folder / "book.csv").set_index("backend")["epoch_s"]
        table = pd.DataFrame({"": ["s an epoch"], **{SHORT[name]: [f"{value:.2f}"] for name, value in epochs.items()}})
        parts += [
            "The course's network, convolution alone, 1,000 batches of 60 forward and backward:\n",
            _markdown(table),
        ]
    return "\n".join(parts)


def compared(times: pd.DataFrame, facts: dict[str, Any]) -> pd.DataFrame:
    """A row for each row and pass of the table: median seconds by backend, best PyTorch, GFLOP/s, roofline share."""
    wide = times.pivot_table("median_s", index=["row", "pass"], columns="backend")
    work = times.groupby(["row", "pass"])[["flops", "bytes"]].first()
    wide["best"] = wide[[name for name in TORCH if name in wide]].min(axis=1) if "pytorch" in wide else np.nan
    least = np.maximum(work["flops"] / facts["peak_flops"], work["bytes"] / facts["bandwidth_bytes"])
    wide["flops"] = work["flops"]
    if "numba-cpu" in wide:
        wide["roofline"] = least / wide["numba-cpu"]
    return wide.sort_index(ascending=[True, False]).reset_index()


def geometric_mean(ratios: Sequence[float]) -> float:
    """Exponential of the mean logarithm; nan for none."""
    return float(np.exp(np.mean(np.log(ratios)))) if len(ratios) else float("nan")


def times_table(times: pd.DataFrame) -> pd.DataFrame:
    """What the page shows of the times."""
    shown = pd.DataFrame({"row": times["row"] + times["pass"].map({"forward": " F", "backward": " B"})})
    for backend, short in SHORT.items():
        if backend in times:
            shown[short] = (times[backend] * 1e3).map(_milliseconds)
    for backend in ("numba-cpu", "numpy-im2col-tuned"):
        if backend in times:
            shown[f"{SHORT[backend]} : best"] = (times["best"] / times[backend]).map("{:.2f}".format)
    if "numba-cpu" in times:
        shown["GFLOP/s"] = (times["flops"] / times["numba-cpu"] / 1e9).map("{:.0f}".format)
        shown["roofline"] = (times["roofline"] * 100).map("{:.0f} %".format)
    return shown


def means_table(times: pd.DataFrame) -> pd.DataFrame:
    """Geometric means of speed ratios, and the goal that each has."""
    dense = times["row"].isin(DENSE)
    forward = times["pass"] == "forward"
    rows = []

    def mean(what: str, backend: str, base: str, chosen: Any, goal: str) -> None:
        if backend in times and base in times and chosen.any():
            ratios = (times[base] / times[backend])[chosen]
            rows.append((what, f"{geometric_mean(ratios):.2f}", f"{ratios.min():.2f}", goal))

    every = times["row"] != ""
    mean("Numba to best PyTorch, all rows", "numba-cpu", "best", every, "1.25, no row under 0.75")
    mean("Numba to default PyTorch, all rows", "numba-cpu", "pytorch", every, "3.5")
    for name, label in (("numpy-im2col-tuned", "NumPy, tuned,"), ("numpy-im2col", "NumPy")):
        mean(f"{label} to best PyTorch, a to f forward", name, "best", dense & forward, "0.60")
        mean(f"{label} to best PyTorch, a to f backward", name, "best", dense & ~forward, "0.65")
        mean(f"{label} to best PyTorch, depthwise", name, "best", times["row"] == "g", "no row under 0.10")
    return pd.DataFrame(rows, columns=["ratio of speeds", "geometric mean", "least", "goal"])


def memory_table(folder: Path) -> pd.DataFrame:
    """Peak over tensors, by row and backend; tuning changes no peak, so those columns are left out."""
    memory = pd.read_csv(folder / "memory.csv")
    memory["ratio"] = memory["peak_memory_bytes"] / memory["tensors_bytes"]
    wide = memory.pivot_table("ratio", index=["row", "pass"], columns="backend")
    wide = wide.sort_index(ascending=[True, False])
    shown = pd.DataFrame({"row": [f"{row} {name[0].upper()}" for row, name in wide.index]})
    for backend, short in SHORT.items():
        if backend in wide and not backend.endswith("-tuned"):
            shown[short] = wide[backend].map("{:.2f}".format).to_numpy()
    return shown


def _machine(facts: dict[str, Any]) -> str:
    machine, packages = facts["machine"], facts["packages"]
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    return (
        f"{machine['processor']}, {machine['cores']}, {machine['vector units']}, {facts['threads']} threads; "
        f"load at start {machine['load at start']}; Python {machine['python']}; {versions}. "
        f"Fastest matrix product {facts['peak_flops'] / 1e9:.0f} GFLOP/s ({facts['peak_by']}), "
        f"copy {facts['bandwidth_bytes'] / 1e9:.0f} GB/s.\n"
    )


def _milliseconds(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _markdown(table: pd.DataFrame) -> str:
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines) + "\n"

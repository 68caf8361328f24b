"""A network of two layers, and rows of measurements of it."""

from __future__ import annotations

import pandas as pd
from fake_run import cell

from convbench_specs import parse_workload

TINY = """
network = true
cases = [
    { name = "conv1", operation = "conv", input = [1, 8, 8], out_channels = 1, kernel_size = 3, count = 3 },
    { name = "pool1", operation = "pool", kind = "max", input = [1, 6, 6], kernel_size = 2 },
]
"""
NETWORK = parse_workload(TINY, name="tiny", origin="tiny.toml")
LAYERS = 4


def row(case, backend, seconds, pass_name="both", **changes):
    times = {"median_s": seconds, "ci_low_s": 0.9 * seconds, "ci_high_s": 1.2 * seconds}
    memory = {"kept_memory_bytes": 10e6, "peak_memory_bytes": 30e6 if case == "conv1" else 20e6}
    return cell(case, 8, backend, pass_name, **(times | memory | changes))


def frame(*rows):
    return pd.DataFrame(rows)


BOTH_RIGHT = frame(
    row("conv1", "a", 1.0), row("pool1", "a", 1.0), row("conv1", "b", 2.0), row("pool1", "b", 0.25),
)  # fmt: skip

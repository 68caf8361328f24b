"""Columns that say what a row is about; several frames share them."""

from __future__ import annotations

from collections.abc import Iterable

from convbench.results.columns.column import Column, count, names, text

RUN = text(
    "run",
    "Label of the run: the name of its folder, with as much of the path before it as tells it from the others. Only in "
    "the CSV files and in the frames of several runs.",
    optional=True,
)
MACHINE = text(
    "machine",
    "Name of the machine of the run: its host name, or that of `--machine`. Empty for runs from before it was "
    "recorded. Only in the CSV files and in the frames of several runs.",
    optional=True,
)
OF_SEVERAL = (RUN, MACHINE)
WORKLOAD = text("workload", "Name of the workload.")
CASE = text("case", "Name of the case: one operation on one input shape, as the workload lists it.")
DTYPE = text("dtype", "Type of the tensors' elements: `float32`, `float64`, `float16` or `bfloat16`.")
BATCH_SIZE = count("batch_size", "Number of instances (images or signals) that one call computes.")
BACKEND = text("backend", "Name of the backend that computes.")
PASS = text(
    "pass",
    "`forward` computes y, `backward` computes the gradients dx, dw and db from dy, and `both` computes all of them, "
    "as one step of training does.",
)


def names_of_one_run(columns: Iterable[Column]) -> tuple[str, ...]:
    """The names of columns that a frame of one run may have: those that tell runs apart are left out."""
    return names(column for column in columns if column not in OF_SEVERAL)

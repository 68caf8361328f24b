"""Columns that say what a row is about; several frames share them."""

from __future__ import annotations

from convbench.results.columns.column import count, text

WORKLOAD = text(
    "workload", "Name of the workload. In a report of several runs the name of the run's folder stands before it."
)
CASE = text("case", "Name of the case: one operation on one input shape, as the workload lists it.")
DTYPE = text("dtype", "Type of the tensors' elements: `float32`, `float64`, `float16` or `bfloat16`.")
BATCH_SIZE = count("batch_size", "Number of instances (images or signals) that one call computes.")
BACKEND = text("backend", "Name of the backend that computes.")
PASS = text(
    "pass",
    "`forward` computes y, `backward` computes the gradients dx, dw and db from dy, and `both` computes all of them, "
    "as one step of training does.",
)

"""Columns of the largest batches, a row a search: of a case in one pass, or of a whole network, by one backend."""

from __future__ import annotations

from convbench.results.columns.column import Column, count, size, text
from convbench.results.columns.keys import BACKEND, DTYPE, MACHINE, RUN, WORKLOAD

LARGEST_BATCHES: tuple[Column, ...] = (
    RUN,
    MACHINE,
    WORKLOAD,
    text(
        "case",
        "Name of the case. Empty for a whole network: that is what is searched of a workload that is one, where all of "
        "its layers take part in the run.",
    ),
    DTYPE,
    BACKEND,
    text(
        "pass",
        "The pass that was run. Of a whole network `forward` is inference, where only the layer at work holds its "
        "tensors beside all weights, and `both` is training, where each layer keeps what its backward needs.",
    ),
    text(
        "status",
        "How the search ended. `ok`: the largest batch size was found. `at least`: the search ended early, because of "
        "its time limit or a fault, and a larger batch may fit. `out of memory`: not even one instance fits. Any other "
        "status says what went wrong at the first try, in the words of the measurements.",
    ),
    text("reason", "Why the next larger batch did not fit, or what ended the search."),
    count("largest_batch_size", "The largest batch size that fitted into the limit."),
    count(
        "too_large",
        "The smallest batch size that did not fit. It is the next number after the largest that fitted, or at most "
        "1/64 larger. Empty where no batch was too large.",
    ),
    size("peak_bytes", "The most memory that the whole process used at `largest_batch_size`."),
    Column(
        name="bytes_an_instance",
        unit="bytes",
        dtype="number",
        meaning="Memory that each further instance of the batch adds.",
    ),
    size("limit_bytes", "The memory limit of the search."),
    count("tries", "Number of batch sizes that were tried."),
)
"""In the order of the frame and of largest_batches.csv."""

"""From a case to its calls.

The rule for a convolution: padding by the nearest element takes the readable level, everything else the fast one.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from numba import get_num_threads

from convbench_backends.numba_cpu.convolution import choose
from convbench_backends.numba_cpu.convolution.readable import level as readable
from convbench_backends.numba_cpu.flatten import flatten
from convbench_backends.numba_cpu.geometry import image_axes
from convbench_backends.numba_cpu.pooling.passes import average_pool, max_pool, plane_average
from convbench_specs import Case, Conv, Flatten, Prepared, Tensors


def prepare(case: Case, tensors: Tensors) -> Prepared:
    """Calls of any case, compiled: each pass has run once."""
    operation = case.operation
    if isinstance(operation, Conv):
        level = readable.conv if operation.padding_mode == "edge" else choose.conv
        prepared = level(case, tensors, get_num_threads())
    elif isinstance(operation, Flatten):
        prepared = flatten(case, tensors)
    elif operation.kind == "max":
        prepared = max_pool(case, tensors)
    elif all(axis.is_one_window for axis in image_axes(case)):
        prepared = plane_average(case, tensors)
    else:
        prepared = average_pool(case, tensors)
    started = perf_counter()
    prepared.forward()
    assert callable(prepared.backward)
    prepared.backward()
    layout = "NCHW" if case.rank == 2 else "NCW"
    return replace(prepared, layout=layout, phases_s={"compile": perf_counter() - started})

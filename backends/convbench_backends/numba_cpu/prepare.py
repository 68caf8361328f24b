"""From a case to its calls.

The rule for a convolution: padding by the nearest element takes the readable level, everything else the fast one,
unless the options of the backend say otherwise. Pools and flatten have one way, whatever the options are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from time import perf_counter

from numba import get_num_threads

from convbench_backends.numba_cpu import bfloat16
from convbench_backends.numba_cpu.convolution import choose
from convbench_backends.numba_cpu.convolution.readable import level as readable
from convbench_backends.numba_cpu.flatten import flatten
from convbench_backends.numba_cpu.geometry import image_axes
from convbench_backends.numba_cpu.pooling.passes import average_pool, max_pool, plane_average
from convbench_backends.numba_cpu.resident import copies
from convbench_specs import Case, Conv, Flatten, Prepared, Tensors, Unsupported


def prepare(case: Case, tensors: Tensors, *, level: str, algorithm: str) -> Prepared | Unsupported:
    """Calls of any case, compiled: each pass has run once. Level and algorithm are those of the backend's options."""
    on_arrays = partial(_on_arrays, level=level, algorithm=algorithm)
    if case.dtype == "bfloat16":
        prepared = bfloat16.stored(case, tensors, on_arrays)
    else:
        prepared = on_arrays(case, copies(tensors))
    if isinstance(prepared, Unsupported):
        return prepared
    started = perf_counter()
    prepared.forward()
    assert callable(prepared.backward)
    prepared.backward()
    layout = "NCHW" if case.rank == 2 else "NCW"
    return replace(prepared, layout=layout, phases_s={"compile": perf_counter() - started})


def _on_arrays(case: Case, tensors: Tensors, *, level: str, algorithm: str) -> Prepared | Unsupported:
    """Calls that read the tensors themselves, which stay with the case, and an update that writes into them."""
    operation = case.operation
    if isinstance(operation, Conv):
        return _convolution(case, tensors, level, algorithm)
    if isinstance(operation, Flatten):
        return flatten(case, tensors)
    if operation.kind == "max":
        return max_pool(case, tensors)
    if all(axis.is_one_window for axis in image_axes(case)):
        return plane_average(case, tensors)
    return average_pool(case, tensors)


def _convolution(case: Case, tensors: Tensors, level: str, algorithm: str) -> Prepared | Unsupported:
    assert isinstance(case.operation, Conv)
    is_edge, threads = case.operation.padding_mode == "edge", get_num_threads()
    if is_edge and algorithm != "auto":
        return Unsupported("padding by the nearest element is done on the readable level alone")
    if is_edge or level == "readable":
        return readable.conv(case, tensors, threads)
    return choose.conv(case, tensors, threads, algorithm)

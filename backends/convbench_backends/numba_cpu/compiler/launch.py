# ruff: noqa: ARG001  # an intrinsic is typed by arguments that its code reads by position
"""Running the tasks of a compiled kernel, on all threads or on the one that calls.

    launch(address, tasks, alone, arrays)      compiled for each list of array types: small and quick to compile
      puts address, tasks and arrays into a block on its stack
      region(entry, block, tasks)              compiled once: the only parallel loop
        entry(block, task, thread)             of `launch`: takes the arrays out of the block and calls the kernel

Numba needs 0.2 to 0.4 s to compile a parallel loop, and one that took the arrays itself would be compiled for each list
of their types. A region costs about 1.5 microseconds more than a loop on the calling thread, and much more where the
threads sleep.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # llvmlite ships no types
from numba import prange, types
from numba.np.ufunc import parallel as threads
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.emit import INDEX, cgutils
from convbench_backends.numba_cpu.compiler.options import CACHE, OPTIONS
from convbench_backends.numba_cpu.compiler.vector import intrinsic

_njit: Any = numba.njit
_ENTRY = ir.FunctionType(ir.VoidType(), [INDEX] * 3)
_thread_number: Any = threads.get_thread_id


@intrinsic  # type: ignore[untyped-decorator]  # Numba is typed in part
def _block(_typing: Any, address: Any, tasks: Any, arrays: Any) -> Any:
    """Address of a block on the stack of the caller: that of the kernel, the number of its tasks, and the arrays."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = [*args[:2], *cgutils.unpack_tuple(builder, args[2])]
        block = cgutils.alloca_once(builder, ir.LiteralStructType([value.type for value in values]))
        for number, value in enumerate(values):
            builder.store(value, cgutils.gep_inbounds(builder, block, 0, number))
        return builder.ptrtoint(block, INDEX)

    return types.int64(types.int64, types.int64, arrays), emit


@intrinsic  # type: ignore[untyped-decorator]  # Numba is typed in part
def _entry(_typing: Any, arrays: Any) -> Any:
    """Address of a function entry(block, task, thread) for arrays of these types."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = [context.get_value_type(kind) for kind in signature.args[0]]
        function = ir.Function(builder.module, _ENTRY, name=builder.module.get_unique_name("entry"))
        function.linkage = "internal"
        within, (block, task, thread) = ir.IRBuilder(function.append_basic_block()), function.args
        place = within.inttoptr(block, ir.LiteralStructType([INDEX, INDEX, *kinds]).as_pointer())
        address, tasks, *values = (
            within.load(cgutils.gep_inbounds(within, place, 0, number)) for number in range(2 + len(kinds))
        )
        kernel = ir.FunctionType(ir.VoidType(), [INDEX] * 3 + kinds)
        within.call(within.inttoptr(address, kernel.as_pointer()), [task, tasks, thread, *values])
        within.ret_void()
        return builder.ptrtoint(function, INDEX)

    return types.int64(arrays), emit


@intrinsic  # type: ignore[untyped-decorator]  # Numba is typed in part
def _enter(_typing: Any, entry: Any, block: Any, task: Any, thread: Any) -> Any:
    """Call a function by its address.

    Numba can take a compiled function as an argument, too, but needs 8 microseconds a call to find out what it is.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.call(builder.inttoptr(args[0], _ENTRY.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), emit


@_njit(parallel=True, cache=CACHE, **OPTIONS)  # type: ignore[untyped-decorator]  # Numba is typed in part
def _region(entry: int, block: int, tasks: int) -> None:
    for task in prange(tasks):
        _enter(entry, block, np.int64(task), np.int64(_thread_number()))


@_njit(cache=CACHE, **OPTIONS)  # type: ignore[untyped-decorator]  # Numba is typed in part
def launch(address: int, tasks: int, alone: bool, *arrays: NDArray[Any]) -> None:  # noqa: FBT001  # Numba passes no keywords
    """Run all tasks of the kernel at an address, on all threads, or `alone` on the calling one as its thread 0."""
    entry, block = _entry(arrays), _block(address, tasks, arrays)
    if alone:
        for task in range(tasks):
            _enter(entry, block, np.int64(task), np.int64(0))
    else:
        _region(entry, block, tasks)

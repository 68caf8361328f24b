"""What a call costs in numba-cpu where there is next to nothing to compute: microseconds of a pass, by formulation.

    python tests/benchmarks/call_cost.py --threads 2

Prints a line for each formulation: the median of seven times 1,000 calls, forward and backward, on cases of a few
dozen places. Nothing is subtracted. On a machine that does nothing else, or the numbers mean nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from statistics import median

from convbench.verify import make_tensors
from convbench_backends.numba_cpu import NumbaCpu
from convbench_specs import Case, Conv, Flatten, Pool, Prepared, Settings

CALLS, ROUNDS, WARM_UP = 1_000, 7, 300
PADDED = ((1, 1), (1, 1))


def convolution(channels: int, filters: int, size: int, kernel: int, groups: int = 1) -> tuple[Conv, tuple[int, ...]]:
    padding = PADDED if kernel > 1 else ((0, 0), (0, 0))
    operation = Conv(
        in_channels=channels, out_channels=filters, kernel_size=(kernel, kernel), padding=padding, groups=groups
    )
    return operation, (channels, size, size)


CONVOLUTIONS = {
    "implicit_gemm": convolution(4, 8, 6, 3),
    "panels": convolution(16, 16, 6, 3),
    "columns": convolution(2, 8, 8, 3),
    "winograd": convolution(16, 16, 8, 3),
    "depthwise": convolution(4, 4, 6, 3, groups=4),
    "few_places": convolution(512, 1024, 2, 1),
}
"""By the value of the option `algorithm`."""
OTHERS = {
    "maximum": (Pool(kind="max", kernel_size=(2, 2)), (4, 6, 6)),
    "average": (Pool(kind="average", kernel_size=(2, 2)), (4, 6, 6)),
    "average of planes": (Pool(kind="average", kernel_size="global"), (4, 6, 6)),
    "flatten": (Flatten(), (4, 3, 3)),
    "flatten, transposed": (Flatten(order="channels_last"), (4, 3, 3)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a call costs.")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    threads = parser.parse_args().threads
    wanted = dict(NumbaCpu().environment(Settings(threads=threads)))
    if any(os.environ.get(name) != value for name, value in wanted.items() if name != "NUMBA_CACHE_DIR"):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | wanted)  # libraries read them when loaded
    for name, (operation, shape) in (CONVOLUTIONS | OTHERS).items():
        backend = NumbaCpu()
        options = {"algorithm": name} if isinstance(operation, Conv) else {}
        backend.start(Settings(threads=threads, options=options))
        case = Case(name="tiny", operation=operation, input_shape=shape)
        prepared = backend.prepare(case, make_tensors(case, 1, seed=0))
        assert isinstance(prepared, Prepared), prepared
        assert callable(prepared.backward)
        forward, backward = microseconds(prepared.forward), microseconds(prepared.backward)
        print(f"{name:20s} forward {forward:7.2f}  backward {backward:7.2f} us  {prepared.algorithm}", flush=True)


def microseconds(call: Callable[[], object]) -> float:
    """Of a call."""
    for _ in range(WARM_UP):
        call()
    found = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(CALLS):
            call()
        found.append((time.perf_counter() - begin) / CALLS * 1e6)
    return median(found)


if __name__ == "__main__":
    main()

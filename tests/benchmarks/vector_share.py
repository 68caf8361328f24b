"""How much of its own peak numba-cpu reaches with the vectors of AVX2, next to what it reaches with the machine's own.

    python tests/benchmarks/vector_share.py                  # about two minutes on 2 cores

Prints a line for each target and number of threads: multiply-adds that stay in registers, as GFLOP/s, which is the
peak; then for three dense layers the share of it that y, dx and dw together reach, at batch size 8. AVX2 is the
machine's own processor with LLVM restricted to 16 registers of 32 bytes, as the tests do it. Targets take turns in
fresh processes, and each number is the best of all turns. On a machine that does nothing else, or the numbers mean
nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from convbench.verify import make_tensors
from convbench_backends.numba_cpu import NumbaCpu
from convbench_backends.numba_cpu.compiler.emit import Int, Place, Slot
from convbench_backends.numba_cpu.compiler.jit import kernel
from convbench_backends.numba_cpu.compiler.vector import VECTOR_BYTES, Lanes, vector_code
from convbench_specs import Prepared, Settings, cost, load_workload

TARGETS = {
    "its own": {},
    "AVX2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma"},
}
LAYERS = ("conv2_expand", "conv3_1_mid", "conv4_reduce")
"""Of ResNet-50: 1 x 1 from 64 to 256 channels, 3 x 3 at stride 2 with 128, 1 x 1 from 1024 to 256."""
BATCH_SIZE = 8
SUMS, STEPS = 12, 2_000_000
"""Sums under way, which fit into 16 registers, and multiply-adds of each."""
BUDGET_S = 0.4
"""Seconds for each pass of a layer, and for the peak."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure shares of the peak, by width of vectors.")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    best: dict[tuple[str, int], dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(options.rounds):
            for threads in options.threads:
                for target, restricted in TARGETS.items():
                    wanted = dict(NumbaCpu().environment(Settings(threads=threads)))
                    environment = os.environ | wanted | restricted | {"NUMBA_CACHE_DIR": cache}
                    command = [sys.executable, __file__, "--measure", str(threads)]
                    found = json.loads(
                        subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
                    )
                    known = best.setdefault((target, threads), found)
                    known |= {name: max(value, known[name]) for name, value in found.items()}
    for (target, threads), found in best.items():
        shares = "  ".join(f"{name} {found[name] / found['peak']:.2f}" for name in LAYERS)
        print(f"{target:8s} {threads} threads  {found['bits']:.0f} bits  peak {found['peak']:6.1f} GFLOP/s  {shares}")


def measure(threads: int) -> dict[str, float]:
    """GFLOP/s of the peak and of each layer."""
    backend = NumbaCpu()
    backend.start(Settings(threads=threads))
    lanes = VECTOR_BYTES // 4
    numbers = np.random.default_rng(0).random((threads, (SUMS + 1) * lanes), np.float32)
    seconds = shortest(lambda: multiply_and_add(threads, numbers, np.array([STEPS])))
    found = {"bits": 8.0 * VECTOR_BYTES, "peak": 2 * threads * SUMS * STEPS * lanes / seconds / 1e9}
    for case in load_workload("resnet50").cases:
        if case.name in LAYERS:
            prepared = backend.prepare(case, make_tensors(case, BATCH_SIZE, seed=0))
            assert isinstance(prepared, Prepared), prepared
            seconds = sum(shortest(prepared.call_of(name)) for name in ("forward", "backward"))
            found[case.name] = cost(case, BATCH_SIZE, "both").flops / seconds / 1e9
    return found


def shortest(call: Callable[[], Any]) -> float:
    """Seconds of the fastest call."""
    call()
    times, end = [], time.perf_counter() + BUDGET_S
    while time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


@kernel
def multiply_and_add(
    task: int, tasks: int, thread: int, numbers: Any, steps: Any
) -> None:  # a kernel takes its task and thread
    keep_adding(numbers[task], 0, steps[0])


@vector_code
def keep_adding(lanes: Lanes, numbers: Place, steps: Int) -> None:
    """SUMS sums, each with a beginning of its own from `numbers`, or they would be one, to which products are added."""
    value = lanes.load(numbers + SUMS * lanes.count)
    sums = [Slot(lanes.load(numbers + number * lanes.count)) for number in range(SUMS)]
    with lanes.loop(steps):
        for total in sums:
            total.value = lanes.multiply_add(value, total.value, value)
    for number, total in enumerate(sums):
        lanes.store(total.value, numbers + number * lanes.count)


if __name__ == "__main__":
    sys.exit(main())

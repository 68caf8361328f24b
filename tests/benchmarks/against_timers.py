"""convbench against torch.utils.benchmark.Timer and pyperf: the same torch convolution, threads and environment.

    python tests/benchmarks/against_timers.py                       all five cases on one core, half an hour
    python tests/benchmarks/against_timers.py --cases 50us,5ms --threads 2

All get the tuned allocator: with glibc's defaults it is chance whether a large result costs a page fault a page, and a
timer that drops it before the next call would differ from one that drops it after (--allocator default shows it).

The three take turns, each first in a third of them, so that a change of the machine meets all; each turn has processes
of its own. The table has the medians over the turns, and the differences as convbench judges backends: mean of the log
ratios within the turns, with its 95 % interval. The two others time torch.nn.functional.conv2d directly, as their users
do. pyperf: pip install "convbench[benchmark]".
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

CASES = {
    "50us": (1, 16, 28, 16),
    "500us": (1, 64, 36, 64),
    "5ms": (5, 64, 56, 64),
    "50ms": (48, 64, 56, 64),
    "500ms": (128, 128, 56, 128),
}
"""By what a call takes on one core with AVX-512, roughly: batch size, channels, height and width, filters; 3 x 3."""
PROCESSES = 2
"""Of Timer and of pyperf in a turn; convbench has as many blocks."""
LEAST_CALLS = 5
MIN_RUN_S = 0.4
"""What each process times for, at least."""


def environment(asked):
    """What convbench's workers get for their threads and allocator."""
    from convbench.workers.environment import THREAD_VARIABLES, allocator_environment

    threads = dict.fromkeys(THREAD_VARIABLES, str(asked.threads))
    return {**os.environ, **threads, **allocator_environment(asked.allocator)}


def convolution(name, threads):
    """The call to time, on the data that convbench makes and the cores that its workers get."""
    from convbench.machine.cores import bind

    bind(threads)
    import torch

    from convbench.verify import make_tensors
    from convbench_specs import Case, Conv

    torch.set_num_threads(threads)
    batch_size, channels, size, filters = CASES[name]
    operation = Conv(in_channels=channels, out_channels=filters, kernel_size=(3, 3), padding="same")
    tensors = make_tensors(Case(name=name, operation=operation, input_shape=(channels, size, size)), batch_size, seed=0)
    x, w, b = (torch.from_numpy(array.copy()) for array in (tensors.x, tensors.w, tensors.b))
    return lambda: torch.nn.functional.conv2d(x, w, b, padding=1)


def by_convbench(name, asked):
    """Seconds by convbench.compare, one turn."""
    import convbench

    batch_size, channels, size, filters = CASES[name]
    case = f'operation = "conv", input = [{channels}, {size}, {size}], out_channels = {filters}, kernel_size = 3, '
    with tempfile.TemporaryDirectory(prefix="convbench-") as folder:
        run = convbench.compare(
            case=case + 'padding = "same"', backends=["pytorch"], batch_sizes=[batch_size], passes=["forward"],
            threads=asked.threads, allocator=asked.allocator, memory=False, output=Path(folder) / "run",
            blocks=PROCESSES, rounds=LEAST_CALLS, sample_s=MIN_RUN_S / LEAST_CALLS, budget_s=30.0,
        )  # fmt: skip
        (cell,) = run.measurements.itertuples()
        return float(cell.median_s)


def by_timer(name, asked):
    """Seconds by torch's Timer, the median over its processes."""
    command = [sys.executable, __file__, "--child", name, "--threads", str(asked.threads)]
    found = []
    for _ in range(PROCESSES):
        done = subprocess.run(command, env=environment(asked), capture_output=True, text=True, check=True)
        found.append(float(done.stdout))
    return median(found)


def timer_child(name, threads):
    """In a process of its own: print the median."""
    from torch.utils.benchmark import Timer

    timer = Timer("call()", globals={"call": convolution(name, threads)}, num_threads=threads)
    print(timer.blocked_autorange(min_run_time=max(MIN_RUN_S, LEAST_CALLS * timer.timeit(1).median)).median)


def by_pyperf(name, asked):
    """Seconds by pyperf, the median of the values of all its processes."""
    with tempfile.TemporaryDirectory(prefix="convbench-") as folder:
        out = Path(folder) / "pyperf.json"
        command = [
            sys.executable, __file__, "--child-pyperf", name, "--threads", str(asked.threads),
            "--processes", str(PROCESSES), "--values", str(LEAST_CALLS), "--min-time", str(MIN_RUN_S / LEAST_CALLS),
            "--output", str(out), "--quiet", "--copy-env",
        ]  # fmt: skip
        subprocess.run(command, env=environment(asked), capture_output=True, check=True)
        runs = json.loads(out.read_text())["benchmarks"][0]["runs"]
        return median(value for run in runs for value in run.get("values", ()))


def pyperf_child(name, threads):
    """Let pyperf, which calls this script again for each of its processes, time the call."""
    import pyperf

    made = []

    def timed(loops):
        if not made:  # only in the process that times: pyperf's first one would import torch for nothing
            made.append(convolution(name, threads))
        call = made[0]
        begin = time.perf_counter()
        for _ in range(loops):
            call()
        return time.perf_counter() - begin

    def pass_on(command, args):
        command += ["--child-pyperf", name, "--threads", str(threads)]

    runner = pyperf.Runner(add_cmdline_args=pass_on, _argparser=_parser())
    runner.bench_time_func(name, timed)


def options(description):
    """A parser of what is timed and how, whoever takes turns with whom."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--allocator", choices=("default", "tuned"), default="tuned")
    return parser


def _parser():
    parser = options(__doc__)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--child-pyperf", help=argparse.SUPPRESS)
    return parser


def take_turn(number, name, asked):
    """Seconds by each of the three, in processes that follow each other; which is first changes with the number."""
    ways = (by_convbench, by_timer, by_pyperf)
    found = {}
    for position in range(len(ways)):
        way = ways[(number + position) % len(ways)]
        found[way] = way(name, asked)
    return [found[way] for way in ways]


def difference(ours, others):
    """Percent by which convbench's times are above the others of the same turns, with the 95 % interval."""
    from convbench.results.statistics.comparison import ratios

    (row,) = ratios(np.log(ours / others)[None]).itertuples()
    low, middle, high = (100 * (ratio - 1) for ratio in (row.ratio_low, row.ratio, row.ratio_high))
    return f"{middle:+.1f} % ({low:+.1f} to {high:+.1f})"


def main():
    """Let the three take turns, and print the table."""
    asked, _ = _parser().parse_known_args()
    if asked.child:
        return timer_child(asked.child, asked.threads)
    if asked.child_pyperf:
        return pyperf_child(asked.child_pyperf, asked.threads)
    from convbench.text.units import format_seconds

    print("| case | batch, channels, size, filters | convbench | torch Timer | difference | pyperf | difference |")
    print("|---|---|---|---|---|---|---|")
    for name in asked.cases.split(","):
        turns = np.array([take_turn(number, name, asked) for number in range(asked.turns)])
        ours, timer, pyperf = (format_seconds(seconds) for seconds in np.median(turns, axis=0))
        against_timer, against_pyperf = (difference(turns[:, 0], turns[:, other]) for other in (1, 2))
        sizes = ", ".join(map(str, CASES[name]))
        print(f"| {name} | {sizes} | {ours} | {timer} | {against_timer} | {pyperf} | {against_pyperf} |", flush=True)
    return None


if __name__ == "__main__":
    main()

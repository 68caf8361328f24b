"""convbench's loop against torch.utils.benchmark.Timer and pyperf, all in one process and in turns.

    python tests/benchmarks/against_timers_together.py                       all five cases on one core, 20 minutes
    python tests/benchmarks/against_timers_together.py --cases 50us,5ms --threads 2

against_timers.py gives each processes of its own, as their users do. On a busy host those of one timer alone differ by
10 % and more, so that 3 % could not be told. Here a process of pyperf drives: for each of its values all three time the
same call on the same tensors, so many calls each, and who is first changes with the turn. What a process or the machine
makes faster or slower meets all three alike.

The table has the medians over all turns, and the differences as convbench judges backends: a process is a block, the
median over its turns of the log ratios is what it says, and the interval is that of their mean. pyperf:
pip install "convbench[benchmark]".
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

import numpy as np
import pandas as pd
from against_timers import CASES, convolution, difference, environment, options

WAYS = ("convbench", "timer", "pyperf")
VALUE_S = 0.05
"""What a value takes, at least, and so a turn of each."""
CALL_S = {"50us": 50e-6, "500us": 500e-6, "5ms": 5e-3, "50ms": 50e-3, "500ms": 0.5}
"""Roughly, of each case."""


class Together:
    """Times the call of a case by all three, and appends what they say to a file."""

    def __init__(self, name, threads, path):
        from torch.utils.benchmark import Timer

        self.call, self.call_s, self.path, self.turns = convolution(name, threads), CALL_S[name], path, 0
        self.timer = Timer("call()", globals={"call": self.call}, num_threads=threads)

    def by_convbench(self, loops):
        """The loop and the settling of a worker; what PyTorch returns on a CPU exists."""
        from convbench.measure.timing import sample, settling_s

        return sample(self.call, lambda native: None, loops, settling_s(self.call_s, woken=True))[0].elapsed_s

    def by_timer(self, loops):
        """Its own loop, after warm-up calls of its own."""
        return self.timer.timeit(loops).median * loops

    def by_pyperf(self, loops):
        """As pyperf's documentation has it for a function that is called in a loop."""
        begin = time.perf_counter()
        for _ in range(loops):
            self.call()
        return time.perf_counter() - begin

    def turn(self, loops):
        """Seconds for pyperf, which asked for this value."""
        order = np.roll(WAYS, self.turns)
        found = {way: getattr(self, f"by_{way}")(loops) for way in order}
        with self.path.open("a") as lines:
            row = {"process": os.getpid(), "turn": self.turns, **{way: found[way] / loops for way in WAYS}}
            lines.write(json.dumps(row) + "\n")
        self.turns += 1
        return found["pyperf"]


def drive(name, asked):
    """In pyperf's processes: let it ask for its values."""
    import pyperf

    made = []

    def timed(loops):
        if not made:  # only in the process that times
            made.append(Together(name, asked.threads, Path(asked.lines)))
        return made[0].turn(loops)

    def pass_on(command, args):
        command += ["--drive", name, "--threads", str(asked.threads), "--lines", asked.lines]

    pyperf.Runner(add_cmdline_args=pass_on, _argparser=_parser(driving=True)).bench_time_func(name, timed)


def turns_of(name, asked):
    """A row a turn, without the first of each process, which pyperf calls a warm-up: seconds a call by each."""
    loops = max(1, round(VALUE_S / CALL_S[name]))
    values = asked.turns if CALL_S[name] < VALUE_S else max(3, asked.turns // 2)
    with tempfile.TemporaryDirectory(prefix="convbench-") as folder:
        lines = Path(folder) / "lines"
        command = [
            sys.executable, __file__, "--drive", name, "--lines", str(lines), "--threads", str(asked.threads),
            "--processes", str(asked.processes), "--values", str(values), "--warmups", "1", "--loops", str(loops),
            "--quiet", "--copy-env",
        ]  # fmt: skip
        subprocess.run(command, env=environment(asked), stdout=subprocess.DEVNULL, check=True)
        rows = pd.read_json(lines, lines=True)
    return rows[rows["turn"] > 0]


def between(rows, other):
    """Percent by which convbench's times are above another's: what each process says, judged over the processes."""
    log_ratios = np.log(rows["convbench"] / rows[other]).groupby(rows["process"]).median()
    return difference(np.exp(log_ratios.to_numpy()), 1.0)


def _parser(*, driving):
    """What is asked; a process of pyperf's gets the rest from pyperf."""
    parser = options(__doc__)
    parser.add_argument("--lines", help=argparse.SUPPRESS)
    parser.add_argument("--drive", help=argparse.SUPPRESS)
    if not driving:
        parser.add_argument("--processes", type=int, default=10)
        parser.add_argument("--turns", type=int, default=24, help="in each process; of long calls half as many")
    return parser


def main():
    """Time every case, and print the table."""
    asked, _ = _parser(driving="--drive" in sys.argv).parse_known_args()
    if asked.drive:
        return drive(asked.drive, asked)
    from convbench.text.units import format_seconds

    print("| batch, channels, size, filters | convbench | torch Timer | difference | pyperf | difference |")
    print("|---|---|---|---|---|---|")
    for name in asked.cases.split(","):
        rows = turns_of(name, asked)
        ours, timer, pyperf = (format_seconds(rows[way].median()) for way in WAYS)
        sizes = ", ".join(map(str, CASES[name]))
        print(
            f"| {sizes} | {ours} | {timer} | {between(rows, 'timer')} | {pyperf} | {between(rows, 'pyperf')} |",
            flush=True,
        )
    return None


if __name__ == "__main__":
    main()

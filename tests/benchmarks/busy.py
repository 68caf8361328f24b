"""Whether a run ends in the time that it stated, alone and beside processes that keep all cores busy.

    python tests/benchmarks/busy.py
    python tests/benchmarks/busy.py --within 40 --backends numpy-im2col,pytorch --processes 4

Printed are the time that was stated, the time of the whole command, files included, and how many cells were timed. The
script fails where the command takes more than a tenth longer.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import convbench
from convbench.machine.facts import usable_cores

SPIN = "while True: sum(range(10_000))"
LATE = 0.1


def timed_run(within_s, backends, folder):
    """Seconds of the command, and its run."""
    command = [sys.executable, "-m", "convbench", "compare", "--within", str(within_s), "--output", str(folder)]
    command += ["--backends", backends] if backends else []
    begin = time.monotonic()
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begin, convbench.load_run(folder)


def main():
    """Print a line for each, and exit with 1 where one was late."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--within", type=float, nargs="+", default=[40.0, 90.0, 112.0], help="seconds")
    parser.add_argument("--backends", default="", help="default: all that are available")
    parser.add_argument("--processes", type=int, default=len(usable_cores()), help="that are busy beside it")
    asked = parser.parse_args()
    late = False
    for within_s in asked.within:
        for busy in (0, asked.processes):
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "run"
                for _ in range(busy):
                    spinning = subprocess.Popen([sys.executable, "-c", SPIN])
                    stack.callback(spinning.wait)
                    stack.callback(spinning.kill)
                seconds, run = timed_run(within_s, asked.backends, folder)
            cells = run.measurements
            print(
                f"within {within_s:g} s beside {busy} busy processes: {seconds:.1f} s, "
                f"{(cells['samples'] > 0).sum()} of {len(cells)} cells timed"
            )
            late = late or seconds > (1 + LATE) * within_s
    sys.exit(int(late))


if __name__ == "__main__":
    main()

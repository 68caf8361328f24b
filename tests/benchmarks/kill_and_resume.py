"""Kills a run at random moments and lets it go on: does it always end whole, with nothing finished lost or made twice?

    python tests/benchmarks/kill_and_resume.py --kills 30

Prints a line a kill, and exits with 1 if any of them did not end as it should.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from finished_parts import lost_or_made_twice, whole_lines

import convbench

COMMAND = [sys.executable, "-m", "convbench", "compare"]
OPTIONS = ["quick", "--backends", "naive,numpy-im2col", "--batch-sizes", "1", "--blocks", "2", "--rounds", "3"]


def run(arguments: list[str], folder: Path, kill_after_s: float | None = None) -> subprocess.CompletedProcess:
    """A run of the command, killed after so many seconds."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    )
    try:
        output, _ = process.communicate(timeout=kill_after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, output)


def fault_of(folder: Path, scratch: Path, whole: convbench.Run) -> str:
    """What is wrong with how the killed run went on; empty where nothing is."""
    before = whole_lines(folder)
    done = run(["--resume", str(folder)], scratch)
    if not (folder / "run.json").is_file():
        return "" if done.returncode == 2 else f"killed before it began, and exit {done.returncode}"
    if done.returncode:
        return f"exit {done.returncode}: {done.stdout[-300:]}"
    loaded = convbench.load_run(folder)
    if loaded.interrupted or set(loaded.cells) != set(whole.cells) or not (folder / "report.html").is_file():
        return "it is not whole"
    wrong = lost_or_made_twice(before, whole_lines(folder))
    return f"{len(wrong)} events of finished items were lost or made twice: {wrong[0]}" if wrong else ""


def main() -> None:
    """Kill, go on, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance, faults = random.Random(asked.seed), 0
    with tempfile.TemporaryDirectory(prefix="convbench-") as name:
        scratch = Path(name)
        begin = time.monotonic()
        done = run([*OPTIONS, "--output", str(scratch / "whole")], scratch)
        took_s = time.monotonic() - begin
        assert done.returncode == 0, done.stdout
        whole = convbench.load_run(scratch / "whole")
        for number in range(asked.kills):
            after_s = chance.uniform(0.0, took_s)
            folder = scratch / f"killed-{number}"
            run([*OPTIONS, "--output", str(folder)], scratch, after_s)
            lines = len(whole_lines(folder))
            fault = fault_of(folder, scratch, whole)
            faults += bool(fault)
            print(f"{number + 1}: killed after {after_s:.2f} s, {lines} lines: {fault or 'whole'}", flush=True)
    print(f"{asked.kills - faults} of {asked.kills} ended whole; a run takes {took_s:.1f} s")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()

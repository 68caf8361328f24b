"""Whether differences that were planted are found: PyTorch against PyTorch slowed by a known share.

    python tests/benchmarks/planted.py --effort quick --slower 20 --runs 5
    python tests/benchmarks/planted.py --effort thorough --slower 3 --runs 5

The slowed backend waits after each call for that share of what the call took, so its ratio is known whatever the
machine does. Each cell of each run is one try; what counts is the verdict that a report gives with the least margin,
1 %: no floor that a self-test left is known to it. Run it on a quiet machine: `convbench doctor` says whether it is.
This file is the plug-in, too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from convbench_backends.pytorch import PyTorch
from convbench_specs import Unsupported, hookimpl

REFERENCE = "pytorch"
SHARES = (3, 20)
"""Percent."""


def slowed(call, share):
    """The call, and then nothing useful for that share of its time."""

    def slower():
        begin = time.perf_counter_ns()
        result = call()
        end = time.perf_counter_ns()
        until = end + share * (end - begin)
        while time.perf_counter_ns() < until:
            pass
        return result

    return slower


class Slowed(PyTorch):
    share = 0.0

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        calls = {name: prepared.call_of(name) for name in ("forward", "backward", "both")}
        found = {name: c if isinstance(c, Unsupported) else slowed(c, self.share) for name, c in calls.items()}
        return replace(prepared, **found)


def name_of(percent):
    """The name of the backend that is slower by so many percent."""
    return f"pytorch-slower-{percent}"


@hookimpl
def convbench_backends():
    return [type("Slowed", (Slowed,), {"name": name_of(share), "share": share / 100}) for share in SHARES]


def tries(effort, percent, **asked):
    """The comparisons of one run: a row a cell."""
    from convbench import api
    from convbench.cli.progress import terminal_observer
    from convbench.plan.settings import RunSettings
    from convbench.workers.plugins import find_backends

    backends = (REFERENCE, name_of(percent))
    settings = RunSettings.of_effort(effort, backends=backends, passes=("forward",), memory=False, **asked)
    with tempfile.TemporaryDirectory(prefix="convbench-") as folder:
        os.environ["CONVBENCH_CACHE_DIR"] = f"{folder}/cache"
        registry = find_backends([__file__])
        run = api.execute(settings, registry, output=Path(folder) / "run", observer=terminal_observer())
        return run.compare(name_of(percent), REFERENCE)


def main():
    """Make the runs and print a line of a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--effort", choices=("glance", "quick", "thorough"), default="quick")
    parser.add_argument("--slower", type=int, choices=SHARES, default=20, help="percent; default: 20")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--allocator", choices=("default", "tuned"), default="default")
    parser.add_argument("--cases", default="conv1,conv2,photo_lines", help="of the quick workload")
    parser.add_argument("--batch-sizes", default="8,32")
    asked = parser.parse_args()
    more = {
        "threads": asked.threads,
        "allocator": asked.allocator,
        "cases": tuple(asked.cases.split(",")),
        "batch_sizes": tuple(int(size) for size in asked.batch_sizes.split(",")),
    }
    begin = time.monotonic()
    found = pd.concat([tries(asked.effort, asked.slower, **more) for _ in range(asked.runs)])
    counts = found["speed"].value_counts()
    ratio, half = found["ratio"].median(), (found["ratio_high"] / found["ratio_low"]).median() ** 0.5 - 1
    print("| effort | slower by | runs | tries | slower | inconclusive | equivalent | faster | ratio | ± | took |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    verdicts = " | ".join(str(counts.get(name, 0)) for name in ("slower", "inconclusive", "equivalent", "faster"))
    print(
        f"| {asked.effort} | {asked.slower} % | {asked.runs} | {len(found)} | {verdicts} | {ratio:.3f} "
        f"| {100 * half:.1f} % | {time.monotonic() - begin:.0f} s |"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()

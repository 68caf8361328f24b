"""Whether two interpreters with the same packages are called the same, and a plug-in that is slower in one is found.

    python tests/benchmarks/interpreters.py same --runs 5       # at most 5 % of the cells may be called different
    python tests/benchmarks/interpreters.py planted --runs 5    # every run must find the slower one, and `diff` exit 1

The second interpreter is a virtual environment that sees the packages of the first, so the versions are the same. For
`planted` each environment has its own copy of one plug-in, of which the copy in the second waits after each call for
20 % of what the call took. What counts is the verdict of a report with the least margin, 1 %. Run it on a quiet
machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from other_interpreter import install, make_interpreter

BACKENDS = ("numpy-im2col", "pytorch")
SHARE = 0.2
PLUGIN = """
import time
from dataclasses import replace

from convbench_backends.numpy_im2col import NumpyIm2col
from convbench_specs import Unsupported, hookimpl

SHARE = 0.0

def slowed(call):
    def slower():
        begin = time.perf_counter_ns()
        result = call()
        end = time.perf_counter_ns()
        until = end + SHARE * (end - begin)
        while time.perf_counter_ns() < until:
            pass
        return result
    return slower

class Ours(NumpyIm2col):
    name = "ours"

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        calls = {name: prepared.call_of(name) for name in ("forward", "backward", "both")}
        return replace(prepared, **{n: c if isinstance(c, Unsupported) else slowed(c) for n, c in calls.items()})

@hookimpl
def convbench_backends():
    return [Ours]
"""


def same(folder: Path, number: int) -> tuple[pd.DataFrame, int]:
    """One default run of PyTorch and NumPy over two interpreters: a row a cell; there is nothing for `diff` to find."""
    import convbench
    from convbench.cli.progress import terminal_observer

    output = folder / f"same-{number}"
    run = convbench.compare(backends=BACKENDS, against=folder / "second", output=output, observer=terminal_observer())
    return pd.concat([run.compare(name, f"{name}-base") for name in BACKENDS]), 0


def planted(folder: Path, number: int) -> tuple[pd.DataFrame, int]:
    """One default run of the plug-in's two copies, and how `convbench diff` ends on it."""
    from click.testing import CliRunner

    import convbench
    from convbench.cli.main import main as command
    from convbench.cli.progress import terminal_observer

    output = folder / f"planted-{number}"
    run = convbench.compare(
        entrants=[f"before=ours@{folder / 'first'}", f"after=ours@{folder / 'second'}"],
        output=output,
        observer=terminal_observer(),
    )
    ended = CliRunner().invoke(command, ["diff", str(output), "--left", "before", "--right", "after"])
    return run.compare("after", "before"), ended.exit_code


def main() -> None:
    """Make the runs and print a line of a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("same", "planted"))
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="convbench-") as name:
        folder = Path(name)
        os.environ["CONVBENCH_CACHE_DIR"] = str(folder / "cache")
        for place, share in (("first", 0.0), ("second", SHARE)):
            make_interpreter(folder / place)
            if asked.what == "planted":
                install(folder / place, "ours", "1.0", PLUGIN.replace("SHARE = 0.0", f"SHARE = {share}"))
        one_run = {"same": same, "planted": planted}[asked.what]
        runs = [one_run(folder, number) for number in range(asked.runs)]
    print("| what | runs | cells | slower | faster | equivalent | inconclusive | ratio | diff exits 1 | took |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    found = pd.concat([table for table, _ in runs])
    counts = found["speed"].value_counts()
    verdicts = " | ".join(str(counts.get(verdict, 0)) for verdict in ("slower", "faster", "equivalent", "inconclusive"))
    exits = sum(code == 1 for _, code in runs)
    took = time.monotonic() - begin
    print(
        f"| {asked.what} | {len(runs)} | {len(found)} | {verdicts} | {found['ratio'].median():.3f} | {exits} "
        f"| {took:.0f} s |"
    )


if __name__ == "__main__":
    main()

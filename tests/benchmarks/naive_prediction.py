"""Whether the naive backend knows how long its loops will take: predicted against measured, over many cases.

    python tests/benchmarks/naive_prediction.py                     the quick workload, and 60 random cases
    python tests/benchmarks/naive_prediction.py --random 300 --seed 7

A run skips what would take too long, by this prediction. It is good where it is within a factor of 2. Calls below
LEAST_S are left out: they are measured coarsely, and nobody skips them; so are those above MOST_S.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed

from convbench.testing.random_cases import batch_sizes, cases
from convbench.text.operations import operation_text
from convbench.text.units import format_ratio, format_seconds
from convbench.verify import make_tensors
from convbench_backends.naive import Naive
from convbench_specs import PASSES, Case, PassName, Prepared, Settings, load_workload

LEAST_S, MOST_S = 50e-6, 2.0
GOOD = 2.0


def random_cases(count: int, seed: int) -> list[tuple[Case, int]]:
    """Cases and batch sizes over the whole spec."""
    drawn: list[tuple[Case, int]] = []

    @with_seed(seed)
    @settings(max_examples=count, phases=[Phase.generate], database=None, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(cases(max_extra_size=24, max_multiply_adds=400_000), batch_sizes())
    def draw(case: Case, batch_size: int) -> None:
        drawn.append((case, batch_size))

    draw()
    return drawn


def measure(backend: Naive, case: Case, batch_size: int) -> Iterator[tuple[PassName, float, float]]:
    """Pass, predicted and measured seconds of each pass that is worth it."""
    prepared = backend.prepare(case, make_tensors(case, batch_size, seed=0))
    if not isinstance(prepared, Prepared):
        return
    for pass_name in PASSES:
        predicted = backend.predict_s(case, batch_size, pass_name)
        if predicted is not None and predicted <= MOST_S:
            call = prepared.call_of(pass_name)
            seconds = min(_seconds(call) for _ in range(2 if predicted > 0.1 else 4))
            if seconds >= LEAST_S:
                yield pass_name, predicted, seconds


def _seconds(call) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main() -> None:
    """Print a line a pass, the worst first, and how many are good."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--random", type=int, default=60, help="random cases; default: 60")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worst", type=int, default=25, help="lines that are printed; default: 25")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # hypothesis would like to be called by pytest
    backend = Naive()
    backend.start(Settings())
    chosen = [(case, size) for case in load_workload("quick").cases for size in (1, 8)]
    rows = []
    for case, batch_size in chosen + random_cases(asked.random, asked.seed):
        for pass_name, predicted, seconds in measure(backend, case, batch_size):
            text = f"{operation_text(case.operation)} on {'x'.join(map(str, case.input_shape))}"
            rows.append((predicted / seconds, predicted, seconds, pass_name, batch_size, text))
    rows.sort(key=lambda row: -abs(np.log(row[0])))
    print("predicted / measured | predicted | measured | pass | batch | case")
    print("-|-|-|-|-|-")
    for ratio, predicted, seconds, pass_name, batch_size, text in rows[: asked.worst]:
        times = f"{format_seconds(predicted)} | {format_seconds(seconds)}"
        print(f"{format_ratio(ratio)} | {times} | {pass_name} | {batch_size} | {text}")
    ratios = np.array([row[0] for row in rows])
    good = int(((ratios <= GOOD) & (ratios >= 1 / GOOD)).sum())
    print(
        f"\n{good} of {len(rows)} within a factor of {GOOD:g}; from {ratios.min():.2f} to {ratios.max():.2f},", end=" "
    )
    print(f"median {np.median(ratios):.2f}")


if __name__ == "__main__":
    main()

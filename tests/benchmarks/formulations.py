"""Whether the rule of numba-cpu takes the fastest formulation: every one of them, timed on random layers.

    python tests/benchmarks/formulations.py OUTPUT                 # 300 layers, about four minutes on 2 cores
    python tests/benchmarks/formulations.py OUTPUT --layers 50 --seed 7 --threads 1
    python tests/benchmarks/formulations.py OUTPUT --depthwise     # layers of one filter a channel

Writes OUTPUT/formulations.csv, a row for each layer, pass and formulation that can do it, and prints how often the one
that the rule takes was within a tenth of the fastest. The layers are drawn from the sizes that networks have, with 2
million to 2.5 thousand million multiply-adds. All formulations of a pass take turns in one process; a time is the fifth
of all calls that was fastest. On a machine that does nothing else, or the numbers mean nothing.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd

from convbench_backends.numba_cpu.convolution.choose import choose
from convbench_backends.numba_cpu.convolution.formulations import FORWARD, GRADIENT, WEIGHT_GRADIENTS
from convbench_backends.numba_cpu.geometry import ConvShape
from convbench_backends.shared import aligned
from convbench_specs import Case, Conv

CHANNELS = (3, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024, 2048)
SIZES = (4, 7, 8, 10, 13, 14, 16, 20, 27, 28, 35, 40, 55, 56, 80, 112, 224)
BATCH_SIZES = (1, 1, 2, 4, 8, 8, 16, 32)
KERNELS = (1, 1, 1, 1, 3, 3, 3, 5, 7)
STRIDES = (1, 1, 1, 2)
DEPTHWISE_KERNELS = (1, 2, 3, 3, 5, 5, 7, 7, 9)
MULTIPLY_ADDS = (2e6, 2.5e9)
DEPTHWISE_MULTIPLY_ADDS = (2e5, 2.5e9)
MOST_NUMBERS = 15_000_000
"""Of x or y: a layer takes no more than a few hundred megabytes in all."""
TURNS, TURN_S = 4, 0.012
WITHIN = 1.1
"""How many times the fastest formulation's time still counts as right."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time every formulation of numba-cpu on random layers.")
    parser.add_argument("output", type=Path, help="folder for the table")
    parser.add_argument("--layers", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=numba.get_num_threads())
    parser.add_argument("--depthwise", action="store_true", help="draw layers of one filter a channel")
    options = parser.parse_args()
    numba.set_num_threads(options.threads)
    rows: list[dict[str, Any]] = []
    layers = _layers(random.Random(options.seed), depthwise=options.depthwise)
    for number, (case, batch_size) in zip(range(options.layers), layers, strict=False):
        rows += [{"number": number, **row} for row in _measure(ConvShape.of(case, batch_size), options.threads)]
    table = pd.DataFrame(rows)
    options.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.output / "formulations.csv", index=False, lineterminator="\n", float_format="%.5g")
    for pass_name, ratios in _ratios(table).groupby(level="pass"):
        right = (ratios <= WITHIN).mean()
        print(f"{pass_name}: {right:.1%} of {len(ratios)} within a tenth of the fastest, at worst {ratios.max():.2f}")


def _ratios(table: pd.DataFrame) -> pd.Series[float]:
    """Time of the formulation that the rule takes, over that of the fastest, by pass and layer."""
    fastest = table.groupby(["pass", "number"])["seconds"].min()
    return table[table["chosen"]].set_index(["pass", "number"])["seconds"] / fastest


def _layers(chance: random.Random, *, depthwise: bool) -> Iterator[tuple[Case, int]]:
    """Random (case, batch size) without end."""
    least, most = DEPTHWISE_MULTIPLY_ADDS if depthwise else MULTIPLY_ADDS
    while True:
        kernel, size = chance.choice(DEPTHWISE_KERNELS if depthwise else KERNELS), chance.choice(SIZES)
        stride, batch_size = chance.choice(STRIDES), chance.choice(BATCH_SIZES)
        channels, filters = chance.choice(CHANNELS), chance.choice(CHANNELS)
        groups = channels if depthwise else 1
        filters = channels if depthwise else filters
        if size < kernel:
            continue
        operation = Conv(
            in_channels=channels, out_channels=filters, kernel_size=(kernel, kernel), stride=(stride, stride),
            padding=((kernel // 2, kernel // 2),) * 2, bias=False, groups=groups,
        )  # fmt: skip
        case = Case(name="random", operation=operation, input_shape=(channels, size, size))
        shape = ConvShape.of(case, batch_size)
        products = float(np.prod(shape.y)) * shape.patch
        fits = max(np.prod(shape.x), np.prod(shape.y)) <= MOST_NUMBERS
        if least <= products <= most and fits:
            yield case, batch_size


def _measure(shape: ConvShape, threads: int) -> Iterator[dict[str, Any]]:
    """A row for each pass and formulation."""
    random_numbers, dtype = np.random.default_rng(0), np.dtype("float32")
    x, dy, w = (
        aligned.flat_copy(random_numbers.standard_normal(size, dtype=np.float32))
        for size in (shape.x, shape.y, shape.w)
    )
    names = choose(shape, itemsize=dtype.itemsize, threads=threads)
    passes: tuple[tuple[str, Mapping[str, Any], Callable[[Any], Any]], ...] = (
        ("y", FORWARD, lambda compute: compute(x, w, None)),
        ("dx", GRADIENT, lambda compute: compute(dy, w, None)),
        ("dw", WEIGHT_GRADIENTS, lambda compute: compute(x, dy)),
    )
    for pass_name, ways, call in passes:
        possible = {name: way for name, way in ways.items() if not way.why_not(shape, dtype.itemsize)}
        made = {name: way.make(shape, dtype, threads) for name, way in possible.items()}
        for name, seconds in _race(made, call).items():
            yield {
                "batch": shape.batch, "channels": shape.in_channels, "filters": shape.out_channels,
                "size": shape.vertical.size, "kernel": shape.vertical.kernel, "stride": shape.vertical.stride,
                "pass": pass_name, "formulation": name, "seconds": seconds,
                "cost": possible[name].cost(shape, dtype.itemsize, threads),
                "chosen": name == getattr(names, pass_name),
            }  # fmt: skip


def _race(made: Mapping[str, Any], call: Callable[[Any], Any]) -> dict[str, float]:
    """Seconds of a call of each, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in made}
    for name in made:
        call(made[name])
    for _ in range(TURNS):
        for name, times in seconds.items():
            end = time.perf_counter() + TURN_S
            while True:
                begin = time.perf_counter()
                call(made[name])
                now = time.perf_counter()
                times.append(now - begin)
                if now >= end:
                    break
    return {name: sorted(times)[len(times) // 5] for name, times in seconds.items()}


if __name__ == "__main__":
    sys.exit(main())

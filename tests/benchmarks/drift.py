"""How long what disturbs a machine lasts, and whether processes of the same code differ from each other.

    python tests/benchmarks/drift.py --case conv1 --batch-size 32 --pass forward --seconds 40
    python tests/benchmarks/drift.py --backends pytorch --processes 6

Workers of the backends stay alive and are timed in rounds, in random order, as a block of `convbench compare` does, but
for as long as is asked. Printed are the spread of the ratio of two backends in means over longer and longer windows,
beside that of independent noise, and of each backend the spread of its processes and of its rounds.
"""

from __future__ import annotations

import random
import time
from itertools import combinations

import numpy as np
from prepared_workers import answer, case_parser, prepared_workers, warmed_up

from convbench.machine.core_speed import SLOW, CoreSpeeds
from convbench.machine.core_speed_history import known_bests
from convbench.machine.cores import cores_for
from convbench.machine.facts import usable_cores
from convbench.measure.timing import WOKEN_S
from convbench.workers import protocol

WINDOWS = (1, 3, 10, 30, 100, 300)
"""Rounds that a mean is taken over."""
LEAST_WINDOWS = 4
"""Fewer have no spread to speak of."""
SAMPLE_S = 0.003


def sample(session, pass_name, loops):
    """Seconds a call."""
    reply = answer(session, protocol.Sample(pass_name=pass_name, loops=loops, settle_s=WOKEN_S))
    session.suspend()
    return reply.elapsed_s / reply.loops


def measure(asked):
    """Logarithms of seconds by round, backend and process; the share of rounds with a slow core; seconds a round."""
    with prepared_workers(asked, asked.processes) as sessions:
        workers = [(session, warmed_up(session, asked.pass_name, SAMPLE_S)) for session in sessions]
        speeds = CoreSpeeds(cores_for(asked.threads, usable_cores()), known_bests())
        rounds, slow, begin = [], [], time.monotonic()
        while not rounds or time.monotonic() - begin < asked.seconds:
            taken = np.zeros(len(workers))
            for number in random.sample(range(len(workers)), len(workers)):
                session, loops = workers[number]
                taken[number] = sample(session, asked.pass_name, loops)
            rounds.append(np.log(taken))
            slow.append((speeds.slowdown() or 1.0) > SLOW)
    shape = (len(rounds), -1, asked.processes)
    return np.array(rounds).reshape(shape), np.mean(slow), (time.monotonic() - begin) / len(rounds)


def print_windows(taken, round_s):
    """A row a window: the spread of means over it, and what independent rounds would have."""
    ratios = [taken[:, one, 0] - taken[:, other, 0] for one, other in combinations(range(taken.shape[1]), 2)]
    print("| mean over | seconds | spread of the ratio | if rounds were independent |\n|---:|---:|---:|---:|")
    for window in WINDOWS:
        count = len(taken) // window
        if count < LEAST_WINDOWS or not ratios:
            return
        means = [ratio[: count * window].reshape(count, window).mean(axis=1).std(ddof=1) for ratio in ratios]
        white = [ratio.std(ddof=1) / window**0.5 for ratio in ratios]
        print(f"| {window} | {window * round_s:.2f} | {np.median(means):.1%} | {np.median(white):.1%} |")


def print_processes(taken, names):
    """A row a backend: how far its processes are apart, and its rounds."""
    print("| backend | a call | processes apart | rounds apart | the rest |\n|---|---:|---:|---:|---:|")
    for number, name in enumerate(names):
        times = taken[:, number]
        of_round = np.median(times, axis=1)
        of_process = np.median(times - of_round[:, None], axis=0)
        rest = times - of_round[:, None] - of_process
        call = np.exp(np.median(times)) * 1e6
        print(f"| {name} | {call:.0f} µs | {of_process.std(ddof=1):.1%} | {of_round.std():.1%} | {rest.std():.1%} |")


def main():
    """Measure, and print the tables."""
    parser = case_parser(__doc__.partition("\n")[0], case="conv1", pass_name="forward", seconds=40.0)
    parser.add_argument("--processes", type=int, default=1, help="of each backend")
    asked = parser.parse_args()
    taken, slow, round_s = measure(asked)
    print(f"{asked.case} {asked.batch_size} {asked.pass_name}: {len(taken)} rounds, a core slow after {slow:.0%}\n")
    print_windows(taken, round_s)
    if asked.processes > 1:
        print()
        print_processes(taken, asked.backends.split(","))


if __name__ == "__main__":
    main()

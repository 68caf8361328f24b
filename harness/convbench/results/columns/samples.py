"""Columns of the samples, a row a timed inner loop; further attempts at the same sample have rows of their own."""

from __future__ import annotations

from convbench.results.columns.column import Column, count, flag, ratio, seconds
from convbench.results.columns.keys import BACKEND, BATCH_SIZE, CASE, DTYPE, MACHINE, PASS, RUN, WORKLOAD

SAMPLES: tuple[Column, ...] = (
    RUN,
    MACHINE,
    WORKLOAD,
    CASE,
    DTYPE,
    BATCH_SIZE,
    BACKEND,
    PASS,
    Column(
        name="block",
        unit="",
        dtype="integer",
        meaning="Number of the block, from 0. Each block has fresh worker processes.",
    ),
    Column(
        name="round",
        unit="",
        dtype="integer",
        meaning="Number of the round within its block, from 0. In each round every backend has one turn. Of several "
        "rows with the same block and round the last one counts; the earlier ones were disturbed by other programs.",
    ),
    flag("contended", "Whether other programs used the machine during the sample.", optional=True),
    ratio(
        "core_slowdown",
        "Time of the slowest core for a loop of fixed work right after the turn, as a multiple of that core's best "
        "time.",
        optional=True,
    ),
    count("loops", "Number of calls in the inner loop."),
    seconds("elapsed_s", "Elapsed time of the whole inner loop: of all calls together."),
    seconds("cpu_s", "Processor time that all threads of the worker used during the inner loop."),
    count("minor_faults", "Memory pages that the system had to map during the inner loop."),
    count("involuntary_switches", "How often the system took a processor away from the worker during the inner loop."),
    seconds(
        "waited_s",
        "Time during the inner loop in which some task of the machine had to wait for a processor. Empty "
        "where the system does not tell.",
        optional=True,
    ),
    seconds("settled_s", "Time of the calls right before the sample, which are not counted.", optional=True),
)
"""In the order of the frame."""

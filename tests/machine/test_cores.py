"""A worker is bound to as many cores as it has threads, whole cores first."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.machine.cores import core_list, cores_for, parse_core_list, siblings

PAIRS = {0: (0, 2), 1: (1, 3), 2: (0, 2), 3: (1, 3)}
NEIGHBOURS = {0: (0, 1), 1: (0, 1), 2: (2, 3), 3: (2, 3)}


@pytest.mark.parametrize(
    ("threads", "usable", "siblings_of", "cores"),
    [
        (1, (0, 1, 2, 3), PAIRS, (0,)),
        (2, (0, 1, 2, 3), PAIRS, (0, 1)),
        (2, (0, 1, 2, 3), NEIGHBOURS, (0, 2)),
        (3, (0, 1, 2, 3), NEIGHBOURS, (0, 1, 2)),
        (2, (1, 2, 3), NEIGHBOURS, (1, 2)),  # 0 may not be used, so 1 is a whole core
        (2, (2, 3), NEIGHBOURS, (2, 3)),
        (8, (2, 3), NEIGHBOURS, (2, 3)),
    ],
)
def test_whole_cores_are_taken_first(threads, usable, siblings_of, cores):
    assert cores_for(threads, usable, siblings_of.__getitem__) == cores


def test_a_core_is_among_its_siblings():
    for core in os.sched_getaffinity(0):
        assert core in siblings(core)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one usable core: every process is bound to it")
def test_threads_that_run_already_are_bound_too():
    code = (
        "import os, threading\n"
        "from convbench.machine.cores import THREADS, bind\n"
        "stop = threading.Event()\n"
        "thread = threading.Thread(target=stop.wait)\n"
        "thread.start()\n"
        "bind(1)\n"
        "print(*(len(os.sched_getaffinity(int(task.name))) for task in THREADS.iterdir()))\n"
        "stop.set()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


@given(st.sets(st.integers(0, 300)))
def test_a_list_of_cores_reads_as_it_was_written(numbers):
    assert parse_core_list(core_list(numbers)) == tuple(sorted(numbers))

"""Every backend's passes under pytest-benchmark, out of the same cases as `convbench compare`.

    pytest tests/benchmarks --benchmark-only --benchmark-json=passes.json
    pytest tests/benchmarks --benchmark-only -k "pytorch and conv2"

All backends share one process here, and their thread pools disturb each other: for a comparison use
`convbench compare`, or -k with one backend a time. CONVBENCH_WORKLOAD and CONVBENCH_BATCH_SIZE choose the cases,
CONVBENCH_THREADS the threads.

Calls of 100 ns are looped before they are stored: the first command wrote 376 kB for 126 tests in 3 min 40 s (2 cores
of an Intel Xeon, all backends but numba-cuda), where every single call would be 60 MB.
"""

from __future__ import annotations

import os

import pytest

from convbench.verify import make_tensors
from convbench.workers.discovery.loading import load_backend
from convbench.workers.plugins import find_backends
from convbench_specs import PASSES, Available, Settings, Unsupported, load_workload

WORKLOAD = load_workload(os.environ.get("CONVBENCH_WORKLOAD", "quick"))
BATCH_SIZE = int(os.environ.get("CONVBENCH_BATCH_SIZE", "1"))
ROUND_S = 0.02
"""A round is at least this long, so a short call is looped before anything is stored: at most 50 rounds in a second."""
SLOW_CALL_S = 1.0
"""A call that its backend predicts to take longer is left out, as `convbench compare` does."""
BACKENDS = {name: load_backend(entry.plugin, name) for name, entry in find_backends().backends.items()}


@pytest.fixture(scope="module")
def start():
    """Starts a backend once; a test of one that is not available is skipped with its reason."""
    started = set()

    def start_once(backend):
        found = backend.availability("cpu")
        if not isinstance(found, Available):
            pytest.skip(found.reason)
        if backend.name not in started:
            settings = Settings(threads=int(os.environ["OMP_NUM_THREADS"]))
            os.environ |= backend.environment(settings)
            backend.start(settings)
            started.add(backend.name)

    return start_once


@pytest.mark.benchmark(min_time=ROUND_S)
@pytest.mark.parametrize("pass_name", PASSES)
@pytest.mark.parametrize("case", WORKLOAD.cases, ids=lambda case: case.name)
@pytest.mark.parametrize("name", BACKENDS)
def test_pass(benchmark, start, name, case, pass_name):
    backend = BACKENDS[name]
    start(backend)
    predicted = backend.predict_s(case, BATCH_SIZE, pass_name)
    if predicted is not None and predicted > SLOW_CALL_S:
        pytest.skip(f"a call would take {predicted:.2g} s")
    prepared = backend.prepare(case, make_tensors(case, BATCH_SIZE, seed=0))
    if isinstance(prepared, Unsupported):
        pytest.skip(prepared.reason)
    call = prepared.call_of(pass_name)
    if isinstance(call, Unsupported):
        pytest.skip(call.reason)
    benchmark.group = f"{case.name} {pass_name}"
    prepared.wait(call())
    benchmark(lambda: prepared.wait(call()))

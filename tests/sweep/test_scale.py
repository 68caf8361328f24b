"""What a sweep does for each job does not grow with the number of jobs and machines."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import pytest
from simulated_machines import SimulatedEngine
from swept import STUB, assert_all_there_once, begun, jobs

from convbench.sweep.conductor import Conductor, Pace
from convbench.sweep.on_machine.folders import packed


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The packed run of a stub."""
    import subprocess

    run = tmp_path_factory.mktemp("run") / "run"
    subprocess.run([*STUB, "compare", "quick", "--output", str(run)], check=True)
    return packed(run)


def conducted(path, count, machines, archive):
    """The engine after a sweep, and how many lines of the package sweep were run."""
    folder, engine, lines = begun(path, jobs(count)), SimulatedEngine(machines, archive), Counter()

    def trace(frame, event, _):
        if "/convbench/sweep/" not in frame.f_code.co_filename:
            return None
        lines[event] += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        asyncio.run(Conductor(folder, engine, lambda _: None, pace=Pace(poll_s=60.0)).conduct())
    finally:
        sys.settrace(before)
        folder.close()
    return engine, lines["line"]


def test_each_job_is_handed_out_once_and_to_a_machine_that_has_no_other(tmp_path, archive):
    engine, _ = conducted(tmp_path / "sweep", 60, 7, archive)
    assert engine.calls["measure"] == engine.calls["forget"] == 60
    assert engine.most_at_once == 1
    assert_all_there_once(tmp_path / "sweep", jobs(60))


@pytest.mark.slow
def test_the_work_for_a_job_is_the_same_however_many_there_are(tmp_path, archive):
    _, few = conducted(tmp_path / "few", 50, 5, archive)
    engine, many = conducted(tmp_path / "many", 600, 60, archive)
    assert many / 600 < 1.1 * few / 50, "lines of code a job"
    assert engine.calls["machines"] < 10, "and machines are not asked for each of them"

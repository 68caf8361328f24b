"""pyperf reads what we write: its medians are those of the run, and `compare_to` compares two of them."""

from __future__ import annotations

import io
import subprocess
import sys
from statistics import median

import pytest
from mixed_run import BLOCKS, ROUNDS
from pyperf import BenchmarkSuite

from convbench.report.export import export
from convbench.report.export.cells import timed_cells


def loaded(run):
    return {each.get_name(): each for each in BenchmarkSuite.load(io.StringIO(export(run, "pyperf")))}


def test_pyperf_computes_the_stored_medians(timed, stored_times):
    found = {name: each.median() for name, each in loaded(timed).items()}
    assert found == pytest.approx({name: times[0] for name, times in stored_times(timed).items()}, rel=1e-12)


def test_the_interval_is_the_stored_one(timed, stored_times):
    metadata = {name: each.get_metadata() for name, each in loaded(timed).items()}
    found = {name: (each["ci_low_s"], each["ci_high_s"]) for name, each in metadata.items()}
    assert found == {name: times[1:] for name, times in stored_times(timed).items()}


def test_a_process_of_theirs_is_a_block_of_ours(run):
    benchmarks = loaded(run)
    for cell in timed_cells(run):
        benchmark = benchmarks[cell.name]
        assert (benchmark.get_nrun(), benchmark.get_nvalue(), benchmark.get_loops()) == (BLOCKS, BLOCKS, 5)
        factor = benchmark.get_metadata()["convbench_factor"]
        assert 0.9 < factor < 1.1
        values = [value / factor for value in benchmark.get_values()]
        assert values == pytest.approx([median(block) for block in cell.seconds], rel=1e-12)


def test_a_run_of_one_block_has_its_samples(single):
    assert {each.get_nvalue() for each in loaded(single).values()} == {ROUNDS}


def test_compare_to_and_stats_run(run, single, tmp_path):
    export(run, "pyperf", tmp_path / "old.json")
    export(single, "pyperf", tmp_path / "new.json")
    for arguments in (["compare_to", "old.json", "new.json", "--table"], ["stats", "old.json"]):
        done = subprocess.run(
            [sys.executable, "-m", "pyperf", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "w: conv1, batch 8, float32, backward, slow" in done.stdout

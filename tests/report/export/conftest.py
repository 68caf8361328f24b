"""The runs that every format is tested on."""

from __future__ import annotations

import pytest
from mixed_run import write_mixed_run

from convbench.results.loading import load_run
from convbench.results.summary import right_cells


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A run of several blocks with every kind of cell."""
    return load_run(write_mixed_run(tmp_path_factory.mktemp("runs") / "mixed"))


@pytest.fixture(scope="session")
def single(tmp_path_factory):
    """A run of one block."""
    return load_run(write_mixed_run(tmp_path_factory.mktemp("runs") / "single", blocks=1))


@pytest.fixture(scope="session")
def untimed(tmp_path_factory):
    """A run that only checked."""
    return load_run(write_mixed_run(tmp_path_factory.mktemp("runs") / "untimed", timed=False))


@pytest.fixture(params=["run", "single"])
def timed(request):
    """A run of several blocks, and one of a single block."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def stored_times():
    """What a run stores of each right cell: its name in exports -> (median_s, ci_low_s, ci_high_s)."""

    def times(run):
        return {
            f"{row.workload}: {row.case}, batch {row.batch_size}, {row.dtype}, {row.pass_name}, {row.backend}": (
                row.median_s,
                row.ci_low_s,
                row.ci_high_s,
            )
            for row in right_cells(run.measurements).rename(columns={"pass": "pass_name"}).itertuples()
        }

    return times

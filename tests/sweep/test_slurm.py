"""A sweep in the queue of a real Slurm, of whose two nodes one goes down while it measures."""

from __future__ import annotations

import os
from threading import Thread

import pytest
from dask_cluster import processes_of, until
from paths import TESTS
from slurm_cluster import SlurmCluster, missing_slurm
from swept import STUB, assert_all_there_once, begun, jobs

from convbench.sweep.conductor import Pace
from convbench.sweep.engines.clusters import in_queue
from convbench.sweep.engines.dask_engine import NANNY_VARIABLES
from convbench.sweep.engines.queue_config import read_queue_config
from convbench.sweep.sweeping import Way, go_on_with
from convbench.workers.channel.leftovers import end_marked, new_mark

pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed: the extra distributed")

CONFIG = """
[machine]
machines = 2
memory = "2GB"
job_directives_skip = ["--mem"]
scheduler_host = "127.0.0.1"
local_directory = "{folder}"
log_directory = "{folder}"
job_script_prologue = [
    "export CONVBENCH_MACHINE_LOCK={folder}/$SLURMD_NODENAME.lock",
    "export CONVBENCH_CACHE_DIR={folder}/$SLURMD_NODENAME",
    "export STUB_NAME=$SLURMD_NODENAME",
]
"""


@pytest.fixture
def slurm(tmp_path):
    """Slurm with two nodes; under CI=true it must be there."""
    missing = missing_slurm()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    with SlurmCluster(tmp_path / "slurm") as started:
        yield started


@pytest.mark.slow
def test_jobs_of_a_node_that_goes_down_are_made_on_the_other(slurm, tmp_path, monkeypatch):
    mark = new_mark()
    (work := tmp_path / "work").mkdir()
    for name, value in {"SLURM_CONF": slurm.environment["SLURM_CONF"], **mark, "STUB_STEPS": "20",
                        "STUB_STEP_S": "0.1", "PYTHONPATH": os.pathsep.join(
                            [str(TESTS / "support"), os.environ.get("PYTHONPATH", "")])}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    (tmp_path / "cluster.toml").write_text(CONFIG.format(folder=work))
    wanted = read_queue_config(tmp_path / "cluster.toml", "slurm")
    way = Way(engine=in_queue("slurm", wanted), pace=Pace(poll_s=0.2, look_s=0.3, lease_s=10.0, machine_s=120.0),
              dropped_variables=NANNY_VARIABLES, command=STUB)  # fmt: skip
    folder, said, swept = begun(tmp_path / "sweep", jobs(3)), [], []
    thread = Thread(target=lambda: swept.append(go_on_with(folder, way, said.append)))
    try:
        thread.start()
        assert until(lambda: _measuring_on("n1", tmp_path)), said
        slurm.call("scontrol", "update", "nodename=n1", "state=down", "reason=test")
        thread.join(200)
        assert swept, said
    finally:
        slurm.call("scancel", "--user=root")
        left = until(lambda: not processes_of(mark), 20.0) or processes_of(mark)
        end_marked(mark)
        folder.close()
    assert swept[0].missing == (), said
    assert any("is gone" in line for line in said), said
    assert_all_there_once(tmp_path / "sweep", jobs(3))
    assert left is True


def _measuring_on(node, folder):
    """Whether the sweep has a part of a run that is made on a node."""
    journals = (folder / "sweep" / "parts").glob("*/journal.jsonl")
    return any(f"by {node}" in journal.read_text() for journal in journals)

"""A real dask cluster of three workers: nothing is lost, nothing doubled, and no process is left, whoever is killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import pytest
from dask_cluster import DaskCluster, free_port, until
from paths import TESTS
from swept import STUB, assert_all_there_once, begun, jobs

from convbench.errors import UsageError
from convbench.sweep.conductor import Pace
from convbench.sweep.engines.clusters import at_scheduler
from convbench.sweep.engines.dask_engine import called
from convbench.sweep.on_machine.messages import protocol
from convbench.sweep.state import SweepFolder
from convbench.sweep.sweeping import Way, go_on_with

pytest.importorskip("distributed", reason="dask is not installed: the extra distributed")

CLIENT = str(TESTS / "support" / "sweep_client.py")
PACE = Pace(poll_s=0.1, look_s=0.2, lease_s=5.0, machine_s=1.0)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Three workers; two are of the kind machine, one is of the kind gpu."""
    with DaskCluster(
        tmp_path_factory.mktemp("cluster"), 3, nanny=False, kinds=("machine", "gpu", "machine")
    ) as started:
        yield started


def swept(cluster, path, made, **changes):
    """A sweep in this process, and what was said."""
    folder, said = begun(path, made, **changes), []
    way = Way(engine=at_scheduler(cluster.address), pace=PACE, command=STUB)
    try:
        return go_on_with(folder, way, said.append), said
    finally:
        folder.close()


def test_each_job_goes_to_its_kind_of_machine_and_comes_back_whole(cluster, tmp_path):
    made = (*jobs(2), *jobs(1, kind="gpu"), *jobs(1, kind="tpu"), *jobs(1, workload="missing"))
    found, said = swept(cluster, tmp_path / "sweep", made)
    there = made[:3]
    assert {each.job for each in found.made} == {job.id for job in there}
    reasons = {job.id: reason for job, reason in found.missing}
    assert reasons["tpu-quick-0"] == "there is no machine of kind tpu (there are: gpu, machine)"
    assert "unknown workload 'missing' (exit code 2)" in reasons["machine-missing-0"]
    assert "waiting for a machine of kind tpu (there are: gpu, machine)" in said
    assert_all_there_once(tmp_path / "sweep", there)
    assert cluster.measuring() == []


def test_machines_with_other_packages_are_refused_by_name(cluster, tmp_path):
    found, said = swept(cluster, tmp_path / "sweep", jobs(1), packages={"numpy": "1.0"})
    ((_, reason),) = found.missing
    assert "the plan's is 1.0" in reason
    assert sum("gets no jobs: numpy is" in line for line in said) == 2, "both machines of the kind were asked"


def test_a_scheduler_that_is_not_there_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("convbench.sweep.engines.clusters.CONNECT_S", 0.3)
    folder = begun(tmp_path / "sweep", jobs(1))
    way = Way(engine=at_scheduler(f"tcp://127.0.0.1:{free_port()}"), pace=PACE, command=STUB)
    with pytest.raises(UsageError, match="cannot reach the scheduler tcp://127"):
        go_on_with(folder, way, lambda _: None)
    folder.close()


def client(cluster, path):
    """The client in a process of its own."""
    paths = [str(TESTS / "support"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, **cluster.mark, "PYTHONPATH": os.pathsep.join(paths)}
    with (path.parent / "client.log").open("ab") as log:
        return subprocess.Popen([sys.executable, CLIENT, str(path), cluster.address], env=environment, stdout=log,
                                stderr=log)  # fmt: skip


VICTIMS = ("worker-0", "client", "everything", "worker-1", "scheduler", "client", "worker-2")
ROUNDS = 20


@pytest.mark.slow
def test_whoever_is_killed_at_any_moment_every_job_is_there_once_after_resume(tmp_path, monkeypatch):
    monkeypatch.setenv("STUB_STEPS", "8")
    monkeypatch.setenv("STUB_STEP_S", "0.05")
    chance = random.Random(0)
    with DaskCluster(tmp_path / "cluster", 3, nanny=True) as cluster:
        for number in range(ROUNDS):
            path, made = tmp_path / f"sweep-{number}", jobs(4)
            begun(path, made).close()
            running, victim = client(cluster, path), VICTIMS[number % len(VICTIMS)]
            until(cluster.measuring, 20.0)
            time.sleep(chance.uniform(0.0, 1.0))
            if victim in {"client", "everything"}:
                running.kill()
            if victim == "everything":
                cluster.kill_all()
            elif victim != "client":
                cluster.kill(victim)
            if victim == "scheduler":
                cluster.await_end()  # its workers end by themselves, and with them what they measure
                assert cluster.measuring() == []
            code = running.wait(60)
            log = (tmp_path / "client.log").read_text()
            assert code == 0 or not victim.startswith("worker"), log
            cluster.start()
            if code:
                again = client(cluster, path)
                assert again.wait(60) == 0, (number, victim, (tmp_path / "client.log").read_text())
            assert_all_there_once(path, made)
            assert until(lambda: not cluster.measuring(), 10.0), (number, victim)
    SweepFolder.open(path).close()


def test_a_worker_with_other_messages_is_told_to_have_the_same_convbench():
    assert called(protocol(), len, "four") == 4
    with pytest.raises(UsageError, match="its convbench is another than the one that conducts the sweep"):
        called("another", len, "four")

"""A sweep on this computer: every job once, what is missing with its reason, and never two at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime
from itertools import pairwise
from threading import Thread

import pytest
from click.testing import CliRunner
from dask_cluster import processes_of, until
from paths import TESTS
from swept import assert_all_there_once, begun, here, jobs, swept_here

from convbench.cli.main import main
from convbench.results.events.header import read_header
from convbench.results.events.journal import read_events
from convbench.results.events.schema import Finished
from convbench.sweep.plan.file import read_plan
from convbench.sweep.state import SweepFolder
from convbench.sweep.sweeping import go_on_with, packages_here
from convbench.workers.channel.leftovers import new_mark

CLIENT = str(TESTS / "support" / "sweep_client.py")


@pytest.fixture(autouse=True)
def own_machine(tmp_path, monkeypatch):
    """A cache and a lock that are this test's own."""
    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CONVBENCH_MACHINE_LOCK", str(tmp_path / "lock"))


def test_what_fails_is_missing_with_its_reason_and_the_others_go_on(tmp_path):
    made = (*jobs(1), *jobs(1, workload="missing"), *jobs(1, workload="wrong"), *jobs(1, kind="gpu"))
    swept, said = swept_here(tmp_path / "sweep", made, "machine")
    assert [each.job for each in swept.made] == [made[0].id, made[2].id]
    assert (tmp_path / "sweep" / "logs" / f"{made[1].id}.txt").read_text() == "convbench: unknown workload 'missing'"
    assert [each.job for each in swept.wrong] == [made[2].id]
    assert [(job.id, reason) for job, reason in swept.missing] == [
        (made[1].id, "on this machine: unknown workload 'missing' (exit code 2)"),
        (made[3].id, "there is no machine of kind gpu (there are: machine)"),
    ]
    assert any(line.startswith("[1 of 4] quick 0: done on") for line in said)
    assert any("1 thing widens intervals there" in line for line in said)
    assert not any((tmp_path / "cache" / "sweeps").rglob("run.json")) or swept.missing, "what is kept is forgotten"


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_sweep_that_was_killed_goes_on_and_leaves_no_process(tmp_path, monkeypatch, number):
    path, made = tmp_path / "sweep", jobs(3)
    begun(path, made).close()
    mark = new_mark()
    slow = {**os.environ, **mark, "STUB_STEPS": "20", "STUB_STEP_S": "0.1"}
    quiet = subprocess.DEVNULL
    client = subprocess.Popen([sys.executable, CLIENT, str(path), "here"], env=slow, stdout=quiet, stderr=quiet)
    assert until(lambda: len(stored_steps(path)) > 2)
    client.send_signal(number)
    client.wait()
    assert until(lambda: not processes_of(mark), 5.0), "the kernel ends what it has started"
    folder = SweepFolder.open(path)
    swept = go_on_with(folder, here(), lambda _: None)
    assert not swept.missing
    assert swept.made[0].resumed
    again = go_on_with(folder, here(command=("/bin/false",)), lambda _: None)
    folder.close()
    assert again.made == swept.made, "nothing was measured again"
    assert_all_there_once(path, made)


def stored_steps(path):
    """Steps of the first job that the folder of the sweep has a part of."""
    journals = list((path / "parts").glob("*/journal.jsonl"))
    return journals[0].read_bytes().splitlines() if journals else []


def times_of(run):
    """When a run began and ended, as its header and its journal tell, in seconds."""
    began = datetime.fromisoformat(str(read_header(run)["started"])).timestamp()
    *_, last = read_events(run)
    assert isinstance(last, Finished)
    return began, began + last.duration_s


def test_two_sweeps_never_measure_at_once_and_the_second_says_that_it_waits(tmp_path, monkeypatch):
    monkeypatch.setenv("STUB_STEPS", "4")
    monkeypatch.setenv("STUB_STEP_S", "0.1")
    said = {}
    threads = []
    for name in ("one", "two"):
        said[name] = []
        folder = begun(tmp_path / name, jobs(2))
        threads.append(Thread(target=go_on_with, args=(folder, here(), said[name].append)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = sorted(times_of(tmp_path / name / "runs" / job.id) for name in said for job in jobs(2))
    assert len(spans) == 4
    assert all(first[1] <= second[0] for first, second in pairwise(spans)), spans
    assert any(
        "waits, as sweep" in line and "measures on this machine" in line for lines in said.values() for line in lines
    )


PLAN = """
workloads = ["quick"]
[settings]
backends = ["numpy-im2col"]
[vary]
threads = [1, 2]
"""


def invoked(*arguments):
    return CliRunner().invoke(main, ["sweep", *map(str, arguments)])


def test_the_jobs_of_a_plan_are_listed_as_commands(tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    done = invoked(tmp_path / "plan.toml", "--list")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "convbench compare quick --backends numpy-im2col --threads 1",
        "convbench compare quick --backends numpy-im2col --threads 2",
    ]
    assert done.stderr == "2 jobs for machines of kind machine\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a plan"),
        (["plan.toml", "--resume", "x"], "name a plan"),
        (["plan.toml", "--scheduler", "tcp://127.0.0.1:9", "--ssh", "a"], "machines are reached in one way"),
        (["plan.toml", "--kind", "a", "--ssh", "b"], "--kind says what this machine is"),
        (["plan.toml", "--ssh-python", "b"], "--ssh-python is for --ssh"),
        (["plan.toml", "--slurm", "none.toml"], "cannot read none.toml"),
        (["plan.toml", "--slurm", "plan.toml"], "plan.toml must have a table for each kind of machine"),
        (["--resume", "nowhere"], "nowhere is no folder of a sweep"),
        (["--resume", "nowhere", "--any-versions"], "leave out --output and --any-versions"),
    ],
)
def test_a_call_that_cannot_be_is_refused_in_one_line(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN)
    done = invoked(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_without_dask_the_option_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN)
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = invoked("plan.toml", "--scheduler", "tcp://127.0.0.1:9")
    assert done.exit_code == 2
    assert done.stderr == (
        'convbench: --scheduler needs the package distributed: pip install "convbench[distributed]"\n'
    )
    assert not (tmp_path / "results").exists()


def test_nothing_of_dask_is_imported_without_an_engine():
    code = "import convbench.cli.sweep, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"dask", "distributed", "dask_jobqueue", "asyncssh"}.isdisjoint(done.stdout.split())


def test_only_the_packages_of_the_backends_that_a_plan_names_matter(tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    found = packages_here(read_plan(tmp_path / "plan.toml"))
    assert {"convbench", "numpy"} <= set(found)
    assert "torch" not in found

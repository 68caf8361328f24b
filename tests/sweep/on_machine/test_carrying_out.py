"""A job on a machine: what it says of itself, when it refuses, what it goes on with, and when it ends."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace

import pytest
from swept import STUB, begun, jobs, steps_of

from convbench.machine.facts import package_versions
from convbench.sweep.on_machine import carrying_out
from convbench.sweep.on_machine.carrying_out import carry_out
from convbench.sweep.on_machine.description import with_findings
from convbench.sweep.on_machine.folders import end, job_folder, look
from convbench.sweep.on_machine.lock import MachineLock
from convbench.sweep.on_machine.messages import Address, Description, Ended, Failed, Measured, Order, Question, Refused


@pytest.fixture(autouse=True)
def own_machine(tmp_path, monkeypatch):
    """A cache and a lock that are this test's own."""
    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CONVBENCH_MACHINE_LOCK", str(tmp_path / "lock"))


@pytest.fixture
def order():
    """A job for the stub, of a sweep for which this machine was looked at already."""
    doctor = job_folder(Address("s", "j")).with_name("doctor.json")
    doctor.parent.mkdir(parents=True)
    doctor.write_text('{"findings": []}')
    return Order(sweep="s", job=jobs(1)[0], command=STUB, lease_s=30.0)


def question(order):
    return Question(address=order.address)


def test_the_run_comes_back_with_what_the_machine_says(order):
    report = carry_out(replace(order, sweep="new", packages={"numpy": package_versions()["numpy"]}))
    assert isinstance(report, Measured)
    assert report.exit_code == 0
    assert report.description.findings == ("load: The load is 9.",)
    assert report.description.packages["numpy"] == package_versions()["numpy"]
    assert set(report.description.identity) >= {"name", "id", "microarchitecture"}


def test_a_machine_with_other_packages_refuses_before_it_measures(order):
    report = carry_out(replace(order, packages={"numpy": "1.0", "no-such-package": "2"}))
    assert isinstance(report, Refused)
    assert "numpy is" in report.reason
    assert "the plan's is 1.0; no-such-package is missing, the plan's is 2" in report.reason
    assert not job_folder(order.address).exists()


def test_a_full_disk_is_the_machines_fault(order, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=1_000_000)
    monkeypatch.setattr(carrying_out.shutil, "disk_usage", lambda path: usage)
    report = carry_out(order)
    assert isinstance(report, Refused)
    assert "No space left on device" in report.reason
    assert "1 MB left" in report.reason


def test_what_the_command_said_is_the_reason_of_a_failure(order):
    report = carry_out(replace(order, job=jobs(1, workload="missing")[0]))
    assert isinstance(report, Failed)
    assert report.reason == "unknown workload 'missing' (exit code 2)"
    assert report.log == "convbench: unknown workload 'missing'"


def test_a_wrong_backend_is_a_result(order):
    report = carry_out(replace(order, job=jobs(1, workload="wrong")[0]))
    assert isinstance(report, Measured)
    assert report.exit_code == 1


def cut_short(order, monkeypatch):
    """Begin the job, and call it off after some steps."""
    monkeypatch.setenv("STUB_STEPS", "1000")
    run = job_folder(order.address) / "run"
    stop = threading.Timer(0.0, _end_after_steps, [order])
    stop.start()
    report = carry_out(order)
    stop.join()
    assert report == Ended(reason="it was called off")
    monkeypatch.setenv("STUB_STEPS", str(len(steps_of(run)) + 2))
    return run


def _end_after_steps(order):
    while not (seen := look(question(order))).journal:
        pass
    assert seen.description.id == seen.machine_id, "it is known what the machine is while it measures"
    end(order.address)


def test_a_job_that_was_left_on_the_machine_goes_on_there(order, monkeypatch):
    run = cut_short(order, monkeypatch)
    before = steps_of(run)
    report = carry_out(order)
    assert report.resumed
    assert steps_of(run)[: len(before)] == before
    assert steps_of(run) == list(range(len(before) + 2))


@pytest.mark.parametrize("same_machine", [True, False])
def test_a_part_goes_on_only_on_the_machine_that_began_it(order, monkeypatch, tmp_path, same_machine):
    run = cut_short(order, monkeypatch)
    before = (run / "run.json").read_bytes()
    folder = begun(tmp_path / "sweep", (order.job,))
    glimpse = look(question(order))
    folder.keep_part(order.job, glimpse)
    part = folder.part(order.job)
    folder.close()
    shutil.rmtree(job_folder(order.address))
    report = carry_out(replace(order, part=part if same_machine else replace(part, machine_id="another")))
    assert isinstance(report, Measured)
    assert report.resumed == same_machine
    assert ((run / "run.json").read_bytes() == before) == same_machine
    assert steps_of(run) == list(range(len(steps_of(run))))


def test_a_job_that_nobody_asks_about_ends(order, monkeypatch):
    monkeypatch.setenv("STUB_STEPS", "1000")
    report = carry_out(replace(order, lease_s=0.5))
    assert isinstance(report, Ended)
    assert "nobody has asked about it" in report.reason


def test_a_job_waits_for_the_machine_and_says_for_whom(order, tmp_path):
    reports = []
    with MachineLock(tmp_path / "lock") as lock:
        assert lock.take("sweep a, job b")
        waiter = threading.Thread(target=lambda: reports.append(carry_out(order)))
        waiter.start()
        while not (waits := look(question(order)).waits):
            pass
        assert waits == "sweep a, job b measures on this machine"
        assert not reports
    waiter.join()
    assert isinstance(reports[0], Measured)


def test_the_process_that_measures_gets_no_variable_of_the_engine(order, monkeypatch):
    monkeypatch.setenv("STUB_STEPS", "5")
    carry_out(replace(order, dropped_variables=("STUB_STEPS",)))
    assert len(steps_of(job_folder(order.address) / "run")) == 3, "the stub's own number"
    assert os.environ["STUB_STEPS"] == "5"


@pytest.mark.parametrize("answer", ["", "Traceback", "{", '{"findings": 3}', '{"findings": [{"topic": 1}]}'])
def test_a_doctor_that_answers_strangely_is_no_reason_not_to_measure(tmp_path, answer):
    (tmp_path / "doctor.json").write_text(answer)
    description = Description(python="3.11")
    assert with_findings(description, tmp_path / "doctor.json") == description

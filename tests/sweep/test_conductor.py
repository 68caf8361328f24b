"""The one who conducts a sweep, over machines that are simulated: what they do wrong holds up nobody else."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
from simulated_machines import SimulatedEngine
from swept import STUB, assert_all_there_once, begun, jobs

from convbench.sweep.conductor import Conductor, Pace
from convbench.sweep.engines.engine import EngineLostError, Machine
from convbench.sweep.on_machine.folders import packed
from convbench.sweep.on_machine.messages import Address, Description, Ended, Measured, Refused
from convbench.sweep.sweeping import Way, go_on_with

PACE = Pace(poll_s=0.01, look_s=0.01, machine_s=0.0)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The packed run of a stub."""
    run = tmp_path_factory.mktemp("run") / "run"
    subprocess.run([*STUB, "compare", "quick", "--output", str(run)], check=True)
    return packed(run)


def conducted(path, engine, count=6):
    """A sweep, what was said, and the jobs that are missing with their reasons."""
    folder, said = begun(path, jobs(count)), []

    async def start(_):
        return engine

    try:
        swept = go_on_with(folder, Way(engine=start, pace=PACE), said.append)
    finally:
        folder.close()
    return {job.id: reason for job, reason in swept.missing}, said


class Deaf(SimulatedEngine):
    """Questions cannot be cancelled, as asyncio.wait_for of Python 3.11 may be deaf to it."""

    async def look(self, machine, question):
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            await asyncio.sleep(0)


def test_a_question_that_cannot_be_cancelled_holds_nobody_up(tmp_path, archive):
    missing, _ = conducted(tmp_path / "sweep", Deaf(2, archive, answer_s=0.03))
    assert missing == {}
    assert_all_there_once(tmp_path / "sweep", jobs(6))


class Leaving(SimulatedEngine):
    """One machine goes away in the middle of its first job, and never answers."""

    async def machines(self):
        present = await super().machines()
        return present[1:] if self.calls["measure"] else present

    async def measure(self, machine, order):
        if machine.address == "host0":
            self.calls["measure"] += 1
            await asyncio.Event().wait()
        return await super().measure(machine, order)


def test_the_job_of_a_machine_that_went_away_is_made_by_another(tmp_path, archive):
    missing, said = conducted(tmp_path / "sweep", Leaving(2, archive))
    assert missing == {}
    assert [line for line in said if "host0 is gone" in line]
    assert_all_there_once(tmp_path / "sweep", jobs(6))


class Failing(SimulatedEngine):
    """The first machine refuses, the second sends what is no run, the third ends each job; the fourth is fine."""

    async def measure(self, machine, order):
        report = await super().measure(machine, order)
        return {
            "host0": Refused(description=Description(), reason="No space left on device"),
            "host1": Measured(description=Description(), exit_code=0, archive=b"no archive"),
            "host2": Ended(reason="it was called off"),
        }.get(machine.address, report)


def test_a_machine_at_fault_is_named_and_the_others_go_on(tmp_path, archive):
    missing, said = conducted(tmp_path / "sweep", Failing(4, archive), 30)
    assert "host0 gets no jobs: No space left on device" in said
    assert any("what came from host1 is no whole run" in line for line in said)
    done = [job for job in jobs(30) if job.id not in missing]
    assert missing == {}, "no job meets three of them"
    assert_all_there_once(tmp_path / "sweep", tuple(done))


def test_where_all_machines_refuse_each_is_named(tmp_path, archive):
    missing, _ = conducted(tmp_path / "sweep", Failing(1, archive))
    assert set(missing.values()) == {"host0: No space left on device"}


class Lost(SimulatedEngine):
    """The scheduler is gone after some jobs."""

    async def machines(self):
        if self.calls["measure"] >= 2:
            raise EngineLostError("the scheduler is gone")
        return await super().machines()


def test_what_was_made_before_the_scheduler_went_is_kept(tmp_path, archive):
    missing, said = conducted(tmp_path / "sweep", Lost(1, archive, answer_s=0.02))
    assert 1 <= len(missing) < 6
    assert set(missing.values()) == {"the scheduler is gone"}
    assert "the scheduler is gone" in said


def test_an_interrupted_sweep_ends_the_jobs_that_are_under_way(tmp_path, archive):
    ended = []

    class Slow(SimulatedEngine):
        async def end(self, machine: Machine, address: Address):
            ended.append(address.job)

    async def interrupted():
        conductor = Conductor(folder, Slow(2, archive, answer_s=60.0), lambda _: None, pace=PACE)
        conducting = asyncio.create_task(conductor.conduct())
        await asyncio.sleep(0.05)
        conducting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await conducting

    folder = begun(tmp_path / "sweep", jobs(3))
    asyncio.run(interrupted())
    folder.close()
    assert ended == [job.id for job in jobs(2)]

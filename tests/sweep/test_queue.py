"""Whatever machines do, each job is with one at a time, and ends done or given up with a reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from swept import jobs

from convbench.sweep.engines.engine import Machine
from convbench.sweep.queue import MOST_FAILURES, MOST_TRIES, JobQueue

MACHINES = [Machine(f"host{number}", frozenset({"machine"})) for number in range(3)]
OTHER = Machine("gpu", frozenset({"gpu", "machine"}))


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["finished", "failed", "died", "refused", "called_off"]))))
def test_every_job_is_with_one_machine_at_a_time_and_has_one_end(moves):
    made = jobs(5)
    queue, held, finished = JobQueue.of(made), {}, []
    for number, outcome in moves:
        machine = MACHINES[number]
        if machine not in held:
            job = queue.take(machine)
            assert job is None or job not in held.values()
            assert job is None or job not in finished
            if job is not None:
                held[machine] = job
            continue
        job = held.pop(machine)
        if outcome == "finished":
            finished.append(job)
            queue.finished(job)
        else:
            getattr(queue, outcome)(job, "why")
    for job in held.values():
        queue.finished(job)
        finished.append(job)
    for kind in queue.without_machine([]):
        queue.give_up(kind, "none", [])
    assert queue.is_settled
    assert len(finished) == len(set(finished)) == queue.done
    assert {job.id for job in finished} | set(queue.missing) == {job.id for job in made}
    assert all(queue.missing.values())


def test_a_job_that_failed_on_a_machine_is_not_given_to_it_again():
    (job,) = made = jobs(1)
    queue = JobQueue.of(made)
    first, second, _ = MACHINES
    assert queue.take(first) == job
    queue.failed(job, "no such interpreter")
    assert queue.take(first) is None
    assert queue.take(second) == job


def test_a_job_is_given_up_after_some_deaths():
    (job,) = made = jobs(1)
    queue = JobQueue.of(made)
    for _ in range(MOST_TRIES):
        assert queue.take(MACHINES[0]) == job
        queue.died(job, "the machine went away")
    assert queue.is_settled
    assert queue.missing == {job.id: "on host0: the machine went away"}


def test_a_machine_on_which_everything_fails_gets_no_more():
    queue = JobQueue.of(jobs(10))
    machine = MACHINES[0]
    for _ in range(MOST_FAILURES):
        queue.failed(queue.take(machine), "no interpreter")
    assert queue.take(machine) is None
    assert "no interpreter" in queue.aside[machine]
    assert queue.take(MACHINES[1]) is not None


def test_a_job_goes_only_to_its_kind_of_machine():
    (job,) = made = jobs(1, kind="gpu")
    queue = JobQueue.of(made)
    assert queue.take(MACHINES[0]) is None
    assert queue.without_machine(MACHINES) == {"gpu": False}
    assert queue.without_machine([*MACHINES, OTHER]) == {}
    assert queue.take(OTHER) == job


def test_the_reasons_of_all_machines_that_refused_are_told():
    (job,) = made = jobs(1)
    queue = JobQueue.of(made)
    for machine in MACHINES:
        queue.refused(queue.take(machine), f"{machine.address}: numpy is 1, the plan's is 2")
    assert queue.without_machine(MACHINES) == {"machine": True}
    assert queue.give_up("machine", "", MACHINES) == [job]
    assert all(machine.address in queue.missing[job.id] for machine in MACHINES)

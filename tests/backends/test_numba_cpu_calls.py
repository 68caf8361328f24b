"""How kernels of numba-cpu are run: little work on the calling thread, with the same results as on all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convbench.verify.data import make_tensors
from convbench_backends.numba_cpu import NumbaCpu
from convbench_specs import Case, Pool


def test_work_shorter_than_the_start_of_threads_is_one_task_or_runs_alone():
    from convbench_backends.numba_cpu.compiler.jit import ROUNDS, Kernel, run_for, shares

    kernel = Kernel(lambda task, tasks, thread, numbers: None)
    assert shares(100.0, threads=3) == 1
    assert shares(1e6, threads=3) == ROUNDS * 3
    assert run_for(100.0, kernel) == kernel.alone
    assert run_for(1e6, kernel) is kernel


def test_a_kernel_does_each_of_its_tasks_once_however_it_is_run():
    from convbench_backends.numba_cpu.compiler.facts import _touch

    for run, tasks in ((_touch, 1), (_touch, 7), (_touch.alone, 7)):
        marks = np.zeros(8)
        run(tasks, marks)
        assert marks.tolist() == [1.0] * tasks + [0.0] * (8 - tasks)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_maximum_alone_is_the_maximum_with_its_winners_nan_included(stride):
    operation = Pool(kind="max", kernel_size=(3, 2), stride=(2, stride), padding=((1, 1), (1, 0)))
    case = Case(name="pool", operation=operation, input_shape=(3, 9, 40))
    tensors = make_tensors(case, 2, seed=0)
    x = tensors.x.copy()
    x[0, 0, 3, 5], x[1, 2, 0, 0], x[1, 1] = np.nan, -np.nan, -np.inf
    prepared = NumbaCpu().prepare(case, replace(tensors, x=x))
    alone, with_winners = prepared.forward(), prepared.kept_forward()
    assert np.isnan(alone).any()
    np.testing.assert_array_equal(alone, with_winners)

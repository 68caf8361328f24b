"""On shipped workloads all backends agree: the small ones here, the others by `convbench check NAME`."""

from __future__ import annotations

import pytest

import convbench

CPU_BACKENDS = ["naive", "numpy-im2col", "numba-cpu", "pytorch", "tensorflow", "jax"]
SMALL = ["lenet5", "mnist_cnn", "book_mnist"]


@pytest.mark.slow
def test_all_backends_agree_on_the_small_workloads_at_batch_size_2(tmp_path):
    run = convbench.check(*SMALL, backends=CPU_BACKENDS, batch_sizes=[2], output=tmp_path / "run")
    cells = run.measurements
    assert set(cells["workload"]) == set(SMALL)
    assert set(cells["status"]) <= {"ok", "skipped", "unsupported"}, cells[["case", "backend", "status", "reason"]]
    assert set(cells.loc[cells["status"] == "ok", "verdict"]) == {"agrees"}
    assert set(run.agreement["verdict"]) == {"agrees"}
    assert {"oracle", "adjoint", "batch additivity"} <= set(run.agreement["right"])

"""On shipped workloads all backends agree: the small ones here, the others by `convbench check NAME`."""

from __future__ import annotations

import pytest

import convbench
from convbench.verify import DIFFERS_ON_NAN
from convbench_specs import DATA_KINDS

CPU_BACKENDS = ["naive", "numpy-im2col", "numba-cpu", "pytorch", "tensorflow", "jax"]
SMALL = ["lenet5", "mnist_cnn", "book_mnist"]


@pytest.mark.slow
def test_all_backends_agree_on_the_small_workloads_at_batch_size_2(tmp_path):
    kinds = [kind for kind in DATA_KINDS if kind != "wide"]
    run = convbench.check(*SMALL, backends=CPU_BACKENDS, batch_sizes=[2], data=kinds, output=tmp_path / "run")
    cells = run.measurements
    assert set(cells["workload"]) == set(SMALL)
    assert set(cells["status"]) <= {"ok", "skipped", "unsupported"}, cells[["case", "backend", "status", "reason"]]
    assert set(cells.loc[cells["status"] == "ok", "verdict"]) <= {"agrees", DIFFERS_ON_NAN}
    assert set(run.agreement["verdict"]) <= {"agrees", DIFFERS_ON_NAN}
    assert {"oracle", "adjoint", "batch additivity"} <= set(run.agreement["right"])


@pytest.mark.slow
@pytest.mark.xfail(strict=True, reason="dw of numba-cpu's Winograd is 12 times beyond the bound where magnitudes mix")
def test_all_backends_agree_on_data_of_mixed_magnitudes(tmp_path):
    run = convbench.check(
        "mnist_cnn", cases=["conv2"], backends=["numba-cpu"], batch_sizes=[2], data=["wide"], output=tmp_path / "run"
    )
    assert run.is_right

"""What holds for the page of the kernel benchmark, whose measuring is not part of the tests."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from benchmarks.kernel_table import TORCH, compared, geometric_mean, kernel_page, means_table

FACTS = {
    "machine": {"processor": "P", "cores": "2 cores", "vector units": "V", "load at start": "0.1", "python": "3"},
    "packages": {"numpy": "2"},
    "threads": 2,
    "peak_flops": 100e9,
    "peak_by": "jax",
    "bandwidth_bytes": 10e9,
}


def measured(**seconds: float) -> pd.DataFrame:
    rows = [(row, "forward", name, value) for row in ("a", "g") for name, value in seconds.items()]
    frame = pd.DataFrame(rows, columns=["row", "pass", "backend", "median_s"])
    return frame.assign(flops=1e9, bytes=1e9)


def test_the_geometric_mean_of_a_ratio_and_its_inverse_is_one():
    assert geometric_mean([4.0, 0.25]) == pytest.approx(1)


def test_best_is_the_fastest_of_the_torch_columns_and_of_no_other():
    times = measured(**{"numba-cpu": 0.1, **dict(zip(TORCH, (0.5, 0.4, 0.2, 0.3), strict=True))})
    assert compared(times, FACTS)["best"].tolist() == [0.2, 0.2]


def test_the_roofline_is_the_slower_of_arithmetic_and_memory():
    times = measured(**{"numba-cpu": 0.2, "pytorch": 1.0})
    assert compared(times, FACTS)["roofline"].tolist() == [0.5, 0.5]


def test_dense_rows_and_the_depthwise_row_have_means_of_their_own():
    times = compared(measured(**{"numpy-im2col": 0.5, "pytorch": 1.0}), FACTS)
    means = means_table(times).set_index("ratio of speeds")["geometric mean"]
    assert list(means.index) == [
        "NumPy to best PyTorch, a to f forward",
        "NumPy to best PyTorch, depthwise",
    ]
    assert set(means) == {"2.00"}


def test_a_page_has_what_its_folder_has(tmp_path):
    assert kernel_page(tmp_path) == "# The kernel table\n"
    (tmp_path / "machine.json").write_text(json.dumps(FACTS), encoding="utf-8")
    measured(**{"numba-cpu": 0.25, "pytorch": 0.5}).to_csv(tmp_path / "times.csv", index=False)
    assert "| a F | 500 | 250 | 2.00 | 4 | 40 % |" in kernel_page(tmp_path)

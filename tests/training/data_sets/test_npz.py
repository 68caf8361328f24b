"""Archives of NumPy arrays as Keras keeps them."""

from __future__ import annotations

import numpy as np
import pytest
from data_files import arrays

from convbench.errors import UsageError
from convbench.training.data_sets import read_data_set


def write(path, **found):
    np.savez(path, **found)
    return path


def test_the_four_arrays_are_a_data_set(tmp_path):
    written = arrays()
    found = read_data_set(write(tmp_path / "mnist.npz", **written))
    assert found.name == "mnist"
    assert found.test_images.shape == (3, 1, 4, 5)
    np.testing.assert_array_equal(found.train_images[:, 0], written["x_train"].astype(np.float32) / np.float32(255))


def test_colours_at_the_end_come_first_and_labels_in_a_column_are_labels(tmp_path):
    coloured = arrays() | {name: np.zeros((3, 4, 5, 3), np.uint8) for name in ("x_train", "x_test")}
    coloured["x_train"][..., 2] = 255
    coloured |= {"y_train": np.arange(3)[:, None], "y_test": np.arange(3)[:, None]}
    found = read_data_set(write(tmp_path / "cifar.npz", **coloured))
    assert found.image_shape == (3, 4, 5)
    assert found.train_images[:, 2].min() == 1
    assert found.train_labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.zeros((7, 4, 5), np.float64)}, "x_train holds float64; bytes"),
        ({"y_train": np.zeros(7)}, "labels must be whole numbers, not float64"),
        ({"y_train": np.full(7, -1)}, "labels must be at least 0, not -1"),
        ({"y_train": np.zeros((7, 2), np.int64)}, r"labels as \(N,\), found"),
        ({"x_train": np.zeros((7, 4), np.uint8)}, r"expected as \(N, H, W\)"),
        ({"y_train": np.array([{}] * 7)}, "cannot be read .*allow_pickle"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, changes, message):
    path = write(tmp_path / "mine.npz", **(arrays() | changes))
    with pytest.raises(UsageError, match=message) as caught:
        read_data_set(path)
    assert str(caught.value).startswith(str(path))


def test_a_missing_array_is_named(tmp_path):
    path = write(tmp_path / "mine.npz", x_train=arrays()["x_train"])
    with pytest.raises(UsageError, match=r"lacks y_train, x_test, y_test; an archive of x_train, y_train"):
        read_data_set(path)


@pytest.mark.parametrize("keep", [0, 40, 700])
def test_a_cut_archive_is_told_what_was_expected(tmp_path, keep):
    path = write(tmp_path / "mine.npz", **arrays())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UsageError, match=r"cannot be read .*; an archive of x_train"):
        read_data_set(path)

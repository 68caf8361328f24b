"""IDX files: what is in them comes out, and a cut or foreign one is told what was expected."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from data_files import arrays, idx_bytes, write_idx

from convbench.errors import UsageError
from convbench.training.data_sets import read_data_set
from convbench.training.data_sets.idx import idx_files, read_idx


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_four_files_are_a_data_set(tmp_path, compressed):
    written = write_idx(tmp_path, compressed=compressed)
    found = read_data_set(tmp_path)
    assert found.train_images.shape == (7, 1, 4, 5)
    np.testing.assert_array_equal(found.test_images[:, 0], written["x_test"].astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(found.train_labels, written["y_train"])


def test_a_plain_file_is_taken_before_a_compressed_one(tmp_path):
    write_idx(tmp_path)
    write_idx(tmp_path, compressed=True)
    assert {path.suffix for path in idx_files(tmp_path).values()} == {""}


def test_names_with_a_dot_are_those_of_other_copies_of_mnist(tmp_path):
    write_idx(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    assert len(read_data_set(tmp_path).test_labels) == 3


def test_a_missing_file_is_named(tmp_path):
    write_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UsageError, match=r"t10k-labels-idx1-ubyte is missing, plain or as .gz"):
        read_data_set(tmp_path)


GOOD = idx_bytes(arrays()["x_test"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin as an IDX file; an IDX file of unsigned bytes with 3 axes is expected"),
        (b"<html><body>Not found</body></html>", "does not begin as an IDX file"),
        (b"\0\0\x0d\x03" + GOOD[4:], "has elements of type 13 on 3 axes"),
        (idx_bytes(arrays()["y_test"]), "has elements of type 8 on 1 axes"),
        (GOOD[:9], "is cut within its head"),
        (GOOD[:-1], r"60 bytes are expected behind its head \(3 x 4 x 5\), and there are 59"),
        (GOOD + b"\0", "60 bytes are expected .* and there are more"),
        (struct.pack(">4B3I", 0, 0, 8, 3, *[2**31] * 3), "says that it holds .* bytes; 2,147,483,648 are the most"),
    ],
    ids=["empty", "page", "type", "axes", "head", "cut", "long", "huge"],
)
def test_a_cut_or_foreign_file_is_one_line_with_its_path(tmp_path, content, message):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        read_idx(path, axes=3)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"no gzip", gzip.compress(GOOD)[:-9], gzip.compress(GOOD)[:-8] + bytes(8)], ids=["no", "cut", "bad"]
)
def test_a_cut_or_foreign_gzip_file_is_told_so(tmp_path, content):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=rf"^{path}: is not a whole gzip file"):
        read_idx(path, axes=3)


def test_images_without_as_many_labels_are_refused(tmp_path):
    found = arrays()
    write_idx(tmp_path, found=found | {"y_train": found["y_train"][:-1]})
    with pytest.raises(UsageError, match=r"7 images have 6 labels; there must be one an image"):
        read_data_set(tmp_path)


def test_held_out_images_of_another_size_are_refused(tmp_path):
    write_idx(tmp_path, found=arrays() | {"x_test": arrays(height=6)["x_test"]})
    with pytest.raises(UsageError, match=r"must have one size, not \[4, 5\] and \[6, 5\]"):
        read_data_set(tmp_path)


def test_no_images_are_no_data_set(tmp_path):
    write_idx(tmp_path, found=arrays(train=0))
    with pytest.raises(UsageError, match=r"holds no images"):
        read_data_set(tmp_path)


FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.slow
@pytest.mark.skipif(not FASHION_MNIST.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_all_of_fashion_mnist_is_read():
    found = read_data_set(FASHION_MNIST)
    assert (found.train_images.shape, found.test_images.shape) == ((60_000, 1, 28, 28), (10_000, 1, 28, 28))
    assert np.bincount(found.train_labels).tolist() == [6_000] * 10
    assert np.bincount(found.test_labels).tolist() == [1_000] * 10
    assert found.train_images.mean() == pytest.approx(0.2860406, abs=1e-6)

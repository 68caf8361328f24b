"""The batches of CIFAR-10: read in every way that NumPy has pickled them, and nothing else is run."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from convbench.errors import UsageError
from convbench.training.data_sets import read_data_set
from convbench.training.data_sets.cifar import TEST, TRAIN


def batch(count=2, first=0, *, order="C"):
    data = (np.arange(count * 3_072) % 251).astype(np.uint8).reshape(count, 3_072)
    return {b"data": np.asarray(data, order=order), b"labels": [(first + n) % 10 for n in range(count)]}


def python_2(found):
    """The pickle of a batch as Python 2 wrote it, and as CIFAR-10 is handed out: all text is bytes."""
    data = found[b"data"]
    labels = b"".join(b"K" + bytes([label]) for label in found[b"labels"])
    shape = b"K" + bytes([len(data)]) + b"M" + (3_072).to_bytes(2, "little") + b"\x86"
    new = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    element = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    content = b"T" + data.size.to_bytes(4, "little") + data.tobytes()
    array = new + b"(K\x01" + shape + element + b"\x89" + content + b"tb"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels](" + labels + b"eu."


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "cifar-10-batches-py"
    place.mkdir()
    for number, name in enumerate((*TRAIN, TEST)):
        (place / name).write_bytes(pickle.dumps(batch(first=number), protocol=2))
    return place


def test_five_batches_are_to_train_on_and_one_is_held_out(folder):
    found = read_data_set(folder)
    assert (found.train_images.shape, found.test_images.shape) == ((10, 3, 32, 32), (2, 3, 32, 32))
    assert found.train_labels.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    expected = batch()[b"data"].reshape(2, 3, 32, 32).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(found.test_images, expected)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_form_of_the_pickle_gives_the_same_images(folder, protocol, order):
    expected = read_data_set(folder).test_images
    (folder / TEST).write_bytes(pickle.dumps(batch(first=5, order=order), protocol=protocol))
    np.testing.assert_array_equal(read_data_set(folder).test_images, expected)


def test_the_pickles_that_are_handed_out_are_read(folder):
    expected = read_data_set(folder)
    (folder / TEST).write_bytes(python_2(batch(first=5)))
    found = read_data_set(folder)
    np.testing.assert_array_equal(found.test_images, expected.test_images)
    np.testing.assert_array_equal(found.test_labels, expected.test_labels)


class _Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


def test_what_a_pickle_asks_for_is_never_run(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (folder / TEST).write_bytes(pickle.dumps({b"data": _Attack(), b"labels": [0]}))
    with pytest.raises(UsageError, match=r"asks for posix.mkdir, which no image needs"):
        read_data_set(folder)
    assert not (tmp_path / "attacked").exists()


def test_what_a_file_says_is_shown_without_escape_codes(folder):
    (folder / TEST).write_bytes(b"\x80\x02cmine\n\x1b[2Jname\n.")
    with pytest.raises(UsageError, match=r"asks for mine\.") as caught:
        read_data_set(folder)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read .*EOFError.*; a pickle of CIFAR-10"),
        (b"<html>", "cannot be read"),
        (pickle.dumps(batch(), protocol=2)[:500], "cannot be read"),
        (pickle.dumps([1]), "has no data or no labels"),
        (pickle.dumps({b"data": b"", b"labels": [0]}), "has no data or no labels"),
        (pickle.dumps(batch() | {b"labels": ["cat", "dog"]}, protocol=2), "has no data or no labels"),
        (pickle.dumps(batch() | {b"labels": [1]}, protocol=2), "holds 6,144 bytes for 1 labels; 3,072 an image"),
        (pickle.dumps(batch() | {b"data": np.zeros((2, 3_072))}, protocol=2), "3,072 an image are expected"),
        (pickle.dumps(batch() | {b"labels": [0, -1]}, protocol=2), "labels must be at least 0, not -1"),
    ],
    ids=["empty", "page", "cut", "list", "text", "names", "few", "floats", "negative"],
)
def test_a_cut_or_foreign_batch_is_one_line_with_its_path(folder, content, message):
    (folder / TEST).write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        read_data_set(folder)
    assert str(folder / TEST) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_batch_is_named(folder):
    (folder / "data_batch_3").unlink()
    with pytest.raises(UsageError, match=r"data_batch_3: No such file"):
        read_data_set(folder)

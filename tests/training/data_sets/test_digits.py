"""scikit-learn's digits: all of them, divided and enlarged as is said."""

from __future__ import annotations

import numpy as np
import pytest

from convbench.errors import UsageError
from convbench.training.data_sets import digits as module
from convbench.training.data_sets.digits import digits


@pytest.fixture(scope="module")
def found():
    return digits()


def test_all_digits_are_there_and_every_fifth_is_held_out(found):
    assert found.train_images.shape == (1_437, 1, 8, 8)
    assert found.test_images.shape == (360, 1, 8, 8)
    assert (found.train_images.dtype, found.train_labels.dtype) == (np.float32, np.int64)
    assert (found.image_shape, found.class_count) == ((1, 8, 8), 10)


def test_they_are_those_of_scikit_learn(found):
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn brings the digits")
    theirs = datasets.load_digits()
    np.testing.assert_array_equal(found.test_images[:, 0], (theirs.images[::5] / 16).astype(np.float32))
    np.testing.assert_array_equal(found.test_labels, theirs.target[::5])


def test_pixels_are_from_0_to_1_and_every_digit_is_in_both_parts(found):
    assert (found.train_images.min(), found.train_images.max()) == (0, 1)
    assert set(found.train_labels) == set(found.test_labels) == set(range(10))


def test_no_one_can_change_them(found):
    with pytest.raises(ValueError, match=r"read-only"):
        found.train_images[0] = 0


@pytest.mark.parametrize(("size", "factor", "border"), [(28, 3, 2), (32, 4, 0), (9, 1, 0)])
def test_larger_images_hold_each_pixel_as_a_square_within_a_border_of_zeros(found, size, factor, border):
    large = digits(size, size)
    part = large.test_images[:, 0, border:, border:][:, : 8 * factor, : 8 * factor]
    np.testing.assert_array_equal(part[:, ::factor, ::factor], found.test_images[:, 0])
    np.testing.assert_array_equal(part[:, factor - 1 :: factor, factor - 1 :: factor], found.test_images[:, 0])
    assert np.isclose(large.test_images.sum(), factor**2 * found.test_images.sum())
    assert large.image_shape == (1, size, size)


def test_smaller_images_are_refused():
    with pytest.raises(UsageError, match=r"8 x 8; they do not fit into 7 x 8"):
        digits(7, 8)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"part of scikit-learn: pip install 'convbench\[images\]'.*--data"):
        digits()

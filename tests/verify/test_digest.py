"""A digest is shared by equal arrays, and by no others that a fault of a kernel makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.verify.digest import COLUMNS, digest

FEW, MANY = COLUMNS

SIZES = st.sampled_from([0, 1, 7, 8 * FEW, 8 * FEW + 3, 8 * MANY, 20 * MANY])
DTYPES = st.sampled_from(["float16", "float32", "float64"])


@given(SIZES, DTYPES)
def test_a_copy_has_the_digest_of_the_original_whatever_its_layout(size, dtype):
    values = np.random.default_rng(size).standard_normal(size).astype(dtype)
    assert digest(values) == digest(values.copy())
    assert digest(values) == digest(np.repeat(values, 2)[::2])


@given(SIZES.filter(bool), DTYPES, st.data())
def test_one_bit_changes_it(size, dtype, data):
    values = np.random.default_rng(size).standard_normal(size).astype(dtype)
    other = values.copy()
    place = data.draw(st.integers(0, other.nbytes - 1))
    other.view(np.uint8)[place] ^= np.uint8(1 << data.draw(st.integers(0, 7)))
    assert digest(values) != digest(other)


@pytest.mark.parametrize("shape", [(8, 64, 32, 32), (4, 256, 56, 56), (2, 16, 64, 64)])
@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_images_channels_rows_and_columns_that_change_places_change_it(shape, axis):
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    assert digest(values) != digest(np.flip(values, axis))
    assert digest(values) != digest(np.roll(values, 1, axis))


def test_shape_and_dtype_are_part_of_it():
    values = np.zeros((2, 3), np.float32)
    assert len({digest(values), digest(values.T), digest(values.view(np.int32)), digest(np.zeros((2, 4)))}) == 4


@given(st.sampled_from(COLUMNS), st.integers(0, 2000), st.integers(1, 3))
def test_words_that_change_places_at_any_distance_change_it(columns, place, rows):
    values = np.random.default_rng(0).standard_normal(20_000)
    other = values.copy()
    other[[place, place + rows * columns]] = other[[place + rows * columns, place]]
    assert digest(values) != digest(other)

"""Canonical arrays to channels last and back."""

from __future__ import annotations

import numpy as np
import pytest

from convbench.verify import make_tensors
from convbench_backends.shared.channels_last import canonical, channels_last_tensors, layout_of, window_axes
from convbench_specs import Case, Conv, Flatten, Pool

CONV = Case(
    name="case", operation=Conv(in_channels=4, out_channels=6, kernel_size=(2, 3), groups=2), input_shape=(4, 5, 7)
)


def test_channels_move_behind_the_places_and_filters_behind_those():
    (x, w, b), dy = channels_last_tensors(make_tensors(CONV, 3, seed=0))
    assert (x.shape, w.shape, b.shape, dy.shape) == ((3, 5, 7, 4), (2, 3, 2, 6), (6,), (3, 4, 5, 6))


def test_canonical_undoes_it():
    tensors = make_tensors(CONV, 3, seed=0)
    (x, w, b), dy = channels_last_tensors(tensors)
    for name, native, expected in (
        ("dx", x, tensors.x),
        ("dw", w, tensors.w),
        ("db", b, tensors.b),
        ("y", dy, tensors.dy),
    ):
        assert np.array_equal(canonical(name, native), expected)


def test_the_rows_of_a_flatten_stay_as_they_are():
    tensors = make_tensors(Case(name="case", operation=Flatten(), input_shape=(4, 5, 7)), 3, seed=0)
    _, dy = channels_last_tensors(tensors)
    assert np.array_equal(dy, tensors.dy)


@pytest.mark.parametrize("shape", [(1, 5, 7), (4, 1, 1)])
def test_no_array_shares_memory_even_where_nothing_has_to_move(shape):
    tensors = make_tensors(
        Case(name="case", operation=Pool(kind="max", kernel_size="global"), input_shape=shape), 2, seed=0
    )
    (x,), dy = channels_last_tensors(tensors)
    assert not np.shares_memory(x, tensors.x)
    assert not np.shares_memory(dy, tensors.dy)
    assert not np.shares_memory(canonical("dx", x), x)


def test_a_pool_over_channels_slides_along_the_last_dimension():
    pool = Pool(kind="max", kernel_size=(2,), over="channels")
    case = Case(name="case", operation=pool, input_shape=(6, 5, 7))
    ((dimension, axis),) = window_axes(case)
    assert (dimension, axis.size, axis.kernel) == (3, 6, 2)
    assert [dimension for dimension, _ in window_axes(CONV)] == [1, 2]


def test_a_layout_is_named_by_its_axes():
    assert layout_of(Case(name="c", operation=Flatten(), input_shape=(2, 3))) == "NWC"
    assert layout_of(Case(name="c", operation=Flatten(), input_shape=(2, 3, 4))) == "NHWC"

"""The textbook level of numpy-im2col: X_col of the whole batch, and its adjoint."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given, settings

from convbench.testing.random_cases import cases
from convbench.verify.data import make_tensors
from convbench_backends.numpy_im2col import NumpyIm2col
from convbench_backends.numpy_im2col.blocks import Convolution
from convbench_backends.numpy_im2col.textbook import col2im, x_col
from convbench_backends.numpy_im2col.windows import windows_of
from convbench_specs import Case, Conv, Settings

NINE = Case(
    name="nine",
    operation=Conv(in_channels=8, out_channels=2, kernel_size=(3, 3), padding="same", bias=False),
    input_shape=(8, 32, 32),
)
BATCH_SIZE = 64


def convolution(case: Case) -> Convolution:
    operation = case.operation
    assert isinstance(operation, Conv)
    return Convolution(
        windows=windows_of(case),
        groups=operation.groups,
        channels=operation.in_channels,
        filters=operation.out_channels,
    )


def test_every_window_of_every_instance_is_a_column():
    case = Case(
        name="c", operation=Conv(in_channels=1, out_channels=1, kernel_size=(2, 2), bias=False), input_shape=(1, 2, 3)
    )
    x = np.arange(12.0).reshape(2, 1, 2, 3)
    expected = [[0, 1, 6, 7], [1, 2, 7, 8], [3, 4, 9, 10], [4, 5, 10, 11]]
    np.testing.assert_array_equal(x_col(x, convolution(case)), [expected])


@settings(max_examples=30, derandomize=True, deadline=None)
@given(case=cases(("float64",), max_multiply_adds=2000).filter(lambda case: isinstance(case.operation, Conv)))
def test_col2im_is_the_adjoint_of_im2col(case):
    conv, chance = convolution(case), np.random.default_rng(0)
    shape = (2, conv.channels, conv.windows.rows.size, conv.windows.columns.size)
    x = chance.integers(-9, 9, shape).astype(float)
    columns = chance.integers(-9, 9, x_col(x, conv).shape).astype(float)
    assert np.vdot(x_col(x, conv), columns) == np.vdot(x, col2im(columns, shape, conv))


def peak_of(level: str) -> int:
    """Bytes of a second forward pass at its peak."""
    backend = NumpyIm2col()
    backend.start(Settings(options={"level": level}))
    prepared = backend.prepare(NINE, make_tensors(NINE, BATCH_SIZE, seed=0))
    prepared.forward()
    tracemalloc.start()
    try:
        prepared.forward()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_matrix_of_a_batch_takes_nine_times_its_input_and_blocks_do_not():
    x_bytes = 4 * BATCH_SIZE * 8 * 32 * 32
    assert 9 * x_bytes < peak_of("textbook") < 12 * x_bytes
    assert peak_of("blocked") < 3 * x_bytes

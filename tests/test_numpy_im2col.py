"""What is particular to numpy-im2col: the matrices of the course material, blocks, threads, and the choice of a path."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from verify_cases import convolutions, pools

from convbench.verify.check import check_against
from convbench.verify.data import make_tensors
from convbench.verify.oracle import oracle
from convbench_backends.numpy_im2col import NumpyIm2col, blas, blocks, convolution, im2col, passes, pooling
from convbench_backends.numpy_im2col import crew as crews
from convbench_backends.numpy_im2col.blocks import Convolution, cut
from convbench_backends.numpy_im2col.crew import Crew
from convbench_backends.numpy_im2col.im2col import add_patches, pad, padding_buffer, patches, unpad
from convbench_backends.numpy_im2col.windows import windows_of
from convbench_specs import Axis, Case, Conv, Pool, Settings, Tensors, tensors_of


def conv_case(shape, **parameters):
    return Case(name="c", operation=Conv(in_channels=shape[0], **parameters), input_shape=shape)


def convolution_of(case):
    operation = case.operation
    return Convolution(
        windows=windows_of(case),
        groups=operation.groups,
        channels=operation.in_channels,
        filters=operation.out_channels,
    )


def images_of(case, count=2):
    shape = case.x_shape(count)
    return np.random.default_rng(0).integers(-4, 5, shape if len(shape) == 4 else (*shape, 1)).astype(np.float64)


def results(prepared, case):
    leaves = prepared.call_of("both")()
    return {name: leaf for name, leaf in zip(("y", "dx", "dw", "db"), leaves, strict=True) if leaf is not None}


@pytest.fixture
def tiny_blocks(monkeypatch):
    """Blocks of a few columns, shared among threads however little the work is."""
    monkeypatch.setattr(crews, "SMALL_WORK", 0)
    monkeypatch.setattr(convolution, "SMALL_WORK", 0)
    monkeypatch.setitem(cut.__kwdefaults__, "columns", 7)
    for module, size in ((blocks, 1500), (convolution, 1500), (pooling, 300)):
        monkeypatch.setattr(module, "BLOCK_BYTES", size)


# -- the matrices of the course material


def test_alexnets_first_layer_is_a_product_of_96_x_363_and_363_x_3025():
    case = conv_case((3, 227, 227), out_channels=96, kernel_size=(11, 11), stride=(4, 4))
    generator = np.random.default_rng(0)
    x, w = (generator.standard_normal(shape, np.float32) for shape in (case.x_shape(1), case.w_shape))
    x_col, w_row = im2col(x, windows_of(case)), w.reshape(96, -1)
    assert x_col.shape == (1, 363, 3025)
    assert w_row.shape == (96, 363)
    product = w_row @ x_col[0]
    assert product.shape == (96, 3025)
    b = np.zeros(96, np.float32)
    prepared = NumpyIm2col().prepare(case, Tensors(x=x, w=w, b=b, dy=np.zeros(case.y_shape(1), np.float32)))
    assert prepared.forward().shape == (1, 96, 55, 55)
    assert np.allclose(prepared.forward()[0], product.reshape(96, 55, 55), rtol=1e-4, atol=1e-3)


def test_a_column_is_a_window_channel_by_channel():
    case = conv_case((2, 3, 3), out_channels=1, kernel_size=(2, 2))
    x = np.arange(18.0).reshape(1, 2, 3, 3)
    assert im2col(x, windows_of(case))[0, :, 1].tolist() == [1, 2, 4, 5, 10, 11, 13, 14]


@given(convolutions(["float64"]))
def test_adding_patches_is_the_adjoint_of_taking_them(case):
    windows, x = windows_of(case), images_of(case)
    padded = np.array(pad(x, windows, padding_buffer(x.shape, windows, x.dtype)))
    for first, last in cut(2, convolution_of(case), 8, 1, columns=3).cuts:
        window = patches(padded, windows, first, last)
        g = np.random.default_rng(1).integers(-4, 5, window.shape).astype(np.float64)
        back = np.zeros_like(padded)
        add_patches(g, windows, first, back)
        assert (window * g).sum() == (padded * back).sum()


@given(convolutions(["float64"]))
def test_unpadding_is_the_adjoint_of_padding(case):
    windows, x = windows_of(case), images_of(case)
    padded = np.array(pad(x, windows, padding_buffer(x.shape, windows, x.dtype)))
    g = np.random.default_rng(1).integers(-4, 5, padded.shape).astype(np.float64)
    assert (padded * g).sum() == (x * unpad(g, windows)).sum()


# -- blocks and threads


@given(convolutions(), st.integers(0, 6), st.integers(1, 4), st.integers(1, 20))
def test_blocks_cover_every_row_of_every_image_once(case, images, threads, columns):
    cuts = cut(images, convolution_of(case), 8, threads, columns=columns)
    rows = case.axes[0].output
    seen = [
        (image, row)
        for number in range(len(cuts))
        for image in range(cuts[number].images.start, cuts[number].images.stop)
        for row in range(cuts[number].first, cuts[number].last)
    ]
    assert sorted(seen) == [(image, row) for image in range(images) for row in range(rows)]


def test_a_block_has_a_bounded_size_however_large_the_image_is():
    conv = convolution_of(conv_case((64, 224, 224), out_channels=64, kernel_size=(3, 3), padding="same"))
    images, rows = (lambda cuts: (cuts.most_images, cuts.most_rows))(cut(64, conv, 4, 2))
    assert images * rows * 224 * conv.depth * 4 <= blocks.BLOCK_BYTES


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("short_column", [0, 256])
@given(st.one_of(convolutions(["float64", "float32"]), pools(["float64", "float32"])), st.integers(0, 4))
def test_every_cut_gives_the_right_result(tiny_blocks_module, threads, short_column, case, images):
    tiny_blocks_module.setattr(blocks, "SHORT_COLUMN", short_column)
    backend = NumpyIm2col()
    backend.start(Settings(threads=threads))
    tensors = make_tensors(case, images, seed=0, fill="integers")
    found = results(backend.prepare(case, tensors), case)
    assert set(found) == set(tensors_of(case, "both"))
    assert [d for d in check_against(oracle(case, tensors), found, exact=True) if d.verdict != "agrees"] == []


@pytest.fixture(scope="module")
def tiny_blocks_module():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crews, "SMALL_WORK", 0)
        patch.setattr(convolution, "SMALL_WORK", 0)
        patch.setitem(cut.__kwdefaults__, "columns", 7)
        for module, size in ((blocks, 1500), (convolution, 1500), (pooling, 300)):
            patch.setattr(module, "BLOCK_BYTES", size)
        yield patch

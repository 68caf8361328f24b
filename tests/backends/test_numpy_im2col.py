"""What is particular to numpy-im2col: the matrices of the course, blocks, threads, and the choice of a path."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_cases import convolutions, pools

from convbench.verify.check import check_against
from convbench.verify.data import make_tensors
from convbench.verify.reference.full import oracle
from convbench_backends.numpy_im2col import NumpyIm2col, blas, blocks, convolution, depthwise, im2col, pooling
from convbench_backends.numpy_im2col import crew as crews
from convbench_backends.numpy_im2col.blocks import Convolution, cut
from convbench_backends.numpy_im2col.crew import Crew
from convbench_backends.numpy_im2col.im2col import add_patches, pad, padding_buffer, patches, unpad
from convbench_backends.numpy_im2col.windows import windows_of
from convbench_specs import Axis, Case, Conv, Settings, Tensors, tensors_of


def conv_case(shape, dtype="float32", **parameters):
    operation = Conv(in_channels=shape[0], **parameters)
    return Case(name="c", operation=operation, input_shape=shape, dtype=dtype)


def convolution_of(case):
    operation = case.operation
    return Convolution(
        windows=windows_of(case),
        groups=operation.groups,
        channels=operation.in_channels,
        filters=operation.out_channels,
    )


def integers(shape, seed=0):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float64)


def images_of(case):
    return integers((2, *case.input_shape, *[1] * (3 - len(case.input_shape))))


def padded_images(case):
    x, windows = images_of(case), windows_of(case)
    return np.array(pad(x, windows, padding_buffer(x.shape, windows, x.dtype)))


def results(backend, case, tensors):
    leaves = backend.prepare(case, tensors).call_of("both")()
    return {name: leaf for name, leaf in zip(("y", "dx", "dw", "db"), leaves, strict=True) if leaf is not None}


@contextmanager
def tiny_blocks(short_column=blocks.SHORT_COLUMN):
    """Blocks of a few columns or planes, shared among threads however little the work is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crews, "SMALL_WORK", 0)
        patch.setattr(convolution, "SMALL_WORK", 0)
        patch.setattr(convolution, "SMALL_MATRIX", 0)
        patch.setattr(blocks, "SHORT_COLUMN", short_column)
        patch.setitem(cut.__kwdefaults__, "columns", 7)
        for module, size in ((blocks, 1500), (convolution, 1500), (depthwise, 1500), (pooling, 300)):
            patch.setattr(module, "BLOCK_BYTES", size)
        yield


# -- the matrices of the course material


def test_alexnets_first_layer_is_a_product_of_96_x_363_and_363_x_3025():
    case = conv_case((3, 227, 227), out_channels=96, kernel_size=(11, 11), stride=(4, 4), bias=False)
    tensors = make_tensors(case, 1, seed=0, fill="integers")
    x_col, w_row = im2col(tensors.x, windows_of(case)), tensors.w.reshape(96, -1)
    assert x_col.shape == (1, 363, 3025)
    assert w_row.shape == (96, 363)
    product = w_row @ x_col[0]
    assert product.shape == (96, 3025)
    y = NumpyIm2col().prepare(case, tensors).forward()
    assert np.array_equal(y, product.reshape(1, 96, 55, 55))


def test_a_column_is_a_window_channel_by_channel():
    case = conv_case((2, 3, 3), out_channels=1, kernel_size=(2, 2))
    x = np.arange(18.0).reshape(1, 2, 3, 3)
    assert im2col(x, windows_of(case))[0, :, 1].tolist() == [1, 2, 4, 5, 10, 11, 13, 14]


@given(convolutions(["float64"]))
def test_adding_patches_is_the_adjoint_of_taking_them(case):
    windows, padded = windows_of(case), padded_images(case)
    for rows in cut(2, convolution_of(case), 8, 1, columns=3).rows:
        window = patches(padded, windows, rows.start, rows.stop)
        gradient, back = integers(window.shape, seed=1), np.zeros_like(padded)
        add_patches(gradient, windows, rows.start, back)
        assert (window * gradient).sum() == (padded * back).sum()


@given(convolutions(["float64"]))
def test_unpadding_is_the_adjoint_of_padding(case):
    padded = padded_images(case)
    gradient = integers(padded.shape, seed=1)
    assert (padded * gradient).sum() == (images_of(case) * unpad(gradient, windows_of(case))).sum()


# -- blocks


@given(convolutions(), st.integers(0, 6), st.integers(1, 4), st.integers(1, 20))
def test_blocks_cover_every_row_of_every_group_and_image_once(case, images, threads, columns):
    with tiny_blocks():
        found = cut(images, convolution_of(case), 8, threads, columns=columns)
    seen = [
        (image, group, row)
        for block in found.take(range(len(found)))
        for image in range(block.images.start, block.images.stop)
        for group in range(block.groups.start, block.groups.stop)
        for row in range(block.first, block.last)
    ]
    assert sorted(seen) == list(np.ndindex(images, case.operation.groups, windows_of(case).rows.output))


@pytest.mark.parametrize(
    ("shape", "groups"), [((64, 224, 224), 1), ((64, 56, 56), 1), ((64, 100_000), 1), ((512, 112, 112), 512)]
)
def test_a_block_is_bounded_however_large_the_input_is(shape, groups):
    kernel = (3,) * (len(shape) - 1)
    conv = convolution_of(conv_case(shape, out_channels=512, kernel_size=kernel, groups=groups))
    images, groups_at_once, rows = cut(64, conv, 4, 2).largest
    columns = images * groups_at_once * rows * conv.windows.columns.output
    assert columns * (conv.depth + conv.filters // conv.groups) * 4 <= blocks.BLOCK_BYTES


@pytest.mark.parametrize(("threads", "short_column"), [(1, 0), (1, 256), (3, 0), (3, 256)])
@settings(max_examples=50)
@given(case=convolutions(["float64", "float32"]) | pools(["float64", "float32"]), images=st.integers(0, 4))
def test_every_cut_gives_the_right_result(threads, short_column, case, images):
    backend = NumpyIm2col()
    backend.start(Settings(threads=threads))
    tensors = make_tensors(case, images, seed=0, fill="integers")
    with tiny_blocks(short_column):
        found = results(backend, case, tensors)
    assert set(found) == set(tensors_of(case, "both"))
    deviations = check_against(oracle(case, tensors), found, exact=True)
    assert {deviation.tensor: deviation.verdict for deviation in deviations} == dict.fromkeys(found, "agrees")


@pytest.mark.parametrize("channels", [1, 3, 17, 33])
@pytest.mark.parametrize("width", [1, 2, 15, 16, 17, 50])
def test_tails_of_channels_and_widths_are_right(channels, width):
    case = conv_case((channels, 3, width), "float64", out_channels=channels, kernel_size=(3, 3), padding="same")
    tensors = make_tensors(case, 3, seed=0, fill="integers")
    backend = NumpyIm2col()
    backend.start(Settings(threads=2))
    with tiny_blocks():
        found = results(backend, case, tensors)
    assert all(d.verdict == "agrees" for d in check_against(oracle(case, tensors), found, exact=True))


@pytest.mark.parametrize("kernel", [(3, 3), (2, 5)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1), (2, 4)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("images", [1, 3])
def test_depthwise_planes_side_by_side_are_right(kernel, stride, dilation, images):
    case = conv_case(
        (5, 15, 16), out_channels=5, kernel_size=kernel, stride=stride, dilation=dilation, padding="same", groups=5
    )
    tensors = make_tensors(case, images, seed=0, fill="integers")
    backend = NumpyIm2col()
    backend.start(Settings(threads=2))
    assert backend.prepare(case, tensors).algorithm == "einsum over planes side by side"
    with tiny_blocks():
        found = results(backend, case, tensors)
    assert all(d.verdict == "agrees" for d in check_against(oracle(case, tensors), found, exact=True))


@pytest.mark.parametrize("images", [1, 2, 5])
@pytest.mark.parametrize(
    ("size", "filters", "upright"),  # of 288 numbers: longer than a column that ends with a one
    [(12, 30, False), (12, 400, True), (6, 100, True), (24, 30, False)],
)
def test_dw_is_right_whether_its_products_are_turned_over_or_not(images, size, filters, upright):
    case = conv_case((32, size, size), out_channels=filters, kernel_size=(3, 3))
    assert convolution.is_upright(images, convolution_of(case)) == upright
    tensors = make_tensors(case, images, seed=0, fill="integers")
    backend = NumpyIm2col()
    backend.start(Settings(threads=2))
    found = results(backend, case, tensors)
    assert all(d.verdict == "agrees" for d in check_against(oracle(case, tensors), found, exact=True))


@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.sampled_from([0, convolution.SMALL_MATRIX]))
def test_matrices_are_turned_over_whatever_their_sides(count, rows, columns, small):
    matrices = np.arange(count * rows * columns, dtype=np.float32).reshape(count, rows, columns)
    transposed = np.full((count, columns, rows), np.nan, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "SMALL_MATRIX", small)
        convolution.transpose(matrices, transposed)
    assert np.array_equal(transposed, matrices.swapaxes(1, 2))


def test_results_are_the_same_bits_from_run_to_run():
    case = conv_case((8, 20, 20), out_channels=8, kernel_size=(3, 3))
    tensors = make_tensors(case, 7, seed=0)
    runs = []
    for _ in range(2):
        backend = NumpyIm2col()
        backend.start(Settings(threads=3))
        runs.append(results(backend, case, tensors))
    assert all(np.array_equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_float16_is_computed_in_float32_and_rounded_once():
    case = conv_case((3, 9, 9), "float16", out_channels=4, kernel_size=(3, 3))
    tensors = make_tensors(case, 2, seed=0)
    wide = Tensors(**{name: getattr(tensors, name).astype(np.float32) for name in ("x", "dy", "w", "b")})
    half, full = results(NumpyIm2col(), case, tensors), results(NumpyIm2col(), case.with_dtype("float32"), wide)
    assert all(np.array_equal(half[name], full[name].astype(np.float16)) for name in half)


# -- the path


@pytest.mark.parametrize(
    ("shape", "parameters", "algorithm"),
    [
        ((1, 5, 5), {"out_channels": 1, "kernel_size": (3, 3)}, "im2col of the batch; dx by the flipped kernel"),
        ((64, 56, 56), {"out_channels": 64, "kernel_size": (3, 3)}, "im2col in blocks; dx by the flipped kernel"),
        ((3, 64, 64), {"out_channels": 64, "kernel_size": (7, 7)}, "im2col in blocks; dx by added columns"),
        (
            (64, 56, 56),
            {"out_channels": 64, "kernel_size": (3, 3), "stride": (2, 2)},
            "im2col in blocks; dx by added columns",
        ),
        ((64, 56, 56), {"out_channels": 256, "kernel_size": (1, 1)}, "1 x 1 without a copy; dx by the flipped kernel"),
        ((256, 7, 7), {"out_channels": 256, "kernel_size": (3, 3)}, "im2col in blocks; dx by added columns"),
    ],
)
def test_the_path_follows_from_the_case(shape, parameters, algorithm):
    case = conv_case(shape, **parameters)
    assert NumpyIm2col().prepare(case, make_tensors(case, 4, seed=0)).algorithm == algorithm


def test_bfloat16_is_unsupported_with_the_reason():
    case = conv_case((1, 5, 5), "bfloat16", out_channels=1, kernel_size=(3, 3))
    assert "bfloat16" in NumpyIm2col().prepare(case, make_tensors(case, 1, seed=0)).reason


@given(
    st.builds(
        Axis,
        size=st.integers(1, 9),
        kernel=st.integers(1, 4),
        stride=st.integers(1, 4),
        dilation=st.integers(1, 3),
        before=st.integers(0, 4),
        after=st.integers(0, 4),
        ceil_mode=st.booleans(),
    ).filter(lambda axis: axis.output > 0)
)
def test_a_tap_is_taken_for_just_the_windows_where_it_lies_on_the_input(axis):
    places = np.arange(axis.size)
    for tap in range(axis.kernel):
        windows, read = pooling.on_input(axis, tap)
        found = list(zip(range(axis.output)[windows], places[read].tolist(), strict=True))
        reads = [(o, o * axis.stride - axis.before + tap * axis.dilation) for o in range(axis.output)]
        assert found == [(o, place) for o, place in reads if 0 <= place < axis.size]


# -- threads and the library under them


class Library:
    """What a Crew asks of a BLAS library."""

    def __init__(self):
        self.threads = []

    def set_num_threads(self, num_threads):
        self.threads.append(num_threads)


def test_threads_share_contiguous_parts_while_blas_takes_one():
    library = Library()
    parts = Crew(3, [library]).share(lambda part: part, 8, work=crews.SMALL_WORK)
    assert [number for part in parts for number in part] == list(range(8))
    assert len(parts) == 3
    assert library.threads == [1]


@pytest.mark.parametrize(("count", "work"), [(2, crews.SMALL_WORK), (8, 10)])
def test_few_items_or_little_work_stay_in_one_thread_while_blas_takes_all(count, work):
    library = Library()
    names = Crew(3, [library]).share(lambda part: (part, threading.current_thread().name), count, work=work)
    assert names == [(range(count), threading.current_thread().name)]
    assert library.threads == [3]


def test_an_error_in_any_thread_reaches_the_caller():
    def task(part):
        if part.start:
            raise ValueError("in a part")

    with pytest.raises(ValueError, match="in a part"):
        Crew(2).share(task, 8, work=crews.SMALL_WORK)


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("AuthenticAMD", blas.AVX512 | {"avx2"}, {"OPENBLAS_CORETYPE": "SkylakeX"}),
        ("AuthenticAMD", {"avx2", "avx512f"}, {}),
        ("GenuineIntel", blas.AVX512, {}),
        ("", frozenset(), {}),
    ],
)
def test_openblas_is_told_of_avx512_on_amd(monkeypatch, vendor, flags, expected):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setattr(blas, "_processor", lambda: (vendor, frozenset(flags)))
    assert NumpyIm2col().environment(Settings()) == expected


def test_kernels_that_the_user_chose_stay(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setattr(blas, "_processor", lambda: ("AuthenticAMD", blas.AVX512))
    assert NumpyIm2col().environment(Settings()) == {}


def test_start_tells_the_blas_library_and_its_kernels():
    facts = NumpyIm2col().start(Settings())
    assert any(character.isdigit() for character in facts["blas"]) or facts["blas"] == "unknown to threadpoolctl"

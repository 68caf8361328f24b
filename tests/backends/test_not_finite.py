"""NaN and infinity in convbench's own backends: they reach what they are a term of, and NaN is the largest number."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from convbench.verify import check_against, make_tensors, oracle
from convbench_backends.naive import Naive
from convbench_backends.numpy_im2col import NumpyIm2col
from convbench_specs import Case, Conv, Pool, Prepared, Settings, Tensors

KINDS = ("not-a-number", "infinite")


def conv(channels, filters, size, kernel, **parameters):
    return Conv(in_channels=channels, out_channels=filters, kernel_size=kernel, **parameters), (channels, *size)


def pool(shape, kind, kernel_size, **parameters):
    return Pool(kind=kind, kernel_size=kernel_size, **parameters), shape


OPERATIONS = {
    "winograd": conv(17, 18, (7, 9), (3, 3), padding="same"),
    "implicit_gemm": conv(3, 5, (7, 9), (3, 2), stride=(2, 1), padding=((1, 2), (0, 1))),
    "panels": conv(3, 5, (7, 9), (3, 2), stride=(2, 1), padding=((1, 2), (0, 1))),
    "panels, 1 x 1": conv(17, 9, (7, 9), (1, 1), stride=(2, 2)),
    "columns": conv(1, 17, (30,), (9,), padding=((7, 2),), dilation=(2,)),
    "few_places": conv(8, 40, (4, 5), (3, 3), padding="same"),
    "depthwise": conv(3, 3, (6, 9), (3, 3), groups=3, padding="same"),
    "depthwise, in pairs": conv(3, 3, (6, 9), (3, 3), stride=(2, 2), padding="same", groups=3),
    "depthwise, 5 x 5": conv(3, 3, (6, 9), (5, 5), groups=3, padding="same"),
    "depthwise, 4 x 5 in pairs": conv(3, 3, (9, 7), (4, 5), stride=(2, 2), padding=((3, 1), (0, 5)), groups=3),
    "edge": conv(2, 3, (5, 6), (3, 3), padding="same", padding_mode="edge"),
    "maximum in pairs": pool((3, 6, 20), "max", (2, 2)),
    "overlapping maximum": pool((3, 9, 9), "max", (3, 3), stride=(2, 2), padding=((1, 1), (1, 1))),
    "strided maximum": pool((3, 30), "max", (4,), stride=(3,)),
    "maximum of a plane": pool((5, 6, 6), "max", "global"),
    "average": pool((3, 7, 9), "average", (3, 2), stride=(2, 1), padding=((1, 1), (1, 0))),
}
"""By what numba-cpu computes them with: the name of a formulation, up to the comma, or the way that it has."""


def numba_cpu():
    pytest.importorskip("numba")
    from convbench_backends.numba_cpu import NumbaCpu

    return NumbaCpu


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(lambda: Naive, id="naive"),
        pytest.param(lambda: NumpyIm2col, id="numpy"),
        pytest.param(numba_cpu, id="numba", marks=pytest.mark.slow),  # each operation compiles for seconds
    ],
)
def prepare(request):
    """Prepares a case on a backend, by the formulation of a name where the backend has it."""
    kind = request.param()

    @cache
    def started(algorithm):
        (names,) = [option.choices for option in kind.options if option.name == "algorithm"] or [()]
        backend = kind()
        backend.start(Settings(threads=2, options={"algorithm": algorithm} if algorithm in names else {}))
        return backend

    def prepare(case, tensors, algorithm="auto"):
        prepared = started(algorithm).prepare(case, tensors)
        assert isinstance(prepared, Prepared)
        return prepared

    return prepare


def results(prepared):
    leaves = zip(("y", "dx", "dw", "db"), (prepared.forward(), *prepared.backward()), strict=True)
    return {name: prepared.to_numpy(name, leaf) for name, leaf in leaves if leaf is not None}


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_element_is_what_ieee_arithmetic_makes_of_the_definition(prepare, name, kind):
    operation, shape = OPERATIONS[name]
    case = Case(name="c", operation=operation, input_shape=shape)
    for seed in range(3):
        tensors = make_tensors(case, 2, seed=seed, fill=kind)
        prepared = prepare(case, tensors, name.split(",")[0])
        for deviation in check_against(oracle(case, tensors), results(prepared)):
            assert deviation.verdict == "agrees", deviation.describe()


@pytest.mark.parametrize("places", [(4,), (1, 4), (2, 2)])
def test_the_maximum_of_1_nan_3_2_is_nan_and_its_gradient_goes_there(prepare, places):
    assert_first_nan_wins(prepare, places)


def test_the_maximum_of_1_nan_3_2_is_nan_with_numba_too():
    assert_first_nan_wins(numba_cpu()().prepare, (1, 4))


def assert_first_nan_wins(prepare, places):
    case = Case(name="c", operation=Pool(kind="max", kernel_size=places), input_shape=(1, *places))
    x = np.array([1, np.nan, 3, 2], np.float32).reshape(1, 1, *places)
    dy = np.full(case.y_shape(1), 5, np.float32)
    found = results(prepare(case, Tensors(x=x, dy=dy)))
    assert np.isnan(found["y"]).all()
    assert found["dx"].ravel().tolist() == [0, 5, 0, 0]


def test_one_infinity_reaches_nine_outputs_and_no_more(prepare):
    operation = Conv(in_channels=16, out_channels=16, kernel_size=(3, 3), padding="same")
    case = Case(name="c", operation=operation, input_shape=(16, 12, 12))
    tensors = make_tensors(case, 1, seed=0)
    x = tensors.x.copy()
    x[0, 3, 5, 6] = np.inf
    y = results(prepare(case, Tensors(x=x, dy=tensors.dy, w=tensors.w, b=tensors.b), "winograd"))["y"]
    assert np.isinf(y).sum() == 9 * 16
    assert np.isfinite(y).sum() == y.size - 9 * 16


@pytest.mark.slow
def test_large_numbers_do_not_overflow_in_the_tiles_of_winograd():
    case = Case(name="c", operation=Conv(in_channels=16, out_channels=16, kernel_size=(3, 3)), input_shape=(16, 8, 8))
    tensors = make_tensors(case, 1, seed=0)
    large = Tensors(x=tensors.x * np.float32(2.0**124), dy=tensors.dy, w=tensors.w, b=tensors.b)
    backend = numba_cpu()()
    backend.start(Settings(threads=2, options={"algorithm": "winograd"}))
    prepared = backend.prepare(case, large)
    right = oracle(case, large)
    with np.errstate(over="ignore"):
        assert np.isfinite(right.y.astype(np.float32)).all()
    assert np.isfinite(prepared.forward()).all()

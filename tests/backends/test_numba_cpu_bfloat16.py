"""bfloat16 of numba-cpu: 16 bits are stored, widened to float32 in each pass, and each result is rounded once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convbench.testing.suite import BackendTests
from convbench.verify import check_against, make_tensors, oracle
from convbench.verify.bounds.dtypes import round_to
from convbench_backends.numba_cpu import NumbaCpu
from convbench_specs import PASSES, Case, Conv, Flatten, Pool, Prepared, Settings, Tensors

pytest.importorskip("numba")

from convbench_backends.numba_cpu.bfloat16 import Store, narrowed, widened  # imports Numba

ALL = np.arange(1 << 16, dtype=np.uint16)
"""Every bfloat16 number, as its bits."""
AWKWARD = (0x0000, 0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF)
"""Lower halves of a float32: nothing is cut, just below, at and just above a tie."""
INFINITY, NAN_BIT, SIGN = 0x7F80, 0x0040, 0x8000


@pytest.fixture(scope="module", autouse=True)
def _two_threads():
    """Threads as a run sets them."""
    numba = pytest.importorskip("numba")
    before = numba.get_num_threads()
    NumbaCpu().start(Settings(threads=min(2, numba.config.NUMBA_NUM_THREADS)))
    yield
    numba.set_num_threads(before)


def is_nan(bits):
    return (bits & 0x7FFF) > INFINITY


def magnitude(bits):
    """Exact sizes of bfloat16 numbers in float64; that of infinity is where the next exponent would begin."""
    words = (bits & np.uint16(0x7FFF)).astype(np.uint32) << np.uint32(16)
    with np.errstate(invalid="ignore"):
        sizes = words.view(np.float32).astype(np.float64)
    sizes[np.isinf(sizes)] = 2.0**128
    return sizes


def nearest(words):
    """By the definition: of the two bfloat16 numbers around a float32 the nearer one, of two as near the even one."""
    below = (words >> np.uint32(16)).astype(np.uint16)
    with np.errstate(invalid="ignore"):
        value = np.abs(words.view(np.float32)).astype(np.float64)
    value[np.isinf(value)] = 2.0**128
    to_below, to_above = value - magnitude(below), magnitude(below + np.uint16(1)) - value
    goes_up = (to_above < to_below) | ((to_above == to_below) & (below & 1 == 1))
    return np.where((below & 0x7FFF) == INFINITY, below, below + goes_up).astype(np.uint16)


def assert_rounded(words):
    found = narrowed(words.view(np.float32))
    not_a_number = np.isnan(words.view(np.float32))
    np.testing.assert_array_equal(is_nan(found), not_a_number)
    np.testing.assert_array_equal((found[not_a_number] & SIGN), (words[not_a_number] >> 16) & SIGN)
    np.testing.assert_array_equal(found[~not_a_number], nearest(words[~not_a_number]))


@pytest.mark.parametrize("lower", AWKWARD)
def test_around_every_number_rounding_is_to_the_nearest_and_of_two_to_the_even_one(lower):
    assert_rounded((ALL.astype(np.uint32) << np.uint32(16)) + np.uint32(lower))


@given(arrays(np.uint32, st.integers(0, 100), elements=st.integers(0, 2**32 - 1)))
def test_any_float32_is_rounded_to_the_nearest(words):
    assert_rounded(words)


def test_rounding_is_that_by_which_the_data_are_made():
    values = np.random.default_rng(0).standard_normal(1001).astype(np.float32)
    np.testing.assert_array_equal(widened(narrowed(values)), round_to(values, "bfloat16"))


def test_what_is_widened_and_narrowed_is_the_same_and_nan_is_quiet():
    np.testing.assert_array_equal(narrowed(widened(ALL)), np.where(is_nan(ALL), ALL | NAN_BIT, ALL))


def conv(channels, filters, size, kernel, **parameters):
    return Conv(in_channels=channels, out_channels=filters, kernel_size=kernel, **parameters), (channels, *size)


OPERATIONS = {
    "implicit GEMM": conv(5, 9, (7, 10), (3, 2), stride=(2, 3), padding=((1, 2), (0, 1)), bias=False),
    "one axis": conv(3, 8, (31,), (4,), padding="same"),
    "Winograd": conv(17, 18, (8, 9), (3, 3), padding="same"),
    "depthwise": conv(3, 3, (6, 9), (3, 3), groups=3, padding="same"),
    "depthwise 5 x 5": conv(3, 3, (6, 9), (5, 5), groups=3, padding="same"),
    "edge": conv(2, 3, (5, 6), (3, 3), padding="same", padding_mode="edge"),
    "maximum": (Pool(kind="max", kernel_size=(2, 2)), (3, 6, 20)),
    "overlapping maximum": (
        Pool(kind="max", kernel_size=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1))),
        (3, 9, 9),
    ),
    "average": (Pool(kind="average", kernel_size=(3, 2), stride=(2, 1), padding=((1, 1), (1, 0))), (3, 7, 9)),
    "average of planes": (Pool(kind="average", kernel_size="global"), (33, 5, 7)),
    "view": (Flatten(), (3, 4, 5)),
    "transposing copy": (Flatten(order="channels_last"), (3, 4, 5)),
}
ORDINARY = {"implicit GEMM", "maximum", "average", "transposing copy"}
"""What an ordinary run tests: each case compiles kernels for seconds."""
CASES = [
    pytest.param(
        Case(name="c", operation=operation, input_shape=shape, dtype="bfloat16"),
        id=name.replace(" ", "_"),
        marks=() if name in ORDINARY else pytest.mark.slow,
    )
    for name, (operation, shape) in OPERATIONS.items()
]
each_case = pytest.mark.parametrize("case", CASES)


def prepare(case, tensors):
    prepared = NumbaCpu().prepare(case, tensors)
    assert isinstance(prepared, Prepared)
    return prepared


def results(prepared, pass_name="both"):
    """What a pass returns, without what there is not."""
    found = prepared.call_of(pass_name)()
    return [each for each in (found if isinstance(found, tuple) else (found,)) if each is not None]


def drawn_in_float32(case, seed):
    """Tensors whose numbers bfloat16 has not."""
    return make_tensors(case.with_dtype("float32"), 2, seed=seed)


def rounded(tensors):
    names = ("x", "dy", "w", "b")
    given = {name: getattr(tensors, name) for name in names}
    return Tensors(**{name: None if each is None else round_to(each, "bfloat16") for name, each in given.items()})


@each_case
def test_every_result_has_16_bits_and_is_that_of_float32_rounded_once(case):
    tensors = make_tensors(case, 2, seed=0)
    stored, wide = prepare(case, tensors), prepare(case.with_dtype("float32"), tensors)
    assert stored.algorithm == f"{wide.algorithm}, stored in bfloat16"
    for pass_name in PASSES:
        for bits, right in zip(results(stored, pass_name), results(wide, pass_name), strict=True):
            assert bits.dtype == np.uint16
            assert stored.to_numpy("y", bits).dtype == np.float32
            np.testing.assert_array_equal(bits, narrowed(right))


@each_case
def test_numbers_that_bfloat16_has_not_are_rounded_where_they_are_stored(case):
    first, second = (drawn_in_float32(case, seed) for seed in (0, 1))
    prepared = prepare(case, first)
    for tensors in (first, second):
        prepared.update(tensors)
        right = results(prepare(case, rounded(tensors)))
        for pass_name, expected in (("backward", right[1:]), ("both", right), ("forward", right[:1])):
            for bits, each in zip(results(prepared, pass_name), expected, strict=True):
                np.testing.assert_array_equal(bits, each)


@each_case
def test_a_step_of_training_takes_the_new_dy_and_what_was_kept(case):
    first, second = (make_tensors(case, 2, seed=seed) for seed in (0, 1))
    prepared, right = prepare(case, first), results(prepare(case, second))
    for _ in range(2):
        prepared.update(replace(second, dy=first.dy))
        y = (prepared.kept_forward or prepared.forward)()
        if prepared.update_dy is None:
            prepared.update(second)
        else:
            prepared.update_dy(second.dy)
        for bits, expected in zip([y, *results(prepared, "backward")], right, strict=True):
            np.testing.assert_array_equal(bits, expected)
        prepared.update(first)


def test_a_pass_reads_the_16_bits_and_nothing_that_an_earlier_one_left_in_the_workspace():
    tensors = make_tensors(Case(name="c", operation=conv(3, 4, (5, 6), (3, 3))[0], input_shape=(3, 5, 6)), 2, seed=0)
    store = Store(tensors)
    for each in (store.wide.x, store.wide.dy, store.wide.w, store.wide.b):
        each.fill(np.nan)
    store.widen("b", "x")
    for name in ("b", "w", "x"):
        np.testing.assert_array_equal(getattr(store.wide, name), round_to(getattr(tensors, name), "bfloat16"))
    assert np.isnan(store.wide.dy).all()
    store.widen("dy", "dy")
    np.testing.assert_array_equal(store.wide.dy, round_to(tensors.dy, "bfloat16"))


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("kind", ["not-a-number", "infinite"])
@each_case
def test_nan_and_infinity_reach_what_they_are_a_term_of(case, kind):
    for seed in range(3):
        tensors = make_tensors(case, 2, seed=seed, fill=kind)
        prepared = prepare(case, tensors)
        names = ("y", *case.gradient_names)
        found = {name: prepared.to_numpy(name, bits) for name, bits in zip(names, results(prepared), strict=True)}
        for deviation in check_against(oracle(case, tensors), found):
            assert deviation.verdict == "agrees", deviation.describe()


@pytest.mark.slow  # the rest of the suite, by the same kernels, is that of float32
class TestNumbaCpuInBfloat16(BackendTests):
    backend = "numba-cpu"
    dtypes = ("bfloat16",)
    batch_sizes = (0, 3)

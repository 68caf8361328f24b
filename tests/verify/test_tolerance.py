"""The bound lets every right implementation pass, and is not so loose that real errors hide in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_cases import cases, convolutions, in_turn

from convbench.verify import check_against, make_tensors, oracle, round_to
from convbench.verify.bounds.dtypes import unit_roundoff
from convbench_specs import Case, Conv, Pool, Tensors


def layer(channels, filters, kernel, size, dtype="float32", **parameters):
    conv = Conv(in_channels=channels, out_channels=filters, kernel_size=(kernel, kernel), **parameters)
    return Case(name="layer", operation=conv, input_shape=(channels, size, size), dtype=dtype)


LAYERS = [layer(1, 4, 1, 9), layer(1, 8, 3, 28), layer(8, 8, 3, 30, padding="same"), layer(64, 16, 3, 14, stride=(2,))]
LONG_SUM = layer(1, 2, 2, 181, padding="same")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [*LAYERS, LONG_SUM], ids=lambda case: str(case.input_shape))
def test_sums_in_turn_stay_within_the_bound(case, dtype):
    case = case.with_dtype(dtype)
    tensors = make_tensors(case, 4, seed=0)
    reference = oracle(case, tensors)
    for deviation in check_against(reference, in_turn(case, tensors, np.dtype(dtype))):
        assert deviation.verdict == "agrees"
        assert deviation.multiple < 0.75, deviation.describe()


@settings(max_examples=150, deadline=None)
@given(case=convolutions(("float32", "float64")), seed=st.integers(0, 999))
def test_no_random_convolution_in_turn_is_a_false_alarm(case, seed):
    if case.operation.padding_mode == "edge":
        return
    tensors = make_tensors(case, 2, seed=seed)
    for deviation in check_against(oracle(case, tensors), in_turn(case, tensors, np.dtype(case.dtype))):
        assert deviation.verdict == "agrees", deviation.describe()


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: str(case.input_shape))
@pytest.mark.parametrize("name", ["y", "dx"])
def test_ten_times_the_error_of_sums_in_turn_is_caught(case, name):
    tensors = make_tensors(case, 4, seed=0)
    reference = oracle(case, tensors)
    honest = in_turn(case, tensors)[name].astype(np.float64)
    worse = (reference.values(name) + 10 * (honest - reference.values(name))).astype(np.float32)
    (deviation,) = check_against(reference, {name: worse})
    assert deviation.verdict == "disagrees"


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: str(case.input_shape))
def test_one_element_that_is_off_by_ten_bounds_is_found(case):
    tensors = make_tensors(case, 2, seed=0)
    reference, results = oracle(case, tensors), in_turn(case, tensors)
    for name, result in results.items():
        wrong = result.copy()
        place = tuple(size // 2 for size in wrong.shape)
        wrong[place] += 10 * reference.bound(name)[place]
        (deviation,) = check_against(reference, {name: wrong})
        assert deviation.verdict == "disagrees"
        assert deviation.worst.index == place
        assert 8 < deviation.multiple < 12


def in_precision(case, tensors, bits):
    """Results of a convolution whose factors are rounded to so many bits first."""

    def cut(values):
        mantissa, exponent = np.frexp(values)
        return np.ldexp(np.round(mantissa * 2.0**bits), exponent - bits).astype(np.float32)

    rounded = Tensors(x=cut(tensors.x), w=cut(tensors.w), dy=cut(tensors.dy), b=tensors.b)
    reference = oracle(case, rounded)
    return {name: reference.values(name).astype(np.float32) for name in reference.names}


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: str(case.input_shape))
@pytest.mark.parametrize("scale", [1.0, 2.0**-10, 2.0**10])
def test_reduced_precision_is_caught_at_any_scale(case, scale):
    drawn = make_tensors(case, 2, seed=0)
    x, dy, w = (array * np.float32(scale) for array in (drawn.x, drawn.dy, drawn.w))
    tensors = Tensors(x=x, dy=dy, w=w, b=drawn.b * np.float32(scale**2))
    reference = oracle(case, tensors)
    tf32 = check_against(reference, in_precision(case, tensors, bits=11))
    assert {deviation.tensor: deviation.verdict for deviation in tf32} == dict.fromkeys(reference.names, "disagrees")


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: str(case.input_shape))
def test_sums_in_half_precision_are_caught(case):
    tensors = make_tensors(case, 2, seed=0)
    results = {name: result.astype(np.float32) for name, result in in_turn(case, tensors, np.float16).items()}
    assert {each.verdict for each in check_against(oracle(case, tensors), results)} == {"disagrees"}


@settings(max_examples=100, deadline=None)
@given(case=cases(("float32", "float64")), seed=st.integers(0, 999))
def test_the_bound_is_small_beside_what_it_bounds_and_scales_with_it(case, seed):
    tensors = make_tensors(case, 2, seed=seed)
    larger = Tensors(x=tensors.x * 4, dy=tensors.dy * 4, w=tensors.w, b=None if tensors.b is None else tensors.b * 4)
    one, four = oracle(case, tensors), oracle(case, larger)
    unit = unit_roundoff(case.dtype)
    for name in one.names:
        assert np.all(one.bound(name) <= 40 * unit * np.sqrt(one.terms(name)) * (one.magnitude(name) + 1e-30))
        factor = 16 if name == "dw" else 4
        np.testing.assert_allclose(four.bound(name), factor * one.bound(name), rtol=1e-5, atol=1e-35)


def test_what_only_chooses_has_no_room_for_error():
    case = Case(name="max", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(3, 8, 8))
    reference = oracle(case, make_tensors(case, 2, seed=0))
    assert not reference.bound("y").any()
    assert not reference.bound("dx").any()
    overlapping = Case(name="max", operation=Pool(kind="max", kernel_size=(3, 3), stride=(1,)), input_shape=(3, 8, 8))
    reference = oracle(overlapping, make_tensors(overlapping, 2, seed=0))
    assert not reference.bound("y").any()
    assert reference.bound("dx").any()


def test_places_that_no_window_reads_must_be_zero():
    case = Case(
        name="gaps", operation=Conv(in_channels=1, out_channels=1, kernel_size=(1,), stride=(3,)), input_shape=(1, 9)
    )
    bound = oracle(case, make_tensors(case, 1, seed=0)).bound("dx")
    assert (bound[0, 0] > 0).tolist() == [True, False, False] * 3


def test_averages_of_photos_may_drift_as_sums_in_turn_do():
    pool = Pool(kind="average", kernel_size="global")
    case = Case(name="photos", operation=pool, input_shape=(3, 400, 600), x_data="photos")
    tensors = make_tensors(case, 2, seed=0)
    sums = np.cumsum(tensors.x.reshape(2, 3, -1), axis=2, dtype=np.float32)[..., -1]
    y = (sums / np.float32(240_000)).reshape(2, 3, 1, 1)
    (deviation,) = check_against(oracle(case, tensors), {"y": y})
    assert deviation.verdict == "agrees"
    random = Case(name="random", operation=pool, input_shape=(3, 400, 600))
    assert np.max(oracle(random, make_tensors(random, 2, seed=0)).bound("y")) < np.max(oracle(case, tensors).bound("y"))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("case", LAYERS, ids=lambda case: str(case.input_shape))
def test_low_precision_with_sums_in_float32_agrees_without_remark(case, dtype):
    case = case.with_dtype(dtype)
    tensors = make_tensors(case, 2, seed=0)
    wide = Tensors(**{name: getattr(tensors, name).astype(np.float32) for name in ("x", "dy", "w", "b")})
    results = {name: round_to(result, dtype) for name, result in in_turn(case, wide).items()}
    for deviation in check_against(oracle(case, tensors), results):
        assert deviation.verdict == "agrees"
        assert 0.1 < deviation.multiple <= 1
        assert not deviation.remark


def test_low_precision_with_sums_in_itself_agrees_with_a_remark():
    case = layer(2, 4, 3, 10, dtype="float16")
    tensors = make_tensors(case, 1, seed=0)
    found = {each.tensor: each for each in check_against(oracle(case, tensors), in_turn(case, tensors, np.float16))}
    assert {each.verdict for each in found.values()} == {"agrees"}
    assert "as sums in float16 are" in found["dw"].remark
    assert "as sums in float16 are" in found["dw"].describe()


def test_low_precision_is_untrusted_where_zeros_would_pass_and_wrong_where_not():
    case = layer(64, 4, 3, 12, dtype="bfloat16")
    tensors = make_tensors(case, 4, seed=0)
    reference = oracle(case, tensors)
    zeros = {name: np.zeros(reference.values(name).shape, np.float32) for name in ("y", "dx")}
    found = {each.tensor: each for each in check_against(reference, zeros)}
    assert found["dx"].verdict == "disagrees"
    half = {"y": (reference.y / 2).astype(np.float32)}
    (deviation,) = check_against(reference, half)
    assert deviation.verdict == "untrusted"
    assert "would let zeros pass" in deviation.describe()

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


def global_average(dtype, size=56, **more):
    pool = Pool(kind="average", kernel_size="global")
    return Case(name="global", operation=pool, input_shape=(3, size, size), dtype=dtype, **more)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_zeros_are_wrong_however_few_the_results_of_16_bits_are(dtype, batch_size):
    case = global_average(dtype)
    reference = oracle(case, make_tensors(case, batch_size, seed=0))
    (deviation,) = check_against(reference, {"y": np.zeros(reference.y.shape, reference.tensors.x.dtype)})
    assert deviation.verdict == "disagrees"
    (deviation,) = check_against(reference, {"y": round_to(reference.y / 2, dtype)})
    assert deviation.verdict == "disagrees" or (dtype, batch_size) == ("bfloat16", 1)  # within what 3 sums may be off


def test_the_mean_of_a_photo_whose_sum_stopped_growing_is_wrong():
    case = global_average("float16", 224, x_data="photos")
    reference = oracle(case, make_tensors(case, 1, seed=0))
    assert reference.y[0, 0, 0, 0] == pytest.approx(0.60609, abs=1e-5)
    (deviation,) = check_against(reference, {"y": np.full((1, 3, 1, 1), 0.0408, np.float16)})
    assert deviation.verdict == "disagrees"
    (deviation,) = check_against(reference, {"y": reference.y.astype(np.float16)})
    assert deviation.verdict == "agrees"


def test_windows_of_a_photo_whose_average_is_1_are_wrong():
    pool = Pool(kind="average", kernel_size=(112, 112))
    case = Case(name="112", operation=pool, input_shape=(3, 224, 224), dtype="float16", x_data="photos")
    reference = oracle(case, make_tensors(case, 1, seed=0))
    assert reference.y[0, 2, 1, 0] == pytest.approx(0.2656, abs=1e-4)
    (deviation,) = check_against(reference, {"y": np.full((1, 3, 2, 2), 0.9937, np.float16)})
    assert deviation.verdict == "disagrees"


def averaged_in_turn(x, dtype):
    """The average of each row, every sum rounded to the dtype."""
    total = np.zeros(len(x), np.float64)
    for column in x.T:
        total = round_to(total + column, dtype).astype(np.float64)
    return round_to(total / x.shape[1], dtype)


@settings(max_examples=120, deadline=None)
@given(
    dtype=st.sampled_from(["bfloat16", "float16"]),
    maps=st.integers(1, 40),
    places=st.integers(1, 4000),
    offset=st.sampled_from([0.0, 0.0, 0.5, 2.0]),
    seed=st.integers(0, 999),
)
def test_16_bit_results_pass_if_summed_in_float32_and_never_as_zeros(dtype, maps, places, offset, seed):
    case = Case(
        name="row", operation=Pool(kind="average", kernel_size="global"), input_shape=(maps, places), dtype=dtype
    )
    x = round_to(np.random.default_rng(seed).standard_normal((1, maps, places)) + offset, dtype)
    reference = oracle(case, Tensors(x=x, dy=np.ones((1, maps, 1), x.dtype)))
    sums = x.astype(np.float32).cumsum(axis=2, dtype=np.float32)[..., -1:]
    (deviation,) = check_against(reference, {"y": round_to(sums / np.float32(places), dtype)})
    assert (deviation.verdict, deviation.remark) == ("agrees", "")
    (deviation,) = check_against(reference, {"y": np.zeros((1, maps, 1), x.dtype)})
    assert deviation.verdict != "agrees"
    scale = np.sqrt(np.mean(np.square(reference.y) / (np.square(x.astype(np.float64)).mean(axis=2, keepdims=True))))
    if scale > unit_roundoff(dtype) * 8:  # the values are far from zero beside what sums in the dtype are off
        assert deviation.verdict == "disagrees"


@settings(max_examples=60, deadline=None)
@given(
    dtype=st.sampled_from(["bfloat16", "float16"]),
    maps=st.integers(1, 20),
    places=st.integers(1, 1000),
    seed=st.integers(0, 999),
)
def test_honest_sums_of_16_bits_are_never_called_wrong(dtype, maps, places, seed):
    case = Case(
        name="row", operation=Pool(kind="average", kernel_size="global"), input_shape=(maps, places), dtype=dtype
    )
    x = round_to(np.random.default_rng(seed).standard_normal((1, maps, places)), dtype)
    reference = oracle(case, Tensors(x=x, dy=np.ones((1, maps, 1), x.dtype)))
    y = averaged_in_turn(x[0].astype(np.float64), dtype).reshape(1, maps, 1)
    assert check_against(reference, {"y": y})[0].verdict != "disagrees"


@pytest.mark.parametrize(("dtype", "counts_to"), [("bfloat16", 256), ("float16", 2048)])
def test_a_sum_of_16_bits_that_stopped_growing_is_wrong(dtype, counts_to):
    pool = Pool(kind="average", kernel_size="global")
    case = Case(name="ones", operation=pool, input_shape=(2, 4 * counts_to), dtype=dtype)
    x = np.ones((1, 2, 4 * counts_to), np.float32 if dtype == "bfloat16" else np.float16)
    y = averaged_in_turn(x[0].astype(np.float64), dtype).reshape(1, 2, 1)
    assert set(y.ravel()) == {0.25}
    (deviation,) = check_against(oracle(case, Tensors(x=x, dy=np.ones((1, 2, 1), x.dtype))), {"y": y})
    assert deviation.verdict == "disagrees"


def test_places_that_no_window_reads_say_nothing_about_sums_of_16_bits():
    conv = Conv(in_channels=1, out_channels=4, kernel_size=(1,), stride=(3,), bias=False)
    case = Case(name="gaps", operation=conv, input_shape=(1, 9), dtype="bfloat16")
    reference = oracle(case, make_tensors(case, 2, seed=0))
    dx = round_to(reference.dx, "bfloat16")
    dx[1, 0, 3] *= np.float32(1 + 2.0**-6)
    (deviation,) = check_against(reference, {"dx": dx})
    assert (deviation.verdict, deviation.off) == ("agrees", 0)
    assert "as sums in bfloat16 are" in deviation.remark
    dx[1, 0, 4] = 1e-3  # between the windows
    assert check_against(reference, {"dx": dx})[0].verdict == "disagrees"


def test_low_precision_is_untrusted_where_zeros_would_pass_and_wrong_where_not():
    case = layer(64, 4, 3, 12, dtype="bfloat16")
    tensors = make_tensors(case, 4, seed=0)
    reference = oracle(case, tensors)
    zeros = {name: np.zeros(reference.values(name).shape, np.float32) for name in ("y", "dx")}
    halves = {name: (reference.values(name) / 2).astype(np.float32) for name in ("y", "dx")}
    for results in (zeros, halves):
        assert {each.verdict for each in check_against(reference, results)} == {"disagrees"}
    opposite = global_average("bfloat16", 32)
    x = make_tensors(opposite, 1, seed=0).x.reshape(3, 1024).astype(np.float64)
    x[:, 512:] = -x[:, :512]  # all sums are 0, but for one element
    x[:, -1] += 2.0**-7
    tensors = Tensors(x=round_to(x, "bfloat16").reshape(1, 3, 32, 32), dy=np.ones((1, 3, 1, 1), np.float32))
    (deviation,) = check_against(oracle(opposite, tensors), {"y": np.full((1, 3, 1, 1), -1e-3, np.float32)})
    assert deviation.verdict == "untrusted"
    assert "would let zeros pass" in deviation.describe()


@pytest.mark.parametrize("value", [0.9, 0.1, 1 / 3, 1000.1])
@pytest.mark.parametrize("side", [62, 300])
def test_equal_terms_added_in_turn_are_within_the_bound(value, side):
    case = layer(1, 1, 1, side)
    ones = np.ones((1, 1, side, side), np.float32)
    weights = np.ones((1, 1, 1, 1), np.float32)
    tensors = Tensors(x=ones, w=weights, b=np.zeros(1, np.float32), dy=ones * np.float32(value))
    for deviation in check_against(oracle(case, tensors), in_turn(case, tensors)):
        assert deviation.verdict == "agrees", deviation.describe()
    lost = tensors.dy.copy()
    lost[0, 0, 0, : side // 2] = 0  # half a row of equal terms, so that no drift hides it
    wrong = in_turn(case, Tensors(x=ones, w=weights, b=tensors.b, dy=lost))
    found = {each.tensor: each.verdict for each in check_against(oracle(case, tensors), wrong)}
    assert found["db"] == ("disagrees" if side == 62 else found["db"])


@settings(max_examples=150, deadline=None)
@given(
    case=convolutions(("float32", "float64")),
    exponents=st.tuples(*[st.integers(-100, 60)] * 2),
    seed=st.integers(0, 999),
)
def test_at_every_magnitude_right_sums_agree_and_zeros_do_not(case, exponents, seed):
    if case.operation.padding_mode == "edge":
        return
    drawn, wide = make_tensors(case, 2, seed=seed), 8 if case.dtype == "float64" else 1
    one, other = (2.0 ** (exponent * wide) for exponent in exponents)
    if not 1e-28**wide < one * other < 1e30**wide:
        other = 1 / one
    kind = drawn.x.dtype.type
    x, dy, w = drawn.x * kind(one), drawn.dy * kind(one), drawn.w * kind(other)
    tensors = Tensors(x=x, dy=dy, w=w, b=None if drawn.b is None else drawn.b * kind(one * other))
    reference = oracle(case, tensors)
    names = [name for name in reference.names if name != "dw" or 1e-30**wide < one * one < 1e30**wide]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        results = in_turn(case, tensors, np.dtype(case.dtype))
    for deviation in check_against(reference, {name: results[name] for name in names}):
        assert deviation.verdict == "agrees", deviation.describe()
    for name in names:
        if np.any(np.abs(reference.values(name)) > 1e-3 * np.max(reference.magnitude(name))):
            (deviation,) = check_against(reference, {name: np.zeros_like(results[name])})
            assert deviation.verdict == "disagrees"


def test_small_sums_beside_large_ones_keep_their_own_bound():
    conv = Conv(in_channels=1, out_channels=2, kernel_size=(3,), bias=False)
    case = Case(name="wide", operation=conv, input_shape=(1, 40))
    drawn = make_tensors(case, 2, seed=0)
    scale = np.array([1e19, 1e-22], np.float32).reshape(2, 1, 1)
    tensors = Tensors(x=drawn.x * scale, w=drawn.w, dy=drawn.dy)
    reference, results = oracle(case, tensors), in_turn(case, tensors)
    assert {each.verdict for each in check_against(reference, results)} == {"agrees"}
    results["y"][1] *= np.float32(1.001)  # the small instance alone
    (deviation,) = check_against(reference, {"y": results["y"]})
    assert (deviation.verdict, deviation.worst.index[0]) == ("disagrees", 1)


def test_terms_with_a_factor_below_the_normal_numbers_may_be_missing_and_no_others():
    case = layer(1, 1, 3, 9, bias=False)
    drawn = make_tensors(case, 1, seed=0)
    x = drawn.x.copy()
    x[0, 0, :4] = np.float32(1e-39)
    tensors = Tensors(x=x, w=drawn.w * np.float32(1e9), dy=drawn.dy)
    flushed = Tensors(x=np.where(x == np.float32(1e-39), np.float32(0), x), w=tensors.w, dy=drawn.dy)
    reference = oracle(case, tensors)
    results = {name: oracle(case, flushed).values(name).astype(np.float32) for name in ("y", "dx", "dw")}
    assert {each.verdict for each in check_against(reference, results)} == {"agrees"}
    assert np.all(reference.flushed("y")[0, 0, :2] > 0)
    assert not reference.flushed("y")[0, 0, 4:].any()
    assert reference.flushed("dx").ndim == 0
    results["y"][0, 0, -1] += np.float32(1e-30) + np.abs(results["y"][0, 0, -1]) * np.float32(1e-5)
    assert check_against(reference, results)[0].verdict == "disagrees"


def test_the_sum_of_an_average_may_overflow_before_it_is_divided():
    case = global_average("float16", 40)
    x = np.full((1, 3, 40, 40), 100, np.float16)  # the sum is 160,000
    reference = oracle(case, Tensors(x=x, dy=np.ones((1, 3, 1, 1), np.float16)))
    (deviation,) = check_against(reference, {"y": np.full((1, 3, 1, 1), np.inf, np.float16)})
    assert deviation.verdict == "untrusted"
    small = oracle(case, Tensors(x=x / 100, dy=np.ones((1, 3, 1, 1), np.float16)))
    (deviation,) = check_against(small, {"y": np.full((1, 3, 1, 1), np.inf, np.float16)})
    assert deviation.verdict == "disagrees"

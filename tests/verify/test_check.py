"""One backend's results against the oracle: equal on integers, within the bound on random data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_cases import cases, in_turn

from convbench.verify import allowed, check_against, make_tensors, must_be_equal, oracle, round_to, sampled_oracle
from convbench_specs import Case, Conv, Pool, SpecError, Tensors

CONV = Conv(in_channels=4, out_channels=6, kernel_size=(3, 3), padding="same")
CASE = Case(name="conv", operation=CONV, input_shape=(4, 12, 11))


@settings(max_examples=200, deadline=None)
@given(case=cases(), fill=st.sampled_from(["random", "integers"]), seed=st.integers(0, 99), batch=st.integers(0, 2))
def test_right_values_rounded_to_the_dtype_agree(case, fill, seed, batch):
    reference = oracle(case, make_tensors(case, batch, seed=seed, fill=fill))
    results = {name: round_to(reference.values(name), case.dtype) for name in reference.names}
    for deviation in check_against(reference, results, exact=fill == "integers"):
        assert deviation.verdict == "agrees", deviation.describe()
        assert not deviation.remark


def test_sums_in_turn_are_equal_on_integers():
    tensors = make_tensors(CASE, 3, seed=0, fill="integers")
    for deviation in check_against(oracle(CASE, tensors), in_turn(CASE, tensors), exact=True):
        assert deviation.verdict == "agrees"
        assert deviation.multiple == 0


@pytest.mark.parametrize("name", ["y", "dx", "dw", "db"])
def test_the_smallest_error_on_integers_is_found(name):
    tensors = make_tensors(CASE, 3, seed=0, fill="integers")
    reference = oracle(CASE, tensors)
    wrong = in_turn(CASE, tensors)[name]
    wrong.flat[wrong.size // 2] = np.nextafter(wrong.flat[wrong.size // 2], np.float32(np.inf))
    (deviation,) = check_against(reference, {name: wrong}, exact=True)
    assert (deviation.verdict, deviation.off) == ("disagrees", 1)


def test_one_lost_pixel_in_a_million_is_found_on_integers():
    conv = Conv(in_channels=1, out_channels=1, kernel_size=(1, 1))
    case = Case(name="large", operation=conv, input_shape=(1, 1000, 1100))
    tensors = make_tensors(case, 1, seed=0, fill="integers")
    lost = tensors.dy.copy()
    lost[0, 0, -1, -1] = 0
    results = oracle(case, Tensors(x=tensors.x, w=tensors.w, b=tensors.b, dy=lost))
    wrong = {name: results.values(name).astype(np.float32) for name in ("dw", "db")}
    assert [each.verdict for each in check_against(oracle(case, tensors), wrong, exact=True)] == ["disagrees"] * 2


def test_averages_must_be_equal_on_integers_only_where_divisors_are_powers_of_two():
    def average(kernel, **parameters):
        pool = Pool(kind="average", kernel_size=(kernel, kernel), **parameters)
        return Case(name="average", operation=pool, input_shape=(2, 9, 9))

    assert must_be_equal(average(2))
    assert not must_be_equal(average(3))
    assert must_be_equal(average(4, stride=(2,)))
    assert not must_be_equal(average(4, padding=((1, 1), (0, 0)), count_include_pad=False))
    tensors = make_tensors(average(3), 1, seed=0, fill="integers")
    reference = oracle(average(3), tensors)
    windows = np.lib.stride_tricks.sliding_window_view(tensors.x, (3, 3), axis=(2, 3))[:, :, ::3, ::3]
    by_reciprocal = windows.sum(axis=(4, 5), dtype=np.float32) * np.float32(1 / 9)
    (deviation,) = check_against(reference, {"y": by_reciprocal}, exact=True)
    assert deviation.verdict == "agrees"
    assert allowed(reference, "y", exact=True).shape == reference.y.shape
    assert allowed(oracle(CASE, make_tensors(CASE, 1, seed=0, fill="integers")), "y", exact=True).shape == ()


def test_zeros_nan_and_another_form_do_not_agree():
    tensors = make_tensors(CASE, 2, seed=0)
    reference = oracle(CASE, tensors)
    y = in_turn(CASE, tensors)["y"]
    for wrong in (np.zeros_like(y), np.full_like(y, np.nan), np.full_like(y, np.inf), -y, y[::-1].copy()):
        assert check_against(reference, {"y": wrong})[0].verdict == "disagrees"
    for strange in (y[:1], y.astype(np.float64), y.reshape(-1)):
        assert check_against(reference, {"y": strange})[0].verdict == "untrusted"


def test_a_result_that_the_case_does_not_have_is_a_spec_error():
    pool = Case(name="max", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(1, 4, 4))
    with pytest.raises(SpecError, match="dw"):
        check_against(oracle(pool, make_tensors(pool, 1, seed=0)), {"dw": np.zeros(3)})


def test_overflow_of_float16_is_reported_as_such():
    case = CASE.with_dtype("float16")
    drawn = make_tensors(case, 2, seed=0)
    tensors = Tensors(x=drawn.x * np.float16(2000), w=drawn.w * np.float16(60), b=drawn.b, dy=drawn.dy)
    reference = oracle(case, tensors)
    with np.errstate(over="ignore"):
        y = reference.y.astype(np.float16)
    assert np.isinf(y).any()
    (deviation,) = check_against(reference, {"y": y})
    assert deviation.verdict == "untrusted"
    assert "overflowed to infinity" in deviation.describe()
    y[0, 0, 0, 0] = np.inf
    small = oracle(case, drawn)
    (deviation,) = check_against(small, {"y": np.where(np.isinf(y), y, small.y).astype(np.float16)})
    assert deviation.verdict == "disagrees"


def test_places_of_a_sample_are_named_as_those_of_the_whole():
    tensors = make_tensors(CASE, 3, seed=0)
    sample, y = sampled_oracle(CASE, tensors, seed=0), in_turn(CASE, tensors)["y"]
    y[2, 5, 11, 10] += 1  # a corner, so in every sample
    (deviation,) = check_against(sample, {"y": y})
    assert deviation.verdict == "disagrees"
    assert deviation.first.index == deviation.worst.index == (2, 5, 11, 10)
    assert deviation.total == len(sample.values("y"))

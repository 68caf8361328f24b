"""Sampled right values are those of the full oracle, at places where kernels break."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_cases import cases

from convbench.verify import Reference, Sample, make_tensors, oracle, right_values, sampled_oracle, too_large
from convbench.verify.reference.sampled import choose_places
from convbench_specs import Case, Conv

CONV = Conv(in_channels=64, out_channels=64, kernel_size=(3, 3), padding="same")
SMALL = Case(name="small", operation=CONV, input_shape=(64, 14, 14))
LARGE = Case(name="large", operation=CONV, input_shape=(64, 224, 224))


@settings(max_examples=300, deadline=None)
@given(case=cases(), batch=st.integers(0, 3), fill=st.sampled_from(["random", "integers"]), seed=st.integers(0, 99))
def test_a_sample_agrees_with_the_full_oracle(case, batch, fill, seed):
    tensors = make_tensors(case, batch, seed=seed, fill=fill)
    reference, sample = oracle(case, tensors), sampled_oracle(case, tensors, seed=seed, places=40)
    for name in reference.names:
        right = sample.select(name, reference.values(name))
        np.testing.assert_allclose(sample.values(name), right, rtol=1e-12, atol=1e-12)
        right = sample.select(name, reference.bound(name))
        np.testing.assert_allclose(sample.bound(name), right, rtol=1e-5, atol=1e-12)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=4), st.integers(16, 200), st.integers(0, 9))
def test_places_are_distinct_inside_and_begin_with_all_corners(shape, most, seed):
    places, corners = choose_places(tuple(shape), most, np.random.default_rng(seed))
    assert len(set(places)) == len(places) <= max(most, corners)
    assert set(places[:corners]) == set(product(*[(0, size - 1) for size in shape]))
    assert all(0 <= i < size for place in places for i, size in zip(place, shape, strict=True))
    if prod(shape) <= most:
        assert len(places) == prod(shape)


def test_places_favour_edges_and_the_limits_of_blocks():
    places, _ = choose_places((1000, 1000), 1000, np.random.default_rng(0))
    along = [place[1] for place in places]
    for limit in (0, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 767, 768, 999):
        assert along.count(limit) >= 5


def test_an_empty_array_has_no_places():
    assert choose_places((0, 3), 100, np.random.default_rng(0)) == ([], 0)


def test_only_large_cases_are_sampled():
    assert not too_large(SMALL, 16)
    assert too_large(LARGE, 64)
    assert isinstance(right_values(SMALL, make_tensors(SMALL, 1, seed=0), seed=0), Reference)
    wide = Conv(in_channels=512, out_channels=512, kernel_size=(1, 1), bias=False)
    case = Case(name="wide", operation=wide, input_shape=(512, 128, 128))
    assert too_large(case, 1)
    assert isinstance(right_values(case, make_tensors(case, 1, seed=0), seed=0), Sample)


def test_what_was_sampled_is_told():
    sample = sampled_oracle(SMALL, make_tensors(SMALL, 2, seed=0), seed=0, places=100)
    count = len(sample.values("y"))
    assert sample.describe("y") == f"y: {count:,} of 25,088 elements: 16 corners, {count - 16} drawn"
    assert 16 < count <= 100
    assert sample.describe("db") == "db: all 64 elements"


def test_a_seed_gives_the_same_places_and_another_seed_others():
    tensors = make_tensors(SMALL, 2, seed=0)
    one, same, other = (sampled_oracle(SMALL, tensors, seed=seed, places=50) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.values("y"), same.values("y"))
    assert not np.array_equal(one.values("y")[16:40], other.values("y")[16:40])


@pytest.mark.parametrize("name", ["y", "dx", "dw", "db"])
def test_places_of_a_result_are_its_own(name):
    tensors = make_tensors(SMALL, 2, seed=0)
    sample = sampled_oracle(SMALL, tensors, seed=0, places=50)
    result = np.arange(prod(SMALL.shape_of(name, 2))).reshape(SMALL.shape_of(name, 2))
    selected = sample.select(name, result)
    for position in (0, len(selected) - 1):
        assert result[sample.place(name, (position,))] == selected[position]

"""The identities hold for right results at any size and dtype, and each slip breaks the one that knows of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_cases import cases, in_turn

from convbench.verify import (
    adjoint,
    batch_additivity,
    finite_differences,
    make_tensors,
    oracle,
    round_to,
)
from convbench_specs import Case, Conv, Flatten, Pool

CONV = Conv(in_channels=6, out_channels=4, kernel_size=(3, 3), stride=(2, 1), padding="same", groups=2)
CASE = Case(name="conv", operation=CONV, input_shape=(6, 13, 12))
CASE64 = CASE.with_dtype("float64")
POOLS = [
    Pool(kind="max", kernel_size=(2, 2)),
    Pool(kind="max", kernel_size=(3, 3), stride=(1, 2), padding="same"),
    Pool(kind="average", kernel_size=(3, 2), count_include_pad=False, padding=((1, 1), (0, 1))),
    Pool(kind="average", kernel_size="global"),
]


def right(case):
    """A backend that is right, as a function of the tensors."""

    def compute(tensors, passes=("forward", "backward")):
        reference = oracle(case, tensors)
        names = [name for name in reference.names if ("forward" if name == "y" else "backward") in passes]
        return {name: round_to(reference.values(name), case.dtype) for name in names}

    return compute


def verdicts(found):
    return {each.tensor: each.verdict for each in found}


@settings(max_examples=150, deadline=None)
@given(case=cases(), seed=st.integers(0, 999), batch=st.integers(0, 3))
def test_right_results_keep_all_identities(case, seed, batch):
    tensors = make_tensors(case, batch, seed=seed)
    results = right(case)(tensors)
    for products in adjoint(case, tensors, results):
        assert products.verdict == "agrees", products.describe()
    for deviation in batch_additivity(case, tensors, results, right(case)):
        assert deviation.verdict == "agrees", deviation.describe()


@settings(max_examples=80, deadline=None)
@given(case=cases(("float64",)), seed=st.integers(0, 999), batch=st.integers(0, 2))
def test_right_gradients_are_finite_differences(case, seed, batch):
    tensors = make_tensors(case, batch, seed=seed)
    for deviation in finite_differences(case, tensors, right(case)(tensors), right(case), seed=seed):
        assert deviation.verdict == "agrees", deviation.describe()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_in_turn_keep_all_identities(dtype):
    case = CASE.with_dtype(np.dtype(dtype).name)
    tensors = make_tensors(case, 4, seed=0)
    results = in_turn(case, tensors, dtype)
    assert [each.verdict for each in adjoint(case, tensors, results)] == ["agrees"] * 3
    found = batch_additivity(case, tensors, results, lambda part, _: in_turn(case, part, dtype))
    assert set(verdicts(found).values()) == {"agrees"}
    assert max(each.multiple for each in found) > 0.01


@pytest.mark.parametrize("name", ["y", "dx", "dw"])
@pytest.mark.parametrize("slip", ["zeros", "one element", "one row", "sign", "scale"])
def test_a_slip_in_one_result_parts_it_from_the_others(name, slip):
    tensors = make_tensors(CASE, 4, seed=0)
    results = dict(in_turn(CASE, tensors))
    wrong = results[name].copy()
    if slip == "one element":
        wrong[-1, -1, -1, -1] += 0.1
    else:
        part = wrong[-1] if slip == "one row" else wrong
        part *= {"zeros": 0, "one row": 0, "sign": -1, "scale": 1.001}[slip]
    results[name] = wrong
    for products in adjoint(CASE, tensors, results):
        assert products.verdict == ("disagrees" if name in products.results else "agrees")


def test_the_adjoint_takes_what_results_there_are():
    tensors = make_tensors(CASE, 2, seed=0)
    results = in_turn(CASE, tensors)
    assert adjoint(CASE, tensors, {"y": results["y"]}) == []
    (found,) = adjoint(CASE, tensors, {"y": results["y"], "dw": results["dw"]})
    assert found.results == ("y", "dw")
    assert found.describe().startswith("<y - b, dy> = <w, dw>: ")
    wrong = adjoint(CASE, tensors, {"y": results["y"], "dw": -results["dw"]})[0]
    assert "<y - b, dy> is not <w, dw>" in wrong.describe()


def test_nan_never_keeps_an_identity():
    tensors = make_tensors(CASE, 2, seed=0)
    results = dict(in_turn(CASE, tensors))
    results["dx"] = np.full_like(results["dx"], np.nan)
    assert [each.verdict for each in adjoint(CASE, tensors, results)] == ["disagrees", "agrees", "disagrees"]


@pytest.mark.parametrize(
    ("name", "slip"),
    [
        ("y", lambda y: np.concatenate([y[:-1], y[:1]])),
        ("dx", lambda dx: np.concatenate([dx[:-1], 0 * dx[-1:]])),
        ("dw", lambda dw: dw * np.float32(0.99)),
        ("db", lambda db: db + np.float32(0.01)),
    ],
)
def test_what_is_right_only_for_small_batches_is_found(name, slip):
    tensors = make_tensors(CASE, 4, seed=0)

    def compute(part, passes):
        results = dict(in_turn(CASE, part))
        if len(part.x) > 2:
            results[name] = slip(results[name])
        return results

    found = verdicts(batch_additivity(CASE, tensors, compute(tensors, ()), compute))
    assert found.pop(name) == "disagrees"
    assert set(found.values()) == {"agrees"}


def test_a_batch_of_one_has_no_halves():
    tensors = make_tensors(CASE, 1, seed=0)
    assert batch_additivity(CASE, tensors, in_turn(CASE, tensors), right(CASE)) == []


@pytest.mark.parametrize("name", ["dx", "dw", "db"])
def test_a_wrong_gradient_is_no_finite_difference(name):
    tensors = make_tensors(CASE64, 2, seed=0)

    def compute(changed, passes=()):
        results = right(CASE64)(changed)
        return {**results, name: results[name] * (1 + 1e-9)}

    found = verdicts(finite_differences(CASE64, tensors, compute(tensors), compute, seed=0))
    assert found.pop(name) == "disagrees"
    assert set(found.values()) == {"agrees"}


def test_a_difference_names_the_place_in_the_whole_gradient():
    tensors = make_tensors(CASE64, 2, seed=0)

    def compute(changed, passes=()):
        results = dict(right(CASE64)(changed))
        results["dw"] = results["dw"].copy()
        results["dw"][3, 2, 2, 1] += 1
        return results

    everything = finite_differences(CASE64, tensors, compute(tensors), compute, seed=0, rounds=27)
    (found,) = [each for each in everything if each.tensor == "dw"]
    assert (found.off, found.worst.index) == (1, (3, 2, 2, 1))


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_gradients_of_pools_that_are_wrong_are_found(pool):
    case = Case(name="pool", operation=pool, input_shape=(3, 8, 9), dtype="float64")
    tensors = make_tensors(case, 2, seed=0)

    def compute(changed, passes=()):
        results = right(case)(changed)
        return {**results, "dx": np.roll(results["dx"], 1, axis=1)}

    assert verdicts(finite_differences(case, tensors, compute(tensors), compute, seed=1, rounds=15)) == {
        "dx": "disagrees"
    }
    assert [each.verdict for each in adjoint(case, tensors, compute(tensors))] == ["disagrees"]


def test_a_flatten_in_the_wrong_order_is_found():
    case = Case(name="flatten", operation=Flatten(order="channels_last"), input_shape=(3, 4, 5), dtype="float64")
    tensors = make_tensors(case, 2, seed=0)

    def compute(changed, passes=()):
        return {**right(case)(changed), "dx": changed.dy.reshape(changed.x.shape)}

    assert verdicts(finite_differences(case, tensors, compute(tensors), compute, seed=1, rounds=15)) == {
        "dx": "disagrees"
    }
    assert [each.verdict for each in adjoint(case, tensors, compute(tensors))] == ["disagrees"]


def test_identities_hold_where_no_oracle_is_needed():
    """One element of a million, on a case of a million places."""
    conv = Conv(in_channels=1, out_channels=1, kernel_size=(3, 3), padding="same")
    case = Case(name="large", operation=conv, input_shape=(1, 1000, 1000))
    tensors = make_tensors(case, 1, seed=0)
    results = dict(right(case)(tensors))
    assert {each.verdict for each in adjoint(case, tensors, results)} == {"agrees"}
    results["y"] = results["y"].copy()
    results["y"][0, 0, 500, 500] += 2
    assert "disagrees" in {each.verdict for each in adjoint(case, tensors, results)}

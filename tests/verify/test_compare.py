"""A comparison counts what is off, names the first and the worst, and calls overflow by its name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.verify import compare
from convbench.verify.compare import BLOCK

RIGHT = np.arange(24.0).reshape(2, 3, 4)


def test_equal_arrays_agree_with_nothing_to_say():
    found = compare("y", RIGHT.astype(np.float32), RIGHT, 0.0)
    assert found.verdict == "agrees"
    assert (found.off, found.total, found.multiple, found.largest_error) == (0, 24, 0.0, 0.0)
    assert found.describe() == "y: agrees, every element is equal"


def test_small_errors_agree_and_are_measured_in_bounds():
    actual = RIGHT.copy()
    actual[1, 0, 2] += 0.03
    found = compare("y", actual, RIGHT, 0.1)
    assert found.verdict == "agrees"
    assert found.multiple == pytest.approx(0.3)
    assert found.worst.index == (1, 0, 2)
    assert found.describe() == "y: agrees, 0.3 times the bound at most"


def test_a_disagreement_names_the_first_the_worst_and_the_count():
    actual = RIGHT.astype(np.float32)
    actual[0, 1, 3] = 7.25
    actual[1, 2, 0] = 30
    actual[0, 0, 0] = 0.05
    found = compare("dx", actual, RIGHT, np.full(RIGHT.shape, 0.1, np.float32))
    assert found.verdict == "disagrees"
    assert found.off == 2
    assert (found.first.index, found.first.actual, found.first.expected) == ((0, 1, 3), 7.25, 7.0)
    assert found.worst.index == (1, 2, 0)
    assert found.largest_error == 10
    assert found.describe() == (
        "dx: 2 of 24 elements off; first at (0, 1, 3): 7.25 where 7 is right; "
        "worst at (1, 2, 0): 30 where 20 is right, 1e+02 times the bound"
    )


def test_where_equality_is_due_no_multiple_is_named():
    actual = RIGHT + 0
    actual[0, 0, 1] = 1.5
    found = compare("y", actual, RIGHT, 0.0)
    assert found.multiple == np.inf
    assert found.describe() == "y: 1 of 24 elements off; first at (0, 0, 1): 1.5 where 1 is right"


@given(st.integers(0, 3 * BLOCK - 1), st.integers(0, 3 * BLOCK - 1))
def test_elements_are_found_wherever_they_are(one, other):
    expected = np.zeros((3, BLOCK), np.float32)
    actual = expected.copy()
    actual.flat[one] = 2
    actual.flat[other] = 3
    found = compare("y", actual, expected, 1.0)
    assert found.off == len({one, other})
    assert found.first.index == tuple(np.unravel_index(min(one, other), expected.shape))
    assert found.worst.index == tuple(np.unravel_index(other, expected.shape))


def test_arrays_may_be_strided_views():
    strided = np.asfortranarray(RIGHT)
    assert compare("y", strided, RIGHT, 0.0).verdict == "agrees"
    assert compare("y", RIGHT[:, ::-1][:, ::-1], strided, 0.0).verdict == "agrees"


def test_empty_arrays_agree():
    found = compare("y", np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)))
    assert (found.verdict, found.total) == ("agrees", 0)


@pytest.mark.parametrize(
    ("actual", "expected", "verdict"),
    [
        (np.inf, np.inf, "agrees"),
        (-np.inf, np.inf, "disagrees"),
        (np.inf, 1.0, "disagrees"),
        (1.0, np.inf, "disagrees"),
        (np.nan, np.nan, "agrees"),
        (np.nan, 1.0, "disagrees"),
        (1.0, np.nan, "disagrees"),
        (np.nan, np.inf, "disagrees"),
        (-0.0, 0.0, "agrees"),
    ],
)
@pytest.mark.parametrize("bound", [0.0, 1e30])
def test_infinity_equals_itself_and_nan_only_nan(actual, expected, verdict, bound):
    found = compare("y", np.array([0.0, actual]), np.array([0.0, expected]), bound)
    assert found.verdict == verdict
    assert found.off == (verdict == "disagrees")


def test_infinity_is_overflow_only_where_the_sums_can_be_too_large():
    expected, reach = np.array([70000.0, 1000.0, 5.0]), np.array([70000.0, 66000.0, 5.0])
    overflowed = np.array([np.inf, -np.inf, 5.0], np.float16)
    found = compare("y", overflowed, expected, 1.0, reach=reach, largest=65504.0)
    assert (found.verdict, found.off, found.overflowed) == ("untrusted", 0, 2)
    assert found.describe() == "y: 2 of 3 elements overflowed to infinity"
    wrong = np.array([np.inf, 1000.0, np.inf], np.float16)
    found = compare("y", wrong, expected, 1.0, reach=reach, largest=65504.0)
    assert (found.verdict, found.off, found.overflowed) == ("disagrees", 1, 1)
    assert found.first.index == (2,)


def test_another_shape_or_dtype_is_untrusted():
    found = compare("y", RIGHT[:1], RIGHT, 0.0)
    assert found.verdict == "untrusted"
    assert found.describe() == "y: has shape (1, 3, 4), not (2, 3, 4)"
    found = compare("y", RIGHT, RIGHT, 0.0, dtype=np.dtype(np.float32))
    assert found.verdict == "untrusted"
    assert found.describe() == "y: has dtype float64, not float32"


@pytest.mark.parametrize(
    ("actual", "expected", "is_off"),
    [
        (np.nan, np.nan, False),
        (np.inf, np.inf, False),
        (-np.inf, np.inf, True),
        (np.inf, np.nan, True),
        (1.0, np.nan, True),
        (3e38, np.inf, True),
        (np.nan, 1.0, True),
    ],
)
def test_where_the_right_value_is_not_finite_all_else_is_off_whatever_the_bound(actual, expected, is_off):
    for bound in (np.array([np.nan]), np.array([np.inf]), 0.0, np.array([1.0])):
        reach = np.array([np.inf])  # no overflow excuses it
        found = compare("y", np.array([actual]), np.array([expected]), bound, reach=reach, largest=3.4e38)
        excused = np.isinf(actual) and np.isfinite(expected)
        assert (found.off == 1, found.overflowed) == (is_off and not excused, 0)


def test_another_dtype_does_not_hide_wrong_values():
    actual = RIGHT.copy()
    assert compare("dx", actual, RIGHT, 0.1, dtype=np.dtype(np.float32)).describe() == (
        "dx: has dtype float64, not float32"
    )
    actual[1, 0, 2] += 1
    found = compare("dx", actual, RIGHT, 0.1, dtype=np.dtype(np.float32))
    assert (found.verdict, found.off) == ("disagrees", 1)
    assert found.describe() == (
        "dx: has dtype float64, not float32; 1 of 24 elements off; first at (1, 0, 2): 15 where 14 is right, "
        "10 times the bound"
    )
    words = compare("dx", np.full(RIGHT.shape, "a"), RIGHT, 0.1, dtype=np.dtype(np.float32))
    assert (words.verdict, words.form) == ("untrusted", "has dtype <U1, not float32")


@given(st.sets(st.integers(0, 2 * BLOCK - 1), min_size=1, max_size=4), st.integers(0, 2 * BLOCK - 1))
def test_nan_does_not_hide_other_errors(bad, off):
    expected = np.zeros((2, BLOCK), np.float32)
    actual = expected.copy()
    actual.flat[off] = 3
    actual.flat[list(bad)] = np.nan
    found = compare("y", actual, expected, 1.0)
    assert (found.verdict, found.not_finite, found.off) == ("disagrees", len(bad), len({*bad, off}))
    if off not in bad:
        assert found.worst_number.index == tuple(np.unravel_index(off, expected.shape))
        assert f"{len(bad)} of them NaN or infinity" in found.describe()
        assert "3 where 0 is right, 3 times the bound" in found.describe()

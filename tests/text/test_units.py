"""Numbers as text: what holds of every number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.text import units

POSITIVE = st.floats(min_value=1e-12, max_value=1e17, allow_nan=False)
PREFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
SECONDS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


@given(st.floats(min_value=1e-9, max_value=1e6))
def test_seconds_read_back_within_three_digits(value):
    digits, unit = units.format_seconds(value).split(" ")
    assert float(digits.replace(",", "")) * SECONDS[unit] == pytest.approx(value, rel=0.0051)


@given(st.integers(min_value=1000, max_value=10**18))
def test_counts_read_back_within_three_digits(value):
    digits, _, prefix = units.format_count(value).partition(" ")
    assert float(digits.replace(",", "")) * PREFIXES[prefix] == pytest.approx(value, rel=0.0051)


@given(POSITIVE)
def test_no_unit_shows_a_thousand_of_itself(value):
    for text in (units.format_seconds(min(value, 900.0)), units.format_bytes(min(value, 9e14))):
        assert float(text.split(" ")[0].replace(",", "")) < 1000


@pytest.mark.parametrize(
    "function",
    [units.format_seconds, units.format_bytes, units.format_count, units.format_integer, units.format_number,
     units.format_ratio, units.format_duration],
)  # fmt: skip
def test_a_missing_number_is_a_dash(function):
    assert function(float("nan")) == function(None) == units.MISSING


def test_a_range_with_a_missing_end_is_a_dash():
    assert units.format_seconds_range(float("nan"), 1.0) == units.MISSING
    assert units.format_bytes_range(1.0, None) == units.MISSING

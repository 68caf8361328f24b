"""An option is one of its choices or a whole number; what a user types becomes that, or is refused by name."""

from __future__ import annotations

import pytest

from convbench_specs import Option


def test_a_choice_is_taken_as_it_is_and_anything_else_is_refused_with_what_there_is():
    layout = Option("layout", default="NCHW", choices=("NCHW", "NHWC"), meaning="Order of axes.")
    assert layout.value_of("NHWC") == "NHWC"
    with pytest.raises(ValueError, match="'nhwc' is not one of NCHW, NHWC"):
        layout.value_of("nhwc")


def test_without_choices_it_is_a_whole_number_from_one_on():
    blocks = Option("blocks", default=4, meaning="How many.")
    assert blocks.value_of("12") == 12
    for text in ("0", "-1", "1.5", "", "\u0663", "1 "):
        with pytest.raises(ValueError, match="no whole number of at least 1"):
            blocks.value_of(text)


def test_a_name_or_a_default_that_cannot_be_is_refused_where_the_author_wrote_it():
    with pytest.raises(ValueError, match="cannot be the name of an option"):
        Option("Layout", default=1, meaning="")
    with pytest.raises(ValueError, match="is not one of a, b"):
        Option("layout", default="c", choices=("a", "b"), meaning="")

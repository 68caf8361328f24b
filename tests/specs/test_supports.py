"""What a backend declares it supports decides what it is asked for, and the reason is made from it."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convbench.testing.random_cases import cases
from convbench_specs import Case, Conv, Flatten, Pool, SpecError, Supports

IMAGE = (4, 8, 8)
CONV = Conv(in_channels=4, out_channels=4, kernel_size=(3, 3))


def conv(**fields):
    return Conv(in_channels=4, out_channels=4, kernel_size=(3, 3), **fields)


def pool(kind="max", **fields):
    return Pool(kind=kind, **{"kernel_size": (2, 2)} | fields)


REFUSED = {
    "operations": (Supports(operations=("conv",)), Flatten(), "it does not compute flatten, only conv"),
    "ranks": (Supports(ranks=(1,)), CONV, "it computes inputs with 1 spatial axes, not with 2"),
    "dtypes": (Supports(dtypes=("float64",)), CONV, "it computes in float64, not in float32"),
    "pool_kinds": (Supports(pool_kinds=("average",)), pool(), "it computes average pools, not max pools"),
    "flatten_orders": (
        Supports(flatten_orders=("channels_first",)),
        Flatten(order="channels_last"),
        "it flattens channels_first, not channels_last",
    ),
    "groups": (Supports(groups=False), conv(groups=2), "groups"),
    "no_bias": (Supports(no_bias=False), conv(bias=False), "without a bias"),
    "dilation": (Supports(dilation=False), conv(dilation=(2, 2)), "dilated"),
    "rectangles": (Supports(rectangles=False), conv(stride=(1, 2)), "square"),
    "padding": (Supports(padding=False), conv(padding="same"), "padding"),
    "pool_padding": (Supports(pool_padding=False), pool(padding=1), "pools with padding"),
    "asymmetric_padding": (Supports(asymmetric_padding=False), conv(padding=((0, 1), (0, 1))), "both sides"),
    "edge_padding": (Supports(edge_padding=False), conv(padding=1, padding_mode="edge"), "border"),
    "overlapping_pools": (Supports(overlapping_pools=False), pool(stride=(1, 1)), "stride is their window"),
    "ceil_mode": (Supports(ceil_mode=False), pool(ceil_mode=True), "round"),
    "uncounted_padding": (
        Supports(uncounted_padding=False),
        pool("average", padding=1, count_include_pad=False),
        "counts the padding",
    ),
    "global_pools": (Supports(global_pools=False), pool(kernel_size="global"), "whole input"),
    "channel_pools": (Supports(channel_pools=False), pool(kernel_size=(2,), over="channels"), "over channels"),
}
"""By field: a declaration that takes something away, an operation that is refused for it, and words of the reason."""


def case_of(operation, shape=IMAGE):
    return Case(name="case", operation=operation, input_shape=shape)


@pytest.mark.parametrize("field", [field.name for field in fields(Supports)])
def test_every_field_takes_something_away_and_says_so(field):
    supports, operation, words = REFUSED[field]
    assert words in supports.refusal(case_of(operation))
    assert not Supports().refusal(case_of(operation))


@pytest.mark.parametrize("field", [field.name for field in fields(Supports)])
def test_what_is_plain_stays(field):
    supports, *_ = REFUSED[field]
    plain = [CONV, pool("average"), Flatten()]
    shape = (4, 8) if field == "ranks" else IMAGE
    if field == "ranks":
        plain = [Conv(in_channels=4, out_channels=4, kernel_size=(3,)), Flatten()]
    kept = [each for each in plain if field != "operations" or isinstance(each, Conv)]
    dtype = "float64" if field == "dtypes" else "float32"
    assert not any(supports.refusal(case_of(each, shape).with_dtype(dtype)) for each in kept)


def test_a_window_that_is_a_square_in_numbers_only_is_refused_by_what_it_resolves_to():
    only_squares = Supports(rectangles=False)
    assert only_squares.refusal(case_of(CONV, (4, 8, 9)))
    assert not only_squares.refusal(case_of(pool(kernel_size=(3,), over="channels"), (4, 8, 9)))
    symmetric = Supports(asymmetric_padding=False)
    assert not symmetric.refusal(case_of(conv(padding="same")))
    assert symmetric.refusal(case_of(conv(padding="same", stride=(2, 2))))  # one more at the end


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_random_cases_are_drawn_from_what_is_supported(data):
    chosen = data.draw(st.sets(st.sampled_from(sorted(REFUSED)), min_size=1, max_size=6))
    drawn = {field: getattr(REFUSED[field][0], field) for field in chosen - {"dtypes"}}
    supports = Supports(**drawn)
    assert not supports.refusal(data.draw(cases(supports=supports)))


def test_older_declarations_narrow_it():
    narrowed = Supports(groups=False).only(("conv", "deconv"), (2, 3))
    assert narrowed == Supports(operations=("conv",), ranks=(2,), groups=False)


@pytest.mark.parametrize(
    ("given_fields", "message"),
    [
        ({"operations": ("conv", "deconv")}, "operations must hold only conv, pool and flatten, not 'deconv'"),
        ({"ranks": ()}, r"ranks must be a tuple with at least one of 1 and 2, not \(\)"),
        ({"dtypes": "float32"}, "dtypes must be a tuple with at least one of"),
        ({"groups": "no"}, "groups must be True or False, not 'no'"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_where_it_is_written(given_fields, message):
    with pytest.raises(SpecError, match=message):
        Supports(**given_fields)

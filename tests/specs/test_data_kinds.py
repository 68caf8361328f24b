"""Which kinds of data can tell something about a case."""

from __future__ import annotations

from convbench_specs import DATA_KINDS, NOT_FINITE, Case, Conv, Flatten, Pool, kind_of, telling_kinds

CONV = Conv(in_channels=3, out_channels=2, kernel_size=(3, 3))


def kinds(operation, **parameters):
    return set(telling_kinds(Case(name="c", operation=operation, input_shape=(3, 6, 6), **parameters)))


def test_a_maximum_has_all_kinds_and_a_sum_all_but_those_of_comparisons():
    assert kinds(Pool(kind="max", kernel_size=(2, 2))) == set(DATA_KINDS)
    for operation in (CONV, Pool(kind="average", kernel_size=(2, 2))):
        assert set(DATA_KINDS) - kinds(operation) == {"negative", "tied", "signed-zero"}


def test_a_flatten_has_what_a_copy_may_lose():
    assert kinds(Flatten()) == {"denormal", "not-a-number", "infinite"}


def test_a_case_that_names_its_data_has_no_other():
    assert kinds(CONV, x_data="photos") == kinds(CONV, w_data="lines") == set()


def test_what_finite_numbers_show_comes_first():
    assert tuple(DATA_KINDS)[-len(NOT_FINITE) :] == NOT_FINITE


def test_a_kind_is_known_by_its_name_and_plain_fillings_are_none():
    assert [kind_of(name) for name in ("not-a-number", "random", "integers", None)] == [
        "not-a-number",
        None,
        None,
        None,
    ]

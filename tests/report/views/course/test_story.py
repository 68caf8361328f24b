"""The chain from loops to a framework: who stands where is declared, and only cases that all computed are told."""

from __future__ import annotations

import pandas as pd
import pytest
from course_run import APPROACHES, CASES, PEAKS, SECONDS, course_cases, course_measurements, course_records

from convbench.report.views.course.ideas import IDEAS
from convbench.report.views.course.story import CourseView, approaches_of, course_view, matrix_of
from convbench_specs import APPROACHES as CHAIN
from convbench_specs import Case, Conv

IN_ORDER = ["loopy", "whole", "parts", "jitted", "lib"]


def view(measurements=None, records=None, cases=None) -> CourseView:
    return course_view(
        course_measurements() if measurements is None else measurements,
        course_records() if records is None else records,
        course_cases() if cases is None else cases,
    )


def names(chain):
    return [step.cell.backend for step in chain.steps]


def test_the_steps_stand_in_the_order_of_the_chain():
    for chain in view().chains:
        assert names(chain) == IN_ORDER
    assert view().approaches == list(CHAIN)


def test_a_chain_has_the_times_and_the_memory_of_the_run():
    chain = view().chains[0]
    assert [step.cell.median_s for step in chain.steps] == [8 * SECONDS[name] for name in IN_ORDER]
    assert chain.loops.behind == pytest.approx(1000)
    assert [step.memory for step in chain.steps] == [
        pytest.approx(100 * PEAKS[name] / 9e6, abs=0.01) for name in IN_ORDER
    ]
    operations = 8 * 16 * 8 * 5 * 5 * 9
    assert chain.loops.multiply_add_s == pytest.approx(8 * SECONDS["loopy"] / operations)


def test_the_case_with_the_most_work_comes_first_at_its_largest_batch_size():
    assert [(chain.label, chain.batch_size) for chain in view().chains] == [("conv2", 8), ("conv1", 8)]


def test_only_what_all_of_them_computed_is_told():
    left_out = (("conv2", "loopy", 1), ("conv2", "loopy", 8), ("conv1", "lib", 8))
    found = view(course_measurements(left_out))
    assert [(chain.label, chain.batch_size) for chain in found.chains] == [("conv1", 1)]
    assert names(found.chains[0]) == IN_ORDER


def test_wrong_cells_take_no_part():
    cells = course_measurements()
    wrong = (cells["backend"] == "lib") & (cells["batch_size"] == 8)
    cells.loc[wrong, "status"], cells.loc[wrong, "verdict"] = "wrong", "disagrees"
    assert {chain.batch_size for chain in view(cells).chains} == {1}


def test_an_entrant_that_computed_nothing_of_it_is_named():
    cells = course_measurements()
    found = view(cells[cells["backend"] != "jitted"])
    assert found.missing == ["jitted"]
    assert found.absent == ["compiled kernels"]


@pytest.mark.parametrize("lacking", [("loopy",), ("whole", "parts")])
def test_without_loops_or_without_im2col_there_is_no_story(lacking):
    cells = course_measurements()
    assert view(cells[~cells["backend"].isin(lacking)]) == CourseView()


def test_a_run_from_before_approaches_were_declared_has_no_story():
    assert view(records=course_records(dict.fromkeys(APPROACHES, ""))) == CourseView()
    assert view(cases={}) == CourseView()
    assert view(pd.DataFrame(columns=course_measurements().columns)) == CourseView()


def test_an_approach_that_is_not_among_the_known_ones_counts_as_none():
    assert approaches_of(course_records({"mine": "magic", "theirs": "loops"})) == {"theirs": "loops"}


def test_memory_that_is_not_known_has_no_bar():
    cells = course_measurements().assign(peak_memory_bytes=float("nan"))
    assert {step.memory for step in view(cells).chains[0].steps} == {None}


def test_x_col_has_a_row_a_tap_and_a_column_a_place():
    matrix = matrix_of(CASES["conv2"], 8)
    assert (matrix.rows, matrix.columns) == (8 * 9, 8 * 5 * 5)
    assert matrix.bytes == 8 * 9 * 8 * 5 * 5 * 4
    assert matrix.growth == pytest.approx(8 * 9 * 25 / (8 * 12 * 12))


def test_x_col_of_groups_is_one_matrix_for_each():
    grouped = Case(
        name="depthwise",
        operation=Conv(in_channels=4, out_channels=4, groups=4, kernel_size=(3, 3), padding="same"),
        input_shape=(4, 6, 6),
    )
    matrix = matrix_of(grouped, 1)
    assert (matrix.rows, matrix.columns, matrix.bytes) == (9, 36, 4 * 9 * 36 * 4)


def test_the_drawing_is_of_the_smallest_matrix():
    found = view()
    assert found.drawn.label == "conv1"
    assert found.drawing is not None


def test_every_approach_is_explained():
    assert list(IDEAS) == list(CHAIN)

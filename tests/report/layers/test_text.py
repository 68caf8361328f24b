"""Layer tables as text: what they say, and that they fit."""

from __future__ import annotations

import subprocess
import sys

import pytest

from convbench.report.layers.table import layer_table
from convbench.report.layers.text import render_layer_table
from convbench_specs import load_workload, parse_workload, shipped_workloads


def text_of(name: str, width: int = 80, batch_size: int = 32) -> str:
    return render_layer_table(layer_table(load_workload(name), batch_size=batch_size), width=width)


def lines_starting(text: str, start: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.startswith(start)]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", shipped_workloads())
def test_every_shipped_workload_fits_the_terminal(name, width):
    lines = text_of(name, width).splitlines()
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", shipped_workloads())
def test_names_shapes_parameters_and_arithmetic_are_there_at_any_width(name, width):
    text = text_of(name, width)
    header = next(line for line in text.splitlines() if line.startswith("layer"))
    assert {"operation", "output", "params", "FLOPs"} <= set(header.split())
    begun = {line.split("  ")[0] for line in text.splitlines()}  # a long name goes on in the next line
    for case in load_workload(name).cases:
        assert any(part and case.name.startswith(part) for part in begun)


def test_the_small_network_for_mnist_reads_as_in_the_course():
    text = text_of("mnist_cnn")
    assert text.startswith("A small CNN for MNIST (mnist_cnn)\nSource: Chollet")
    assert lines_starting(text, "input ") == ["input 1x28x28 18x18"]
    assert lines_starting(text, "conv1") == ["conv1 Conv 32, 3 x 3 32x26x26 320 411 k 86.5 kB 2.77 MB 16x16"]
    assert lines_starting(text, "conv3")[0].endswith("1")
    assert lines_starting(text, "dense1") == ["dense1 Dense 64 64 36,928 73.8 k 256 B 8.19 kB"]
    assert lines_starting(text, "convolutional part")[0].split()[2] == "55,744"
    assert lines_starting(text, "whole network") == ["whole network 93,322 5.64 M 148 kB 4.74 MB"]
    flowing = " ".join(text.split())
    assert "One element of conv3 depends on 18 x 18: 324 of 784 input positions (41.3 %)." in flowing
    assert "Without the pools, it would be 7 x 7: 49 of 784 input positions (6.25 %)." in flowing


def test_the_books_network_reads_as_in_the_course():
    text = text_of("book_mnist")
    assert lines_starting(text, "conv ") == ["conv Conv 32, 5 x 5, same 32x28x28 800 1.25 M 100 kB 1"]
    flowing = " ".join(text.split())
    assert "25,088 output elements of conv share 800 parameters." in flowing
    assert "on the same 784 inputs needs 25,088 weights for only 32 neurons" in flowing
    assert "Without the pools" not in flowing


def test_a_dense_layer_in_place_of_200_filters_has_135_billion_parameters():
    flowing = " ".join(text_of("course").split())
    assert "3,000,000 output elements of filters_200 share 15,200 parameters." in flowing
    assert "and 135,003,000,000 parameters for as many outputs." in flowing


def test_200_filters_on_a_photograph_read_as_in_the_course():
    text = """
        [[cases]]
        operation = "conv"
        input = [3, 100, 150]
        out_channels = 200
        kernel_size = 5
        padding = "same"
    """
    workload = parse_workload(text, name="filters", origin="filters.toml")
    shown = render_layer_table(layer_table(workload, batch_size=100), width=120)
    row = " ".join(lines_starting(shown, "conv1"))
    assert row == "conv1 Conv 200, 5 x 5, same 3x100x150 200x100x150 15,200 453 M 12.0 MB 1.20 GB"
    assert "225,000,000 multiply-adds" in shown
    rows = lines_starting(text_of("course", 120, batch_size=100), "filters_200")
    assert " ".join(rows).startswith(
        "filters_200 Conv 200, 5 x 5, same 3x100x150 200x100x150 15,200 453 M 12.0 MB 1.20 GB"
    )
    assert "1.20 GB in training" in shown


def test_a_layer_that_occurs_more_than_once_says_so():
    assert "x3" in lines_starting(text_of("vgg16"), "conv5")[0].split()
    # one output of 401 kB, 32 images, three layers
    assert "401 kB 38.5 MB" in lines_starting(text_of("vgg16", 120), "conv5")[0]
    assert "x2 a layer that occurs twice" in " ".join(text_of("vgg16").split())


def test_a_short_terminal_names_the_columns_that_it_leaves_out():
    assert "Not shown at this width: memory, training." in " ".join(text_of("resnet50", 80).split())
    assert "Not shown" not in text_of("resnet50", 120)


def test_marks_are_explained_where_they_are_used():
    assert "Marks: s stride, p padding, d dilation, g groups." in " ".join(text_of("edge_cases").split())
    assert "Marks" not in text_of("mnist_cnn")


def test_long_operations_are_broken_between_their_parts():
    lines = text_of("resnet50").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("conv1 "))
    assert "Conv 64, 7 x 7," in lines[first]
    assert lines[first + 1].split() == ["s2", "p3"]


def test_names_of_a_model_are_broken_behind_their_dots_and_slashes():
    name = "features.stage1.unit1/body.convolution1.conv"
    case = f'name = "{name}"\noperation = "conv"\ninput = [4, 8, 8]\nout_channels = 4\nkernel_size = 3'
    workload = parse_workload(f"[[cases]]\n{case}", name="bare", origin="bare.toml")
    lines = render_layer_table(layer_table(workload, batch_size=1), width=60).splitlines()
    rows = lines[lines.index("-" * 60) + 1 :]
    assert all(len(line) <= 60 for line in lines)
    assert "".join(line.split("  ")[0] for line in rows[: rows.index("-" * 60)]) == name


def test_a_percent_sign_stays_with_its_number():
    assert not any(line.startswith("%") for width in range(60, 100) for line in text_of("vgg16", width).splitlines())


def test_a_very_short_terminal_still_gets_every_row():
    assert len(lines_starting(text_of("mnist_cnn", width=20), "conv")) >= 3


def test_the_title_is_the_name_where_there_is_none():
    workload = parse_workload('[[cases]]\noperation = "flatten"\ninput = [3, 4]', name="bare", origin="bare.toml")
    text = render_layer_table(layer_table(workload, batch_size=1))
    assert text.startswith("bare\n\nlayer")


def test_headings_and_notes_can_be_styled_without_changing_the_layout():
    table = layer_table(load_workload("lenet5"), batch_size=1)
    styled = render_layer_table(table, heading="<b>{}</b>".format, note="<i>{}</i>".format)
    for tag in ("<b>", "</b>", "<i>", "</i>"):
        styled = styled.replace(tag, "")
    assert styled == render_layer_table(table)


def test_a_table_is_made_without_pandas_and_rich():
    code = "import convbench.report.layers.text, sys;print({'pandas', 'rich', 'jinja2'} & set(sys.modules) or 'none')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none"

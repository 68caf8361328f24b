"""Workloads: the shipped ones say what their sources say, and a file at fault is told what, where and what is right."""

from __future__ import annotations

import re
import textwrap
from dataclasses import fields
from itertools import pairwise

import pytest
from paths import ROOT

from convbench_specs import (
    Conv,
    Flatten,
    Pool,
    WorkloadError,
    case_table,
    load_workload,
    multiply_adds,
    parse_layer,
    parse_workload,
    shipped_workloads,
)
from convbench_specs.workload import CASE_KEYS, OPERATIONS, WORKLOAD_KEYS

ONE_CASE = """
[[cases]]
name = "conv1"
operation = "conv"
input = [4, 9, 9]
out_channels = 6
kernel_size = 3
"""


def case_with(**changes) -> str:
    """TOML of one convolution with keys changed, added, or with None left out."""
    keys = {"name": '"conv1"', "operation": '"conv"', "input": "[4, 9, 9]", "out_channels": "6", "kernel_size": "3"}
    lines = [f"{key} = {value}" for key, value in (keys | changes).items() if value is not None]
    return "\n".join(["[[cases]]", *lines])


def pool_with(**changes) -> str:
    keys = {"operation": '"pool"', "kind": '"max"', "kernel_size": "2", "out_channels": None}
    return case_with(name='"pool1"', **(keys | changes))


def parse(text: str):
    return parse_workload(text, name="mine", origin="mine.toml")


def test_a_workload_is_a_network_where_it_says_so():
    assert parse("network = true\n" + ONE_CASE).network
    assert not parse(ONE_CASE).network


def convolutions(workload) -> list:
    return [layer for layer in workload.layers if isinstance(layer.case.operation, Conv)]


@pytest.mark.parametrize("name", shipped_workloads())
class TestShipped:
    def test_it_loads_and_says_what_it_is_and_where_it_is_from(self, name):
        workload = load_workload(name)
        assert workload.name == name
        assert workload.title
        assert workload.source

    def test_every_case_survives_the_way_through_its_table(self, name):
        for layer in load_workload(name).layers:
            assert parse_layer(case_table(layer.case), origin=name).case == layer.case

    def test_every_case_is_there_once(self, name):
        seen = [
            (layer.case.operation, layer.case.input_shape, layer.case.dtype) for layer in load_workload(name).layers
        ]
        assert len(seen) == len(set(seen))

    def test_what_has_dense_layers_is_a_network(self, name):
        workload = load_workload(name)
        assert workload.network == bool(workload.dense)

    def test_dense_layers_follow_a_flatten_only(self, name):
        workload = load_workload(name)
        assert not workload.dense or isinstance(workload.cases[-1].operation, Flatten)


def test_the_workloads_of_the_documentation_are_shipped():
    assert set(shipped_workloads()) == {
        "alexnet",
        "book_mnist",
        "conv1d",
        "course",
        "deepbench",
        "digits_cnn",
        "edge_cases",
        "fashion_mnist_cnn",
        "framework_bugs",
        "lenet5",
        "mnist_cnn",
        "mobilenet_v1",
        "photos",
        "quick",
        "resnet18",
        "resnet50",
        "vgg16",
    }


@pytest.mark.parametrize(
    ("name", "shapes", "layers", "multiplications", "parameters"),
    [
        # 1.311 GFLOP an image in convnet-benchmarks; the parameters are those of torchvision's alexnet
        ("alexnet", 5, 5, 655_566_528, 2_469_696),
        ("vgg16", 9, 13, 15_346_630_656, 14_714_688),
        # parameters of torchvision's models less batch normalisation and the dense layer
        ("resnet18", 11, 20, 1_813_561_344, 11_689_512 - 9_600 - 513_000),
        # 8.17 GFLOP an image
        ("resnet50", 23, 53, 4_087_136_256, 25_557_032 - 53_120 - 2_049_000),
        # the paper: 569 million multiply-adds with the dense layer's 1,024,000, 4.2 million parameters
        ("mobilenet_v1", 19, 27, 568_740_352 - 1_024_000, 4_231_976 - 21_888 - 1_025_000),
        ("mnist_cnn", 3, 3, 2_756_736, 55_744),
        ("lenet5", 3, 3, 405_600, 156 + 2_416 + 48_120),
        ("deepbench", 55, 55, 14_047_021_184, 27_873_168),
    ],
)
def test_convolutions_add_up_to_the_known_totals(name, shapes, layers, multiplications, parameters):
    found = convolutions(load_workload(name))
    assert len(found) == shapes
    assert sum(layer.count for layer in found) == layers
    assert sum(layer.count * multiply_adds(layer.case) for layer in found) == multiplications
    assert sum(layer.count * layer.case.operation.parameter_count for layer in found) == parameters


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("mnist_cnn", [(32, 26, 26), (32, 13, 13), (64, 11, 11), (64, 5, 5), (64, 3, 3), (576,)]),
        ("lenet5", [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1), (120,)]),
        (
            "fashion_mnist_cnn",
            [
                (64, 28, 28),
                (64, 14, 14),
                (128, 14, 14),
                (128, 14, 14),
                (128, 7, 7),
                (256, 7, 7),
                (256, 7, 7),
                (256, 3, 3),
                (2304,),
            ],
        ),
        ("book_mnist", [(32, 28, 28), (25_088,)]),
    ],
)
def test_outputs_of_the_course_networks(name, outputs):
    workload = load_workload(name)
    assert [case.output_shape for case in workload.cases] == outputs
    assert [case.input_shape for case in workload.cases[1:]] == outputs[:-1]


@pytest.mark.parametrize(
    ("name", "dense"),
    [
        ("mnist_cnn", (64, 10)),
        ("lenet5", (84, 10)),
        ("fashion_mnist_cnn", (128, 64, 10)),
        ("book_mnist", (10,)),
        ("digits_cnn", (10,)),
        ("vgg16", (4096, 4096, 1000)),
        ("quick", ()),
    ],
)
def test_dense_layers_of_the_networks(name, dense):
    assert load_workload(name).dense == dense


def test_the_photographs_are_full_size_and_cropped_as_in_the_course():
    photos = {case.name: case for case in load_workload("photos").cases}
    assert photos["lines"].input_shape == (3, 427, 640)
    assert photos["lines"].w_data == "lines"
    assert (photos["laplacian"].w_data, photos["laplacian"].output_shape) == ("laplacian", (1, 427, 640))
    assert photos["crop_average"].input_shape == (3, 70, 120)
    assert {case.x_data for case in photos.values()} == {"photos"}


def test_the_course_has_alexnet_with_96_filters_beside_the_64_of_the_one_tower_version():
    cases = {case.name: case for case in load_workload("course").cases}
    assert cases["alexnet_96"].operation.w_shape == (96, 3, 11, 11)
    assert cases["alexnet_96"].output_shape == (96, 55, 55)
    shipped = load_workload("alexnet").cases[0]
    assert (cases["alexnet_64"].operation, cases["alexnet_64"].input_shape) == (shipped.operation, shipped.input_shape)


def test_the_book_has_no_bias():
    conv = load_workload("book_mnist").cases[0].operation
    assert (conv.bias, conv.parameter_count) == (False, 800)


def test_feature_encoder_of_wav2vec_hands_on_49_frames_of_a_second():
    encoder = [case for case in load_workload("conv1d").cases if case.name.startswith("wav2vec_conv")]
    assert [case.output_shape[1] for case in encoder] == [3199, 1599, 799, 399, 199, 99, 49]
    assert all(before.output_shape == case.input_shape for before, case in pairwise(encoder))


def is_square_same(case):
    return (
        isinstance(case.operation, Conv) and case.operation.padding == "same"
        and case.operation.kernel_size == (3, 3) and case.input_shape[1] == case.input_shape[2]
    )  # fmt: skip


def is_overlapping_max(case):
    return (
        isinstance(case.operation, Pool) and case.operation.kind == "max" and case.axes[0].stride < case.axes[0].kernel
    )


@pytest.mark.parametrize(
    "what",
    [
        lambda case: max(case.input_shape) > 1 and case.input_shape[-1] == 1,
        lambda case: case.input_shape[0] == 17,
        lambda case: case.input_shape[0] == 33,
        lambda case: len(case.input_shape) == 2,
        lambda case: case.dtype == "float64",
        lambda case: any(axis.kernel > axis.size for axis in case.axes),
        lambda case: any(axis.extent > axis.size >= axis.kernel for axis in case.axes),
        lambda case: any(axis.stride > axis.kernel for axis in case.axes),
        lambda case: any(axis.before != axis.after for axis in case.axes),
        lambda case: any(axis.dilation > 1 and axis.stride > 1 for axis in case.axes),
        lambda case: any(axis.unused for axis in case.axes),
        lambda case: any(axis.overhang for axis in case.axes),
        lambda case: isinstance(case.operation, Conv) and any(0 in axis.taps() for axis in case.axes),
        lambda case: isinstance(case.operation, Conv) and case.operation.padding_mode == "edge",
        lambda case: isinstance(case.operation, Conv) and case.operation.padding == "same",
        lambda case: isinstance(case.operation, Conv) and 1 < case.operation.groups < case.input_shape[0],
        lambda case: (
            isinstance(case.operation, Conv)
            and case.operation.is_depthwise
            and case.operation.out_channels > case.input_shape[0]
        ),
        lambda case: isinstance(case.operation, Conv) and not case.operation.bias,
        lambda case: isinstance(case.operation, Pool) and case.operation.over == "channels",
        lambda case: isinstance(case.operation, Pool) and case.operation.kernel_size == "global",
        lambda case: isinstance(case.operation, Pool) and case.operation.kind == "max" and case.axes[0].dilation > 1,
        lambda case: isinstance(case.operation, Pool) and not case.operation.count_include_pad,
        lambda case: isinstance(case.operation, Flatten) and case.operation.order == "channels_last",
        lambda case: is_square_same(case) and not case.operation.bias,
        lambda case: is_overlapping_max(case) and all(axis.before == axis.after == 0 for axis in case.axes),
        lambda case: case.x_data == "negative" and is_square_same(case),
        lambda case: case.x_data == "negative" and is_overlapping_max(case) and all(axis.before for axis in case.axes),
    ],
)
def test_edge_cases_hold_every_shape_that_breaks_kernels(what):
    assert any(what(case) for case in load_workload("edge_cases").cases)


def test_edge_cases_are_small_enough_for_plain_loops():
    assert max(multiply_adds(case) for case in load_workload("edge_cases").cases) < 500_000


def test_cases_may_be_tables_or_a_list_of_a_line_each():
    inline = 'cases = [{ name = "conv1", operation = "conv", input = [4, 9, 9], out_channels = 6, kernel_size = 3 }]'
    assert parse(inline) == parse(ONE_CASE)


def test_keys_that_are_left_out_have_their_defaults():
    workload = parse('[[cases]]\noperation = "flatten"\ninput = [4, 9]')
    assert (workload.title, workload.source, workload.dense) == ("", "", ())
    layer = workload.layers[0]
    assert (layer.case.name, layer.case.dtype, layer.count) == ("flatten1", "float32", 1)


def test_dtype_of_the_file_holds_for_cases_that_name_none():
    workload = parse('dtype = "float64"\n' + ONE_CASE + case_with(name='"other"', dtype='"float16"'))
    assert [case.dtype for case in workload.cases] == ["float64", "float16"]


def test_a_file_is_loaded_by_its_path_and_named_after_it(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(ONE_CASE)
    workload = load_workload(str(path))
    assert workload.name == "mine"
    assert workload.cases[0].operation == Conv(in_channels=4, out_channels=6, kernel_size=(3, 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (case_with(strid="2"), "mine.toml: case conv1: strid: unknown key; did you mean stride?"),
        (case_with(stride="-2"), "mine.toml: case conv1: stride: must be at least 1, not -2"),
        (case_with(stride="[1, 2, 3]"), "mine.toml: case conv1: stride: must have one number or 2"),
        (case_with(stride="1.5"), "mine.toml: case conv1: stride: must be a whole number"),
        (case_with(groups="4"), "mine.toml: case conv1: groups: must divide out_channels: 4 does not divide 6"),
        (case_with(groups="3"), "mine.toml: case conv1: groups: must divide in_channels: 3 does not divide 4"),
        (case_with(kernel_size="12"), "mine.toml: case conv1: kernel_size: is larger than the padded input: 12"),
        (
            case_with(kernel_size="12", padding="1"),
            "mine.toml: case conv1: kernel_size: is larger than the padded input",
        ),
        (case_with(kernel_size='"global"'), "mine.toml: case conv1: kernel_size: must be a whole number"),
        (case_with(kernel_size=None), "mine.toml: case conv1: kernel_size: is missing"),
        (case_with(out_channels=None), "mine.toml: case conv1: out_channels: is missing"),
        (case_with(in_channels="3"), "mine.toml: case conv1: in_channels: is 3, the input has 4"),
        (case_with(padding='"full"'), "mine.toml: case conv1: padding: must be 'valid', 'same'"),
        (case_with(padding="-1"), "mine.toml: case conv1: padding: must be at least 0"),
        (case_with(bias='"no"'), "mine.toml: case conv1: bias: must be true or false, not 'no'"),
        (case_with(dtype='"float8"'), "mine.toml: case conv1: dtype: must be 'float64' or"),
        (case_with(dtype="32"), "mine.toml: case conv1: dtype: must be 'float64' or"),
        (case_with(dtype="[32]"), "mine.toml: case conv1: dtype: must be 'float64' or"),
        (
            case_with(x='"photo"'),
            "mine.toml: case conv1: x: must be 'random' or 'negative' or 'photos' or 'shifted' or 'turned', not ",
        ),
        (case_with(w='"line"'), "mine.toml: case conv1: w: must be 'random' or 'lines' or 'laplacian', not 'line'"),
        (
            case_with(x='"photos"'),
            "mine.toml: case conv1: x: photos have an input of [3, height, width], not [4, 9, 9]",
        ),
        (case_with(input=None), "mine.toml: case conv1: input: is missing; it is [channels, width]"),
        (case_with(input="28"), "mine.toml: case conv1: input: must be [channels, width] or [channels, height, width]"),
        (case_with(input="[4, 9, 0]"), "mine.toml: case conv1: input: must be at least 1"),
        (case_with(count="0"), "mine.toml: case conv1: count: must be at least 1, not 0"),
        (case_with(name="3"), "mine.toml: case 3: name: must be text, not 3"),
        (case_with(operation=None), "mine.toml: case conv1: operation: is missing; it is one of conv, pool, flatten"),
        (case_with(operation='"dense"'), "mine.toml: case conv1: operation: must be one of conv, pool, flatten"),
        (case_with(operation="[1]"), "mine.toml: case conv1: operation: must be one of conv, pool, flatten"),
        (pool_with(kind=None), "mine.toml: case pool1: kind: is missing"),
        (pool_with(kind='"sum"'), "mine.toml: case pool1: kind: must be 'max' or 'average', not 'sum'"),
        (pool_with(groups="2"), "mine.toml: case pool1: groups: unknown key"),
        (pool_with(padding="2"), "mine.toml: case pool1: padding: leaves a pooling window without input"),
        (pool_with(kernel_size='"whole"'), "mine.toml: case pool1: kernel_size: must be a whole number"),
        (pool_with(kernel_size='"global"', stride="2"), "mine.toml: case pool1: stride: cannot be chosen"),
        (pool_with(x='"turned"'), "mine.toml: case pool1: x: turned drawings have an input of [16, size, size]"),
        (case_with(w='"laplacian"', kernel_size="5"), "mine.toml: case conv1: w: the Laplacian has a kernel of 3 x 3"),
        (pool_with(w='"lines"'), "mine.toml: case pool1: w: is only for a convolution"),
        (ONE_CASE + ONE_CASE, "mine.toml: case conv1: name: occurs twice"),
        ("layers = 3\n" + ONE_CASE, "mine.toml: layers: unknown key"),
        ("titel = 'a'\n" + ONE_CASE, "mine.toml: titel: unknown key; did you mean title?"),
        ("title = 3\n" + ONE_CASE, "mine.toml: title: must be text, not 3"),
        ("network = 1\n" + ONE_CASE, "mine.toml: network: must be true or false, not 1"),
        ("dense = 10\n" + ONE_CASE, "mine.toml: dense: must be a list of whole numbers, not 10"),
        ("dense = [10, 0]\n" + ONE_CASE, "mine.toml: dense: must be at least 1, not [10, 0]"),
        ("dense = ['a']\n" + ONE_CASE, "mine.toml: dense: must be a whole number or a list of them"),
        ("dtype = 'float8'\n" + ONE_CASE, "mine.toml: case conv1: dtype: must be 'float64' or"),
        ("", "mine.toml: cases: must be a list of at least one [[cases]] table"),
        ("cases = []", "mine.toml: cases: must be a list of at least one [[cases]] table"),
        ("cases = [1]", "mine.toml: cases: must be a list of at least one [[cases]] table"),
        ("[cases]\nname = 'a'", "mine.toml: cases: must be a list of at least one [[cases]] table"),
        ("[[cases]\n", "mine.toml: not valid TOML: "),
    ],
)
def test_a_wrong_file_is_one_line_with_file_case_key_and_problem(text, message):
    with pytest.raises(WorkloadError) as caught:
        parse(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_case_without_a_name_is_named_by_its_number():
    with pytest.raises(WorkloadError, match=r"^mine.toml: case 2: stride: "):
        parse(ONE_CASE + case_with(name=None, stride="0"))


def test_an_unknown_workload_is_told_the_nearest_and_all_there_are():
    with pytest.raises(
        WorkloadError, match=r"^unknown workload 'resnet51'; did you mean .*resnet50.* known: alexnet, "
    ):
        load_workload("resnet51")


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    missing, binary = tmp_path / "missing.toml", tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (missing, binary):
        with pytest.raises(WorkloadError, match=rf"^cannot read workload {path}: "):
            load_workload(str(path))


def test_a_folder_is_no_workload(tmp_path):
    with pytest.raises(WorkloadError, match="unknown workload"):
        load_workload(str(tmp_path))


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[[cases]]\nname = "a"\noperation = "flatten"\ninput = [1, 2]\n', encoding="utf-8-sig")
    assert [case.name for case in load_workload(str(path)).cases] == ["a"]


def test_the_documentation_names_every_key_and_its_example_is_one():
    text = (ROOT / "docs" / "workloads.md").read_text(encoding="utf-8")
    parameters = {field.name for operation in OPERATIONS.values() for field in fields(operation)}
    assert [key for key in (*WORKLOAD_KEYS, *CASE_KEYS, *parameters) if f"`{key}`" not in text] == []
    example = textwrap.dedent("".join(re.findall(r"^(?:    .*)?\n", text.split("## Of the file")[0], re.MULTILINE)))
    workload = parse_workload(example, name="example", origin="docs")
    assert [(layer.case.name, layer.count) for layer in workload.layers] == [("stem", 1), ("pool", 1), ("depthwise", 4)]


@pytest.mark.parametrize(
    "name", [r"\u001b[2J", r"a\nb", r"\u202e", "x" * 201], ids=["escape", "line", "direction", "long"]
)
def test_a_name_that_cannot_be_shown_is_refused_in_one_line_that_can(name):
    text = f'cases = [{{ name = "{name}", operation = "flatten", input = [2, 3] }}]'
    with pytest.raises(WorkloadError, match="name: must") as refused:
        parse_workload(text, name="w", origin="w.toml")
    assert str(refused.value).isprintable()

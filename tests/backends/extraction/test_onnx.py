"""Layers of ONNX files are what the operators of ONNX say, in every way of stating padding."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402  # behind the skip

from convbench_backends.extraction.onnx import OnnxExtractor  # noqa: E402  # as above
from convbench_specs import Conv, ExtractionError, Flatten, Pool  # noqa: E402  # as above

SHAPE = (4, 9, 8)
WEIGHTS = {
    "w": (6, 4, 3, 3),
    "w4": (6, 4, 4, 4),
    "depthwise": (8, 1, 3, 3),
    "b": (6,),
    "up": (4, 6, 2, 2),
    "w3": (6, 4, 1, 1, 1),
    "dense": (288, 10),
}


def model(*nodes, shape=SHAPE, dtype=TensorProto.FLOAT, batch="N", constants=None):
    weights = [numpy_helper.from_array(np.zeros(WEIGHTS[name], np.float32), name) for name in WEIGHTS]
    constants = [numpy_helper.from_array(np.array(value), name) for name, value in (constants or {}).items()]
    used = {name for node in nodes for name in node.input}
    x = helper.make_tensor_value_info("x", dtype, [batch, *shape])
    y = helper.make_tensor_value_info(nodes[-1].output[0], dtype, None)
    kept = [each for each in weights + constants if each.name in used]
    opset = [helper.make_opsetid("", 19)]
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], kept), opset_imports=opset)


def node(operation, *inputs, output="y", **attributes):
    return helper.make_node(operation, list(inputs), [output], **attributes)


def extract(built, *shapes):
    return OnnxExtractor().extract(built, shapes)


def only(built):
    found = extract(built)
    assert not found.left_out, found.left_out
    (layer,) = found.layers
    return layer.case


def conv(out_channels=6, kernel_size=(3, 3), *, bias=False, **others):
    return Conv(in_channels=4, out_channels=out_channels, kernel_size=kernel_size, bias=bias, **others)


@pytest.mark.parametrize(
    ("nodes", "operation"),
    [
        ([node("Conv", "x", "w", "b")], conv(bias=True)),
        ([node("Conv", "x", "w", strides=[2, 1], pads=[1, 0, 2, 1])],
         conv(stride=(2, 1), padding=((1, 2), (0, 1)))),
        ([node("Conv", "x", "depthwise", group=4, dilations=[2, 2])], conv(8, groups=4, dilation=(2, 2))),
        ([node("Conv", "x", "w4", auto_pad="SAME_UPPER")], conv(kernel_size=(4, 4), padding="same")),
        ([node("Conv", "x", "w4", auto_pad="SAME_LOWER")], conv(kernel_size=(4, 4), padding=((2, 1), (2, 1)))),
        ([node("Conv", "x", "w", auto_pad="VALID")], conv()),
        ([node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)],
         Pool(kind="max", kernel_size=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1)), ceil_mode=True)),
        ([node("MaxPool", "x", kernel_shape=[2, 2])], Pool(kind="max", kernel_size=(2, 2), stride=(1, 1))),
        ([node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1])],
         Pool(kind="average", kernel_size=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)), count_include_pad=False)),
        ([node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)],
         Pool(kind="average", kernel_size=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)))),
        ([node("GlobalAveragePool", "x")], Pool(kind="average", kernel_size="global")),
        ([node("GlobalMaxPool", "x")], Pool(kind="max", kernel_size="global")),
        ([node("Flatten", "x")], Flatten()),
    ],
)  # fmt: skip
def test_each_operator_is_its_case(nodes, operation):
    case = only(model(*nodes))
    assert case.operation == operation
    assert case.input_shape == SHAPE


@pytest.mark.parametrize(
    ("nodes", "constants", "operation"),
    [
        ([node("Pad", "x", "pads", output="p"), node("Conv", "p", "w", pads=[1, 1, 1, 1])],
         {"pads": [0, 0, 0, 1, 0, 0, 2, 0]}, conv(padding=((1, 3), (2, 1)))),
        ([node("Pad", "x", "pads", output="p", mode="edge"), node("Conv", "p", "w")],
         {"pads": [0, 0, 1, 1, 0, 0, 1, 1]}, conv(padding=((1, 1), (1, 1)), padding_mode="edge")),
        ([node("ReduceMean", "x", "axes")], {"axes": [2, -1]}, Pool(kind="average", kernel_size="global")),
        ([node("Reshape", "x", "shape")], {"shape": [0, -1]}, Flatten()),
        ([node("Transpose", "x", output="t", perm=[0, 2, 3, 1]), node("Reshape", "t", "shape")], {"shape": [0, -1]},
         Flatten(order="channels_last")),
    ],
)  # fmt: skip
def test_operators_that_read_constants_are_their_cases(nodes, constants, operation):
    case = only(model(*nodes, constants=constants))
    assert case.operation == operation
    assert case.input_shape == SHAPE


@pytest.mark.parametrize(
    ("nodes", "shape", "what", "flops"),
    [
        ([node("ConvTranspose", "x", "up")], (4, 3, 3), "transposed convolution, 6 filters of 2 x 2", 2 * 9 * 96),
        ([node("Conv", "x", "w3")], (4, 2, 3, 3), "3-D convolution, 6 filters of 1 x 1 x 1", 2 * 18 * 24),
        ([node("MaxPool", "x", kernel_shape=[2, 2, 2])], (4, 2, 2, 2), "3-D pool", 4 * 8),
        ([node("LpPool", "x", kernel_shape=[2, 2])], SHAPE, "operation LpPool", 0),
    ],
)
def test_what_no_case_can_express_is_left_out(nodes, shape, what, flops):
    found = extract(model(*nodes, shape=shape))
    assert not found.layers
    assert [(each.what, each.flops) for each in found.left_out] == [(what, flops)]


def test_a_tensor_whose_shape_only_a_run_tells_is_left_out():
    unknown = helper.make_node("Mystery", ["x"], ["r"], domain="mine")
    built = model(unknown, node("MaxPool", "r", kernel_shape=[2, 2]))
    built.opset_import.append(helper.make_opsetid("mine", 1))
    found = extract(built)
    assert [each.reason for each in found.left_out] == ["its shape is not known before it runs"]


def test_layers_inside_a_condition_are_left_out():
    inside = helper.make_graph(
        [node("GlobalMaxPool", "x", output="z")], "then", [], [helper.make_tensor_value_info("z", 1, None)]
    )
    built = model(helper.make_node("If", ["c"], ["y"], then_branch=inside, else_branch=inside), constants={"c": True})
    found = extract(built)
    assert {each.what for each in found.left_out} == {"GlobalMaxPool inside If"}


def test_names_lose_what_an_exporter_adds():
    built = model(node("Conv", "x", "w", output="c", name="/net/stem/Conv"), node("MaxPool", "c", kernel_shape=[2, 2]))
    assert [layer.case.name for layer in extract(built).layers] == ["net/stem", "y"]


def test_fully_connected_layers_are_dense():
    built = model(node("Flatten", "x", output="f"), node("Gemm", "f", "dense"))
    found = extract(built)
    assert (found.dense, found.dense_flops) == ((10,), 2 * 288 * 10)


def test_a_fixed_batch_and_a_shape_of_the_user_are_kept():
    built = model(node("MaxPool", "x", kernel_shape=[2, 2]), batch=1)
    assert extract(built).layers[0].count == 1
    free = model(node("MaxPool", "x", kernel_shape=[2, 2]), shape=(4, "h", "w"))
    assert extract(free, (4, 5, 6)).layers[0].case.input_shape == (4, 5, 6)
    with pytest.raises(ExtractionError, match="input x of the model does not tell the shape of its input"):
        extract(free)
    with pytest.raises(ExtractionError, match="axis 2 of input x is 9 in the model, --input says 10"):
        extract(built, (4, 10, 8))
    with pytest.raises(ExtractionError, match=r"input x has 3 axes without the batch, --input names 2"):
        extract(built, (4, 10))
    with pytest.raises(ExtractionError, match=r"the model has 1 inputs \(x\), and --input names 2"):
        extract(built, (4, 9, 8), (4, 9, 8))


def test_half_precision_is_kept():
    assert only(model(node("GlobalAveragePool", "x"), dtype=TensorProto.FLOAT16)).dtype == "float16"


def test_files_are_opened_without_their_external_data(tmp_path):
    built = model(node("Conv", "x", "w"))
    path = tmp_path / "net.onnx"
    onnx.save_model(built, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    opened = OnnxExtractor().open(str(path))
    assert OnnxExtractor().extract(opened, ()).layers[0].case.operation == conv()


def test_a_file_of_garbage_or_of_too_many_bytes_is_refused(tmp_path):
    path = tmp_path / "net.onnx"
    for content in (b"", b"garbage" * 9, b"\x08\x07"):
        path.write_bytes(content)
        with pytest.raises(ExtractionError, match=r"net\.onnx is no ONNX file"):
            OnnxExtractor().open(str(path))
    with path.open("wb") as file:
        file.truncate(3 * 2**30)  # it takes no room on the disk
    with pytest.raises(ExtractionError, match=r"has 3\.0 GiB, and no ONNX file has 2 or more"):
        OnnxExtractor().open(str(path))


def test_shapes_that_contradict_each_other_are_said_in_one_line():
    with pytest.raises(ExtractionError, match="y wants 4 channels, and its input has 3"):
        extract(model(node("Conv", "x", "w"), shape=(3, 9, 8)))
    with pytest.raises(ExtractionError, match="the shapes of the model cannot be inferred") as raised:
        extract(model(node("Flatten", "x", output="f"), node("Gemm", "f", "dense"), shape=(4, 9, 9)))
    assert "\n" not in str(raised.value)

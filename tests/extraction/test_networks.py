"""Whole networks with random weights, whose parameters and FLOPs torch counts itself."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import convbench
from convbench_specs import Conv, Pool, load_workload, multiply_adds

pytest.importorskip("pytorchcv")
pytestmark = pytest.mark.slow

SHIPPED = {
    "resnet18": ("resnet", "resnet18"),
    "resnet50": ("resnet", "resnet50b"),  # the stride in the 3 x 3, as in version 1.5
    "vgg16": ("vgg", "vgg16"),
    "alexnet": ("alexnet", "alexnetb"),  # its pools round up, which changes nothing on these sizes
    "mobilenet_v1": ("mobilenet", "mobilenet_w1"),  # its last pool of 7 x 7 on 7 x 7 is the global one
}
COUNTED = {
    "resnet18": ("resnet", "resnet18", (3, 224, 224)),
    "mobilenet_v2": ("mobilenetv2", "mobilenetv2_w1", (3, 224, 224)),
    "efficientnet_b0": ("efficientnet", "efficientnet_b0", (3, 224, 224)),
    "unet": ("unet", "unet_cityscapes", (3, 256, 512)),
}


def build(module, name):
    with torch.device("meta"):
        return getattr(import_module(f"pytorchcv.models.{module}"), name)().eval()


@pytest.mark.parametrize(("module", "name", "shape"), COUNTED.values(), ids=COUNTED)
def test_parameters_and_flops_are_those_that_torch_counts(module, name, shape):
    model = build(module, name)
    found = convbench.extract(model, shape)
    layers = [layer for layer in found.workload.layers if isinstance(layer.case.operation, Conv)]
    parameters = sum(layer.case.operation.parameter_count * layer.count for layer in layers)
    convolutions = [each for each in model.modules() if isinstance(each, torch.nn.Conv2d)]
    assert parameters == sum(weights.numel() for each in convolutions for weights in each.parameters())
    assert sum(layer.count for layer in layers) == len(convolutions)
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *shape, device="meta"))
    by_operation = counter.get_flop_counts()["Global"]
    assert (
        sum(2 * multiply_adds(layer.case) * layer.count for layer in layers) == by_operation[torch.ops.aten.convolution]
    )
    products = found.dense_flops + sum(each.flops for each in found.left_out)
    assert products == sum(flops for what, flops in by_operation.items() if what != torch.ops.aten.convolution)


@pytest.mark.parametrize("workload", SHIPPED)
def test_a_shipped_workload_is_what_its_network_gives(workload):
    shipped = load_workload(workload)
    found = convbench.extract(build(*SHIPPED[workload]), shipped.cases[0].input_shape)
    assert not found.left_out
    assert sorted(map(computed, found.workload.layers), key=str) == sorted(map(computed, shipped.layers), key=str)
    assert [case.operation_name for case in found.workload.cases] == [case.operation_name for case in shipped.cases]
    assert found.workload.dense == shipped.dense
    assert found.workload.network == shipped.network


def computed(layer):
    """What a layer computes and how often, however it is stated."""
    case = layer.case
    axes = [(axis.size, axis.kernel, axis.output, axis.dilation, axis.before, axis.behind) for axis in case.axes]
    steps = [axis.stride for axis in case.axes if axis.output > 1]
    operation = case.operation
    what = (
        operation.w_shape
        if isinstance(operation, Conv)
        else operation.kind
        if isinstance(operation, Pool)
        else operation,
        getattr(operation, "bias", None),
    )
    return case.input_shape, case.dtype, axes, steps, what, layer.count


def test_all_backends_agree_on_an_extracted_network(tmp_path):
    class Net(torch.nn.Sequential):
        def __init__(self):
            super().__init__(
                torch.nn.Conv2d(3, 8, 4, stride=1, padding="same"), torch.nn.ReLU(),
                torch.nn.MaxPool2d(3, 2, 1, ceil_mode=True), torch.nn.Conv2d(8, 8, 3, groups=8, bias=False),
                torch.nn.AvgPool2d(3, 1, 1, count_include_pad=False), torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(),
            )  # fmt: skip

    file = convbench.extract(Net(), (3, 14, 14)).write(tmp_path / "net.toml")
    run = convbench.check(
        file, batch_sizes=[2], backends=["numpy-im2col", "pytorch"], data="none", output=tmp_path / "run"
    )
    assert run.is_right
    assert set(run.measurements["status"]) == {"ok"}
    assert set(run.measurements["case"]) == {"0", "2", "3", "4", "5", "6"}

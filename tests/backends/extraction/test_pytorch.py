"""Layers of PyTorch models are what torch computes, whether modules or functions call them."""

from __future__ import annotations

from math import inf

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it
from torch import nn

from convbench_backends.extraction.pytorch import PyTorchExtractor
from convbench_specs import Conv, ExtractionError, Flatten, Pool


def extract(model, *shapes):
    return PyTorchExtractor().extract(model, shapes or ((4, 9, 8),))


def only(model, *shapes):
    found = extract(model, *shapes)
    assert not found.left_out, found.left_out
    (layer,) = found.layers
    return layer.case


def conv(out_channels=6, kernel_size=(3, 3), **others):
    return Conv(in_channels=4, out_channels=out_channels, kernel_size=kernel_size, **others)


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        (nn.Conv2d(4, 6, 3), conv()),
        (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), bias=False),
         conv(kernel_size=(3, 2), stride=(2, 1), padding=((1, 1), (0, 0)), bias=False)),
        (nn.Conv2d(4, 8, 3, groups=4, dilation=2), conv(8, dilation=(2, 2), groups=4)),
        (nn.Conv2d(4, 6, 4, padding="same"), conv(kernel_size=(4, 4), padding=((1, 2), (1, 2)))),
        (nn.Conv2d(4, 6, 3, padding=1, padding_mode="replicate"), conv(padding=((1, 1), (1, 1)), padding_mode="edge")),
        (nn.Sequential(nn.ZeroPad2d((0, 1, 2, 0)), nn.Conv2d(4, 6, 3)), conv(padding=((2, 0), (0, 1)))),
        (lambda x: F.conv2d(F.pad(x, (0, 1, 0, 1)), torch.zeros(6, 4, 3, 3), padding=1, stride=2),
         conv(padding=((1, 2), (1, 2)), stride=(2, 2), bias=False)),
        (nn.MaxPool2d(3, 2, 1, ceil_mode=True),
         Pool(kind="max", kernel_size=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1)), ceil_mode=True)),
        (nn.MaxPool2d(2, dilation=2), Pool(kind="max", kernel_size=(2, 2), dilation=(2, 2))),
        (lambda x: F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-inf), 3, 2),
         Pool(kind="max", kernel_size=(3, 3), stride=(2, 2), padding=((0, 1), (0, 1)))),
        (nn.AvgPool2d(3, 1, 1), Pool(kind="average", kernel_size=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)))),
        (nn.AvgPool2d(3, 1, 1, count_include_pad=False),
         Pool(kind="average", kernel_size=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)), count_include_pad=False)),
        (nn.AdaptiveAvgPool2d(1), Pool(kind="average", kernel_size="global")),
        (nn.AdaptiveMaxPool2d(1), Pool(kind="max", kernel_size="global")),
        (nn.AdaptiveAvgPool2d((3, 4)), Pool(kind="average", kernel_size=(3, 2))),
        (nn.AdaptiveMaxPool2d((4, 2)), Pool(kind="max", kernel_size=(3, 4), stride=(2, 4))),
        (lambda x: x.mean((2, 3)), Pool(kind="average", kernel_size="global")),
        (lambda x: x.amax((-1, -2), keepdim=True), Pool(kind="max", kernel_size="global")),
        (nn.Flatten(), Flatten()),
        (lambda x: x.view(x.shape[0], -1), Flatten()),
        (lambda x: x.permute(0, 2, 3, 1).flatten(1), Flatten(order="channels_last")),
    ],
)  # fmt: skip
def test_each_layer_is_its_case(model, operation):
    case = only(model)
    assert case.operation == operation
    assert case.input_shape == (4, 9, 8)
    with torch.no_grad():
        assert tuple(model(torch.zeros(2, 4, 9, 8)).shape[:2]) == case.y_shape(2)[:2]


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        (nn.Conv1d(4, 6, 3, padding="same"), conv(kernel_size=(3,), padding=((1, 1),))),
        (nn.MaxPool1d(2), Pool(kind="max", kernel_size=(2,))),
        (nn.AvgPool1d(3, 2, 1), Pool(kind="average", kernel_size=(3,), stride=(2,), padding=((1, 1),))),
        (nn.AdaptiveAvgPool1d(1), Pool(kind="average", kernel_size="global")),
        (nn.AdaptiveAvgPool1d(3), Pool(kind="average", kernel_size=(3,))),
        (nn.Flatten(), Flatten()),
    ],
)
def test_one_axis_stays_one_axis(model, operation):
    case = only(model, (4, 9))
    assert case.operation == operation
    assert case.input_shape == (4, 9)


@pytest.mark.parametrize(
    ("model", "shape", "what", "reason", "flops"),
    [
        (nn.ConvTranspose2d(4, 6, 2), (4, 3, 3), "transposed convolution, 6 filters of 2 x 2", "no transposed ones",
         2 * 9 * 4 * 6 * 4),
        (nn.Conv3d(4, 6, 1), (4, 2, 3, 3), "3-D convolution, 6 filters of 1 x 1 x 1", "1-D and 2-D", 2 * 18 * 24),
        (nn.MaxPool3d(2), (4, 2, 2, 2), "3-D pool", "1-D and 2-D", 4 * 8),
        (nn.AdaptiveAvgPool3d(1), (4, 2, 2, 2), "3-D pool", "1-D and 2-D", 32),
        (nn.AdaptiveAvgPool2d(5), (4, 7, 7), "adaptive average pool, 7 x 7 to 5 x 5", "differ in size", 4 * 49),
        (nn.AdaptiveAvgPool2d(7), (4, 7, 7), "adaptive average pool, 7 x 7 to 7 x 7", "returns its input", 0),
        (nn.AvgPool2d(2, divisor_override=3), (4, 4, 4), "average pool, 2 x 2", "a number of its own", 4 * 16),
        (nn.FractionalMaxPool2d(2, 2), (4, 4, 4), "operation aten::fractional_max_pool2d", "does not know", 0),
        (nn.Flatten(), (4, 2, 2, 2), "flatten of 3 axes", "1-D and 2-D", 0),
        (nn.Linear(3, 5), (4, 3, 3), "1 product of matrices", "convolutions, pools and flattens", 2 * 12 * 15),
    ],
)  # fmt: skip
def test_what_no_case_can_express_is_left_out_with_its_flops(model, shape, what, reason, flops):
    found = extract(model, shape)
    assert not found.layers
    (left_out,) = found.left_out
    assert left_out.what == what
    assert reason in left_out.reason
    assert left_out.flops == flops


def test_names_are_those_of_the_modules_in_the_order_of_the_calls():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.second, self.first = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3)

        def forward(self, x):
            return F.max_pool2d(self.second(self.first(x)), 2).flatten(1)

    found = extract(nn.Sequential(nn.Conv2d(4, 4, 1), Block()))
    names = [layer.case.name for layer in found.layers]
    assert names == ["0", "1.first", "1.second", "1.pool", "1.flatten"]


def test_a_model_stays_as_it_was():
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4).eval(), nn.Dropout())
    modes = [module.training for module in model.modules()]
    extract(model)
    assert [module.training for module in model.modules()] == modes
    assert int(model[1].num_batches_tracked) == 0
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_the_dtype_is_that_of_the_model(dtype):
    assert only(nn.Conv2d(4, 6, 3).to(getattr(torch, dtype))).dtype == dtype


def test_a_model_without_memory_is_traced():
    assert only(nn.Conv2d(4, 6, 3, device="meta")).operation == conv()


def test_a_model_made_for_one_instance_is_traced():
    assert only(lambda x: F.max_pool2d(x.view(1, 4, 9, 8), 3)).operation == Pool(kind="max", kernel_size=(3, 3))


def test_several_inputs_are_given_in_order():
    def merge(x, y):
        return F.max_pool2d(x, 2), F.max_pool2d(y, 3)

    found = extract(merge, (4, 9, 8), (2, 6, 6))
    assert [layer.case.input_shape for layer in found.layers] == [(4, 9, 8), (2, 6, 6)]


def test_an_input_that_does_not_fit_is_said_in_one_line():
    with pytest.raises(ExtractionError) as raised:
        extract(nn.Conv2d(3, 6, 3))
    assert str(raised.value).startswith("Conv2d does not run on an input of 4,9,8: RuntimeError: ")
    assert "\n" not in str(raised.value)


def test_the_shape_must_be_named():
    with pytest.raises(ExtractionError, match="does not tell the shape of its input: add --input"):
        PyTorchExtractor().extract(nn.Flatten(), ())


def test_inference_mode_hides_nothing():
    model = torch.inference_mode()(nn.Sequential(nn.Conv1d(4, 6, 3), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(18, 2)))
    found = extract(model, (4, 9))
    assert [layer.case.operation_name for layer in found.layers] == ["conv", "pool", "flatten"]
    assert [len(layer.case.input_shape) for layer in found.layers] == [2, 2, 2]
    assert (found.dense, found.left_out) == ((2,), ())


def test_the_products_of_attention_are_counted():
    attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def model(x):
        tokens = F.max_pool2d(x, 3).flatten(2).transpose(1, 2)
        return attention(tokens, tokens, tokens)

    (products,) = extract(model, (4, 9, 6)).left_out
    projections, scores = 2 * 6 * 4 * 16, 2 * 2 * 2 * 6 * 6 * 2  # of 6 tokens; scores and values of 2 heads of 2
    assert products.flops == projections + scores
    assert not products.in_scope


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_files_that_torch_saved_are_opened(tmp_path):
    model = nn.Sequential(nn.Conv2d(4, 6, 3), nn.MaxPool2d(2))
    torch.save(model, tmp_path / "whole.pt")
    torch.jit.trace(model, torch.zeros(1, 4, 9, 8)).save(tmp_path / "script.pt")
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    (tmp_path / "garbage.pth").write_bytes(b"no model")
    extractor = PyTorchExtractor()
    for name in ("whole.pt", "script.pt"):
        found = extractor.extract(extractor.open(str(tmp_path / name)), ((4, 9, 8),))
        assert [layer.case.operation_name for layer in found.layers] == ["conv", "pool"], name
    with pytest.raises(ExtractionError, match=r"holds only weights, no module: give the code that builds it"):
        extractor.open(str(tmp_path / "weights.pt"))
    with pytest.raises(ExtractionError, match="cannot be read as a model that torch saved"):
        extractor.open(str(tmp_path / "garbage.pth"))


def test_a_library_that_is_not_installed_is_named():
    with pytest.raises(ExtractionError, match=r"timm:resnet18 needs timm, which cannot be imported here"):
        PyTorchExtractor().open("timm:resnet18")

"""Operations in short form."""

from __future__ import annotations

import pytest

from convbench.text.operations import operation_text
from convbench_specs import Conv, Flatten, Pool


def conv(**changes) -> Conv:
    return Conv(**{"in_channels": 4, "out_channels": 8, "kernel_size": (3, 3), **changes})


def pool(**changes) -> Pool:
    return Pool(**{"kind": "max", "kernel_size": (2, 2), **changes})


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (conv(out_channels=32), "Conv 32, 3 x 3"),
        (conv(kernel_size=(1, 5)), "Conv 8, 1 x 5"),
        (conv(kernel_size=9, stride=4), "Conv 8, 9, s4"),
        (conv(stride=2, padding=1), "Conv 8, 3 x 3, s2 p1"),
        (conv(stride=(1, 2)), "Conv 8, 3 x 3, s1,2"),
        (conv(padding="same", dilation=2, groups=2), "Conv 8, 3 x 3, same d2 g2"),
        (conv(padding=0, bias=False), "Conv 8, 3 x 3"),
        (conv(padding=((0, 2), (3, 3)), padding_mode="edge"), "Conv 8, 3 x 3, p0+2,3 edge"),
        (conv(groups=4), "Depthwise 8, 3 x 3"),
        (pool(), "MaxPool 2 x 2"),
        (pool(kind="average", stride=1), "AvgPool 2 x 2, s1"),
        (pool(kernel_size=(3, 3), stride=2, padding=1, dilation=2, ceil_mode=True), "MaxPool 3 x 3, s2 p1 d2 ceil"),
        (pool(kind="average", count_include_pad=False), "AvgPool 2 x 2, uncounted"),
        (pool(kernel_size="global", kind="average"), "Global AvgPool"),
        (pool(kernel_size=3, over="channels"), "MaxPool of 3 channels"),
        (Flatten(), "Flatten"),
        (Flatten(order="channels_last"), "Flatten, channels last"),
    ],
)
def test_short_form_is_the_window_and_what_is_not_the_default(operation, text):
    assert operation_text(operation) == text

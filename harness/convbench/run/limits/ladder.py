"""The cases on which limits are looked for: large and dense for the peak, a plain copy for a device's bandwidth.

The cases of the peak are rungs of a ladder: a backend climbs as long as its rate on the last one says that a call of
the next is short. Every rung is one matrix product for whoever computes it so, and has no padding: what is counted is
what must be done.
"""

from __future__ import annotations

from convbench.plan.items import Item
from convbench_specs import Case, Conv, Device, DType, Pool

Rung = tuple[int, int, int, int]
"""Channels in and out, width and height of y, kernel size, batch size."""
RUNGS: dict[Device, tuple[Rung, ...]] = {
    "cpu": ((64, 16, 1, 1), (512, 16, 1, 1), (2048, 16, 1, 4), (256, 28, 3, 4)),
    "cuda": ((64, 16, 1, 1), (512, 16, 1, 1), (2048, 16, 1, 4), (4096, 32, 1, 4), (512, 56, 3, 16)),
}
"""2 and 134 MFLOP to see who is slow, then products of large matrices, then a 3 x 3: 8.6 and 3.7 GFLOP on a processor.
The first is small enough for Python's loops."""
LEAST_FLOPS = 10**9
"""Of a case that may show the peak: a smaller one shows what a call costs."""
COPIED = (64, 256, 8)
"""Channels, width and height, batch size: 128 MiB in float32, more than the caches of a device hold."""


def ladder(device: Device, dtype: DType) -> list[Item]:
    """The rungs, lowest first."""
    return [_rung(rung, dtype) for rung in RUNGS[device]]


def copy_item(dtype: DType = "float32") -> Item:
    """Pooling with a window of one element, which copies x."""
    channels, width, batch_size = COPIED
    pool = Pool(kind="average", kernel_size=(1, 1))
    case = Case(name="copy", operation=pool, input_shape=(channels, width, width), dtype=dtype)
    return Item("limits", case, batch_size)


def _rung(rung: Rung, dtype: DType) -> Item:
    channels, width, kernel, batch_size = rung
    size = width + kernel - 1
    conv = Conv(in_channels=channels, out_channels=channels, kernel_size=(kernel, kernel), bias=False)
    name = f"{kernel} x {kernel}, {channels} channels, {width} x {width}"
    return Item("limits", Case(name=name, operation=conv, input_shape=(channels, size, size), dtype=dtype), batch_size)

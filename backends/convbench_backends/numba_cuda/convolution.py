"""A convolution on a device: which kernel each pass takes, and in which grid.

The rule: groups of FEW_FILTERS and more take tiled products, the others a thread an output (see direct.py); for dx the
filters of a group are its channels, for they are what is computed. A batch of 0 launches nothing.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numba import float32, float64

from convbench_backends.numba_cuda import direct, gathers, product
from convbench_backends.numba_cuda.device import Device, DeviceArray, flat_on_device, to_device, write_flat
from convbench_backends.numba_cuda.gathers import Indexing
from convbench_backends.numba_cuda.geometry import Gather, backward_gather, fold_of, forward_gather, taps_of
from convbench_specs import Case, Conv, Gradients, Tensors

FEW_FILTERS = 8
"""Fewer filters a group than this leave most of a tile empty."""
BLOCKS_A_MULTIPROCESSOR = 4
"""Blocks of dw that are wanted for each multiprocessor: places are split until there are as many."""
MOST_BLOCKS = 65535
"""Blocks that a grid may have along its third axis."""


class Convolution:
    """x, w, b and dy on the device, and the passes over them; results are flat device arrays."""

    def __init__(self, case: Case, tensors: Tensors, device: Device) -> None:
        assert isinstance(case.operation, Conv)
        assert tensors.w is not None
        dtype = tensors.x.dtype
        self._device, self._groups, self._fold = device, case.operation.groups, fold_of(case)
        self._x, self._w, self._dy = (flat_on_device(array) for array in (tensors.x, tensors.w, tensors.dy))
        self._none = to_device(np.empty(0, dtype))
        self._b = None if tensors.b is None else flat_on_device(tensors.b)
        self._real = float64 if dtype == np.float64 else float32
        self._y_from_x = forward_gather(case, len(tensors.x))
        self._dx_from_dy = backward_gather(case, len(tensors.x))
        self._x_taps = to_device(taps_of(case, self._y_from_x.channels))
        self._dy_taps = to_device(taps_of(case, self._dx_from_dy.channels))
        self._empty = partial(device.empty, dtype=dtype)

    def update(self, tensors: Tensors) -> None:
        """Write other tensors over those on the device, from which every pass starts."""
        assert tensors.w is not None
        for own, array in ((self._x, tensors.x), (self._w, tensors.w), (self._dy, tensors.dy)):
            write_flat(own, array)
        if self._b is not None and tensors.b is not None:
            write_flat(self._b, tensors.b)

    @property
    def algorithm(self) -> str:
        """How y and dw, and how dx are computed."""
        forward, backward = (
            "a thread an output" if gather.filters < FEW_FILTERS else "tiled product"
            for gather in (self._y_from_x, self._dx_from_dy)
        )
        return f"{forward}; dx by {backward}"

    def forward(self) -> DeviceArray:
        """Launch y."""
        bias = self._none if self._b is None else self._b
        return self._gather(self._y_from_x, gathers.FORWARD, self._x, self._x_taps, bias)

    def backward(self) -> Gradients:
        """Launch (dx, dw, db)."""
        return self._input_gradient(), self._weight_gradient(), None if self._b is None else self._bias_gradient()

    def _gather(
        self, g: Gather, indexing: Indexing, source: DeviceArray, taps: DeviceArray, bias: DeviceArray
    ) -> DeviceArray:
        device, places = self._device, g.images * g.target_height * g.target_width
        size = places * self._groups * g.filters
        out = self._empty(size)
        arguments = (self._w, source, taps, bias, g, self._groups, out)
        if size and g.filters < FEW_FILTERS:
            direct.gather_kernel(self._real, indexing)[device.blocks(size), device.threads](*arguments)
        elif size:
            tile = device.tile
            grid = (-(-places // tile.columns), -(-g.filters // tile.rows), self._groups)
            product.product_kernel(self._real, tile, indexing)[grid, tile.threads](*arguments)
        return out

    def _input_gradient(self) -> DeviceArray:
        g, fold, device = self._dx_from_dy, self._fold, self._device
        dx = self._gather(g, gathers.BACKWARD, self._dy, self._dy_taps, self._none)
        if not self._y_from_x.edge:
            return dx
        planes = g.images * g.filters * self._groups
        folded = self._empty(planes * fold.height * fold.width)
        if planes:
            blocks = device.blocks(planes * fold.height * fold.width)
            direct.fold_kernel(self._real)[blocks, device.threads](dx, planes, fold, folded)
        return folded

    def _weight_gradient(self) -> DeviceArray:
        g, groups, device, tile = self._y_from_x, self._groups, self._device, self._device.tile
        size = groups * g.filters * g.depth
        dw = self._empty(size)
        arguments = (self._dy, self._x, self._x_taps, g, groups)
        if g.filters < FEW_FILTERS:
            kernel = direct.weight_sum_kernel(self._real, device.threads, gathers.FORWARD)
            kernel[size, device.threads](*arguments, dw)
            return dw
        kernel = product.weight_kernel(self._real, tile, gathers.FORWARD)
        grid = (-(-g.depth // tile.columns), -(-g.filters // tile.rows))
        splits = self._splits(grid[0] * grid[1])
        parts = dw if splits == 1 else device.empty(splits * size, np.dtype(str(self._real)))
        kernel[(*grid, groups * splits), tile.threads](*arguments, splits, parts)
        if splits > 1:
            product.add_splits_kernel(self._real)[device.blocks(size), device.threads](parts, splits, size, dw)
        return dw

    def _splits(self, tiles: int) -> int:
        """Parts into which the places are split, for dw of so many tiles a group."""
        g = self._y_from_x
        places = g.images * g.target_height * g.target_width
        wanted = -(-self._device.multiprocessors * BLOCKS_A_MULTIPROCESSOR // (tiles * self._groups))
        return max(1, min(wanted, places // self._device.places_a_split, MOST_BLOCKS // self._groups))

    def _bias_gradient(self) -> DeviceArray:
        g, device = self._y_from_x, self._device
        db = self._empty(self._groups * g.filters)
        pixels = g.target_height * g.target_width
        kernel = direct.plane_sum_kernel(self._real, device.threads)
        kernel[self._groups * g.filters, device.threads](self._dy, g.images, self._groups * g.filters, pixels, 1, db)
        return db

"""The three products of a convolution, exactly as defined, one tap at a time.

Each is bilinear, y in (x, w), dx in (dy, w), dw in (x, dy), which is all that the oracle needs: the same functions of
absolute values or of squares give the sizes that an error bound is made of. Sums run in the dtype that is asked for.

Inside, a part of the batch is held as (groups, channels of a group, places of the part), so that every group is one
matrix product a tap. Few channels are made up for by taking several taps at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.windows import Places, fold, pad, parts, tap_places
from convbench_specs import Case, Conv

PART_ELEMENTS = 2**17
"""How many elements a working array should have: it bounds memory, one instance being the least."""


def forward(case: Case, x: NDArray[Any], w: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """y without bias, (N, K, *output), from x (N, C, *spatial) and w (K, C/groups, *kernel)."""
    plan = _plan(case)
    kernel = plan.kernel(w, dtype)
    y = np.empty(case.y_shape(len(x)), dtype)
    for part in parts(len(x), plan.part_size):
        padded = plan.pad(x[part], dtype)
        total: NDArray[Any] | None = None
        for taps in parts(len(plan.taps), plan.taps_at_once):
            share = plan.rows(kernel[:, :, taps]) @ plan.gather(padded, taps)
            total = share if total is None else np.add(total, share, out=total)
        assert total is not None
        y[part] = plan.ungroup(total, padded.shape[2], plan.output)
    return y


def input_gradient(case: Case, dy: NDArray[Any], w: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """dx, (N, C, *spatial), from dy (N, K, *output) and w."""
    plan = _plan(case)
    kernel = plan.kernel(w, dtype)
    dx = np.empty(case.x_shape(len(dy)), dtype)
    for part in parts(len(dy), plan.part_size):
        grouped = plan.group(dy[part], dtype)
        padded = plan.pad(np.zeros((len(dy[part]), *case.input_shape), dtype), dtype)
        lead = padded.shape[:3]
        for taps in parts(len(plan.taps), plan.taps_at_once):
            share = plan.rows(kernel[:, :, taps]).swapaxes(1, 2) @ grouped
            share = share.reshape(lead[0], -1, *lead[1:], *plan.output)
            for number, places in enumerate(plan.taps[taps]):
                padded[places] += share[:, number]
        inner = fold(padded, case.axes, plan.operation.padding_mode)
        dx[part] = plan.ungroup(inner, lead[2], case.input_shape[1:])
    return dx


def weight_gradient(case: Case, x: NDArray[Any], dy: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """dw, (K, C/groups, *kernel), from x and dy."""
    plan = _plan(case)
    assert case.w_shape is not None
    dw = np.zeros(
        (plan.operation.groups, case.w_shape[0] // plan.operation.groups, len(plan.taps), case.w_shape[1]), dtype
    )
    for part in parts(len(x), plan.part_size):
        padded, grouped = plan.pad(x[part], dtype), plan.group(dy[part], dtype)
        for taps in parts(len(plan.taps), plan.taps_at_once):
            share = grouped @ plan.gather(padded, taps).swapaxes(1, 2)
            dw[:, :, taps] += share.reshape(dw[:, :, taps].shape)
    return np.ascontiguousarray(dw.swapaxes(2, 3)).reshape(case.w_shape)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a case is cut into parts, and how arrays are brought to the grouped layout and back."""

    case: Case
    operation: Conv
    taps: list[Places]
    part_size: int
    taps_at_once: int

    @property
    def output(self) -> tuple[int, ...]:
        return self.case.output_shape[1:]

    def kernel(self, w: NDArray[Any], dtype: Any) -> NDArray[Any]:
        """w as (groups, filters of a group, taps, channels of a group)."""
        groups, (filters, channels) = self.operation.groups, w.shape[:2]
        split = w.reshape(groups, filters // groups, channels, len(self.taps))
        return np.ascontiguousarray(split.swapaxes(2, 3), dtype)

    def rows(self, kernel: NDArray[Any]) -> NDArray[Any]:
        """Some taps of the kernel as a matrix a group."""
        return kernel.reshape(*kernel.shape[:2], -1)

    def pad(self, x: NDArray[Any], dtype: Any) -> NDArray[Any]:
        """Some instances as (groups, channels of a group, instances, *padded)."""
        grouped = x.reshape(len(x), self.operation.groups, -1, *x.shape[2:])
        return pad(np.moveaxis(grouped, 0, 2), self.case.axes, self.operation.padding_mode, 0.0, dtype)

    def gather(self, padded: NDArray[Any], taps: slice) -> NDArray[Any]:
        """What the windows read with some taps, a matrix (taps x channels, places) a group."""
        chosen = self.taps[taps]
        groups, channels, instances = padded.shape[:3]
        gathered = np.empty((groups, len(chosen), channels, instances, *self.output), padded.dtype)
        for number, places in enumerate(chosen):
            gathered[:, number] = padded[places]
        return gathered.reshape(groups, len(chosen) * channels, -1)

    def group(self, dy: NDArray[Any], dtype: Any) -> NDArray[Any]:
        """Some instances of dy as a matrix (filters, places) a group."""
        grouped = dy.reshape(len(dy), self.operation.groups, -1, prod(self.output))
        moved = np.ascontiguousarray(np.moveaxis(grouped, 0, 2), dtype)
        return moved.reshape(*moved.shape[:2], -1)

    def ungroup(self, values: NDArray[Any], instances: int, places: tuple[int, ...]) -> NDArray[Any]:
        """Back to (instances, channels, *places)."""
        grouped = values.reshape(*values.shape[:2], instances, *places)
        return np.moveaxis(grouped, 2, 0).reshape(instances, -1, *places)


def _plan(case: Case) -> _Plan:
    assert isinstance(case.operation, Conv)
    taps, outputs = tap_places(case.axes), prod(case.output_shape[1:])
    instance = max(prod(case.input_shape), case.input_shape[0] * outputs, prod(case.output_shape), 1)
    part_size = max(1, PART_ELEMENTS // instance)
    column = max(1, case.input_shape[0] * part_size * outputs)
    taps_at_once = min(len(taps), max(1, PART_ELEMENTS // column))
    return _Plan(case, case.operation, taps, part_size, taps_at_once)

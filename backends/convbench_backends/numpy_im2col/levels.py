"""The two levels of a convolution: blocks on all threads, and the textbook's matrix of the whole batch.

Arrays are images, see convolution.py, in the dtype to compute in.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from convbench_backends.numpy_im2col import depthwise, textbook
from convbench_backends.numpy_im2col.blocks import Convolution
from convbench_backends.numpy_im2col.convolution import (
    correlate,
    flips_kernel,
    input_gradient,
    is_small,
    weight_gradient,
)
from convbench_backends.numpy_im2col.crew import Crew
from convbench_backends.numpy_im2col.depthwise import is_small_depthwise
from convbench_backends.numpy_im2col.im2col import Array
from convbench_backends.shared.outputs import Output


class Level(Protocol):
    """The passes of a convolution over a batch of fixed size."""

    algorithm: str

    def forward(self, x: Array, w: Array, b: Array | None) -> Array:
        """The outputs, y."""

    def backward(self, x: Array, w: Array, dy: Array) -> tuple[Array, Array, Array]:
        """The gradients dx, dw and db."""


class Blocked:
    """Blocks that stay in the cache; results lie in arrays that are used again once nobody holds them."""

    def __init__(self, conv: Convolution, crew: Crew, images: int, dtype: np.dtype[Any]) -> None:
        windows, group = conv.windows, conv.channels // conv.groups
        self._conv, self._crew = conv, crew
        self._x_shape = (images, conv.channels, windows.rows.size, windows.columns.size)
        self._w_shape = (conv.filters, group, *windows.kernel)
        self._y_shape = (images, conv.filters, *windows.output)
        self._y, self._dx, self._dw = (Output(shape, dtype) for shape in (self._y_shape, self._x_shape, self._w_shape))
        self.algorithm = conv_algorithm(conv, images)

    def forward(self, x: Array, w: Array, b: Array | None) -> Array:
        """y, block by block."""
        y = self._y.take().reshape(self._y_shape)
        if is_small_depthwise(self._conv):
            return depthwise.correlate(x, w, b, self._conv.windows, self._crew, y=y)
        return correlate(x, w, b, self._conv, self._crew, y=y)

    def backward(self, x: Array, w: Array, dy: Array) -> tuple[Array, Array, Array]:
        """(dx, dw, db), block by block."""
        conv, crew = self._conv, self._crew
        if is_small_depthwise(conv):
            planes_dw = self._dw.take().reshape(self._w_shape)
            db = depthwise.weight_gradient(x, dy, conv.windows, crew, planes_dw)
            dx = depthwise.input_gradient(dy, w, conv.windows, crew, self._dx.take().reshape(self._x_shape))
            return dx, planes_dw, db
        dw = self._dw.take().reshape(conv.groups, -1, conv.depth)
        db = weight_gradient(x, dy, conv, crew, dw)
        dx = input_gradient(dy, w, conv, crew, self._dx.take().reshape(self._x_shape))
        return dx, dw, db


class Textbook:
    """X_col of the batch, and products that BLAS shares among all threads."""

    algorithm = textbook.ALGORITHM

    def __init__(self, conv: Convolution, crew: Crew) -> None:
        self._conv, self._crew = conv, crew

    def forward(self, x: Array, w: Array, b: Array | None) -> Array:
        """Y from X_col."""
        return self._crew.alone(lambda: textbook.forward(x, w, b, self._conv))

    def backward(self, x: Array, w: Array, dy: Array) -> tuple[Array, Array, Array]:
        """(dx, dw, db) from X_col and its gradient."""
        return self._crew.alone(lambda: textbook.backward(x, w, dy, self._conv))


def conv_algorithm(conv: Convolution, images: int) -> str:
    """The path that forward takes, and after a semicolon that of dx."""
    if is_small_depthwise(conv):
        return "einsum over planes side by side"
    if is_small(images, conv):
        forward = "im2col of the batch"
    elif conv.windows.is_pointwise:
        forward = "1 x 1 without a copy"
    else:
        forward = "im2col in blocks"
    return f"{forward}; dx by {'the flipped kernel' if flips_kernel(images, conv) else 'added columns'}"

"""The activation that follows convolutions and hidden dense layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Relu:
    """y = max(x, 0). Its gradient is 1 where x > 0 and 0 elsewhere.

    At x = 0 there is no derivative. The convention there is 0, as in PyTorch, TensorFlow and JAX. It matters: biases
    start as 0 and the background of digits is 0, so that a convolution's output is exactly 0 on all of the background.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._is_positive = np.zeros(0, np.bool_)

    def forward(self, x: Array) -> Array:
        """Y, a new array."""
        self._is_positive = x > 0
        y: Array = np.maximum(x, 0)
        return y

    def backward(self, dy: Array) -> Array:
        """Dx, a new array."""
        return np.where(self._is_positive, dy, dy.dtype.type(0))

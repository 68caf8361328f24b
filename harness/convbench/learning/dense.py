"""A fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class DenseLayer:
    """y = x w^T + b, with x (N, in_features), w (units, in_features), b (units,) and y (N, units).

    With the gradient dy of a loss by y, the chain rule gives dx = dy w, dw = dy^T x, and db as the sum of dy over the
    batch.
    """

    def __init__(self, name: str, *, w: Array, b: Array, dw: Array, db: Array) -> None:
        """`w` and `b` are read at every call; `dw` and `db` are where backward writes the gradients."""
        self.name = name
        self._w, self._b, self._dw, self._db = w, b, dw, db
        self._x: Array = w[:0]

    def forward(self, x: Array) -> Array:
        """Y for a batch, which is kept for the backward pass."""
        self._x = x
        y: Array = x @ self._w.T
        y += self._b
        return y

    def backward(self, dy: Array) -> Array:
        """Dx, and dw and db in their places."""
        np.matmul(dy.T, self._x, out=self._dw)
        np.sum(dy, axis=0, out=self._db)
        dx: Array = dy @ self._w
        return dx

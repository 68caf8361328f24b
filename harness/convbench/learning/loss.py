"""Softmax and cross entropy, as one function: together their gradient is simple."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def cross_entropy(outputs: Array, labels: NDArray[np.int64]) -> tuple[float, Array]:
    """The loss of a batch, and its gradient by the outputs.

    outputs are (N, classes), labels (N,). With p = softmax(outputs) the loss is the mean over the batch of
    -log p[label], and its gradient (p - onehot(label)) / N. The largest output of each image is taken off first, which
    changes no p and keeps exp from overflowing.
    """
    images = np.arange(len(labels))
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    losses = np.log(sums[:, 0]) - shifted[images, labels]
    gradient = exponentials / sums
    gradient[images, labels] -= 1
    gradient /= len(labels)
    return float(losses.mean()), gradient

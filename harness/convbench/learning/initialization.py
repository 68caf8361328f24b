"""The first weights of a network: random, and the same bits for every backend.

The numbers are drawn in float64 and rounded to the dtype of the network, so that those in float32 are the float64 ones
to within a rounding. Each layer has a stream of its own: what one layer draws does not depend on the layers before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs.recipe import Initialization

Array = NDArray[Any]
WEIGHTS_STREAM, ORDER_STREAM, MOVES_STREAM = range(3)
"""What a stream of random numbers is for: the second part of its seed."""


def first_weights(rule: Initialization, shape: tuple[int, ...], *, seed: int, layer: int, fan_out: int) -> Array:
    """Weights in float64 of a layer, whose first axis is that of its outputs; the formulas are in specs/recipe.py.

    `fan_out` is how many outputs one input has a share in. The number of inputs of one output, fan_in, is that of the
    elements along the other axes.
    """
    random = np.random.default_rng([seed, WEIGHTS_STREAM, layer])
    fan_in = int(np.prod(shape[1:]))
    if rule == "glorot_uniform":
        limit = np.sqrt(6 / (fan_in + fan_out))
        return random.uniform(-limit, limit, shape)
    return random.normal(0, np.sqrt(2 / fan_in), shape)


def moved(weights: Array, *, seed: int) -> Array:
    """Each number moved to one of its two neighbours in its dtype, at random; a zero stays where it is.

    Zeros must stay: where the background of an image is 0 a convolution's output is its bias, and the smallest number
    in place of a bias of 0 would put all of the background on the other side of relu's kink.
    """
    random = np.random.default_rng([seed, MOVES_STREAM])
    towards = np.where(random.random(weights.shape) < 0.5, -np.inf, np.inf).astype(weights.dtype)
    return np.where(weights == 0, weights, np.nextafter(weights, towards))

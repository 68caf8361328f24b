"""Which images a step trains on.

In each epoch all images come in a new random order, the same for every backend, and are cut into batches. Where the
last batch would be smaller than the others it is dropped: the order is another one in each epoch, so every image has
its turn, and every step computes the same shapes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from convbench.learning.initialization import ORDER_STREAM


def steps_of_epoch(images: int, batch_size: int) -> int:
    """How many batches an epoch has.

    >>> steps_of_epoch(1437, 32)
    44
    """
    return images // batch_size


@lru_cache(maxsize=1)  # every step of an epoch asks for it
def order_of(epoch: int, images: int, *, seed: int) -> NDArray[np.int64]:
    """The order of the images in an epoch, counted from 0; read-only."""
    order = np.random.default_rng([seed, ORDER_STREAM, epoch]).permutation(images)
    order.flags.writeable = False
    return order


def batch_of(step: int, images: int, batch_size: int, *, seed: int) -> NDArray[np.int64]:
    """The images of a step; steps are counted from 1 and go on from epoch to epoch."""
    epoch, place = divmod(step - 1, steps_of_epoch(images, batch_size))
    return order_of(epoch, images, seed=seed)[place * batch_size : (place + 1) * batch_size]

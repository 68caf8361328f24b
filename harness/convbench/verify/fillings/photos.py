"""The photos and the filters of the course material, for cases whose feature maps are to be looked at.

The photos are files of the installed scikit-learn package, found and read without importing it.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import ConvbenchError, SpecError

PHOTOS = ("china", "flower")


class MissingImages(ConvbenchError):  # noqa: N818 - it says what is the matter
    """The photos, or Pillow to read them, are not installed; the text names the extra that brings them."""


def photos(batch_size: int, channels_height_width: tuple[int, ...]) -> NDArray[np.float64]:
    """China and flower in turn, cropped at the centre, in [0, 1]; shape (N, 3, H, W).

    Raises MissingImages where they are not installed, SpecError where they are smaller than what is asked for.
    """
    if len(channels_height_width) != 3 or channels_height_width[0] != 3:
        raise SpecError("x", f"photos are [3, height, width], not {list(channels_height_width)}")
    _, height, width = channels_height_width
    crops = [_crop(_pixels(name), height, width) for name in PHOTOS]
    batch = np.empty((batch_size, 3, height, width))
    for n in range(batch_size):
        batch[n] = crops[n % 2].transpose(2, 0, 1)
    return batch / 255


def line_filters(w_shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Filters (K, C/groups, *kernel) of zeros with a line of ones: vertical, in the middle, and horizontal in turn.

    Over one spatial axis the first is its middle element, the second all of it.
    """
    w = np.zeros(w_shape, dtype)
    w[0::2, ..., w_shape[-1] // 2] = 1
    middle_row = w[1::2] if len(w_shape) == 3 else w[1::2, :, w_shape[2] // 2]
    middle_row[...] = 1
    return w


def laplacian_filters(w_shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Filters (K, C/groups, 3, 3), all of them the Laplacian: the sum of a place's neighbours less four times itself.

    It is 0 where colours are even, so that only edges stay.
    """
    w = np.empty(w_shape, dtype)
    w[...] = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    return w


def _crop(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    rows, columns = pixels.shape[:2]
    if height > rows or width > columns:
        raise SpecError("input", f"photos are {rows} x {columns} at most, not {height} x {width}")
    top, left = (rows - height) // 2, (columns - width) // 2
    return pixels[top : top + height, left : left + width]


@cache
def _pixels(name: str) -> NDArray[np.uint8]:
    """(rows, columns, 3) of a photo."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise MissingImages("the photos are part of scikit-learn: pip install 'convbench[images]'")
    path = Path(package.origin).parent / "datasets" / "images" / f"{name}.jpg"
    try:
        from PIL import Image  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise MissingImages("reading the photos needs Pillow: pip install 'convbench[images]'") from error
    try:
        with Image.open(path) as image:
            return np.asarray(image)
    except OSError as error:
        message = f"cannot read {path.name} of scikit-learn ({error}): pip install 'convbench[images]'"
        raise MissingImages(message) from error

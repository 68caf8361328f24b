"""Small drawings that show what pooling does, as the input of a pool; all their values are exact in every dtype.

- "shifted": channel c is one drawing, c pixels further right. Its strokes are one pixel wide and stand on even columns,
  so a shift by one pixel stays within the windows of a 2 x 2 pool, whose result does not change.
- "turned": four channels a drawing, 16 in all. Drawing n is one stroke that is turned by n quarters; its channel k is
  what a filter finds there that looks for the stroke turned by k quarters: 1 where it is found, less elsewhere. A pool
  over four channels (depthwise pooling) finds the stroke in whatever way it is turned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from convbench_specs import TURNS

TRIANGLE = (
    "      #     ",
    "    # #     ",
    "    #   #   ",
    "  #     #   ",
    "  #       # ",
    "# # # # # # ",
)
HOOK = (
    " ####",
    " #   ",
    " #   ",
    " #   ",
    " #   ",
)


def shifted(channels_height_width: tuple[int, ...]) -> NDArray[np.float64]:
    """The triangle at the left edge of channel 0, and one pixel further right in each that follows; (C, H, W)."""
    channels, height, width = channels_height_width
    x = np.zeros((channels, height, width))
    triangle = _pixels(TRIANGLE)[:height]
    for shift in range(channels):
        seen = triangle[:, : max(width - shift, 0)]
        x[shift, : len(seen), shift : shift + seen.shape[1]] = seen
    return x


def turned(channels_height_width: tuple[int, ...]) -> NDArray[np.float64]:
    """What four turned filters find in four turned hooks; (TURNS * TURNS, H, H)."""
    _, size, _ = channels_height_width
    hook = _pixels(HOOK)
    border = (size - len(hook)) // 2
    found = [
        _found(np.pad(np.rot90(hook, image), border), np.rot90(hook, filter_))
        for image in range(TURNS)
        for filter_ in range(TURNS)
    ]
    return np.stack(found)


def _pixels(rows: tuple[str, ...]) -> NDArray[np.float64]:
    return np.array([[pixel == "#" for pixel in row] for row in rows], np.float64)


def _found(image: NDArray[np.float64], stroke: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of the pixels of the stroke that are found around each place of an image."""
    size = len(stroke)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, size // 2), stroke.shape)
    counts = np.einsum("hwij,ij->hw", windows, stroke)
    shares: NDArray[np.float64] = counts / stroke.sum()  # of eight pixels, so that every share is exact
    return shares


DRAWINGS: Mapping[str, Callable[[tuple[int, ...]], NDArray[np.float64]]] = {"shifted": shifted, "turned": turned}
"""The drawing of each source of data that is one, by its name in a case."""

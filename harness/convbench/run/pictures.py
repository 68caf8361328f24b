"""Feature maps of the photographs as pictures: what a case did to real data, for the eye.

A picture is a row: the photograph, then its first feature maps in grey, each stretched from its smallest value (black)
to its largest (white).
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_MAPS = 3
TILE_WIDTH = 320
"""Pixels of one tile; larger maps are scaled down, smaller ones up by a whole factor."""
GAP = 8


def picture_row(image: NDArray[Any], maps: NDArray[Any]) -> bytes:
    """PNG of a photograph (3, H, W) in 0..1 beside its feature maps (K, H', W'); needs Pillow, of the extra images."""
    from PIL import Image  # noqa: PLC0415  # only a run with photographs needs it

    tiles = [Image.fromarray(_bytes(np.moveaxis(image, 0, -1), 0.0, 1.0), "RGB")]
    for feature_map in maps[:MOST_MAPS]:
        low, high = float(feature_map.min()), float(feature_map.max())
        tiles.append(Image.fromarray(_bytes(feature_map, low, high), "L").convert("RGB"))
    height = max(round(tile.height * TILE_WIDTH / tile.width) for tile in tiles)
    row = Image.new("RGBA", (len(tiles) * (TILE_WIDTH + GAP) - GAP, height), (0, 0, 0, 0))
    for number, tile in enumerate(tiles):
        size = (TILE_WIDTH, round(tile.height * TILE_WIDTH / tile.width))
        row.paste(tile.resize(size, Image.Resampling.LANCZOS), (number * (TILE_WIDTH + GAP), 0))
    buffer = BytesIO()
    row.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _bytes(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    span = high - low or 1.0
    scaled = np.clip((values.astype(np.float64) - low) / span, 0, 1) * 255
    return np.ascontiguousarray(scaled.round().astype(np.uint8))

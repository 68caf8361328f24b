"""Feature maps of the photographs as pictures: what a case did to real data, for the eye.

A picture is a row: the photograph, then its first feature maps in grey, each stretched from its smallest value (black)
to its largest (white).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from convbench.plan.items import Item
from convbench.results.events.schema import PictureMade
from convbench.verify.fillings.photos import PHOTOS
from convbench_specs import Tensors

MOST_MAPS = 3
TILE_WIDTH = 320
"""Pixels of one tile; larger maps are scaled down, smaller ones up by a whole factor."""
GAP = 8
LONGEST_FILE = 80
"""Characters of a picture's name that are told; what is cut or replaced is told apart by digits."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and the event that names it; the bytes are a PNG file's."""

    made: PictureMade
    png: bytes


def pictures_of(item: Item, tensors: Tensors, right: tuple[str, NDArray[Any]] | None) -> Iterator[Picture]:
    """What the case made of the photographs; `right` is a right backend and its y, None where there is none."""
    if right is None or right[1].ndim != 4 or right[1].shape[-1] < 2:
        return  # nothing is right, or there is no map to look at
    backend, maps = right
    for number, name in enumerate(PHOTOS[: item.batch_size]):
        png = picture_row(tensors.x[number], maps[number])
        made = PictureMade(
            file=picture_file(item.workload, item.case.name, name),
            title=f"{item.case.name}: {name}",
            caption=_caption(item, backend),
            checksum=f"{crc32(png):08x}",
        )
        yield Picture(made, png)


def picture_file(*names: str) -> str:
    """The name of a file, whatever characters the names of workload, case and photograph have.

    >>> picture_file("photos", "edges", "china"), picture_file("mine", "../edges", "china")
    ('photos-edges-china.png', 'mine-..-edges-china-204ebb7b.png')
    """
    whole = "-".join(names)
    plain = re.sub(r"[^\w.-]+", "-", whole, flags=re.ASCII)[:LONGEST_FILE]
    return f"{plain}.png" if plain == whole else f"{plain}-{crc32(whole.encode(errors='backslashreplace')):08x}.png"


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


def _caption(item: Item, backend: str) -> str:
    maps = min(MOST_MAPS, item.case.output_shape[0])
    filters = " of a vertical and a horizontal line filter" if item.case.w_data == "lines" else ""
    return f"The photograph, then the first {maps} feature maps{filters}, as {backend} computed them."

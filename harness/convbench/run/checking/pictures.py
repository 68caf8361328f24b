"""Feature maps of the photographs as pictures: what a case did to real data, for the eye.

A picture of a photograph is a row: the photograph, then its first feature maps in grey, each stretched from its
smallest value (black) to its largest (white). A picture of drawings has a column for each output channel: the input
channels that it was made from, and below them itself, all from 0 (black) to 1 (white).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from convbench.plan.items import Item
from convbench.results.events.schema import PictureMade
from convbench.verify.fillings.photos import PHOTOS
from convbench_specs import Pool, Tensors

MOST_MAPS = 3
TILE_WIDTH = 320
"""Pixels of one tile; larger maps are scaled down, smaller ones up by a whole factor."""
GAP = 8
FILTERS = {
    "lines": " of a vertical and a horizontal line filter",
    "laplacian": " of the Laplacian, which keeps edges (the size of its values)",
}
"""What the filters of a case are, by their source."""
DRAWINGS = {
    "shifted": (
        "Above, a drawing that is shifted by 0, 1, 2 and more pixels; below, its pool. A shift by one pixel within the "
        "windows does not change the result."
    ),
    "turned": (
        "Each column is a drawing turned by another quarter: what four turned filters find in it, and below, the "
        "maximum over the four (depthwise pooling). Another filter finds each, and the maximum finds all of them."
    ),
}
"""What a picture of drawings shows, by their source."""
PICTURED = ("photos", *DRAWINGS)
"""Sources of data of which there are pictures."""
LONGEST_FILE = 80
"""Characters of a picture's name that are told; what is cut or replaced is told apart by digits."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and the event that names it; the bytes are a PNG file's."""

    made: PictureMade
    png: bytes


def pictures_of(item: Item, tensors: Tensors, right: tuple[str, NDArray[Any]] | None) -> Iterator[Picture]:
    """What the case made of photographs or drawings; `right` is a right backend and its y, None where there is none."""
    if right is None or right[1].ndim != 4 or right[1].shape[-1] < 2:
        return  # nothing is right, or there is no map to look at
    backend, maps = right
    if item.case.x_data != "photos":
        if not isinstance(item.case.operation, Pool) or find_spec("PIL") is None:
            return  # captions tell of pools; and unlike photographs, drawings are computed on without Pillow, too
        png = drawing_columns(tensors.x[0], maps[0])
        made = PictureMade(
            file=picture_file(item.workload, item.case.name),
            title=item.case.name,
            caption=_drawing_caption(item, backend),
            checksum=f"{crc32(png):08x}",
        )
        yield Picture(made, png)
        return
    for number, name in enumerate(PHOTOS[: item.batch_size]):
        shown = edges(maps[number]) if item.case.w_data == "laplacian" else maps[number]
        png = picture_row(tensors.x[number], shown)
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
    return _png(row)


def edges(maps: NDArray[Any]) -> NDArray[Any]:
    """The size of each value of maps (K, H', W'), at most that of the largest hundredth, as weak edges are faint."""
    sizes = np.abs(maps.astype(np.float64))
    strong: NDArray[Any] = np.quantile(sizes, 0.99, axis=(1, 2), keepdims=True)
    shown: NDArray[Any] = np.minimum(sizes, strong)
    return shown


def drawing_columns(x: NDArray[Any], y: NDArray[Any]) -> bytes:
    """PNG of the channels of x (C, H, W) in groups of C / K above the channels of y (K, H', W'), all within 0..1."""
    from PIL import Image  # noqa: PLC0415  # as above

    group = len(x) // len(y)
    width = TILE_WIDTH // 2
    height = round(width * x.shape[1] / x.shape[2])
    grid = Image.new("RGBA", (len(y) * (width + GAP) - GAP, (group + 1) * (height + GAP) + GAP), (0, 0, 0, 0))
    for column, pooled in enumerate(y):
        for row, values in enumerate((*x[column * group : (column + 1) * group], pooled)):
            tile = Image.fromarray(_bytes(values, 0.0, 1.0), "L").convert("RGB")
            top = row * (height + GAP) + (2 * GAP if row == group else 0)
            grid.paste(tile.resize((width, height), Image.Resampling.NEAREST), (column * (width + GAP), top))
    return _png(grid)


def _png(image: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _bytes(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    span = high - low or 1.0
    scaled = np.clip((values.astype(np.float64) - low) / span, 0, 1) * 255
    return np.ascontiguousarray(scaled.round().astype(np.uint8))


def _caption(item: Item, backend: str) -> str:
    maps = min(MOST_MAPS, item.case.output_shape[0])
    filters = FILTERS.get(item.case.w_data, "")
    which = f"first {maps} feature maps" if maps > 1 else "feature map"
    return f"The photograph, then the {which}{filters}, as {backend} computed them."


def _drawing_caption(item: Item, backend: str) -> str:
    return f"{DRAWINGS[item.case.x_data]} Computed by {backend}."

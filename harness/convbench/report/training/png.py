"""Pictures of arrays as PNG files, grey or coloured, without an imaging library.

A file is a signature and three chunks, each with its length and checksum: the head, the pixels compressed by deflate
with a filter byte of 0 before each row, and the end (Portable Network Graphics, W3C, third edition).
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, COLOURS = 0, 2
GAP = 1
"""Pixels between the tiles of a sheet."""

Pixels = NDArray[np.uint8]


def data_uri(pixels: Pixels) -> str:
    """Pixels of (H, W) or (H, W, 3) as an address that holds the whole picture."""
    return f"data:image/png;base64,{b64encode(png(pixels)).decode('ascii')}"


def png(pixels: Pixels) -> bytes:
    """The PNG file of pixels of (H, W) or (H, W, 3)."""
    height, width = pixels.shape[:2]
    head = struct.pack(">2I5B", width, height, 8, GREY if pixels.ndim == 2 else COLOURS, 0, 0, 0)
    rows = np.ascontiguousarray(pixels).reshape(height, -1)
    body = zlib.compress(np.hstack([np.zeros((height, 1), np.uint8), rows]).tobytes(), 9)
    return SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def stretched(values: NDArray[Any], low: float, high: float) -> Pixels:
    """Values as grey, from black at `low` to white at `high`; what is no number is black."""
    span = high - low or 1.0
    scaled = np.nan_to_num((values.astype(np.float64) - low) / span, nan=0.0, posinf=1.0, neginf=0.0)
    pixels: Pixels = (255 * np.clip(scaled, 0, 1)).round().astype(np.uint8)
    return pixels


def sheet(tiles: Sequence[Pixels], columns: int, background: int) -> Pixels:
    """Tiles of one size in rows, GAP pixels apart, in order."""
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    shape = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, *tiles[0].shape[2:])
    pixels: Pixels = np.full(shape, background, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        top, left = row * (height + GAP), column * (width + GAP)
        pixels[top : top + height, left : left + width] = tile
    return pixels

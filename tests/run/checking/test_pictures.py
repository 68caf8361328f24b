"""A row of pictures holds the photograph and its maps, stretched to black and white."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convbench.run.checking.pictures import (
    GAP,
    MOST_MAPS,
    TILE_WIDTH,
    drawing_columns,
    edges,
    picture_file,
    picture_row,
)


def _open(png):
    return Image.open(BytesIO(png))


def test_there_is_a_tile_for_the_photograph_and_each_map_up_to_the_most():
    image = np.zeros((3, 40, 80))
    for count in (1, 2, 5):
        width = _open(picture_row(image, np.zeros((count, 40, 80)))).width
        assert width == (1 + min(count, MOST_MAPS)) * (TILE_WIDTH + GAP) - GAP


def test_a_map_is_stretched_from_its_smallest_to_its_largest_value():
    ramp = np.linspace(-3, 7, 80)[None, None, :].repeat(40, axis=1)
    picture = np.asarray(_open(picture_row(np.zeros((3, 40, 80)), ramp)))
    tile = picture[:, TILE_WIDTH + GAP :, 0]
    assert tile.min() <= 2
    assert tile.max() >= 253
    assert (np.diff(tile[5].astype(int)) >= 0).all()


def test_a_constant_map_is_no_fault():
    assert _open(picture_row(np.ones((3, 8, 8)), np.ones((1, 8, 8)))).height == TILE_WIDTH


def test_drawings_stand_in_columns_above_what_the_pool_made_of_them():
    x, y = np.zeros((4, 6, 16)), np.zeros((2, 3, 8))
    x[3], y[1] = 1, 1
    picture = _open(drawing_columns(x, y))
    width, height = TILE_WIDTH // 2, TILE_WIDTH // 2 * 6 // 16
    assert picture.size == (2 * width + GAP, 3 * height + 4 * GAP)
    pixels = np.asarray(picture)
    rows, columns = (
        [height // 2, height + GAP + height // 2, picture.height - height // 2],
        [width // 2, width + GAP + width // 2],
    )
    shown = [[int(pixels[row, column, 0]) for column in columns] for row in rows]
    assert shown == [[0, 0], [0, 255], [0, 255]]


def test_edges_are_seen_beside_one_that_is_much_stronger():
    maps = np.zeros((1, 20, 20))
    maps[0, :, 5], maps[0, 3, 12] = -1, 100
    shown = edges(maps)
    assert shown[0, 8, 5] == shown.max() == shown[0, 3, 12]
    assert shown[0, 0, 0] == 0


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a\0b", "..", "x" * 300, "漢", "\udcff", "a\nb"])
def test_a_picture_has_the_name_of_a_file_whatever_its_case_is_called(name):
    file = picture_file("photos", name, "china")
    assert Path(file).name == file
    assert len(file) < 120
    assert file.isascii()
    assert file != picture_file("photos", f"{name}!", "china")

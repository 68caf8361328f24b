"""A row of pictures holds the photograph and its maps, stretched to black and white."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convbench.run.checking.pictures import GAP, MOST_MAPS, TILE_WIDTH, picture_file, picture_row


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


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a\0b", "..", "x" * 300, "漢", "\udcff", "a\nb"])
def test_a_picture_has_the_name_of_a_file_whatever_its_case_is_called(name):
    file = picture_file("photos", name, "china")
    assert Path(file).name == file
    assert len(file) < 120
    assert file.isascii()
    assert file != picture_file("photos", f"{name}!", "china")

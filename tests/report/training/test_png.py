"""Our PNG files are what an imaging library reads back."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from convbench.report.training.png import data_uri, png, sheet, stretched


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 8, 3)])
def test_pixels_come_back(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    with Image.open(BytesIO(png(pixels))) as image:
        image.load()
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_an_address_holds_the_picture():
    kind, _, content = data_uri(np.zeros((2, 2), np.uint8)).partition(",")
    assert kind == "data:image/png;base64"
    assert b64decode(content) == png(np.zeros((2, 2), np.uint8))


def test_values_are_stretched_to_black_and_white_and_what_is_no_number_is_black():
    values = np.array([-1.0, 0.0, 1.0, 2.0, np.nan, -np.inf, np.inf])
    assert stretched(values, -1, 1).tolist() == [0, 128, 255, 255, 0, 0, 255]
    assert stretched(np.ones(2), 1, 1).tolist() == [0, 0]


def test_tiles_stand_in_rows_with_a_gap():
    tiles = [np.full((2, 2), number, np.uint8) for number in (1, 2, 3)]
    assert sheet(tiles, 2, 9).tolist() == [
        [1, 1, 9, 2, 2],
        [1, 1, 9, 2, 2],
        [9, 9, 9, 9, 9],
        [3, 3, 9, 9, 9],
        [3, 3, 9, 9, 9],
    ]

"""Images as lines of numbers, with the label in front or behind."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from convbench.errors import UsageError
from convbench.training.data_sets import read_data_set

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 9))
PIXELS[:, [0, 8]] = 0
LABELS = np.arange(10)[:, None] % 4


def text(table):
    return "\n".join(",".join(str(value) for value in row) for row in table) + "\n"


FRONT, BEHIND = text(np.hstack([LABELS, PIXELS])), text(np.hstack([PIXELS, LABELS]))
FLOATS = "\n".join(",".join(f"{value:.18e}" for value in row) for row in np.hstack([PIXELS, LABELS]))


@pytest.mark.parametrize(
    "content", [FRONT, BEHIND, FLOATS, "label," + ",".join(f"pixel{n}" for n in range(9)) + "\n" + FRONT]
)
def test_the_label_is_found_wherever_it_stands(tmp_path, content):
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(gzip.compress(content.encode()))
    found = read_data_set(path)
    assert found.name == "digits"
    assert found.test_images.shape == (2, 1, 3, 3)
    np.testing.assert_array_equal(found.test_labels, LABELS[::5, 0])
    np.testing.assert_array_equal(found.test_images.reshape(2, 9), PIXELS[::5].astype(np.float32) / np.float32(255))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; a line of pixels"),
        ("1,2\n", "has 2 numbers a line"),
        ("a,b\nc,d\n", "is no table of numbers"),
        (text(PIXELS), "has 9 numbers a line"),
        (text(np.hstack([PIXELS, 0 * LABELS])), "neither of the first and last column could be labels"),
        (text(np.hstack([PIXELS + 1, LABELS])), "both of the first and last column could be labels"),
        (text(np.hstack([PIXELS * 2, LABELS])), "has pixels from 0 to "),
        (text(np.hstack([PIXELS, LABELS + 0.5])), "has numbers that are not whole"),
        (text(np.hstack([PIXELS, LABELS])[:4]), "every fifth is held out, so 5 are the least"),
        (BEHIND[:-20], "is no table of numbers"),
    ],
)
def test_a_file_that_is_no_such_table_is_told_what_was_expected(tmp_path, content, message):
    path = tmp_path / "mine.csv"
    path.write_text(content)
    with pytest.raises(UsageError, match=message) as caught:
        read_data_set(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)

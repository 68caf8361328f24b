"""scikit-learn's digits: 1,797 real images of 8 x 8, which are on the disk where scikit-learn is.

They are a part of Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998; 16 is the brightest value.
The file is found and read without importing scikit-learn.

A network for larger images gets them enlarged: each pixel becomes a square of the largest whole size that fits, and
what is left is a border of 0. So 28 x 28 holds them three times as large within two pixels of 0.
"""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convbench.errors import UsageError
from convbench.training.data_sets.data_set import DataSet, divided

SIZE = 8
BRIGHTEST = 16
INSTALL = "pip install 'convbench[images]', or give your own by --data"


def digits(height: int = SIZE, width: int = SIZE) -> DataSet:
    """The digits, enlarged to (N, 1, height, width); UsageError where they are not installed or do not fit.

    Every fifth image is held out: 360 of 1,797. Both parts have digits by the same writers.
    """
    if min(height, width) < SIZE:
        raise UsageError(f"scikit-learn's digits are {SIZE} x {SIZE}; they do not fit into {height} x {width}")
    pixels, labels = _read()
    factor = min(height, width) // SIZE
    images = _enlarged(pixels, factor, height, width)
    train, test = divided(len(labels))
    size = "8 x 8" if factor == 1 and (height, width) == (SIZE, SIZE) else f"8 x 8, shown {factor} times as large"
    return DataSet(
        name="digits",
        source=f"scikit-learn's digits ({size}); every fifth image is held out",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
    )


def _read() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pixels (N, 8, 8) in [0, 1] and labels (N,)."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise UsageError(f"the digits are part of scikit-learn: {INSTALL}")
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(f"cannot read {path.name} of scikit-learn ({error}): {INSTALL}") from error
    return table[:, :-1].reshape(-1, SIZE, SIZE) / np.float32(BRIGHTEST), table[:, -1].astype(np.int64)


def _enlarged(pixels: NDArray[np.float32], factor: int, height: int, width: int) -> NDArray[np.float32]:
    large = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    images = np.zeros((len(large), 1, height, width), np.float32)
    top, left = (height - large.shape[1]) // 2, (width - large.shape[2]) // 2
    images[:, 0, top : top + large.shape[1], left : left + large.shape[2]] = large
    return images

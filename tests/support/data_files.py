"""Small data sets in every format that is read, written for a test."""

from __future__ import annotations

import gzip
import struct

import numpy as np

IDX = {
    "train-images-idx3-ubyte": "x_train",
    "train-labels-idx1-ubyte": "y_train",
    "t10k-images-idx3-ubyte": "x_test",
    "t10k-labels-idx1-ubyte": "y_test",
}


def arrays(*, height=4, width=5, train=7, test=3):
    """Bytes of images and labels below 3, by the names of Keras."""
    generator = np.random.default_rng(0)
    return {
        "x_train": generator.integers(0, 256, (train, height, width)).astype(np.uint8),
        "y_train": (np.arange(train) % 3).astype(np.uint8),
        "x_test": generator.integers(0, 256, (test, height, width)).astype(np.uint8),
        "y_test": (np.arange(test) % 3).astype(np.uint8),
    }


def idx_bytes(values):
    """An IDX file of unsigned bytes."""
    head = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return head + values.tobytes()


def write_idx(folder, *, compressed=False, found=None):
    """The four files of MNIST in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    found = arrays() if found is None else found
    for name, key in IDX.items():
        content = idx_bytes(found[key])
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (folder / name).write_bytes(content)
    return found

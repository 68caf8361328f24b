"""A data set: images in [0, 1] and what each shows, in a part to train on and a part that is held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.errors import UsageError

HELD_OUT = 5
"""Of a set that is not divided, every fifth image is held out, so that each kind of image is in both parts."""
LONGEST_REASON = 200
"""Characters of what a library says of a file that it cannot read."""
LARGEST_VALUE = 255
"""A pixel is a byte in every format that is read, but for the digits of scikit-learn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DataSet:
    """Images and labels. `source` says in a sentence where they are from, and how they were divided or enlarged.

    train_images and test_images are float32 of (N, C, H, W) in [0, 1]; train_labels and test_labels are int64 of (N,),
    from 0. All arrays are read-only.
    """

    name: str
    source: str
    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            array.flags.writeable = False

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image: (C, H, W)."""
        return self.train_images.shape[1:]

    @property
    def class_count(self) -> int:
        """One more than the largest label."""
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """The images of one part as bytes of (N, H, W), (N, H, W, C) or (N, C, H, W), and their labels (N,).

    `origin` names the file for errors.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[Any]
    origin: str

    def __post_init__(self) -> None:
        images, labels = len(self.pixels), len(self.labels)
        if images != labels:
            raise UsageError(f"{self.origin}: {images:,} images have {labels:,} labels; there must be one an image")
        if not images:
            raise UsageError(f"{self.origin}: holds no images")
        if self.pixels.ndim not in (3, 4) or self.labels.ndim != 1:
            shapes = f"{self.pixels.shape} and labels of {self.labels.shape}"
            raise UsageError(f"{self.origin}: images are expected as (N, H, W) and labels as (N,), found {shapes}")

    def images(self) -> NDArray[np.float32]:
        """The images as float32 of (N, C, H, W) in [0, 1]."""
        pixels = self.pixels
        if pixels.ndim == 3:
            pixels = pixels[:, None]
        elif pixels.shape[-1] in (1, 3) and pixels.shape[1] not in (1, 3):
            pixels = np.moveaxis(pixels, -1, 1)
        scaled: NDArray[np.float32] = np.divide(pixels, np.float32(LARGEST_VALUE), dtype=np.float32, order="C")
        return scaled


def data_set_of_parts(name: str, source: str, train: Part, test: Part) -> DataSet:
    """A data set whose files divide it; UsageError where the two parts do not fit together."""
    if train.pixels.shape[1:] != test.pixels.shape[1:]:
        shapes = f"{list(train.pixels.shape[1:])} and {list(test.pixels.shape[1:])}"
        raise UsageError(f"{test.origin}: images to train on and held-out images must have one size, not {shapes}")
    return DataSet(
        name=name,
        source=source,
        train_images=train.images(),
        train_labels=_labels(train),
        test_images=test.images(),
        test_labels=_labels(test),
    )


def data_set_of_one_part(name: str, source: str, part: Part) -> DataSet:
    """A data set that no file divides: every HELD_OUT-th image, from the first one on, is held out."""
    if len(part.labels) < HELD_OUT:
        raise UsageError(f"{part.origin}: holds {len(part.labels)} images; every fifth is held out, so 5 are the least")
    train, test = divided(len(part.labels))
    return data_set_of_parts(
        name,
        f"{source}; every fifth image is held out",
        Part(pixels=part.pixels[train], labels=part.labels[train], origin=part.origin),
        Part(pixels=part.pixels[test], labels=part.labels[test], origin=part.origin),
    )


def divided(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of the images to train on, and of those that are held out.

    >>> [part.tolist() for part in divided(7)]
    [[1, 2, 3, 4, 6], [0, 5]]
    """
    numbers = np.arange(count)
    return numbers[numbers % HELD_OUT != 0], numbers[numbers % HELD_OUT == 0]


def _labels(part: Part) -> NDArray[np.int64]:
    if part.labels.dtype.kind not in "iu":
        raise UsageError(f"{part.origin}: labels must be whole numbers, not {part.labels.dtype}")
    labels = part.labels.astype(np.int64)
    if labels.min() < 0:
        raise UsageError(f"{part.origin}: labels must be at least 0, not {labels.min()}")
    return labels

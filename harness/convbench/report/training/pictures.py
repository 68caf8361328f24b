"""What a network has learned, as pictures: its first filters, their feature maps of an image, and its mistakes.

- A filter is grey: black is its most negative weight or the opposite of its most positive one, whichever is larger, and
  middle grey is 0. All filters have one scale.
- A feature map is the y of the first convolution, before its activation; each has a scale of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from convbench.report.training.png import Pixels, data_uri, sheet, stretched
from convbench.results.training import ShownImage, Training, TrainingEntrant
from convbench.results.training.training import Array

MOST_TILES = 64
"""Filters and feature maps that are shown."""
MOST_COLUMNS = 8
MOST_MISTAKES = 12
MIDDLE_GREY = 128
COLOURS = 3


@dataclass(frozen=True, slots=True)
class PictureOf:
    """A picture, what it shows, and its size in pixels."""

    uri: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """A held-out image that was misclassified: what it is, and what each entrant takes it for."""

    picture: PictureOf
    label: int
    taken_for: Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """All pictures, made by the entrant `by`; each may be missing."""

    by: str
    filters: PictureOf | None = None
    image: PictureOf | None = None
    label: int | None = None
    maps: PictureOf | None = None
    count: int = 0
    left_out: int = 0
    mistakes: Sequence[Mistake] = ()


def learned(training: Training) -> Learned | None:
    """The pictures of the reference, or of the first entrant that is right and has any; None where none has."""
    found = _source(training)
    if found is None:
        return None
    shown = training.shown[0] if training.shown else None
    filters, maps = found.filters, found.feature_maps
    count = 0 if filters is None else len(filters)
    return Learned(
        by=found.name,
        filters=None if filters is None else _filters(filters[:MOST_TILES]),
        image=None if shown is None else _image(shown),
        label=None if shown is None else shown.label,
        maps=None if maps is None or maps.ndim != 3 else _maps(maps[:MOST_TILES]),
        count=count,
        left_out=max(0, count - MOST_TILES),
        mistakes=tuple(_mistakes(training))[:MOST_MISTAKES],
    )


def _source(training: Training) -> TrainingEntrant | None:
    having = [each for each in training.entrants if each.filters is not None and each.agreement != "disagrees"]
    return next((each for each in having if each.name == training.reference), having[0] if having else None)


def _filters(filters: Array) -> PictureOf | None:
    """(K, C, *kernel): coloured where C is 3, else the mean over the channels; one row of pixels over one axis."""
    tiles = filters if filters.ndim == 4 else filters[:, :, None]
    is_coloured = tiles.shape[1] == COLOURS
    values = np.moveaxis(tiles, 1, -1) if is_coloured else tiles.mean(axis=1)
    largest = max(map(abs, _ends(values)))
    grey = [stretched(each, -largest, largest) for each in values]
    return _sheet(grey, f"{len(grey)} learned filters of {values.shape[1]} by {values.shape[2]} weights")


def _maps(maps: Array) -> PictureOf:
    """(K, H, W)."""
    tiles = [stretched(each, *_ends(each)) for each in maps]
    return _sheet(tiles, f"{len(tiles)} feature maps of {maps.shape[1]} by {maps.shape[2]} places")


def _ends(values: Array) -> tuple[float, float]:
    """The smallest and the largest of the numbers among values."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _sheet(tiles: Sequence[Pixels], alt: str) -> PictureOf:
    pixels = sheet(tiles, min(MOST_COLUMNS, len(tiles)), MIDDLE_GREY)
    return PictureOf(data_uri(pixels), alt, pixels.shape[1], pixels.shape[0])


def _image(shown: ShownImage) -> PictureOf:
    """(C, H, W) in colours where C is 3, else its first channel."""
    pixels = shown.pixels if shown.pixels.ndim == 3 else shown.pixels[:, None]
    values = np.moveaxis(pixels, 0, -1) if len(pixels) == COLOURS else pixels[0]
    grey = stretched(values, 0.0, 1.0)
    alt = f"held-out image {shown.index}, which shows class {shown.label}"
    return PictureOf(data_uri(grey), alt, grey.shape[1], grey.shape[0])


def _mistakes(training: Training) -> Iterator[Mistake]:
    for shown in training.shown[1:]:
        answers: dict[int, list[str]] = {}
        for each in training.entrants:
            if each.predictions is not None and shown.index < len(each.predictions):
                answers.setdefault(int(each.predictions[shown.index]), []).append(each.name)
        if any(answer != shown.label for answer in answers):
            yield Mistake(_image(shown), shown.label, sorted(answers.items(), key=lambda pair: -len(pair[1])))

"""Pictures of what was learned: whose they are, and what was taken for what."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import numpy as np
from made_training import entrant, made_training
from PIL import Image

from convbench.report.training.pictures import learned


def pixels_of(picture):
    with Image.open(BytesIO(b64decode(picture.uri.partition(",")[2]))) as image:
        return np.asarray(image)


def test_they_are_those_of_the_reference():
    found = learned(made_training())
    assert (found.by, found.count, found.left_out) == ("numpy-im2col", 16, 0)
    assert pixels_of(found.filters).shape == (2 * 4 - 1, 8 * 4 - 1)
    assert pixels_of(found.maps).shape == (2 * 9 - 1, 8 * 9 - 1)
    assert (found.filters.width, found.filters.height) == (31, 7)


def test_they_are_never_those_of_a_wrong_backend():
    training = made_training()
    wrong = [replace(each, filters=None) for each in training.entrants if each.agreement != "disagrees"]
    broken = training.entrant("broken")
    assert learned(replace(training, entrants=(broken, *wrong))) is None


def test_a_weight_of_zero_is_middle_grey_and_the_largest_is_an_end():
    filters = np.zeros((2, 1, 3, 3))
    filters[0, 0, 0, 0], filters[1, 0, 2, 2] = -4, 2
    found = learned(made_training(entrants=(entrant("numpy-im2col", place=1, filters=filters),)))
    pixels = pixels_of(found.filters)
    assert (pixels[0, 0], pixels[1, 1], pixels[2, 6]) == (0, 128, 191)


def test_filters_on_colours_are_coloured():
    filters = np.zeros((2, 3, 3, 3))
    filters[0, 2] = 1
    found = learned(made_training(entrants=(entrant("numpy-im2col", place=1, filters=filters, feature_maps=None),)))
    assert pixels_of(found.filters)[0, 0].tolist() == [128, 128, 255]
    assert found.maps is None


def test_more_filters_than_can_be_shown_are_counted():
    filters = np.random.default_rng(0).standard_normal((100, 1, 3, 3))
    found = learned(made_training(entrants=(entrant("numpy-im2col", place=1, filters=filters),)))
    assert (found.count, found.left_out) == (100, 36)


def test_a_mistake_says_what_each_takes_it_for():
    mistakes = learned(made_training()).mistakes
    assert [mistake.label for mistake in mistakes] == [8, 4]
    assert mistakes[0].taken_for == [(7, ["numpy-im2col", "numba-cpu"]), (0, ["broken"])]


def test_weights_that_are_no_numbers_are_pictures_too():
    filters = np.full((2, 1, 3, 3), np.nan)
    maps = np.full((2, 8, 8), np.nan)
    found = learned(made_training(entrants=(entrant("numpy-im2col", place=1, filters=filters, feature_maps=maps),)))
    assert pixels_of(found.filters).max() <= 128

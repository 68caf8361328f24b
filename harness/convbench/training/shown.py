"""Held-out images that are shown: one for the feature maps, and some that the reference misclassifies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convbench.machine.array_file import open_array
from convbench.results.training.journal import ENTRANTS
from convbench.results.training.loading import SHOWN_INDICES, SHOWN_LABELS, SHOWN_PIXELS
from convbench.training.data_sets import DataSet
from convbench.workers.training.files import PREDICTIONS

MAPPED_IMAGE = 0
"""The held-out image of which feature maps are kept."""
MOST_MISCLASSIFIED = 12


def keep_shown(folder: Path, data: DataSet, reference: str) -> None:
    """Write these images, their places in the data set and their labels to files of the folder."""
    try:
        predictions = open_array(folder / ENTRANTS / reference / PREDICTIONS)
        wrong = np.flatnonzero(predictions != data.test_labels)[:MOST_MISCLASSIFIED]
    except (OSError, ValueError):  # it has ended no epoch
        wrong = np.zeros(0, np.int64)
    indices = np.array([MAPPED_IMAGE, *wrong], np.int64)
    np.save(folder / SHOWN_PIXELS, data.test_images[indices])
    np.save(folder / SHOWN_INDICES, indices)
    np.save(folder / SHOWN_LABELS, data.test_labels[indices])

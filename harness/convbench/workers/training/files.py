"""Where a process that trains writes its arrays; the host knows these names and takes none from the process."""

from __future__ import annotations

import shutil
from pathlib import Path

STATE = "weights"
PREDICTIONS = "predictions.npy"
FILTERS = "filters.npy"
FEATURE_MAPS = "feature_maps.npy"


def weights_file(folder: Path, step: int) -> Path:
    """All weights as one vector, after a step."""
    return folder / f"weights-{step}.npy"


def watched_file(folder: Path, step: int, layer: int, tensor: str) -> Path:
    """An input or a result of a layer in a step that is watched; `layer` is its place among the cases."""
    return _watched_folder(folder, step) / f"{layer}-{tensor}.npy"


def remove_watched(folder: Path, step: int) -> None:
    """Remove what was kept of a watched step: all inputs and results of a large network are a hundred megabytes."""
    shutil.rmtree(_watched_folder(folder, step), ignore_errors=True)


def _watched_folder(folder: Path, step: int) -> Path:
    return folder / f"watched-{step}"

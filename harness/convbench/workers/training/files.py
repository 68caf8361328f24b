"""Where a process that trains writes its arrays; the host knows these names and takes none from the process."""

from __future__ import annotations

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
    return folder / f"watched-{step}" / f"{layer}-{tensor}.npy"

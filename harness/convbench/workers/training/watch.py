"""A step that is watched: every input and result of the backend's layers, as they were when they passed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.workers.training.files import watched_file
from convbench.workers.training.layer import Watcher
from convbench.workers.training.messages import Overwritten, WatchedStep
from convbench_specs import TensorName, Tensors

INPUTS = ("x", "w", "b", "dy")


class Watch(Watcher):
    """Copies what passes, and remembers the results themselves, to see whether they stay what they were."""

    def __init__(self) -> None:
        self._copies: dict[str, dict[str, NDArray[Any]]] = {}
        self._results: list[tuple[str, TensorName, NDArray[Any]]] = []

    def given(self, layer: str, tensors: Tensors) -> None:
        """Copy what a pass reads; in the end it is what the backward pass was given, x of the forward pass apart."""
        seen = self._copies.setdefault(layer, {})
        for name in INPUTS:
            array = getattr(tensors, name)
            if array is not None and not (name == "x" and "x" in seen):
                seen[name] = np.array(array)

    def returned(self, layer: str, results: Mapping[TensorName, NDArray[Any]]) -> None:
        """Copy what a pass returned."""
        for name, array in results.items():
            self._copies[layer][name] = np.array(array)
            self._results.append((layer, name, array))

    def overwritten(self) -> list[Overwritten]:
        """Results that have other numbers now than when they were returned."""
        return [
            Overwritten(layer, name)
            for layer, name, array in self._results
            if not np.array_equal(array, self._copies[layer][name], equal_nan=True)
        ]

    def write(self, folder: Path, step: int) -> WatchedStep:
        """Write all copies to files of a folder."""
        overwritten = self.overwritten()
        for number, copies in enumerate(self._copies.values()):
            for name, array in copies.items():
                path = watched_file(folder, step, number, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, array)
        return WatchedStep(step=step, overwritten=overwritten)

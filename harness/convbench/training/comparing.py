"""The weights of an entrant after a step, against those of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.learning.parameters import Part

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """|weights - reference| / |reference| of all weights, and the part of them that is furthest off by itself."""

    distance: float
    layer: str
    tensor: str


def compare_weights(weights: Array, reference: Array, parts: Sequence[Part]) -> Comparison:
    """Hold two vectors of weights against each other; a distance that is no number is infinite."""
    one, other = weights.astype(np.float64), reference.astype(np.float64)
    furthest = max(parts, key=lambda part: _distance(one[part.place], other[part.place]))
    return Comparison(_distance(one, other), furthest.layer, furthest.tensor)


def _distance(one: Array, other: Array) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        size, apart = float(np.linalg.norm(other)), float(np.linalg.norm(one - other))
    if not isfinite(apart):
        return inf
    return apart / size if size else (inf if apart else 0.0)

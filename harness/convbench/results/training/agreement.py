"""By how much the weights of two backends may differ after a number of steps.

Two right backends round differently, and training carries a rounding on: the difference grows with every step, the
faster the deeper the network is. So a bound holds for one step, under plain gradient descent, in one dtype:

    dtype      step   bound on the distance   right backends, measured    a fault of state
    float64     100   1e-9                    4e-15 at most               4e-3 by step 10
    float32      10   1e-6                    3e-8                        4e-3

The distance is |weights - reference| / |reference|, Euclidean norms over all weights and biases of the network. What
comes later is shown and not judged, and so is all of RMSprop, which divides by the size of a gradient and so makes
large differences of small ones: there a right backend was 1.4e-2 off where a run whose first weights were moved by one
unit in the last place was 1.2e-5 off. Steps that are watched are judged under every optimizer: there each layer is held
against the right values of its own inputs, by the bounds of verify/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from convbench_specs import DType
from convbench_specs.recipe import OptimizerName

Agreement = Literal["agrees", "disagrees", "not judged"]
"""What is concluded of a backend's weights, and of the layers of the steps that were watched."""


@dataclass(frozen=True, slots=True)
class Bound:
    """At this step the distance of the weights from the reference must be below `distance`."""

    step: int
    distance: float


BOUNDS: dict[DType, Bound] = {"float64": Bound(100, 1e-9), "float32": Bound(10, 1e-6)}


def bound_of(dtype: DType, optimizer: OptimizerName) -> Bound | None:
    """The bound that a training is held to; None where no distance tells right from wrong."""
    return BOUNDS.get(dtype) if optimizer == "sgd" else None

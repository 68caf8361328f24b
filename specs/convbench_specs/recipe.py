"""A recipe: how a network is trained. It is the `[training]` table of a workload file.

    [training]
    optimizer = "sgd"                    # or "rmsprop"
    learning_rate = 0.01
    momentum = 0.9
    batch_size = 60
    epochs = 1
    initialization = "glorot_uniform"    # or "he_normal"
    stated_accuracy = "90.5 % after one epoch"

The formulas, for a gradient g of a parameter p, which are PyTorch's:

- sgd: v = momentum * v + g, p = p - learning_rate * v. v starts as 0.
- rmsprop: s = rho * s + (1 - rho) * g * g, p = p - learning_rate * g / (sqrt(s) + epsilon). s starts as 0.
- cross_entropy: the mean over a batch of -log(softmax(outputs)[label]).
- glorot_uniform draws weights from -limit .. limit with limit = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010).
- he_normal draws weights from a normal distribution of deviation sqrt(2 / fan_in) (He et al., 2015).
- fan_in is the number of inputs of one neuron. fan_out is the number of outputs that one input has a share in: kernel
  elements * out_channels / groups for a convolution, units for a dense layer. Biases start as 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from math import isfinite
from typing import Any, Literal

from convbench_specs.errors import SpecError
from convbench_specs.operations import one_of

Loss = Literal["cross_entropy"]
OptimizerName = Literal["sgd", "rmsprop"]
Initialization = Literal["glorot_uniform", "he_normal"]

MOST_EPOCHS = 100_000
LARGEST_BATCH = 65_536
LARGEST_IMAGE_PADDING = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained. Raises SpecError for what no training can follow.

    - momentum is that of sgd; rho and epsilon are those of rmsprop.
    - image_padding is how many pixels of 0 surround each image of the data, as LeNet-5 puts 28 x 28 on 32 x 32.
    - stated_accuracy is what the source of the network says that it reaches; it is text that is shown beside results.
    - differs says in what this recipe is not that of the source, such as a dropout that is left out; text, too.
    """

    learning_rate: float
    batch_size: int
    epochs: int
    optimizer: OptimizerName = "sgd"
    momentum: float = 0.0
    rho: float = 0.9
    epsilon: float = 1e-7
    loss: Loss = "cross_entropy"
    initialization: Initialization = "glorot_uniform"
    image_padding: int = 0
    stated_accuracy: str = ""
    differs: str = ""

    def __post_init__(self) -> None:
        one_of("optimizer", self.optimizer, ("sgd", "rmsprop"))
        one_of("loss", self.loss, ("cross_entropy",))
        one_of("initialization", self.initialization, ("glorot_uniform", "he_normal"))
        for key in ("learning_rate", "momentum", "rho", "epsilon"):
            object.__setattr__(self, key, _number(key, getattr(self, key)))
        for key in ("learning_rate", "epsilon"):
            if getattr(self, key) <= 0:
                raise SpecError(key, f"must be more than 0, not {getattr(self, key)}")
        for key in ("momentum", "rho"):
            if not 0 <= getattr(self, key) < 1:
                raise SpecError(key, f"must be at least 0 and less than 1, not {getattr(self, key)}")
        if self.momentum and self.optimizer != "sgd":
            raise SpecError("momentum", f"is only for sgd, not for {self.optimizer}")
        _whole("batch_size", self.batch_size, 1, LARGEST_BATCH)
        _whole("epochs", self.epochs, 1, MOST_EPOCHS)
        _whole("image_padding", self.image_padding, 0, LARGEST_IMAGE_PADDING)


RECIPE_KEYS = tuple(field.name for field in fields(Recipe))
TEXT_KEYS = ("stated_accuracy", "differs")
"""Keys of a recipe that are text for people."""


def parse_recipe(table: Mapping[str, Any]) -> Recipe:
    """The recipe of a `[training]` table that has known keys only; SpecError names the key at fault."""
    for field in fields(Recipe):
        if field.default is MISSING and field.name not in table:
            raise SpecError(field.name, "is missing")
    return Recipe(**table)


def _number(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise SpecError(key, f"must be a finite number, not {value!r}")
    return float(value)


def _whole(key: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise SpecError(key, f"must be a whole number from {least} to {most:,}, not {value!r}")

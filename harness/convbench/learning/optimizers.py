"""How weights follow their gradients. The formulas are PyTorch's and stand in specs/recipe.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convbench_specs.recipe import Recipe

Array = NDArray[Any]


class Optimizer(Protocol):
    """Moves all weights of a network, which are one vector, by their gradients."""

    @property
    def state(self) -> Mapping[str, Array]:
        """Vectors that it keeps from step to step, by name; whoever writes into them sets its state."""

    def step(self, weights: Array, gradients: Array) -> None:
        """Move the weights in place."""


class Sgd:
    """Stochastic gradient descent with momentum: v = momentum v + g, then w = w - rate v."""

    def __init__(self, size: int, dtype: np.dtype[Any], *, rate: float, momentum: float) -> None:
        self._rate, self._momentum = dtype.type(rate), dtype.type(momentum)
        self._velocity = np.zeros(size, dtype)
        self.state = {"velocity": self._velocity}

    def step(self, weights: Array, gradients: Array) -> None:
        """Move the weights in place."""
        self._velocity *= self._momentum
        self._velocity += gradients
        weights -= self._rate * self._velocity


class RmsProp:
    """Each weight has a rate of its own: s = rho s + (1 - rho) g^2, then w = w - rate g / (sqrt(s) + epsilon)."""

    def __init__(self, size: int, dtype: np.dtype[Any], *, rate: float, rho: float, epsilon: float) -> None:
        self._rate, self._rho, self._epsilon = dtype.type(rate), dtype.type(rho), dtype.type(epsilon)
        self._squares = np.zeros(size, dtype)
        self.state = {"squares": self._squares}

    def step(self, weights: Array, gradients: Array) -> None:
        """Move the weights in place."""
        self._squares *= self._rho
        self._squares += (1 - self._rho) * (gradients * gradients)
        weights -= self._rate * gradients / (np.sqrt(self._squares) + self._epsilon)


def optimizer_of(recipe: Recipe, size: int, dtype: np.dtype[Any]) -> Optimizer:
    """The optimizer of a recipe for so many weights, at its beginning."""
    if recipe.optimizer == "sgd":
        return Sgd(size, dtype, rate=recipe.learning_rate, momentum=recipe.momentum)
    return RmsProp(size, dtype, rate=recipe.learning_rate, rho=recipe.rho, epsilon=recipe.epsilon)

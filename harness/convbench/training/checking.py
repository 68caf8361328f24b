"""A step that was watched: each result of the backend against the right values of the inputs that it was given.

Every layer is judged by itself, on its own inputs, by the bounds of verify/: so a fault is found in the layer, the
tensor and the step where it begins, however the weights came about.

The bound of a tensor's largest element is granted to all of them. Behind relu most numbers are 0, so that some elements
have no term but zeros, and a bound of 0. Algorithms that mix neighbouring places, as Winograd's do, round there too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.machine.array_file import open_array
from convbench.results.training.training import Deviation
from convbench.verify import check_against, right_values, sampled_oracle
from convbench.verify.check import Right, allowed
from convbench.workers.training.files import watched_file
from convbench.workers.training.messages import WatchedStep
from convbench_specs import Case, TensorName, Tensors, multiply_adds
from convbench_specs.training import TrainableNetwork

MOST_MULTIPLY_ADDS = 5 * 10**7
"""Of a forward pass over the batch; in larger layers a sample of places is checked, and a step takes no minute."""
OVERWRITTEN = "the result was overwritten after it had been returned: its memory is used for another one, too"


def first_deviation(network: TrainableNetwork, watched: WatchedStep, folder: Path, *, seed: int) -> Deviation | None:
    """The first wrong result of a step, in the order in which they are computed; None where all are right.

    OSError or ValueError where a file of the step is gone.
    """
    if watched.overwritten:
        first = watched.overwritten[0]
        return Deviation(watched.step, first.layer, first.tensor, f"{first.tensor}: {OVERWRITTEN}")
    cases = [layer.case for layer in network.cases]
    reads = [_Read(case, number, watched.step, folder, seed) for number, case in enumerate(cases)]
    passes: list[tuple[_Read, tuple[TensorName, ...]]] = [(each, ("y",)) for each in reads]
    passes += [(each, each.case.gradient_names) for each in reversed(reads)]
    for each, names in passes:
        for name, sentence in each.wrong(names):
            return Deviation(watched.step, each.case.name, name, sentence)
    return None


def largest_bound(right: Right, name: TensorName) -> float:
    """What the largest error of any element of a right result may be; 0 where results are chosen and not summed."""
    return float(np.max(allowed(right, name), initial=0.0))


class _Read:
    """What one layer was given and returned in a step; files are read when they are needed."""

    def __init__(self, case: Case, number: int, step: int, folder: Path, seed: int) -> None:
        self.case = case
        self._number, self._step, self._folder, self._seed = number, step, folder, seed
        self._right: Right | None = None

    def wrong(self, names: Sequence[TensorName]) -> Iterator[tuple[TensorName, str]]:
        """The wrong ones of some results, each with what is wrong."""
        for name in names:
            right = self._values()
            (found,) = check_against(right, {name: self._array(name)}, slack=largest_bound(right, name))
            if found.verdict != "agrees":
                yield name, found.describe()

    def _values(self) -> Right:
        if self._right is None:
            tensors = Tensors(
                x=self._array("x"),
                dy=self._array("dy"),
                w=None if self.case.w_shape is None else self._array("w"),
                b=None if self.case.b_shape is None else self._array("b"),
            )
            if multiply_adds(self.case) * len(tensors.x) > MOST_MULTIPLY_ADDS:
                self._right = sampled_oracle(self.case, tensors, seed=self._seed)
            else:
                self._right = right_values(self.case, tensors, seed=self._seed)
        return self._right

    def _array(self, tensor: str) -> NDArray[Any]:
        return np.asarray(open_array(watched_file(self._folder, self._step, self._number, tensor)))

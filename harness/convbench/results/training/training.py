"""What a training says, as values: by entrant, by epoch and by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.plan.status import Status
from convbench.results.statistics.estimate import Estimate, estimate
from convbench.results.training.agreement import Agreement, Bound
from convbench.results.training.header import TrainingHeader
from convbench_specs.training import TrainableNetwork

Array = NDArray[Any]
LARGEST_OWN_RATIO = 1.5
"""The host's own NumPy part is the same code beside every backend. Where it took longer than this many times the
shortest, something of the backend's disturbed it, such as threads that spin, and no time of the entrant is shown."""
LARGEST_OWN_SHARE = 0.05
"""But where what it took longer is less than this share of a step, the time of the step tells enough."""
FEWEST_STEPS = 5
"""From so many steps on a median of steps is worth a number; the first step is left out, for it may compile."""


@dataclass(frozen=True, slots=True)
class WeightDistance:
    """|weights - reference| / |reference| after a step, over all weights and biases."""

    step: int
    distance: float


@dataclass(frozen=True, slots=True)
class Deviation:
    """Where an entrant begins to be wrong. `layer` is empty where only the weights as a whole tell."""

    step: int
    layer: str
    tensor: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One epoch of an entrant, from 1. `loss` is the mean over its steps, each before its weights moved.

    `accuracy` and `test_loss` are of the held-out images, after the epoch. Seconds are sums over the steps.
    """

    number: int
    steps_done: int
    loss: float
    accuracy: float
    test_loss: float
    compute_s: float
    renew_s: float
    own_s: float

    @property
    def seconds(self) -> float:
        """Of all its steps."""
        return self.compute_s + self.renew_s + self.own_s


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEntrant:
    """What became of one entrant.

    Arrays by step have an element for each step that was carried out, the first for step 1: `losses` of the batch
    before the weights moved, and seconds of the backend's passes (compute_s), of bringing arrays into its form and back
    (renew_s), and of the host's own NumPy part (own_s). `predicted_epoch_s` was told before the first epoch. `stopped`
    says why it trained a part only. `filters` are the first convolution's weights at the end, (K, C, *kernel);
    `feature_maps` its y for the shown image, (K, *spatial); `predictions` the class of every held-out image, (images,).
    """

    name: str
    status: Status = Status.OK
    reason: str = ""
    version: str = ""
    short_name: str = ""
    display_order: int | None = None
    backend: str = ""
    options: Mapping[str, str | int] = field(default_factory=dict)
    algorithms: Mapping[str, str] = field(default_factory=dict)
    predicted_epoch_s: float | None = None
    losses: Array
    compute_s: Array
    renew_s: Array
    own_s: Array
    distances: tuple[WeightDistance, ...] = ()
    watched: tuple[int, ...] = ()
    deviation: Deviation | None = None
    agreement: Agreement = "not judged"
    agrees_until: int = 0
    epochs: tuple[Epoch, ...] = ()
    steps_per_epoch: int = 1
    stopped: str = ""
    own_ratio: float | None = None
    filters: Array | None = None
    feature_maps: Array | None = None
    predictions: Array | None = None

    @property
    def steps(self) -> int:
        """How many steps it carried out."""
        return len(self.losses)

    @property
    def accuracy(self) -> float | None:
        """The share of held-out images that it classifies rightly after its last whole epoch."""
        return self.epochs[-1].accuracy if self.epochs else None

    @property
    def loss(self) -> float | None:
        """The mean loss of the last epoch, or of what there is of the first."""
        if self.epochs:
            return self.epochs[-1].loss
        return float(self.losses.mean()) if self.steps else None

    @property
    def is_extrapolated(self) -> bool:
        """Whether its seconds an epoch follow from a part of an epoch."""
        return not self.epochs

    @property
    def is_disturbed(self) -> bool:
        """Whether the host's own part took so long beside it that its times tell nothing; see LARGEST_OWN_RATIO."""
        if self.own_ratio is None or self.own_ratio <= LARGEST_OWN_RATIO:
            return False
        own_s = float(np.median(self.own_s[1:]))
        step_s = float(np.median((self.compute_s + self.renew_s + self.own_s)[1:]))
        return own_s * (1 - 1 / self.own_ratio) > LARGEST_OWN_SHARE * step_s

    @property
    def epoch_s(self) -> Estimate | None:
        """Seconds an epoch, the median over its epochs with its interval.

        The first step is left out, as it may compile. Within one epoch, or a part of it, they are the seconds of a
        step, whose spread is that of steps, times the number of steps. None with too few steps for either.
        """
        seconds = self.compute_s + self.renew_s + self.own_s
        if len(self.epochs) > 1:
            ends = [epoch.steps_done for epoch in self.epochs]
            starts = [1, *ends[:-1]]  # the first step is left out
            means = [float(seconds[start:end].mean()) for start, end in zip(starts, ends, strict=True)]
            return estimate([mean * self.steps_per_epoch for mean in means])
        return None if len(seconds) <= FEWEST_STEPS else estimate((seconds[1:] * self.steps_per_epoch).tolist())

    @property
    def shares(self) -> tuple[float, float, float] | None:
        """Shares of compute_s, renew_s and own_s in the time of all steps but the first; None without steps."""
        parts = [float(part[1:].sum()) for part in (self.compute_s, self.renew_s, self.own_s)]
        total = sum(parts)
        return (parts[0] / total, parts[1] / total, parts[2] / total) if total else None


@dataclass(frozen=True, slots=True)
class MovedRun:
    """A run of the reference whose first weights were each moved by one unit in the last place, but for zeros."""

    seed: int
    losses: Array
    distances: tuple[WeightDistance, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownImage:
    """A held-out image, (C, *spatial) in 0..1, its place in the data set, and its label."""

    index: int
    label: int
    pixels: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A training of one network with several entrants, in the order in which they are shown.

    `shown` are held-out images: the first is the one of the feature maps, the others are those that the reference
    misclassifies, some of them. `bound` is what the weights are held to, None where they are not judged.
    """

    folder: Path
    header: TrainingHeader
    network: TrainableNetwork
    entrants: tuple[TrainingEntrant, ...]
    moved: tuple[MovedRun, ...] = ()
    shown: tuple[ShownImage, ...] = ()
    bound: Bound | None = None
    elapsed_s: float | None = None
    interrupted: bool = False

    @property
    def reference(self) -> str:
        """The name of the entrant that the others are held against."""
        return self.header.settings.reference

    @property
    def steps_per_epoch(self) -> int:
        """Steps of a whole epoch; a smaller last batch is dropped."""
        return self.header.data.train_images // self.network.recipe.batch_size

    @property
    def is_right(self) -> bool:
        """Whether no entrant disagrees or failed."""
        faulty = (Status.WRONG, Status.ERROR, Status.CRASHED, Status.TIMED_OUT, Status.OUT_OF_MEMORY)
        return all(each.agreement != "disagrees" and each.status not in faulty for each in self.entrants)

    def entrant(self, name: str) -> TrainingEntrant:
        """An entrant by name; KeyError for none."""
        for each in self.entrants:
            if each.name == name:
                return each
        raise KeyError(name)

    def band(self) -> tuple[Array, Array] | None:
        """The smallest and largest loss by step of the reference and its moved runs; None without them."""
        runs = [self.entrant(self.reference).losses, *(run.losses for run in self.moved)]
        steps = min(len(losses) for losses in runs)
        if not self.moved or not steps:
            return None
        losses = np.stack([each[:steps] for each in runs])
        return losses.min(axis=0), losses.max(axis=0)

"""What the host asks of a process that trains, and what it answers; the rules are those of protocol.py.

Arrays travel as .npy files. Data sets are read once, mapped into memory.
"""

from __future__ import annotations

import msgspec

from convbench.plan.network_table import NetworkTable
from convbench.workers.protocol import Reply, Request, Start
from convbench_specs import DType


class PartTimes(msgspec.Struct, frozen=True):
    """Seconds by what they were spent on, for each step.

    `compute_s` are the backend's passes. `renew_s` is bringing NumPy arrays into the backend's form and results back,
    with what it has to do again for new values. `own_s` is the host's own NumPy part.
    """

    compute_s: list[float]
    renew_s: list[float]
    own_s: list[float]


class Prepared(Reply, frozen=True, kw_only=True, tag="training_prepared"):
    """All layers are prepared. `without_update` are those that are prepared again for each new value."""

    prepare_s: float
    predicted_step_s: float | None
    algorithms: dict[str, str]
    without_update: list[str]


class Overwritten(msgspec.Struct, frozen=True):
    """A result that was not any more what it had been when it was returned, at the end of its step."""

    layer: str
    tensor: str


class WatchedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of which every input and result of the backend was written to files, see files.py."""

    step: int
    overwritten: list[Overwritten]


class Trained(Reply, frozen=True, kw_only=True, tag="trained"):
    """Steps were carried out; `steps_done` counts from the beginning of the training."""

    steps_done: int
    losses: list[float]
    times: PartTimes
    watched: list[WatchedStep]


class Evaluated(Reply, frozen=True, kw_only=True, tag="evaluated"):
    """The held-out images were classified, with this mean loss; the classes are in a file, int64, (images,)."""

    loss: float


class StateKept(Reply, frozen=True, kw_only=True, tag="state_kept"):
    """The weights and the optimizer's state are in files."""


class StateRestored(Reply, frozen=True, kw_only=True, tag="state_restored"):
    """The weights and the optimizer's state are those of files."""


class Drawn(Reply, frozen=True, kw_only=True, tag="drawn"):
    """The first convolution's weights, (K, C, *kernel), and its y for one image, (K, *spatial), are in files.

    Without a convolution there is nothing to draw.
    """

    has_filters: bool


class PrepareTraining(Request[Prepared], frozen=True, kw_only=True, tag="prepare_training"):
    """Prepare every layer of a network, with its first weights.

    `data` is a folder of .npy files: train_images, train_labels, test_images and test_labels. `moves` moves each first
    weight by one unit in the last place, at random by this seed; 0 leaves them.
    """

    network: NetworkTable
    dtype: DType
    seed: int
    data: str
    moves: int = 0


class Train(Request[Trained], frozen=True, kw_only=True, tag="train"):
    """Carry out so many steps.

    After each step of `kept` the weights are written to a file. Of each step of `watched` all inputs and results of the
    backend are.
    """

    steps: int
    folder: str
    kept: list[int]
    watched: list[int]


class Evaluate(Request[Evaluated], frozen=True, kw_only=True, tag="evaluate"):
    """Classify the held-out images."""

    folder: str


class KeepState(Request[StateKept], frozen=True, kw_only=True, tag="keep_state"):
    """Write the weights and the optimizer's state to files of a folder."""

    folder: str


class RestoreState(Request[StateRestored], frozen=True, kw_only=True, tag="restore_state"):
    """Take the weights and the optimizer's state of a folder, as they were after so many steps."""

    folder: str
    steps_done: int


class Draw(Request[Drawn], frozen=True, kw_only=True, tag="draw"):
    """Write the filters of the first convolution, and its y for one held-out image."""

    image: int
    folder: str


AnyTrainingRequest = Start | PrepareTraining | Train | Evaluate | KeepState | RestoreState | Draw

"""What can happen in a training: one type an event, a line each in its journal. Times are in seconds."""

from __future__ import annotations

import msgspec

from convbench.plan.status import Status


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Something that happened to an entrant. Runs of the reference with moved weights have names of their own."""

    entrant: str


class EntrantFound(Event, frozen=True, kw_only=True, tag="found"):
    """A backend was asked for. `moves` is the seed by which its first weights are moved; 0 for an entrant itself."""

    status: Status
    reason: str = ""
    version: str = ""
    short_name: str = ""
    display_order: int | None = None
    backend: str = ""
    options: dict[str, str | int] = {}
    moves: int = 0


class EntrantPrepared(Event, frozen=True, kw_only=True, tag="prepared"):
    """All layers are prepared."""

    prepare_s: float
    predicted_step_s: float | None = None
    algorithms: dict[str, str] = {}
    without_update: list[str] = []


class EpochPredicted(Event, frozen=True, kw_only=True, tag="predicted"):
    """Seconds that an epoch will take, by the first steps; `is_part`: there is no time for the whole training."""

    epoch_s: float
    is_part: bool = False


class StepsTaken(Event, frozen=True, kw_only=True, tag="steps"):
    """Consecutive steps, the first of which has the number `first`."""

    first: int
    losses: list[float]
    compute_s: list[float]
    renew_s: list[float]
    own_s: list[float]


class WeightsCompared(Event, frozen=True, kw_only=True, tag="weights"):
    """The weights after a step, held against those of the reference.

    `layer` and `tensor` are those of the part that is furthest off, relative to its own size.
    """

    step: int
    distance: float
    layer: str = ""
    tensor: str = ""


class StepWatched(Event, frozen=True, kw_only=True, tag="watched"):
    """Every result of a step was checked, each against the right values of its layer's own inputs."""

    step: int


class DeviationFound(Event, frozen=True, kw_only=True, tag="deviation"):
    """The first result that is wrong."""

    step: int
    layer: str
    tensor: str
    sentence: str


class EpochEnded(Event, frozen=True, kw_only=True, tag="epoch"):
    """The last step of an epoch is done, the held-out images are classified, the state is kept."""

    epoch: int
    steps_done: int
    accuracy: float
    test_loss: float


class EntrantStopped(Event, frozen=True, kw_only=True, tag="stopped"):
    """The entrant trains a part only, for the time that is left."""

    steps_done: int
    reason: str


class EntrantFailed(Event, frozen=True, kw_only=True, tag="failed"):
    """The entrant takes no further part."""

    step: int
    status: Status
    reason: str
    traceback: str = ""


class FiltersKept(Event, frozen=True, kw_only=True, tag="filters"):
    """The first convolution's weights, its y for one image, and the predictions are in the entrant's folder."""


class Resumed(Event, frozen=True, kw_only=True, tag="resumed"):
    """The entrant goes on after this step; what was written of later ones no longer counts."""

    steps_done: int


class TrainingEnded(Event, frozen=True, kw_only=True, tag="ended"):
    """All is done, or it was interrupted; the entrant is empty."""

    elapsed_s: float
    interrupted: bool = False


AnyEvent = (
    EntrantFound | EntrantPrepared | EpochPredicted | StepsTaken | WeightsCompared | StepWatched | DeviationFound
    | EpochEnded | EntrantStopped | EntrantFailed | FiltersKept | Resumed | TrainingEnded
)  # fmt: skip

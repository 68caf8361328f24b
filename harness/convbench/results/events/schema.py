"""What can happen in a run: a closed set of events, each a line of the journal.

Every event that is about a cell carries the cell's whole key, so that each line can be read by itself. Units stand in
the names of fields: _s seconds, _bytes bytes. The name of an event in the file is the tag of its class. A new field
needs a default, so that older journals are read; a change that an older reader would misread raises SCHEMA_VERSION.
What journals of schema 1 hold in place of some of these is in schema_1.py. The columns of the frames that are worked
out from events are declared in the package columns.
"""

from __future__ import annotations

from typing import Any

import msgspec

from convbench.plan.items import CellKey, ItemKey
from convbench.plan.status import BackendStatus, Status
from convbench.results.roofline import Bandwidth, Limits, Peak
from convbench.verify import Fill, Verdict
from convbench.verify.explain import Explanation, in_names, in_words
from convbench_specs import DType, PassName, TensorName

SCHEMA_VERSION = 4
SEALED_SINCE = 3
"""The first schema whose run.json and journal have checksums, and whose numbers that are not finite are strings."""
CHAINED_SINCE = 4
"""The first schema whose journal goes on from the checksum of its run.json: that of another run beside it is found."""
Value = str | int | float | bool | None
"""What a column of a cell holds."""
Columns = dict[str, Value]


class Recorded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """An event that the journal keeps."""


# -- backends


class BackendFound(Recorded, frozen=True, kw_only=True, tag="backend_found"):
    """An entrant that was asked for, and whether it can run here.

    `name` is that of the entrant, `backend` that of the backend where it is another. `options` are those that its user
    chose, `where` is the interpreter or the file that it is from where its user named one, `python_version` that of
    such an interpreter, `packages` the versions that its worker has of what the backend declares.
    """

    name: str
    status: BackendStatus
    summary: str = ""
    version: str = ""
    device: str = ""
    reason: str = ""
    plugin: str = ""
    short_name: str = ""
    display_order: int | None = None
    contract: tuple[int, int] | None = None
    backend: str = ""
    options: dict[str, str | int] = {}
    where: str = ""
    python_version: str = ""
    packages: dict[str, str] = {}


class BackendStarted(Recorded, frozen=True, kw_only=True, tag="backend_started"):
    """A backend's first worker has started. `harness_overhead_s` is what the timing loop itself costs a call."""

    name: str
    facts: dict[str, str] = {}
    start_s: float
    harness_overhead_s: float


# -- items: a case at a batch size


class ItemEvent(Recorded, frozen=True, kw_only=True):
    """Something about an item."""

    workload: str
    case: str
    dtype: DType
    batch_size: int

    @property
    def item(self) -> ItemKey:
        """The item that it is about."""
        return ItemKey(self.workload, self.case, self.dtype, self.batch_size)


class ItemChecked(ItemEvent, frozen=True, kw_only=True, tag="item_checked"):
    """Every backend has been checked on the item, or has failed on it."""


class ItemTimed(ItemEvent, frozen=True, kw_only=True, tag="item_timed"):
    """The samples of the item in this block are complete. `run_s` are the seconds that the run has taken by then."""

    block: int
    run_s: float


class AgreementFound(ItemEvent, frozen=True, kw_only=True, tag="agreement"):
    """A row of the agreement table: one tensor of two backends, or of a backend and a reference."""

    pass_name: PassName = msgspec.field(name="pass")
    data: Fill
    tensor: TensorName
    left: str
    right: str
    verdict: Verdict
    bound_multiple: float | None = 0.0
    count_off: int = 0
    count: int = 0
    first_index: list[int] = []
    worst_index: list[int] = []
    left_value: float | None = None
    right_value: float | None = None
    description: str = ""
    explanations: tuple[Explanation, ...] = ()

    @property
    def hypothesis(self) -> str:
        """The names of the hypotheses that fit."""
        return in_names(self.explanations)

    @property
    def explanation(self) -> str:
        """The hypotheses that fit, in words."""
        return in_words(self.explanations)


# -- cells: an item, a backend and a pass


class CellEvent(Recorded, frozen=True, kw_only=True):
    """Something about a cell."""

    workload: str
    case: str
    dtype: DType
    batch_size: int
    backend: str
    pass_name: PassName = msgspec.field(name="pass")

    @property
    def cell(self) -> CellKey:
        """The cell that it is about."""
        return CellKey(self.workload, self.case, self.dtype, self.batch_size, self.backend, self.pass_name)


class CellPredicted(CellEvent, frozen=True, kw_only=True, tag="predicted"):
    """The backend supports the cell; it may have said how long a call will take."""

    predicted_s: float | None = None


class CellSkipped(CellEvent, frozen=True, kw_only=True, tag="skipped"):
    """The cell is not tried, or not timed, for its reason. With a budget of `needed_budget_s` seconds it would be."""

    reason: str
    needed_budget_s: float | None = None


class CellFailed(CellEvent, frozen=True, kw_only=True, tag="failed"):
    """The backend gave no result.

    `waited_s` is the time limit where that is what ended the call; `data` is what the tensors were filled with where
    that is a further kind of data, on which alone it may fail.
    """

    status: Status
    reason: str
    traceback: str = ""
    waited_s: float | None = None
    data: Fill | None = None
    reproduce: str = ""


class CellComputed(CellEvent, frozen=True, kw_only=True, tag="computed"):
    """A pass has run on one filling of its tensors. `call_s` is the fastest of its calls."""

    data: Fill
    call_s: float
    first_call_s: float | None = None
    second_call_s: float | None = None
    prepare_s: float | None = None
    update_s: float | None = None
    convert_s: float | None = None
    trace_s: float | None = None
    compile_s: float | None = None
    algorithm: str | None = None
    layout: str | None = None
    recomputes_forward: bool | None = None
    cold_copies: int | None = None


class CellJudged(CellEvent, frozen=True, kw_only=True, tag="judged"):
    """What the checks say of a cell on one filling of its tensors. `own` is the verdict of this check by itself."""

    data: Fill
    own: Verdict
    verdict: Verdict
    identities: Verdict | None = None
    sampled: str | None = None
    is_wrong: bool = False
    reason: str | None = None
    tensor: str | None = None
    finding: str | None = None
    odd_one_out: str | None = None
    explanations: tuple[Explanation, ...] = ()
    reproduce: str = ""


class CellWarmedUp(CellEvent, frozen=True, kw_only=True, tag="warmed_up"):
    """How a cell is timed: calls in a sample, calls before the first, and in how many blocks at most."""

    loops: int
    warm_up_calls: int
    steady: bool
    blocks: int


class SampleTaken(CellEvent, frozen=True, kw_only=True, gc=False, tag="sample"):
    """One timed inner loop; a later one of the same block and round is a further attempt at it.

    There are many of them, and they hold no other objects: the garbage collector need not look at them.
    """

    block: int
    round: int
    loops: int
    elapsed_s: float
    cpu_s: float = float("nan")
    minor_faults: int = 0
    involuntary_switches: int = 0
    waited_s: float | None = None
    settled_s: float | None = None
    contended: bool | None = None
    core_slowdown: float | None = None


class MemoryMeasured(CellEvent, frozen=True, kw_only=True, tag="memory"):
    """Memory of a cell: the median peak of its readings and their range, what it keeps, and what says so."""

    memory_source: str
    peak_memory_bytes: int | None = None
    peak_memory_min_bytes: int | None = None
    peak_memory_max_bytes: int | None = None
    kept_memory_bytes: int | None = None


# -- the whole run


class LargestBatchFound(Recorded, frozen=True, kw_only=True, tag="largest_batch"):
    """What a search found. `case` is empty for a whole network, whose inference is `forward` and whose training `both`.

    `largest_batch_size` fitted with `peak_bytes`, `too_large` is the smallest that did not, None where none was found.
    status: ok; "at least" where time ended the search; "out of memory" where not even one instance fits; or what went
    wrong at the first try.
    """

    workload: str
    case: str
    dtype: DType
    backend: str
    pass_name: PassName = msgspec.field(name="pass")
    status: Status
    reason: str
    largest_batch_size: int | None = None
    too_large: int | None = None
    peak_bytes: int | None = None
    bytes_an_instance: float | None = None
    limit_bytes: int
    tries: int


class LimitsFound(Recorded, frozen=True, kw_only=True, tag="limits"):
    """What the machine reaches; the fields of roofline.Limits."""

    device: str
    threads: int
    bandwidth: Bandwidth | None = None
    peaks: tuple[Peak, ...] = ()
    measured: str = ""

    @classmethod
    def of(cls, found: Limits) -> LimitsFound:
        """The event for limits."""
        return cls(
            device=found.device,
            threads=found.threads,
            bandwidth=found.bandwidth,
            peaks=found.peaks,
            measured=found.measured,
        )

    @property
    def limits(self) -> Limits:
        """The limits of the event."""
        return Limits(
            device=self.device,
            threads=self.threads,
            bandwidth=self.bandwidth,
            peaks=self.peaks,
            measured=self.measured,
        )


class PictureMade(Recorded, frozen=True, kw_only=True, tag="picture"):
    """A picture of the run; `file` is in the folder pictures. The bytes travel with the event, not in the journal.

    `checksum` is the CRC-32 of the file in hexadecimal digits; runs of before schema 4 have none.
    """

    file: str
    title: str
    caption: str
    checksum: str = ""


class WarningGiven(Recorded, frozen=True, kw_only=True, tag="warning"):
    """Something that the user should know."""

    text: str


class Resumed(Recorded, frozen=True, kw_only=True, tag="resumed"):
    """The run goes on after it was killed or interrupted, and what it had begun is made again.

    Checks and samples of items that were not finished are dropped, and so is the block that they were in; their numbers
    are told here. `at` is an ISO 8601 time.
    """

    at: str
    block: int | None = None
    dropped_checks: int = 0
    dropped_samples: int = 0


class Finished(Recorded, frozen=True, kw_only=True, tag="finished"):
    """The run ended, or was interrupted.

    `phases_s` are seconds by what they were spent on, `timed_s` those of the backends themselves under a clock, by
    request of the worker.
    """

    duration_s: float
    interrupted: bool
    phases_s: dict[str, float] = {}
    timed_s: dict[str, float] = {}


Event = (
    BackendFound | BackendStarted
    | ItemChecked | ItemTimed | AgreementFound
    | CellPredicted | CellSkipped | CellFailed | CellComputed | CellJudged | CellWarmedUp | SampleTaken | MemoryMeasured
    | LargestBatchFound | LimitsFound | PictureMade | WarningGiven | Resumed | Finished
)  # fmt: skip
_CELL_FIELDS = ("workload", "case", "dtype", "batch_size", "backend", "pass_name")


def fields_of(key: CellKey | ItemKey) -> dict[str, Any]:  # each field has a type of its own, which ** cannot say
    """The fields of a key, to make an event of it: CellSkipped(**fields_of(key), reason=...)."""
    return dict(zip(_CELL_FIELDS, key, strict=False))

"""What the host asks of a worker and what the worker answers: one type a request, and one a reply.

A request names its reply as its type argument, so that `ask(Sample(...))` is known to return `Sampled`. What the
backend declines is `Declined`, and what went wrong `Fault`; both may answer any request. Sizes are in bytes and times
in seconds; arrays travel as names of .npy files.
"""

from __future__ import annotations

from typing import Generic, TypeVar, get_args

import msgspec

from convbench.text.foreign import clean, clean_lines, each_text
from convbench.verify.trust import Reason
from convbench_specs import Device, PassName, PreparePhase, TensorName

PROTOCOL = 2
"""Version of all messages and frames: a worker of another interpreter must speak the same. Any change raises it."""
R = TypeVar("R", bound="Reply")
TensorFiles = dict[str, str]
"""Names of .npy files by tensor: x, dy, w and b."""
ResultFiles = dict[TensorName, str]
"""Names of .npy files by result: y, dx, dw and db."""
Digests = dict[TensorName, int]
"""Digests of results, by tensor; see verify/digest.py."""
CaseTable = dict[str, object]
"""A case as convbench_specs.case_table writes it."""
_VERBATIM = frozenset({"outputs", "again", "workloads", "values"})
"""Fields with names of files and values of variables, which are not shown."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply"):
    """What a worker answers. `timed_s` are the seconds that the backend itself took under the worker's clock."""

    timed_s: float = 0.0


class Started(Reply, frozen=True, kw_only=True, tag="started"):
    """The backend has started. `harness_overhead_s` is what the timing loop itself costs a call."""

    facts: dict[str, str] = {}
    start_s: float
    harness_overhead_s: float


class Predicted(Reply, frozen=True, kw_only=True, tag="predicted"):
    """Seconds that one call of each pass will take, None where the backend cannot tell."""

    predicted_s: dict[PassName, float | None]


class Supported(Reply, frozen=True, kw_only=True, tag="supported"):
    """The backend does the case; of the passes that it does not do, why."""

    declined: dict[PassName, str] = {}


class Ready(Reply, frozen=True, kw_only=True, tag="ready"):
    """The case is prepared. `cold_copies` is how many copies of it take turns, where caches are to be cold."""

    prepare_s: float
    phases_s: dict[PreparePhase, float] = {}
    algorithm: str = ""
    layout: str = ""
    recomputes_forward: bool = False
    cold_copies: int | None = None
    can_update: bool = False


class Updated(Reply, frozen=True, kw_only=True, tag="updated"):
    """The prepared case has new values."""

    update_s: float


class Finding(msgspec.Struct, frozen=True):
    """A reason not to believe a result; the fields of verify.trust.Untrusted."""

    reason: Reason
    tensor: str
    detail: str


class Ran(Reply, frozen=True, kw_only=True, tag="ran"):
    """A pass has run. `call_s` is the fastest of its calls; `again` are a second call's results, where they differ.

    `digests` are those of its results on each of verify.data_sets, where two calls give the same bits.
    """

    first_call_s: float
    call_s: float
    outputs: ResultFiles
    again: ResultFiles = {}
    findings: list[Finding] = []
    digests: list[Digests] = []


class WarmedUp(Reply, frozen=True, kw_only=True, tag="warmed_up"):
    """The fields of measure.timing.WarmUp."""

    loops: int
    warm_up_calls: int
    steady: bool
    elapsed_s: float


class Exercised(Reply, frozen=True, kw_only=True, tag="exercised"):
    """What further calls show of each pass; nothing where its results stay right."""

    findings: dict[PassName, list[Finding]] = {}


class Written(Reply, frozen=True, kw_only=True, tag="written"):
    """A result has been written to files."""

    outputs: ResultFiles


class Sampled(Reply, frozen=True, kw_only=True, tag="sampled"):
    """The fields of measure.timing.Sample.

    `digests` are those of what the last timed call returned, where they were asked for; they took `digest_s`.
    """

    loops: int
    elapsed_s: float
    cpu_s: float
    minor_faults: int
    involuntary_switches: int
    waited_s: float | None
    settled_s: float
    digests: Digests = {}
    digest_s: float = 0.0


class Peak(msgspec.Struct, frozen=True):
    """The fields of measure.memory.PeakMemory."""

    peak_bytes: int
    source: str


class PeaksRead(Reply, frozen=True, kw_only=True, tag="peaks_read"):
    """Peaks of a pass; none where nothing can tell, and then why."""

    peaks: list[Peak] = []
    why_not: str = ""


class KeptRead(Reply, frozen=True, kw_only=True, tag="kept_read"):
    """Bytes that a forward for training keeps; none where nothing can tell."""

    kept_bytes: list[int] = []


class Attempted(Reply, frozen=True, kw_only=True, tag="attempted"):
    """One try at a batch size: the peak of the whole process, and what was resident before and stays resident."""

    peak_bytes: int
    before_bytes: int
    resident_bytes: int
    elapsed_s: float


class Released(Reply, frozen=True, kw_only=True, tag="released"):
    """The worker holds no case any more. `busy_cores` are those that it still used, where it was looked at."""

    busy_cores: float = 0.0


class Declined(Reply, frozen=True, kw_only=True, tag="declined"):
    """The backend does not do this case or pass."""

    reason: str


class Fault(Reply, frozen=True, kw_only=True, tag="fault"):
    """The request failed, the worker lives. `lacks_memory` says that it was for lack of memory."""

    message: str
    traceback: str = ""
    lacks_memory: bool = False


class Request(msgspec.Struct, Generic[R], frozen=True, kw_only=True, tag_field="request"):
    """What the host asks; the type argument is the reply."""


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of workers.plugins.PluginRef."""

    module: str
    path: str = ""
    folder: str = ""


class Start(Request[Started], frozen=True, kw_only=True, tag="start"):
    """Load the plug-in and start its backend; comes first."""

    plugin: Plugin
    backend: str
    threads: int
    device: Device
    scratch_folder: str = ""
    options: dict[str, str | int] = {}


class Predict(Request[Predicted], frozen=True, kw_only=True, tag="predict"):
    """How long will a call of each pass take?"""

    case: CaseTable
    batch_size: int
    passes: list[PassName]


class Support(Request[Supported], frozen=True, kw_only=True, tag="support"):
    """Does the backend do the case at all? It is prepared on zeros, one instance, and nothing is run."""

    case: CaseTable
    passes: list[PassName]


class Prepare(Request[Ready], frozen=True, kw_only=True, tag="prepare"):
    """Prepare a case on tensors in files; `cold` has it timed with copies that take turns."""

    case: CaseTable
    tensors: TensorFiles
    cold: bool = False


class Update(Request[Updated], frozen=True, kw_only=True, tag="update"):
    """Put the values of tensors in files into the prepared case."""

    tensors: TensorFiles


class Run(Request[Ran], frozen=True, kw_only=True, tag="run"):
    """Run a pass and write its results to `folder`; `scrutinise` runs it twice and looks for what a result hides."""

    pass_name: PassName
    folder: str
    scrutinise: bool = False


class Exercise(Request[Exercised], frozen=True, kw_only=True, tag="exercise"):
    """Call passes that have run again and again, for `limit_s` seconds each, and with other values in between.

    `data_sets` are the tensors of verify.data_sets, the first those on which the passes have run. With `beside`, a
    second case is prepared and takes turns with the first.
    """

    passes: list[PassName]
    data_sets: list[TensorFiles]
    limit_s: float
    beside: bool = False


class WarmUp(Request[WarmedUp], frozen=True, kw_only=True, tag="warm_up"):
    """Call a pass until it gets no faster."""

    pass_name: PassName
    sample_s: float
    limit_s: float


class Sample(Request[Sampled], frozen=True, kw_only=True, tag="sample"):
    """Time one inner loop, after calls for `settle_s` that settle the worker.

    `digest` asks for digests of what the last timed call returned.
    """

    pass_name: PassName
    loops: int
    settle_s: float = 0.0
    digest: bool = False


class WriteLast(Request[Written], frozen=True, kw_only=True, tag="write_last"):
    """Write to `folder` what the last timed call of the last sample returned."""

    folder: str


class ReadPeaks(Request[PeaksRead], frozen=True, kw_only=True, tag="read_peaks"):
    """Read the peak memory of a warm call, at most `repeats` times."""

    pass_name: PassName
    repeats: int


class ReadKept(Request[KeptRead], frozen=True, kw_only=True, tag="read_kept"):
    """Read what a forward for training keeps, at most `repeats` times."""

    repeats: int


class Attempt(Request[Attempted], frozen=True, kw_only=True, tag="attempt"):
    """Prepare a case on zeros and run a pass once."""

    case: CaseTable
    batch_size: int
    pass_name: PassName


class NetworkLayer(msgspec.Struct, frozen=True):
    """A case, and how often it occurs in its network."""

    case: CaseTable
    count: int = 1


class AttemptNetwork(Request[Attempted], frozen=True, kw_only=True, tag="attempt_network"):
    """Run every layer of a network once on zeros, beside as much memory as the others hold at that moment."""

    layers: list[NetworkLayer]
    batch_size: int
    training: bool


class Release(Request[Released], frozen=True, kw_only=True, tag="release"):
    """Drop the prepared case."""


AnyRequest = (
    Start | Support | Predict | Prepare | Update | Run | Exercise | WarmUp | Sample | WriteLast
    | ReadPeaks | ReadKept | Attempt | AttemptNetwork | Release
)  # fmt: skip


def name_of(request: Request[R] | type[Request[R]]) -> str:
    """The name of a request in messages and in the seconds of a run.

    >>> name_of(WarmUp)
    'warm_up'
    """
    return str(request.__struct_config__.tag)


def to_message(message: Request[R] | Reply) -> dict[str, object]:
    """Plain values for a frame. JSON of Python keeps NaN and infinity, which a prediction may be."""
    plain: dict[str, object] = msgspec.to_builtins(message, str_keys=True)
    return plain


def to_request(message: dict[str, object]) -> AnyRequest:
    """The reverse of to_message; msgspec.ValidationError for what is no request."""
    request: AnyRequest = msgspec.convert(message, AnyRequest)
    return request


def to_reply(message: dict[str, object], expected: type[R]) -> R | Declined | Fault:
    """The reverse of to_message, with every text cleaned; msgspec.ValidationError for any other reply.

    This is where what a plug-in says enters the host.
    """
    reply: R | Declined | Fault = msgspec.convert(
        each_text(message, _clean, verbatim=_VERBATIM), expected | Declined | Fault
    )
    return reply


def _clean(text: str, key: str) -> str:
    return clean_lines(text) if key == "traceback" else clean(text)


def reply_type(request: type[Request[R]]) -> type[R]:
    """What answers a request."""
    (base,) = request.__orig_bases__  # type: ignore[attr-defined]  # every generic subclass has it
    (reply,) = get_args(base)
    found: type[R] = reply
    return found

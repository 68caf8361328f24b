"""What a backend is: the contract between convbench and an implementation.

An author writes the mathematics of a case and nothing else; convbench owns dy, the data, timing, synchronisation,
checking, memory and statistics. The smallest useful backend:

    from convbench_specs import Backend, Prepared, Supports, hookimpl

    class Reshape(Backend):
        name = "reshape"
        supports = Supports(operations=("flatten",), flatten_orders=("channels_first",))

        def prepare(self, case, tensors):
            x = tensors.x.copy()
            return Prepared(forward=lambda: x.reshape(len(x), -1))

    @hookimpl
    def convbench_backends():
        return [Reshape]

Rules:
- A module that holds a backend imports its framework in `start` or `prepare`, never at module level: the host imports
  the module to list it.
- Everything but `availability`, `availability_with`, `environment` and the class attributes runs in a worker process of
  the backend's own; those are asked in a process of the plug-in, which ends with the last answer.
- `environment` is asked before the worker starts; `start` runs first in it.
- What cannot be done is declared in `supports`, or answered by the value Unsupported("why"); an exception is a bug and
  is reported as one.

Versions: CONTRACT is (major, minor). A minor version only adds what has a default: methods, class attributes, and
keyword-only fields of the dataclasses here. So a plug-in written for 1.0 runs under every 1.x. A major version may
change or remove something; a plug-in that declares a later major version than convbench has is left out, with that
reason.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from convbench_specs.case import Case, PassName, TensorName, Tensors
from convbench_specs.operations import OperationName
from convbench_specs.option import Option, OptionValue
from convbench_specs.supports import Supports

CONTRACT = (1, 2)
"""Version of this contract, (major, minor); see the module's docstring for what each may change."""
Device = Literal["cpu", "cuda"]
PreparePhase = Literal["convert", "trace", "compile"]
"""Steps of `prepare` that a backend may time: bringing the tensors to native form, tracing a function, compiling."""
Native = Any
"""A result in the framework's own type and layout; convbench only hands it back to `wait` and `to_numpy`."""
Gradients = tuple[Native, Native, Native]
"""(dx, dw, db); None where the case has no such gradient."""
Step = tuple[Native, Native, Native, Native]
"""(y, dx, dw, db); None where the case has no such gradient."""


@dataclass(frozen=True, slots=True)
class Available:
    """The backend can run; `version` is that of the framework that does the work."""

    version: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The backend cannot run on this machine; `reason` says why and what would help, in one line."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """This backend cannot do this case or pass; `reason` says why in one line."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run asks of a backend: its number of threads, its device, and the backend's own options.

    `options` has a value for every option that the backend declares, the default if the user chose none.
    `scratch_folder` is a folder of the run for caches and other files that need not outlive it; empty if there is
    none. It is shared by all workers of one run, so that a second worker finds what the first one compiled.
    """

    threads: int = 1
    device: Device = "cpu"
    scratch_folder: str = ""
    options: Mapping[str, OptionValue] = field(default_factory=lambda: MappingProxyType({}), hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkVariables:
    """Environment variables of a framework that matter wherever it is used, so in every worker of a run.

    `threads` are variables that hold a number of threads. Each of them is set to the number of the run.
    `passed_prefixes` are beginnings of names: the user's own variables whose names begin so are passed on to the
    workers. Variables that concern one backend alone belong into `Backend.environment`.
    """

    threads: tuple[str, ...] = ()
    passed_prefixes: tuple[str, ...] = ()


def as_numpy(tensor: TensorName, native: Native) -> NDArray[Any]:
    """The default `to_numpy`: for results that NumPy can read and that are in canonical layout."""
    return np.asarray(native)


def nothing_to_wait_for(native: Native) -> None:
    """The default `wait`: for backends whose calls return when the result exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One case, ready to be computed: its tensors in the backend's own form and layout, and one call for each pass.

    A call takes no arguments and does only the work of its pass, because it is timed.

    Attributes:
        forward: Returns y.
        backward: Returns (dx, dw, db), from dy.
        both: Returns (y, dx, dw, db), as one training step computes them. It must return y, or a compiler drops the
            forward pass. None: forward and backward in turn.
        forward_for_training: Computes y and returns whatever keeps alive exactly what backward needs of the forward
            pass: y itself (the next layer's x), and a graph, a pullback, a tape or saved indices. It is never timed;
            the memory that it leaves is measured. x, w and b are in memory anyway. None: the backend cannot tell.
        wait: Blocks until every part of what a pass returned exists.
        to_numpy: Converts one tensor of a result to a NumPy array in canonical layout. It is not timed.
        recomputes_forward: Whether backward contains a forward pass.
        algorithm: Name of the formulation that was chosen, for the results.
        phases_s: Seconds of the steps of `prepare`: convert, trace, compile.
        update: Puts new values of the same shapes and dtypes into the prepared tensors, without compiling again. It is
            not timed as a pass. The rule: every later result follows from the last update, and nothing derived from x,
            w, b or dy before it survives: no packed weights, no stored graph, no positions of maxima. Results are those
            of a fresh `prepare` on the same tensors, bit for bit. None: the host prepares the case again.
        layout: Order of the axes in memory, such as "NCHW" or "NHWC"; empty: not worth recording.
        runs_in_order: Whether calls are queued on a device and end in the order in which they were made. A timed loop
            then waits once, for its last result, instead of after each call.
        kept_forward: Returns y, as forward does, and keeps for the next backward what it needs of this forward pass: a
            graph, a pullback, the positions of maxima. After its first call `update` need not make any of that. A step
            of training is update, kept_forward, update_dy and backward. None: forward takes its place.
        update_dy: Puts a new dy beside the x, w and b that are there; what kept_forward kept stays. None: update takes
            its place.
    """

    forward: Callable[[], Native]
    backward: Callable[[], Gradients] | Unsupported = Unsupported("this backend has no backward pass")
    both: Callable[[], Step] | Unsupported | None = None
    forward_for_training: Callable[[], Native] | None = None
    wait: Callable[[Native], None] = nothing_to_wait_for
    to_numpy: Callable[[TensorName, Native], NDArray[Any]] = as_numpy
    recomputes_forward: bool = False
    algorithm: str = ""
    phases_s: Mapping[PreparePhase, float] | None = None
    update: Callable[[Tensors], None] | None = None
    layout: str = ""
    runs_in_order: bool = False
    kept_forward: Callable[[], Native] | None = None
    update_dy: Callable[[NDArray[Any]], None] | None = None

    def __post_init__(self) -> None:
        """TypeError for a field that can never be called, where the author made it."""
        besides: dict[str, tuple[type, ...]] = {
            "forward": (),
            "backward": (Unsupported,),
            "both": (Unsupported, type(None)),
            "forward_for_training": (type(None),),
            "update": (type(None),),
            "kept_forward": (type(None),),
            "update_dy": (type(None),),
            "wait": (),
            "to_numpy": (),
        }
        for name, others in besides.items():
            value = getattr(self, name)
            if not callable(value) and not isinstance(value, others):
                known = ["None" if each is type(None) else each.__name__ for each in others]
                given = "None" if value is None else type(value).__name__
                raise TypeError(f"Prepared.{name} must be {' or '.join(['callable', *known])}, not {given}")

    def call_of(self, pass_name: PassName) -> Callable[[], Native] | Unsupported:
        """The call to time for a pass."""
        if pass_name == "forward":
            return self.forward
        if pass_name == "backward":
            return self.backward
        if self.both is not None:
            return self.both
        if isinstance(self.backward, Unsupported):
            return self.backward
        forward, backward = self.forward, self.backward
        return lambda: (forward(), *backward())


class MemoryCounter(Protocol):
    """A framework's own count of memory, for allocators that the process's resident memory cannot show."""

    source: str
    """What is counted, as the report shows it, such as "cuda allocator"."""

    def reset(self) -> None:
        """Start a new peak at what is in use now."""

    def peak_bytes(self) -> int:
        """Bytes of the peak since `reset`, above what was in use then."""


@runtime_checkable
class KeptMemoryCounter(MemoryCounter, Protocol):
    """A MemoryCounter that also tells what stays, for the memory between forward and backward."""

    def kept_bytes(self) -> int:
        """Bytes in use now, above what was in use at `reset`."""


class Backend(ABC):
    """A way to compute cases. A plug-in derives from this class, sets `name` and implements `prepare`.

    Everything else is optional. The class attributes, `availability`, `availability_with` and `environment` are asked
    in a process of the plug-in. All other methods run in the backend's own worker process, beginning with `start`.
    """

    name: ClassVar[str]
    """What users type and reports show: lower case and digits, words joined by hyphens, at most 40 characters."""
    short_name: ClassVar[str] = ""
    """At most 6 letters for the heads of narrow tables; empty: the beginning of the name."""
    summary: ClassVar[str] = ""
    """One line on how it computes."""
    contract: ClassVar[tuple[int, int]] = (1, 0)
    """Version of the contract that it was written for."""
    devices: ClassVar[tuple[Device, ...]] = ("cpu",)
    supports: ClassVar[Supports] = Supports()
    """Cases that it may be asked for. All others are unsupported, with a reason that is made from it, and never reach
    `prepare`."""
    operations: ClassVar[tuple[OperationName, ...]] = ("conv", "pool", "flatten")
    """Deprecated since 1.2, in favour of `supports`: operations that it may be asked for."""
    ranks: ClassVar[tuple[int, ...]] = (1, 2)
    """Deprecated since 1.2, in favour of `supports`: numbers of spatial axes that it may be asked for."""
    is_deterministic: ClassVar[bool] = True
    """Whether two calls on the same tensors give the same bits; False where sums are taken in an order of chance."""
    display_order: ClassVar[int | None] = None
    """Its place in lists, and with it its colour and marker in reports. The bundled backends have 0 to 6; None: behind
    all that have one, in alphabetical order."""
    is_reference: ClassVar[bool] = False
    """Whether others can be held against it where whole networks are trained: it is deterministic, quick enough for
    that, and needs no framework. The user may name another one."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions a run records, such as that of the framework."""
    framework_variables: ClassVar[FrameworkVariables] = FrameworkVariables()
    """Environment variables that every worker of a run gets, as the framework may be used by other backends, too."""

    options: ClassVar[tuple[Option, ...]] = ()
    """What its users may choose; each choice can be entered into a run beside the others, under a name of its own."""

    def availability(self, device: Device) -> Available | Unavailable:
        """Whether the backend can run here. It is found without importing the framework, and raises nothing."""
        return Available(version="")

    def availability_with(self, settings: Settings) -> Available | Unavailable:
        """The same with the options that were chosen, some of which may need more than the rest."""
        return self.availability(settings.device)

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """Environment variables that must be set before the worker starts, besides the usual ones for threads.

        Caches that need not outlive the run belong into `settings.scratch_folder`.
        """
        return {}

    def start(self, settings: Settings) -> Mapping[str, str]:
        """Import the framework, and set threads, device and precision. Returns facts that the run records, by name."""
        return {}

    def predict_s(self, case: Case, batch_size: int, pass_name: PassName) -> float | None:
        """Seconds that one call will take, for backends whose calls may take long. None: the time limit decides."""
        return None

    def memory_counter(self) -> MemoryCounter | None:
        """The framework's own memory counter, for frameworks whose use the resident memory of the process hides."""
        return None

    @abstractmethod
    def prepare(self, case: Case, tensors: Tensors) -> Prepared | Unsupported:
        """Check support, convert the tensors to the backend's form and layout, and compile. No pass includes this time.

        A cast to a dtype other than that of the case, to compute in it, is work of the pass and belongs into its call.

        With cold caches several copies of a case, each on tensors of its own, are prepared and used in turn.
        """

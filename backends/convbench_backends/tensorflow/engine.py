"""How a case runs in TensorFlow: one graph a pass, traced at its first call.

Rules:
- Channels last is TensorFlow's default, and the one layout in which all its gradients exist on a CPU.
- Graphs are kept by case and batch size: neither an update nor preparing the case on other tensors traces anything.
- backward has a graph of its own, from which TensorFlow drops the forward; the padded x is made once and kept, as a
  training step keeps it. Where a gradient needs y the forward stays in, and `recomputes_forward` says so.
- XLA compiles what TensorFlow's own kernels cannot do on a CPU, see `_fault`; with the option xla=on everything, with
  xla=off nothing, and what they cannot do is then unsupported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from time import perf_counter
from typing import Any

import tensorflow as tf  # type: ignore[import-untyped]  # TensorFlow ships no types
from numpy.typing import NDArray

from convbench_backends.shared.channels_last import canonical, channels_last_dy, channels_last_tensors, layout_of
from convbench_backends.shared.taps import window_area
from convbench_backends.tensorflow.operations import Formula, Tensor, formula_of
from convbench_specs import (
    PASSES,
    Case,
    Conv,
    ConvbenchError,
    Gradients,
    MemoryCounter,
    Native,
    PassName,
    Pool,
    Prepared,
    Settings,
    Step,
    TensorName,
    Tensors,
    Unsupported,
)

Graph = Callable[..., Any]
"""From tensors to a tensor or a tuple."""

KEPT_GRAPHS = 64
"""Cases and batch sizes whose graphs are kept: those of a workload, not all that a long session sees."""
LARGE_WINDOW = 256
"""Places from which on a place in a window does not fit into a byte."""


@dataclass(frozen=True, slots=True)
class Graphs:
    """What is compiled for a case and batch size.

    forward(*inputs), pad(x), backward(padded, *inputs, dy), both(*inputs, dy); the inputs are (x, w, b) as far as the
    case has them. backward and both return None for the gradients that there are not.
    """

    formula: Formula
    forward: Graph
    pad: Graph
    backward: Graph
    both: Graph
    by: str
    """What compiles them where TensorFlow's own kernels do not run, to be put behind the name of the algorithm."""


class Engine:
    """TensorFlow on one device."""

    def __init__(self, settings: Settings, *, xla: str) -> None:
        """`xla` is "auto", "on" or "off"."""
        self._device = settings.device
        self._xla = xla
        if settings.device == "cuda" and not tf.config.list_physical_devices("GPU"):
            raise ConvbenchError("TensorFlow finds no GPU; pip install 'tensorflow[and-cuda]' brings what it needs")
        tf.get_logger().setLevel("ERROR")  # it warns of graphs that look alike and are not
        tf.config.experimental.enable_tensor_float_32_execution(False)  # noqa: FBT003  # TensorFlow's signature
        self._has_onednn = settings.device == "cpu" and _counts_memory("CPU:0")
        self._graphs = lru_cache(maxsize=KEPT_GRAPHS)(self._new_graphs)

    def facts(self) -> dict[str, str]:
        """What is worth recording of the build and the settings."""
        facts = {"version": tf.__version__, "XLA": "where needed" if self._xla == "auto" else self._xla}
        if self._device == "cpu":
            return facts | {"oneDNN": "on" if self._has_onednn else "off"}
        gpu = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        return facts | {"gpu": gpu.get("device_name", ""), "TF32": "off"}

    def memory_counter(self) -> MemoryCounter | None:
        """The allocator's own count where it keeps freed memory, so that the process's tells nothing."""
        if self._device == "cuda":
            return AllocatorMemory("GPU:0", "TensorFlow CUDA allocator")
        if self._has_onednn:
            return AllocatorMemory("CPU:0", "TensorFlow oneDNN allocator (chunks: an upper bound)")
        return None

    def prepare(self, case: Case, tensors: Tensors) -> Prepared | Unsupported:
        """The three passes of a case on copies of the tensors."""
        faults = {name: self._fault(case, len(tensors.x), name) if self._xla == "off" else "" for name in PASSES}
        if faults["forward"]:
            return Unsupported(f"xla=off: {faults['forward']}")
        begin = perf_counter()
        inputs, dy = self._native(tensors, case)
        convert_s = perf_counter() - begin
        graphs = self._graphs(replace(case, name=""), len(tensors.x))

        @cache
        def padded() -> Tensor:
            return graphs.pad(inputs[0])

        def update(new: Tensors) -> None:
            nonlocal inputs, dy
            inputs, dy = self._native(new, case)
            has_padded = padded.cache_info().currsize > 0
            padded.cache_clear()
            if has_padded:  # made here, so that the next backward pads nothing
                self._wait(padded())

        def update_dy(new: NDArray[Any]) -> None:
            nonlocal dy
            dy = tf.cast(tf.constant(channels_last_dy(new)), case.dtype)
            self._wait(dy)

        def forward_for_training() -> tuple[Tensor, tf.GradientTape]:
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                return graphs.forward(*inputs), tape

        def backward() -> Gradients:
            dx, dw, db = graphs.backward(padded(), *inputs, dy)
            return dx, dw, db

        def both() -> Step:
            y, dx, dw, db = graphs.both(*inputs, dy)
            return y, dx, dw, db

        return Prepared(
            forward=lambda: graphs.forward(*inputs),
            backward=Unsupported(f"xla=off: {faults['backward']}") if faults["backward"] else backward,
            both=Unsupported(f"xla=off: {faults['both']}") if faults["both"] else both,
            forward_for_training=forward_for_training,
            wait=self._wait,
            to_numpy=lambda name, native: _to_numpy(case, name, native),
            recomputes_forward=graphs.formula.recomputes_forward,
            algorithm=graphs.formula.algorithm + graphs.by,
            phases_s={"convert": convert_s},
            update=update,
            layout=layout_of(case),
            runs_in_order=self._device == "cuda",  # one stream of the device computes; _wait is for all of the device
            update_dy=update_dy,
        )

    def _native(self, tensors: Tensors, case: Case) -> tuple[list[Tensor], Tensor]:
        """([x, w, b], dy), channels last. Tensors cannot be written: no result changes when others take their place."""
        arrays, dy_array = channels_last_tensors(tensors)
        inputs = [tf.cast(tf.constant(array), case.dtype) for array in arrays]
        dy = tf.cast(tf.constant(dy_array), case.dtype)
        self._wait(dy)
        return inputs, dy

    def _new_graphs(self, case: Case, batch_size: int) -> Graphs:
        formula = formula_of(case, batch_size)
        by_xla = [name for name in PASSES if self._takes_xla(case, batch_size, name)]

        def graph(function: Graph, pass_name: PassName) -> Graph:
            return _traced_at_first_call(function, xla=pass_name in by_xla)

        return Graphs(
            formula=formula,
            forward=graph(lambda x, *parameters: formula.core(formula.pad(x), *parameters), "forward"),
            pad=graph(formula.pad, "forward"),
            backward=graph(lambda padded, *inputs_and_dy: _backward(formula, padded, *inputs_and_dy), "backward"),
            both=graph(lambda *inputs_and_dy: _both(formula, *inputs_and_dy), "both"),
            by=", by XLA" if "forward" in by_xla else ", gradients by XLA" if by_xla else "",
        )

    def _takes_xla(self, case: Case, batch_size: int, pass_name: PassName) -> bool:
        return self._xla == "on" or (self._xla == "auto" and bool(self._fault(case, batch_size, pass_name)))

    def _fault(self, case: Case, batch_size: int, pass_name: PassName) -> str:
        """Why TensorFlow's own CPU kernels cannot do a pass; "" where they can. XLA has none of these faults."""
        if self._device == "cuda":
            return ""
        if batch_size == 0:
            return "oneDNN gives an empty batch the shape of x"
        if pass_name != "backward" and self._has_onednn and _pads_one_tap(case):
            return "oneDNN may end the process in a 1 x 1 convolution of a padded input"
        return "" if pass_name == "forward" else self._gradient_fault(case)

    def _gradient_fault(self, case: Case) -> str:
        operation = case.operation
        if isinstance(operation, Conv):
            special = operation.groups > 1 or max(operation.dilation) > 1
            has_gradient = not special or (self._has_onednn and case.dtype == "float32")
            return "" if has_gradient else "this dilated or grouped convolution has no gradient without XLA"
        is_max = isinstance(operation, Pool) and operation.kind == "max"
        if is_max and case.dtype in ("bfloat16", "float16") and window_area(case) >= LARGE_WINDOW:
            return "the gradient of a maximum of 16 bits goes astray in windows of 256 places or more"
        return ""

    def _wait(self, native: Native) -> None:
        """On the CPU a call returns when its result exists; on a GPU the queue must run empty."""
        if self._device == "cuda":
            tf.test.experimental.sync_devices()


class AllocatorMemory:
    """What TensorFlow's allocator of a device has handed out."""

    def __init__(self, device: str, source: str) -> None:
        self.source = source
        self._device = device
        self._base = 0

    def reset(self) -> None:
        """Start a new peak."""
        tf.config.experimental.reset_memory_stats(self._device)
        self._base = tf.config.experimental.get_memory_info(self._device)["current"]

    def peak_bytes(self) -> int:
        """Bytes of the peak since `reset`, above what was in use then."""
        return int(tf.config.experimental.get_memory_info(self._device)["peak"]) - self._base

    def kept_bytes(self) -> int:
        """Bytes in use now, above what was in use at `reset`."""
        return int(tf.config.experimental.get_memory_info(self._device)["current"]) - self._base


def _pads_one_tap(case: Case) -> bool:
    """Whether windows of one tap read padding behind the input and a bias is added; a graph fuses the three."""
    operation = case.operation
    reads_behind = any(axis.behind for axis in case.axes)
    return isinstance(operation, Conv) and operation.bias and reads_behind and set(operation.kernel_size) == {1}


def _traced_at_first_call(function: Graph, *, xla: bool) -> Graph:
    """A graph of `function` for tensors of the shapes of its first call.

    Calling that graph itself costs half of what tf.function costs, which looks for the right one at each call.
    """
    graphs: list[Graph] = []

    def call(*tensors: Tensor) -> Any:
        if not graphs:
            traced = tf.function(function, autograph=False, jit_compile=xla or None)
            graphs.append(traced.get_concrete_function(*tensors))
        return graphs[0](*tensors)

    return call


def _backward(formula: Formula, padded: Tensor, x: Tensor, *parameters_and_dy: Tensor) -> tuple[Any, ...]:
    *parameters, dy = parameters_and_dy
    _, (d_padded, *others) = _tape_gradients(formula.core, [padded, *parameters], dy)
    _, (dx,) = _tape_gradients(formula.pad, [x], d_padded)
    return _three(dx, *others)


def _both(formula: Formula, *inputs_and_dy: Tensor) -> tuple[Any, ...]:
    *inputs, dy = inputs_and_dy
    y, gradients = _tape_gradients(lambda x, *parameters: formula.core(formula.pad(x), *parameters), inputs, dy)
    return (y, *_three(*gradients))


def _tape_gradients(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], dy: Tensor
) -> tuple[Tensor, list[Tensor]]:
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = function(*inputs)
    return y, tape.gradient(y, inputs, dy)


def _three(*gradients: Tensor) -> tuple[Any, ...]:
    """(dx, dw, db), None for those that there are not."""
    return (*gradients, None, None)[:3]


def _to_numpy(case: Case, name: TensorName, native: Native) -> NDArray[Any]:
    return canonical(name, tf.cast(native, tf.float32).numpy() if case.dtype == "bfloat16" else native.numpy())


def _counts_memory(device: str) -> bool:
    """Whether the device's allocator counts: on a CPU the one that comes with oneDNN does, the plain one does not."""
    try:
        tf.config.experimental.get_memory_info(device)
    except ValueError:
        return False
    return True

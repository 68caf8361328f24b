"""A layer of a network that a backend computes, by the contract that it is measured by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.learning.parameters import Parameters
from convbench.machine.aligned_memory import aligned_copy
from convbench.measure.clock import now_ns, seconds_since
from convbench.workers.contract import arrays_of, prepared_or_unsupported, text_of
from convbench_specs import ALIGNMENT_BYTES, Backend, Case, Native, PassName, Prepared, TensorName, Tensors, Unsupported
from convbench_specs.training import CaseLayer

Array = NDArray[Any]


class UnsupportedLayerError(Exception):
    """The backend does not do a layer, or not its backward pass; the text says which and why."""


@dataclass(slots=True)
class Seconds:
    """What the layers of a backend took since it was last set to 0."""

    compute_s: float = 0.0
    renew_s: float = 0.0


class Watcher:
    """Is shown every input and every result of a step; this one looks away."""

    def given(self, layer: str, tensors: Tensors) -> None:
        """What a pass reads."""

    def returned(self, layer: str, results: Mapping[TensorName, Array]) -> None:
        """What a pass returned."""


class BackendLayer:
    """A case prepared once, and given new values before each pass.

    Before the forward pass x, w and b are new, before the backward pass dy is. A backend that can keep what its forward
    pass leaves for the backward pass does so; else it is given all values again. Where it cannot update, the case is
    prepared again each time. What comes back is used as it is and not copied: a result that changes later is the
    backend's fault, and training shows it.
    """

    def __init__(
        self,
        layer: CaseLayer,
        weights: Parameters,
        gradients: Parameters,
        *,
        backend: Backend,
        batch_size: int,
        seconds: Seconds,
        watcher: Callable[[], Watcher],
    ) -> None:
        """UnsupportedLayerError where the backend cannot do it."""
        self.name = layer.name
        self.case: Case = layer.case
        self._backend, self._seconds, self._watcher = backend, seconds, watcher
        own = {name: _read_only(array) for name, array in weights.of(layer.name).items()}
        self._w, self._b = own.get("w"), own.get("b")
        self._slots = gradients.of(layer.name)
        dtype = weights.vector.dtype
        self._x = aligned_copy(np.zeros(self.case.x_shape(batch_size), dtype))
        self._dy = aligned_copy(np.zeros(self.case.y_shape(batch_size), dtype))
        self._prepared = self._prepare(self._tensors())
        backward = self._prepared.backward
        if isinstance(backward, Unsupported):
            raise UnsupportedLayerError(f"{self.name}: {text_of(backward.reason)}")
        self._results: dict[TensorName, Array] = {}
        self._shapes = {name: self.case.shape_of(name, batch_size) for name in ("y", *self.case.gradient_names)}

    @property
    def algorithm(self) -> str:
        """The path that the backend chose."""
        return text_of(self._prepared.algorithm)

    @property
    def can_update(self) -> bool:
        """Whether the backend takes new values without preparing again."""
        return self._prepared.update is not None

    def forward(self, x: Array) -> Array:
        """Y of a batch."""
        self._x = _aligned(x)
        return self._run("forward")["y"]

    def backward(self, dy: Array) -> Array:
        """Dx. dw and db are kept as they were returned until `collect`."""
        self._dy = _aligned(dy)
        self._results = self._run("backward")
        return self._results["dx"]

    def collect(self) -> None:
        """Put dw and db into their places, when the whole backward pass is over."""
        for tensor, slot in self._slots.items():
            np.copyto(slot, self._results["dw" if tensor == "w" else "db"])

    def _run(self, pass_name: PassName) -> dict[TensorName, Array]:
        tensors, watcher, begin = self._tensors(), self._watcher(), now_ns()
        self._renew(pass_name, tensors)
        renewed_s, begin = seconds_since(begin), now_ns()
        native = self._call(pass_name)()
        self._prepared.wait(native)
        self._seconds.compute_s += seconds_since(begin)
        begin = now_ns()
        results = arrays_of(self.case, self._prepared, pass_name, native)
        self._seconds.renew_s += renewed_s + seconds_since(begin)
        for name, array in results.items():
            if array.shape != self._shapes[name]:
                raise ValueError(f"{self.name}: {name} has shape {array.shape}, not {self._shapes[name]}")
        watcher.given(self.name, tensors)
        watcher.returned(self.name, results)
        return results

    def _call(self, pass_name: PassName) -> Callable[[], Native]:
        call = self._prepared.call_of(pass_name)
        if pass_name == "forward" and self._prepared.kept_forward is not None:
            call = self._prepared.kept_forward
        assert not isinstance(call, Unsupported)
        return call

    def _renew(self, pass_name: PassName, tensors: Tensors) -> None:
        if pass_name == "backward" and self._prepared.update_dy is not None:
            self._prepared.update_dy(tensors.dy)
        elif self._prepared.update is None:
            self._prepared = self._prepare(tensors)
        else:
            self._prepared.update(tensors)

    def _prepare(self, tensors: Tensors) -> Prepared:
        prepared = prepared_or_unsupported(self._backend.prepare(self.case, tensors))
        if isinstance(prepared, Unsupported):
            raise UnsupportedLayerError(f"{self.name}: {text_of(prepared.reason)}")
        return prepared

    def _tensors(self) -> Tensors:
        return Tensors(x=_read_only(self._x), dy=_read_only(self._dy), w=self._w, b=self._b)


def _aligned(array: Array) -> Array:
    """The array as the contract promises it: row-major, without gaps, at a cache line; copied where it is not so."""
    is_so = array.flags.c_contiguous and array.ctypes.data % ALIGNMENT_BYTES == 0
    return array if is_so else aligned_copy(array)


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view

"""A layer as from-scratch code writes it: an object with weights, forward(x), and backward(dy) that leaves gradients.

Where the class is

    class Convolution:
        def __init__(self, stride, padding): ...
        def forward(self, x): ...      # keeps what backward needs of x
        def backward(self, dy): ...    # returns dx, leaves self.dw and self.db

a backend is

    def prepare(self, case, tensors):
        layer = Convolution(case.operation.stride, case.axes[0].before)
        return prepare_layer(layer, tensors)
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Protocol

from numpy.typing import NDArray

from convbench_specs.adapters.native import ToNative, native_inputs, own_copy
from convbench_specs.backend import Gradients, Native, Prepared, Step, as_numpy, nothing_to_wait_for
from convbench_specs.case import TensorName, Tensors


class LayerLike(Protocol):
    """A layer of its author's own; its weights and their gradients are attributes."""

    def forward(self, x: Native, /) -> Native:
        """The result y, from x and the weights; what `backward` needs of it may stay in the layer."""

    def backward(self, dy: Native, /) -> Native:
        """The gradient dx, from dy; the gradients of the weights stay in attributes."""


def prepare_layer(
    layer: LayerLike,
    tensors: Tensors,
    *,
    weight: str = "w",
    bias: str = "b",
    weight_gradient: str = "dw",
    bias_gradient: str = "db",
    clear_gradients: Callable[[], None] | None = None,
    uses_up_forward: bool = False,
    reuses_buffers: bool = False,
    to_native: ToNative = own_copy,
    to_numpy: Callable[[TensorName, Native], NDArray[Any]] = as_numpy,
    wait: Callable[[Native], None] = nothing_to_wait_for,
    algorithm: str = "",
    layout: str = "",
) -> Prepared:
    """A case that a layer computes. The layer must be made for this case, and used for nothing else.

    w and b, where the case has them, are put into the attributes `weight` and `bias`, as `to_native` makes them from
    arrays of (K, C / groups, *kernel) and (K,); x is (N, C, *spatial) and dy has the shape of y. `to_numpy` brings y,
    dx, dw and db back, and `wait` blocks until a result exists; see Prepared for both.

    - `clear_gradients` is called before each backward pass, for layers that add to their gradients.
    - `uses_up_forward`: backward(dy) works once after forward(x), so that each backward pass must contain a forward.
    - `reuses_buffers`: the layer writes each result into the same memory, so that copies of it are returned.

    Passes: `forward` calls forward(x), `both` forward(x) and backward(dy). `backward` calls backward(dy) on what the
    last forward(x) left in the layer. `update` puts new values into the attributes; where a backward pass came before,
    it calls forward(x) too, so that the next one finds what it needs and contains no forward pass. In training
    `kept_forward` does so, and a step has one forward pass.
    """
    passes = _LayerPasses(
        layer,
        tensors,
        parameters=(weight, bias),
        gradients=(weight_gradient, bias_gradient),
        clear_gradients=clear_gradients,
        uses_up_forward=uses_up_forward,
        result_of=copy if reuses_buffers else _itself,
        to_native=to_native,
    )
    return Prepared(
        forward=passes.forward,
        backward=passes.backward,
        both=passes.both,
        forward_for_training=passes.forward_for_training,
        update=passes.update,
        kept_forward=None if uses_up_forward else passes.kept_forward,
        update_dy=passes.update_dy,
        recomputes_forward=uses_up_forward,
        to_numpy=to_numpy,
        wait=wait,
        algorithm=algorithm,
        layout=layout,
    )


def _itself(native: Native) -> Native:
    return native


class _LayerPasses:
    """The layer of a case, its x and dy, and whether the layer holds what backward needs."""

    def __init__(
        self,
        layer: LayerLike,
        tensors: Tensors,
        *,
        parameters: tuple[str, str],
        gradients: tuple[str, str],
        clear_gradients: Callable[[], None] | None,
        uses_up_forward: bool,
        result_of: Callable[[Native], Native],
        to_native: ToNative,
    ) -> None:
        self._layer = layer
        self._parameters = parameters
        self._gradients = gradients
        self._clear_gradients = clear_gradients
        self._uses_up_forward = uses_up_forward
        self._result_of = result_of
        self._to_native = to_native
        self._has_forward = self._needs_forward = self._trains = False
        self._put(tensors)

    def _put(self, tensors: Tensors) -> None:
        (self._x, *values), self._dy = native_inputs(tensors, self._to_native)
        self._held = len(values)
        for name, value in zip(self._parameters, values, strict=False):
            setattr(self._layer, name, value)

    def forward(self) -> Native:
        """The result y."""
        y = self._layer.forward(self._x)
        self._has_forward = True
        return self._result_of(y)

    def backward(self) -> Gradients:
        """(dx, dw, db) from what the last forward left."""
        self._needs_forward = True
        if self._uses_up_forward or not self._has_forward:
            self.forward()
        return self._pulled_back()

    def both(self) -> Step:
        """(y, dx, dw, db)."""
        return (self.forward(), *self._pulled_back())

    def forward_for_training(self) -> tuple[Native, LayerLike]:
        """(y, layer): a layer of its own holds what backward needs; its weights are those of this one."""
        layer = copy(self._layer)
        return layer.forward(self._x), layer

    def update(self, tensors: Tensors) -> None:
        """Take new values; nothing of the old ones is left for the next backward pass."""
        self._put(tensors)
        self._has_forward = False
        if self._needs_forward and not (self._uses_up_forward or self._trains):
            self.forward()

    def kept_forward(self) -> Native:
        """The result y, of a forward that stays for the next backward; `update` makes none from now on."""
        self._trains = True
        return self.forward()

    def update_dy(self, dy: NDArray[Any]) -> None:
        """Take a new dy; what forward left stays."""
        self._dy = self._to_native("dy", dy)

    def _pulled_back(self) -> Gradients:
        if self._clear_gradients is not None:
            self._clear_gradients()
        dx = self._layer.backward(self._dy)
        found = [self._result_of(getattr(self._layer, name)) for name in self._gradients[: self._held]]
        dw, db = (*found, None, None)[:2]
        return self._result_of(dx), dw, db

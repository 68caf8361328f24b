"""An operation that is written as a function f(x, w, b), with the gradients of an automatic differentiation.

    def prepare(self, case, tensors):
        stride = case.operation.stride

        def convolve(x, w, b=None):
            ...

        return prepare_function(convolve, tensors, vjp=vjp)

`vjp` is what JAX calls so: vjp(f, x, w, b) runs f and returns its result with a function from dy to the gradients. A
framework whose tensors record what was done to them needs a few lines:

    def vjp(function, *inputs):
        leaves = [Tensor(each, requires_grad=True) for each in inputs]
        y = function(*leaves)

        def pullback(dy):
            for leaf in leaves:
                leaf.grad = None             # else a second call would add to the first
            y.backward(dy)
            return [leaf.grad for leaf in leaves]

        return y, pullback
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from convbench_specs.adapters.native import ToNative, native_inputs, own_copy
from convbench_specs.backend import (
    Gradients,
    Native,
    Prepared,
    Step,
    Unsupported,
    as_numpy,
    nothing_to_wait_for,
)
from convbench_specs.case import TensorName, Tensors

Pullback = Callable[[Native], Sequence[Native]]
"""From dy to the gradients, one for each input of the function, in their order."""


class Vjp(Protocol):
    """Runs a function and returns (y, pullback)."""

    def __call__(self, function: Callable[..., Native], *inputs: Native) -> tuple[Native, Pullback]:
        """The result of function(*inputs), and its pullback, which keeps whatever it needs of the forward pass."""


def prepare_function(
    function: Callable[..., Native],
    tensors: Tensors,
    *,
    vjp: Vjp | None = None,
    pulls_back_once: bool = False,
    to_native: ToNative = own_copy,
    to_numpy: Callable[[TensorName, Native], NDArray[Any]] = as_numpy,
    wait: Callable[[Native], None] = nothing_to_wait_for,
    algorithm: str = "",
    layout: str = "",
) -> Prepared:
    """A case whose operation is function(x), function(x, w) or function(x, w, b): as many inputs as the case has.

    The inputs and dy are what `to_native` makes of the arrays of `tensors`: x of (N, C, *spatial), w of (K, C / groups,
    *kernel), b of (K,), dy of the shape of y. `to_numpy` brings y and the gradients back, and `wait` blocks until a
    result exists; see Prepared for both.

    Passes: `forward` calls the function alone, `both` the function and its pullback. `backward` calls a pullback that
    is kept, so it contains no forward pass; with `pulls_back_once`, for a framework that frees the graph after its
    first use, each `backward` makes one, and says that it recomputes the forward pass. `update` makes new inputs, and a
    new pullback where one was kept. In training `kept_forward` makes the pullback, so that a step has one forward pass.
    Without `vjp` there is a forward pass and no other.

    ValueError at a backward pass where the pullback returns another number of gradients than there are inputs.
    """
    return _FunctionPasses(function, vjp, to_native, tensors).prepared(
        pulls_back_once=pulls_back_once, to_numpy=to_numpy, wait=wait, algorithm=algorithm, layout=layout
    )


class _FunctionPasses:
    """The tensors of a case, and the pullback that is kept for its backward passes."""

    def __init__(self, function: Callable[..., Native], vjp: Vjp | None, to_native: ToNative, tensors: Tensors) -> None:
        self._function = function
        self._vjp = vjp
        self._to_native = to_native
        self._kept: Pullback | None = None
        self._trains = False
        self._inputs, self._dy = native_inputs(tensors, to_native)

    def prepared(
        self,
        *,
        pulls_back_once: bool,
        to_numpy: Callable[[TensorName, Native], NDArray[Any]],
        wait: Callable[[Native], None],
        algorithm: str,
        layout: str,
    ) -> Prepared:
        """The passes of a case."""
        backward: Callable[[], Gradients] | Unsupported = Unsupported("this backend has no backward pass")
        if self._vjp is not None:
            backward = self._backward_afresh if pulls_back_once else self._backward
        return Prepared(
            forward=self._forward,
            backward=backward,
            both=None if self._vjp is None else self._both,
            forward_for_training=None if self._vjp is None else self._recorded,
            update=self._update,
            kept_forward=None if self._vjp is None or pulls_back_once else self._kept_forward,
            update_dy=self._update_dy,
            recomputes_forward=pulls_back_once,
            to_numpy=to_numpy,
            wait=wait,
            algorithm=algorithm,
            layout=layout,
        )

    def _forward(self) -> Native:
        return self._function(*self._inputs)

    def _kept_forward(self) -> Native:
        self._trains = True
        y, self._kept = self._recorded()
        return y

    def _recorded(self) -> tuple[Native, Pullback]:
        """(y, pullback)."""
        assert self._vjp is not None
        return self._vjp(self._function, *self._inputs)

    def _backward(self) -> Gradients:
        if self._kept is None:
            self._kept = self._recorded()[1]
        return self._gradients(self._kept)

    def _backward_afresh(self) -> Gradients:
        return self._both()[1:]

    def _both(self) -> Step:
        y, pullback = self._recorded()
        return (y, *self._gradients(pullback))

    def _gradients(self, pullback: Pullback) -> Gradients:
        """(dx, dw, db), None for those that the case does not have."""
        found = tuple(pullback(self._dy))
        if len(found) != len(self._inputs):
            raise ValueError(f"the pullback returned {len(found)} gradients for {len(self._inputs)} inputs")
        dx, dw, db = (*found, None, None)[:3]
        return dx, dw, db

    def _update(self, tensors: Tensors) -> None:
        self._inputs, self._dy = native_inputs(tensors, self._to_native)
        if self._trains:  # kept_forward will make it
            self._kept = None
        elif self._kept is not None:  # made here, so that the next backward pass contains no forward pass
            self._kept = self._recorded()[1]

    def _update_dy(self, dy: NDArray[Any]) -> None:
        self._dy = self._to_native("dy", dy)

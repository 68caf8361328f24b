"""Collects what a trace of a model shows, whatever the framework; see convbench_specs.extraction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod

from convbench_specs import DTYPES, Case, Conv, DType, Extraction, Flatten, Layer, LeftOut, Operation, Pool, SpecError

DTYPE_NAMES: dict[str, DType] = {name: name for name in DTYPES}
LONGEST_NAME = 190
"""Characters; the host may add a number behind it."""
RANKS = (1, 2)
"""Numbers of spatial axes that a case can have."""


class Recorder:
    """The layers of one trace, on a batch of `batch_size` instances, in the order of the calls."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._layers: list[Layer] = []
        self._left_out: list[LeftOut] = []
        self._products = 0
        self._product_flops = 0
        self._dense: list[tuple[int, int, int]] = []
        """(inputs, outputs, FLOPs) of the products behind the last case."""

    def layer(self, name: str, operation: Operation, x_shape: Sequence[int], dtype: str, *, flops: int = 0) -> None:
        """A call on an input of x_shape (batch, channels, *spatial); left out where no case can express it.

        `flops` are those of the whole batch, told where the layer is left out.
        """
        batch, *shape = x_shape
        what = describe(operation)
        if (
            not isinstance(operation, Flatten)
            and isinstance(operation.padding, tuple)
            and not any(map(any, operation.padding))
        ):
            operation = replace(operation, padding="valid")
        if batch % self.batch_size or batch == 0:
            reason = f"it runs on a batch of {batch} where the model gets {self.batch_size}"
            self.leave_out(name, what, reason, flops=flops)
            return
        if dtype not in DTYPE_NAMES:
            self.leave_out(name, what, f"dtype {dtype} is none of {', '.join(DTYPES)}", flops=flops)
            return
        try:
            case = Case(
                name=name[:LONGEST_NAME], operation=operation, input_shape=tuple(shape), dtype=DTYPE_NAMES[dtype]
            )
        except SpecError as error:
            self.leave_out(name, what, str(error), flops=flops)
            return
        self._settle_products()
        self._layers.append(Layer(case=case, count=batch // self.batch_size))

    def leave_out(self, name: str, what: str, reason: str, *, flops: int = 0, in_scope: bool = True) -> None:
        """A layer that cannot be expressed; `flops` are those of the whole batch."""
        self._settle_products()
        per_instance = flops // self.batch_size
        self._left_out.append(LeftOut(name=name, what=what, reason=reason, flops=per_instance, in_scope=in_scope))

    def product(self, inputs: int, outputs: int, flops: int, *, is_layer: bool) -> None:
        """A product of matrices; is_layer says that it is a fully connected layer on one row an instance."""
        self._dense.append((inputs, outputs, flops // self.batch_size))
        if not is_layer:
            self._settle_products()

    def extraction(self, framework: str) -> Extraction:
        """All of it."""
        dense: tuple[int, ...] = ()
        dense_flops = 0
        if self._layers and self._chains():
            dense = tuple(outputs for _, outputs, _ in self._dense)
            dense_flops = sum(flops for *_, flops in self._dense)
        else:
            self._settle_products()
        left_out = list(self._left_out)
        if self._products:
            what = f"{self._products} product{'s' * (self._products > 1)} of matrices"
            left_out.append(
                LeftOut(
                    name="fully connected layers and attention",
                    what=what,
                    reason="convbench measures convolutions, pools and flattens",
                    flops=self._product_flops,
                    in_scope=False,
                )
            )
        return Extraction(
            layers=tuple(self._layers),
            left_out=tuple(left_out),
            dense=dense,
            dense_flops=dense_flops,
            framework=framework,
        )

    def _chains(self) -> bool:
        """Whether the products behind the last case are fully connected layers, one behind the other."""
        last = prod(self._layers[-1].case.output_shape)
        for inputs, outputs, _ in self._dense:
            if inputs != last:
                return False
            last = outputs
        return bool(self._dense)

    def _settle_products(self) -> None:
        """The products so far are not those behind the last case."""
        self._products += len(self._dense)
        self._product_flops += sum(flops for *_, flops in self._dense)
        self._dense.clear()


def describe(operation: Operation) -> str:
    """A few words for an operation that is left out."""
    if isinstance(operation, Conv):
        return convolution_words(operation.out_channels, operation.kernel_size)
    if isinstance(operation, Pool):
        return pool_words(operation.kind, operation.kernel_size)
    assert isinstance(operation, Flatten)
    return "flatten"


def convolution_words(filters: int, kernel_size: Sequence[int], kind: str = "convolution") -> str:
    """Such as: 3-D convolution, 64 filters of 3 x 3 x 3."""
    return f"{kind}, {filters} filter{'s' * (filters > 1)} of {by(kernel_size)}"


def pool_words(kind: str, kernel_size: Sequence[int] | str) -> str:
    """Such as: max pool, 3 x 3."""
    size = "the whole input" if isinstance(kernel_size, str) else by(kernel_size)
    return f"{kind} pool, {size}"


def by(sizes: Sequence[int]) -> str:
    """Such as: 3 x 3."""
    return " x ".join(map(str, sizes))


def adaptive_window(size: int, outputs: int) -> tuple[int, int] | None:
    """Kernel and stride of an adaptive pool along one axis; None where its windows differ, so that no kernel does it.

    Window o reaches from floor(o * size / outputs) to ceil((o + 1) * size / outputs), as PyTorch has it.

    >>> adaptive_window(12, 4), adaptive_window(7, 3), adaptive_window(7, 5)
    ((3, 3), (3, 2), None)
    """
    starts = [o * size // outputs for o in range(outputs)]
    ends = [-(-(o + 1) * size // outputs) for o in range(outputs)]
    kernels = {end - start for start, end in zip(starts, ends, strict=True)}
    strides = {after - before for before, after in pairwise(starts)} or set(kernels)
    if len(kernels) != 1 or len(strides) != 1 or min(strides) < 1:
        return None
    return kernels.pop(), strides.pop()

"""What a backend supports, declared: a narrow backend says it once, in place of a list of conditions in `prepare`.

    class Mine(Backend):
        supports = Supports(operations=("conv", "pool"), ranks=(2,), groups=False, dilation=False)

The host never asks the backend for anything else, reports the reason that `refusal` gives, and draws random cases from
what is left. What these fields cannot express is still for `prepare` to answer with Unsupported("why").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from convbench_specs.case import Case, DType
from convbench_specs.errors import SpecError
from convbench_specs.operations import Conv, Flatten, OperationName, Pool, PoolKind

FlattenOrder = Literal["channels_first", "channels_last"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Supports:
    """Which cases a backend may be asked for. By default that is every case; each field takes some away.

    `operations`, `ranks` (numbers of spatial axes), `dtypes`, `pool_kinds` and `flatten_orders` list what there is.
    Every other field is True for what the backend computes, and False for what it does not:

    - `groups`: convolutions with more than one group, depthwise ones among them.
    - `no_bias`: convolutions without a bias.
    - `dilation`: windows with gaps between their taps.
    - `rectangles`: windows, strides, padding or inputs that differ between the two spatial axes.
    - `padding`: any padding, and for pools alone `pool_padding`.
    - `asymmetric_padding`: more padding on one side of an axis than on the other, as "same" may have.
    - `edge_padding`: padding that repeats the border element.
    - `overlapping_pools`: pools whose stride differs from their window.
    - `ceil_mode`: pools that round the number of windows up.
    - `uncounted_padding`: padded averages that do not count the padding.
    - `global_pools`: pools over the whole input.
    - `channel_pools`: pools over groups of channels.

    SpecError for a name that does not exist and for an empty list.
    """

    operations: tuple[OperationName, ...] = ("conv", "pool", "flatten")
    ranks: tuple[int, ...] = (1, 2)
    dtypes: tuple[DType, ...] = ("float64", "float32", "bfloat16", "float16")
    pool_kinds: tuple[PoolKind, ...] = ("max", "average")
    flatten_orders: tuple[FlattenOrder, ...] = ("channels_first", "channels_last")
    groups: bool = True
    no_bias: bool = True
    dilation: bool = True
    rectangles: bool = True
    padding: bool = True
    pool_padding: bool = True
    asymmetric_padding: bool = True
    edge_padding: bool = True
    overlapping_pools: bool = True
    ceil_mode: bool = True
    uncounted_padding: bool = True
    global_pools: bool = True
    channel_pools: bool = True

    def __post_init__(self) -> None:
        for key, known in _KNOWN.items():
            given = getattr(self, key)
            if not isinstance(given, tuple) or not given:
                raise SpecError(key, f"must be a tuple with at least one of {_listed(known)}, not {given!r}")
            for value in given:
                if value not in known:
                    raise SpecError(key, f"must hold only {_listed(known)}, not {value!r}")
        for key in _RULES:
            if not isinstance(getattr(self, key), bool):
                raise SpecError(key, f"must be True or False, not {getattr(self, key)!r}")

    def refusal(self, case: Case) -> str:
        """Why the backend is not asked for this case, as one line; empty where it is.

        >>> from convbench_specs import Flatten
        >>> case = Case(name="flat", operation=Flatten(), input_shape=(3, 4, 5))
        >>> Supports(operations=("conv", "pool")).refusal(case)
        'it does not compute flatten, only conv and pool'
        """
        return next(self._refusals(case), "")

    def _refusals(self, case: Case) -> Iterator[str]:
        """Every reason, the most general first."""
        operation = case.operation
        if case.operation_name not in self.operations:
            yield f"it does not compute {case.operation_name}, only {_listed(self.operations)}"
        if case.rank not in self.ranks:
            yield f"it computes inputs with {_listed(self.ranks, 'or')} spatial axes, not with {case.rank}"
        if case.dtype not in self.dtypes:
            yield f"it computes in {_listed(self.dtypes)}, not in {case.dtype}"
        if isinstance(operation, Pool) and operation.kind not in self.pool_kinds:
            yield f"it computes {_listed(self.pool_kinds)} pools, not {operation.kind} pools"
        if isinstance(operation, Flatten) and operation.order not in self.flatten_orders:
            yield f"it flattens {_listed(self.flatten_orders)}, not {operation.order}"
        for key, (applies, reason) in _RULES.items():
            if not getattr(self, key) and applies(case):
                yield reason

    def only(self, operations: tuple[str, ...], ranks: tuple[int, ...]) -> Supports:
        """The same without other operations and ranks; nothing changes where none would be left."""
        return replace(
            self,
            operations=tuple(name for name in self.operations if name in operations) or self.operations,
            ranks=tuple(rank for rank in self.ranks if rank in ranks) or self.ranks,
        )


_KNOWN: dict[str, tuple[object, ...]] = {
    "operations": get_args(OperationName),
    "ranks": (1, 2),
    "dtypes": get_args(DType),
    "pool_kinds": get_args(PoolKind),
    "flatten_orders": get_args(FlattenOrder),
}


def _listed(values: tuple[object, ...], word: str = "and") -> str:
    """The values as a list in a sentence."""
    *most, last = map(str, values)
    return f"{', '.join(most)} {word} {last}" if most else last


def _is_conv(case: Case, **fields: object) -> bool:
    return isinstance(case.operation, Conv) and all(getattr(case.operation, key) == fields[key] for key in fields)


def _is_pool(case: Case, **fields: object) -> bool:
    return isinstance(case.operation, Pool) and all(getattr(case.operation, key) == fields[key] for key in fields)


def _has_groups(case: Case) -> bool:
    return isinstance(case.operation, Conv) and case.operation.groups > 1


def _has_padding(case: Case) -> bool:
    return any(axis.before or axis.after for axis in case.axes)


def _is_rectangular(case: Case) -> bool:
    """Whether the axes of the window differ; those of a pool over channels are no spatial axes."""
    return not _is_pool(case, over="channels") and len(set(case.axes)) > 1


def _overlaps(case: Case) -> bool:
    operation = case.operation
    return isinstance(operation, Pool) and operation.stride is not None and operation.stride != operation.kernel_size


_RULES: dict[str, tuple[Callable[[Case], bool], str]] = {
    "groups": (_has_groups, "it computes no convolutions with groups"),
    "no_bias": (lambda case: _is_conv(case, bias=False), "it computes no convolutions without a bias"),
    "edge_padding": (lambda case: _is_conv(case, padding_mode="edge"), "it does not pad with the border element"),
    "global_pools": (lambda case: _is_pool(case, kernel_size="global"), "it computes no pools over the whole input"),
    "channel_pools": (lambda case: _is_pool(case, over="channels"), "it computes no pools over channels"),
    "ceil_mode": (lambda case: _is_pool(case, ceil_mode=True), "it does not round the number of windows up"),
    "dilation": (lambda case: any(axis.dilation > 1 for axis in case.axes), "it computes no dilated windows"),
    "padding": (_has_padding, "it computes nothing with padding"),
    "pool_padding": (lambda case: _is_pool(case) and _has_padding(case), "it computes no pools with padding"),
    "asymmetric_padding": (
        lambda case: any(axis.before != axis.after for axis in case.axes),
        "it pads both sides of an axis by the same amount",
    ),
    "uncounted_padding": (
        lambda case: _is_pool(case, kind="average", count_include_pad=False) and _has_padding(case),
        "it counts the padding in averages",
    ),
    "overlapping_pools": (_overlaps, "it computes only pools whose stride is their window"),
    "rectangles": (_is_rectangular, "it computes only square inputs, windows, strides and padding"),
}
"""By field of Supports that may be False: the cases that it takes away, and the reason that users read."""

"""Operations in short form, for tables: what it is, its window, then what is not the default.

s2 is a stride of 2, p3 a padding of 3, p1+2 of 1 before and 2 behind, d2 a dilation, g4 groups; s2,1 differs by axis.
"""

from __future__ import annotations

from collections.abc import Sequence

from convbench_specs import Conv, Flatten, Operation, Pool

MARKS = {"s": "stride", "p": "padding", "d": "dilation", "g": "groups"}
POOLS = {"max": "MaxPool", "average": "AvgPool"}


def operation_text(operation: Operation) -> str:
    """An operation in short form.

    >>> operation_text(Conv(in_channels=3, out_channels=64, kernel_size=(7, 7), stride=2, padding=3))
    'Conv 64, 7 x 7, s2 p3'
    >>> operation_text(Pool(kind="max", kernel_size=(2, 2)))
    'MaxPool 2 x 2'
    """
    if isinstance(operation, Flatten):
        return "Flatten" if operation.order == "channels_first" else "Flatten, channels last"
    if isinstance(operation, Conv):
        what = "Depthwise" if operation.is_depthwise else "Conv"
        parts = [f"{what} {operation.out_channels}", by_x(operation.kernel_size), " ".join(_marks(operation))]
    elif operation.kernel_size == "global":
        parts = [f"Global {POOLS[operation.kind]}"]
    elif operation.over == "channels":
        parts = [f"{POOLS[operation.kind]} of {operation.kernel_size[0]} channels"]
    else:
        parts = [f"{POOLS[operation.kind]} {by_x(operation.kernel_size)}", " ".join(_marks(operation))]
    return ", ".join(filter(None, parts))


def by_x(sizes: Sequence[int], joint: str = " x ") -> str:
    """Sizes of several axes.

    >>> by_x((3, 5))
    '3 x 5'
    """
    return joint.join(map(str, sizes))


def _marks(operation: Conv | Pool) -> list[str]:
    assert operation.stride is not None
    usual = operation.kernel_size if isinstance(operation, Pool) else (1,) * len(operation.stride)
    marks = [] if operation.stride == usual else [f"s{_axes(operation.stride)}"]
    if operation.padding == "same":
        marks.append("same")
    elif operation.padding != "valid" and any(map(any, operation.padding)):
        marks.append(f"p{_axes([_sides(*pair) for pair in operation.padding])}")
    if set(operation.dilation) != {1}:
        marks.append(f"d{_axes(operation.dilation)}")
    if isinstance(operation, Conv):
        if operation.groups > 1 and not operation.is_depthwise:
            marks.append(f"g{operation.groups}")
        if operation.padding_mode == "edge":
            marks.append("edge")
    else:
        if operation.ceil_mode:
            marks.append("ceil")
        if not operation.count_include_pad:
            marks.append("uncounted")
    return marks


def _axes(values: Sequence[object]) -> str:
    """One for all axes where they agree."""
    return str(values[0]) if len(set(values)) == 1 else ",".join(map(str, values))


def _sides(before: int, after: int) -> str:
    return str(before) if before == after else f"{before}+{after}"

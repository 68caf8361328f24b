"""How long the loops will take, so that nobody waits for hours: rates of tiny cases, times counts.

A window costs something, each channel that it looks at something more, each row of its taps and each tap again:

    seconds = windows * window_s + channels * channel_s + rows * row_s + taps * tap_s

A channel counts even where the window lies on padding alone, a row and a tap only where they read something. Tiny cases
that differ in one of the counts give the rates of a pass on this machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

from convbench_backends.naive import convolution, flattening, pooling
from convbench_backends.naive.windows import Windows, along_axis, image_axes
from convbench_specs import Axis, Case, Conv, Flatten, PassName, Pool

PLACES = 8
"""A tiny case has PLACES x PLACES windows."""
MANY = 12
"""It has one tap, or MANY of one kind: taps of a row, rows of a tap each, or channels of a tap each."""
REPEATS = 5
"""It is timed so often, and the fastest counts."""
LARGE = 1.2
"""How much longer everything takes where numbers do not fit into the cache: between 1 and the 1.8 that was seen."""

Tiny = Callable[[int, int, int], Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds for each window, each channel of it, each row of its taps, and each tap."""

    window_s: float
    row_s: float
    tap_s: float
    channel_s: float = 0.0


def learn() -> Mapping[str, Rates]:
    """Rates by loop and pass, such as "max forward"; takes some 40 ms."""
    return {name: _rates(tiny) for name, tiny in TINY.items()}


def predict_s(rates: Mapping[str, Rates], case: Case, batch_size: int, pass_name: PassName) -> float:
    """Seconds of one call, after what `learn` returned."""
    if pass_name == "both":
        return predict_s(rates, case, batch_size, "forward") + predict_s(rates, case, batch_size, "backward")
    operation, depth, edge = case.operation, 1, False
    if isinstance(operation, Conv):
        kind, depth = "conv", operation.in_channels // operation.groups
        edge = operation.padding_mode == "edge"
    elif isinstance(operation, Pool):
        kind = operation.kind
    else:
        return batch_size * _flatten_s(rates[f"flatten {pass_name}"], case)
    down, along = image_axes(case)
    planes = batch_size * prod(case.y_view_shape(1)[: -len(case.axes)])
    windows = planes * down.output * along.output
    rows = planes * depth * _taps_read(down, edge=edge)
    rate = rates[f"{kind} {pass_name}"]
    reading_s = rows * along.output * rate.row_s + rows * _taps_read(along, edge=edge) * rate.tap_s
    return windows * (rate.window_s + depth * rate.channel_s) + reading_s


def _flatten_s(rate: Rates, case: Case) -> float:
    """An innermost loop counts as a window, an element as a tap; the loop runs over channels where they come last."""
    assert isinstance(case.operation, Flatten)
    elements = prod(case.input_shape)
    innermost = case.input_shape[0] if case.operation.order == "channels_last" else case.input_shape[-1]
    return elements / innermost * rate.window_s + elements * rate.tap_s


def _taps_read(axis: Axis, *, edge: bool) -> int:
    """Taps of all windows of an axis that read something."""
    return axis.output * axis.kernel if edge else axis.valid_taps


def _rates(tiny: Tiny) -> Rates:
    """The rates of tiny(channels, rows, taps), which makes a call with so many a window: rows and taps of each."""
    sizes = ((1, 1, 1), (1, 1, MANY), (1, MANY, 1), (MANY, 1, 1))
    one, wide, tall, deep = (LARGE * _fastest_s(tiny(*counts)) / PLACES**2 for counts in sizes)
    tap_s = max(0.0, wide - one) / (MANY - 1)
    row_s = max(0.0, (tall - one) / (MANY - 1) - tap_s)
    channel_s = max(0.0, (deep - one) / (MANY - 1) - row_s - tap_s)
    window_s = max(0.0, one - channel_s - row_s - tap_s)
    return Rates(window_s=window_s, channel_s=channel_s, row_s=row_s, tap_s=tap_s)


def _fastest_s(call: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def _conv(pass_name: PassName) -> Tiny:
    """A convolution of one filter."""

    def tiny(channels: int, rows: int, taps: int) -> Callable[[], object]:
        windows = _windows(rows, taps)
        x = [[_plane(PLACES + rows - 1, PLACES + taps - 1)] * channels]
        w = [[_plane(rows, taps)] * channels]
        if pass_name == "forward":
            return lambda: convolution.forward(x, w, [0.0], windows, 1)
        dy = [[_plane(PLACES, PLACES)]]
        return lambda: convolution.backward(x, w, dy, windows, 1)

    return tiny


def _pool(kind: str, pass_name: PassName) -> Tiny:
    """A pool of one plane: the windows of another channel are windows of their own."""

    def tiny(channels: int, rows: int, taps: int) -> Callable[[], object]:  # noqa: ARG001  # convolutions need them
        windows, x = _windows(rows, taps), [[_plane(PLACES + rows - 1, PLACES + taps - 1)]]
        dy, counts = [[_plane(PLACES, PLACES)]], [[1] * PLACES] * PLACES
        calls: dict[str, Callable[[], object]] = {
            "max forward": lambda: pooling.max_forward(x, windows),
            "max backward": lambda: pooling.max_backward(x, dy, windows),
            "average forward": lambda: pooling.average_forward(x, windows, counts),
            "average backward": lambda: pooling.average_backward(x, dy, windows, counts),
        }
        return calls[f"{kind} {pass_name}"]

    return tiny


def _flatten(pass_name: PassName) -> Tiny:
    """A flatten of one image, whose rows stand for windows."""

    def tiny(channels: int, rows: int, taps: int) -> Callable[[], object]:  # noqa: ARG001  # the others need them
        x, shape = [[_plane(PLACES, taps)] * PLACES], (PLACES, PLACES, taps)
        if pass_name == "forward":
            return lambda: flattening.flatten(x, shape, channels_last=False)
        dy = [[1.0] * PLACES**2 * taps]
        return lambda: flattening.unflatten(dy, x, shape, channels_last=False)

    return tiny


def _windows(rows: int, taps: int) -> Windows:
    """PLACES x PLACES windows of rows x taps taps."""
    down, along = (Axis(size=PLACES + kernel - 1, kernel=kernel) for kernel in (rows, taps))
    return Windows(along_axis(down), along_axis(along))


def _plane(height: int, width: int) -> list[list[float]]:
    return [[1.0] * width for _ in range(height)]


TINY: Mapping[str, Tiny] = {
    "conv forward": _conv("forward"),
    "conv backward": _conv("backward"),
    "max forward": _pool("max", "forward"),
    "max backward": _pool("max", "backward"),
    "average forward": _pool("average", "forward"),
    "average backward": _pool("average", "backward"),
    "flatten forward": _flatten("forward"),
    "flatten backward": _flatten("backward"),
}

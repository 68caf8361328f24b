"""Random cases over the whole spec, and the slowest possible computation of them, for the tests of verification."""

from __future__ import annotations

from itertools import product
from math import isnan, prod

import numpy as np
from hypothesis import strategies as st

from convbench_specs import Case, Conv, Flatten, Pool, SpecError

DTYPES = ("float64", "float32", "bfloat16", "float16")


@st.composite
def convolutions(draw, dtypes=DTYPES):
    rank = draw(st.sampled_from([1, 2]))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    each = st.integers(1, 3)
    sizes = draw(st.tuples(*[st.integers(1, 7)] * rank))
    operation = Conv(
        in_channels=groups * draw(each),
        out_channels=groups * draw(each),
        kernel_size=draw(st.tuples(*[st.integers(1, 4)] * rank)),
        stride=draw(st.tuples(*[each] * rank)),
        dilation=draw(st.tuples(*[each] * rank)),
        padding=draw(_paddings(rank)),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(["zeros", "edge"])),
    )
    return _case_or_reject(draw, operation, (operation.in_channels, *sizes), dtypes)


@st.composite
def pools(draw, dtypes=DTYPES):
    rank = draw(st.sampled_from([1, 2]))
    shape = draw(st.tuples(st.integers(1, 6), *[st.integers(1, 7)] * rank))
    kind = draw(st.sampled_from(["max", "average"]))
    shape_of_window = draw(st.sampled_from(["space", "space", "space", "global", "channels"]))
    if shape_of_window == "global":
        return _case_or_reject(draw, Pool(kind=kind, kernel_size="global"), shape, dtypes)
    if shape_of_window == "channels":
        pool = Pool(kind=kind, kernel_size=(draw(st.integers(1, 3)),), over="channels")
        return _case_or_reject(draw, pool, shape, dtypes)
    each = st.integers(1, 3)
    pool = Pool(
        kind=kind,
        kernel_size=draw(st.tuples(*[st.integers(1, 4)] * rank)),
        stride=draw(st.none() | st.tuples(*[each] * rank)),
        dilation=draw(st.tuples(*[each] * rank)),
        padding=draw(_paddings(rank)),
        ceil_mode=draw(st.booleans()),
        count_include_pad=draw(st.booleans()),
    )
    return _case_or_reject(draw, pool, shape, dtypes)


@st.composite
def flattens(draw, dtypes=DTYPES):
    shape = draw(st.tuples(*[st.integers(1, 5)] * draw(st.sampled_from([2, 3]))))
    order = draw(st.sampled_from(["channels_first", "channels_last"]))
    return _case_or_reject(draw, Flatten(order=order), shape, dtypes)


def cases(dtypes=DTYPES):
    return st.one_of(convolutions(dtypes), pools(dtypes), flattens(dtypes))


def _paddings(rank):
    side = st.integers(0, 3)
    return st.one_of(st.just("valid"), st.just("same"), st.tuples(*[st.tuples(side, side)] * rank))


def _case_or_reject(draw, operation, shape, dtypes):
    from hypothesis import assume

    try:
        return Case(name="fuzzed", operation=operation, input_shape=shape, dtype=draw(st.sampled_from(dtypes)))
    except SpecError:
        assume(False)


@np.errstate(invalid="ignore", over="ignore")
def scalar_results(case, tensors):
    """Compute y and all gradients by scalar loops, straight from the definitions; float64."""
    if isinstance(case.operation, Conv):
        return _scalar_conv(case, tensors)
    if isinstance(case.operation, Pool):
        return _scalar_pool(case, tensors)
    return _scalar_flatten(case, tensors)


def _reads(axis, window, tap, mode="zeros"):
    """The input index that a tap reads, or None for padding of zeros."""
    index = window * axis.stride - axis.before + tap * axis.dilation
    if mode == "edge":
        return min(max(index, 0), axis.size - 1)
    return index if 0 <= index < axis.size else None


def _scalar_conv(case, tensors):
    operation, axes = case.operation, case.axes
    x, w, dy = (np.asarray(t, np.float64) for t in (tensors.x, tensors.w, tensors.dy))
    b = np.zeros(operation.out_channels) if tensors.b is None else np.asarray(tensors.b, np.float64)
    y = np.zeros(dy.shape)
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(operation.out_channels)
    channels, filters = w.shape[1], w.shape[0] // operation.groups
    for n, k in product(range(len(x)), range(len(w))):
        for place in np.ndindex(*dy.shape[2:]):
            y[(n, k, *place)] = b[k]
            db[k] += dy[(n, k, *place)]
            for c, tap in product(range(channels), np.ndindex(*w.shape[2:])):
                index = [_reads(a, o, t, operation.padding_mode) for a, o, t in zip(axes, place, tap, strict=True)]
                if None in index:
                    continue
                source = (n, k // filters * channels + c, *index)
                y[(n, k, *place)] += x[source] * w[(k, c, *tap)]
                dx[source] += dy[(n, k, *place)] * w[(k, c, *tap)]
                dw[(k, c, *tap)] += dy[(n, k, *place)] * x[source]
    return {"y": y, "dx": dx, "dw": dw, "db": db}


def _scalar_pool(case, tensors):
    operation = case.operation
    x, dy = np.asarray(tensors.x, np.float64), np.asarray(tensors.dy, np.float64)
    y, dx = np.zeros(dy.shape), np.zeros(x.shape)
    for n, *place in np.ndindex(*dy.shape):
        at = (n, *place)
        members, counted = _members(case, place)
        values = [x[(n, *member)] for member in members]
        if operation.kind == "max":
            winner = next((i for i, value in enumerate(values) if isnan(value)), None)
            winner = values.index(max(values)) if winner is None else winner
            y[at] = values[winner]
            dx[(n, *members[winner])] += dy[at]
            continue
        y[at] = sum(values) / counted
        for member in members:
            dx[(n, *member)] += dy[at] / counted
    return {"y": y, "dx": dx}


def _members(case, place):
    """Input places (channel, *spatial) of a window in row-major order, and how many an average divides by."""
    operation, sizes = case.operation, case.input_shape[1:]
    if operation.over == "channels":
        group = operation.kernel_size[0]
        return [(place[0] * group + c, *place[1:]) for c in range(group)], group
    if operation.kernel_size == "global":
        members = [(place[0], *index) for index in np.ndindex(*sizes)]
        return members, len(members)
    members, counted = [], 0
    for tap in np.ndindex(*operation.kernel_size):
        raw = [o * a.stride + t * a.dilation for a, o, t in zip(case.axes, place[1:], tap, strict=True)]
        index = [_reads(a, o, t) for a, o, t in zip(case.axes, place[1:], tap, strict=True)]
        if None not in index:
            members.append((place[0], *index))
        on_padding = all(r < a.before + a.size + a.after for r, a in zip(raw, case.axes, strict=True))
        counted += on_padding if operation.count_include_pad else None not in index
    return members, counted


def _scalar_flatten(case, tensors):
    x, dy = np.asarray(tensors.x, np.float64), np.asarray(tensors.dy, np.float64)
    y, dx = np.zeros(dy.shape), np.zeros(x.shape)
    channels, *sizes = case.input_shape
    for n, c, *index in np.ndindex(*x.shape):
        inside = int(np.ravel_multi_index(index, sizes))
        first = case.operation.order == "channels_first"
        at = c * prod(sizes) + inside if first else inside * channels + c
        y[n, at] = x[(n, c, *index)]
        dx[(n, c, *index)] = dy[n, at]
    return {"y": y, "dx": dx}


def in_turn(case, tensors, dtype=np.float32):
    """Results of a convolution as a plain loop gives them: every sum in the dtype, one term after the other."""
    operation, axes = case.operation, case.axes
    pads = [(0, 0), (0, 0), *[(a.before, a.after) for a in axes]]
    x = np.pad(tensors.x, pads).astype(dtype)
    w, dy = tensors.w.astype(dtype), tensors.dy.astype(dtype)
    channels, filters = w.shape[1], w.shape[0] // operation.groups
    y, dx, dw = np.zeros(dy.shape, dtype), np.zeros(x.shape, dtype), np.zeros(w.shape, dtype)
    for k, c, *tap in np.ndindex(*w.shape):
        source = k // filters * channels + c
        read = [
            slice(t * a.dilation, t * a.dilation + (a.output - 1) * a.stride + 1, a.stride)
            for a, t in zip(axes, tap, strict=True)
        ]
        shifted = x[(slice(None), source, *read)]
        y[:, k] += shifted * w[(k, c, *tap)]
        dx[(slice(None), source, *read)] += dy[:, k] * w[(k, c, *tap)]
        dw[(k, c, *tap)] = _sum_in_turn(shifted * dy[:, k])
    results = {"y": y, "dw": dw}
    results["dx"] = dx[(slice(None), slice(None), *[slice(a.before, a.before + a.size) for a in axes])]
    if tensors.b is not None:
        y += tensors.b.astype(dtype).reshape(-1, *(1,) * len(axes))
        results["db"] = np.array([_sum_in_turn(dy[:, k]) for k in range(len(w))], dtype)
    return {name: results[name].astype(tensors.x.dtype) for name in ("y", *case.gradient_names)}


def _sum_in_turn(values):
    return np.cumsum(values.ravel(), dtype=values.dtype)[-1] if values.size else values.dtype.type(0)

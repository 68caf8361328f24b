"""Run by test_numba_cpu.py in a process of its own: every kernel at awkward shapes, its memory between guard pages.

A case is computed by the formulation that it names, whatever the rule would choose.
Every array that a kernel gets ends where an unreadable page begins, or begins where one ends, in turn; reading or
writing outside kills the process. Results must be equal, on integers, to those of the oracle. Work areas are filled
with NaN first, so that nothing may be read from them that was not written.

    python numba_cpu_guarded.py GROUPS...       # or nothing for all

Prints a line a case: the algorithm that ran, and a digest of the bits that it made of random numbers.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import cache
from hashlib import sha256
from itertools import cycle, product
from math import prod

import numpy as np

from convbench.verify import oracle
from convbench.verify.data import make_tensors
from convbench_backends.numba_cpu import NumbaCpu
from convbench_backends.numba_cpu.convolution.columns import level as columns
from convbench_backends.numba_cpu.convolution.depthwise import framed_level as framed
from convbench_backends.numba_cpu.convolution.depthwise import level as depthwise
from convbench_backends.numba_cpu.convolution.few_places import level as few_places
from convbench_backends.numba_cpu.convolution.flat import level as flat
from convbench_backends.numba_cpu.convolution.flat import plan as flat_plan
from convbench_backends.numba_cpu.convolution.panels import level as panels
from convbench_backends.numba_cpu.convolution.readable import level as readable
from convbench_backends.numba_cpu.convolution.winograd import level as winograd_level
from convbench_backends.numba_cpu.pooling import passes
from convbench_backends.shared import aligned, outputs
from convbench_specs import Case, Conv, Pool, Prepared, Settings, Tensors, tensors_of

ALLOCATING = (columns, depthwise, framed, few_places, flat, panels, readable, winograd_level, passes, outputs)
"""Modules that make the arrays of a case."""
PAGE = mmap.PAGESIZE
PROT_NONE = 0
_libc = ctypes.CDLL(None, use_errno=True)
_kept = []


def guarded(shape, dtype, *, at_end):
    """An array that touches an unreadable page with its end or with its start."""
    dtype = np.dtype(dtype)
    size = int(prod(np.atleast_1d(shape))) * dtype.itemsize
    pages = -(-size // PAGE) * PAGE
    memory = mmap.mmap(-1, pages + 2 * PAGE)
    _kept.append(memory)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in (start, start + PAGE + pages):
        assert _libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(PAGE), PROT_NONE) == 0
    offset = PAGE + (pages - size if at_end else 0)
    return np.frombuffer(memory, dtype, size // dtype.itemsize, offset).reshape(shape)


class GuardedNumpy:
    """NumPy for a module under test, with arrays between guard pages, filled with NaN where they are not zeros."""

    def __init__(self, *, at_end):
        self.at_end = at_end

    def __getattr__(self, name):
        return getattr(np, name)

    def zeros(self, shape, dtype=float):
        array = guarded(shape, dtype, at_end=self.at_end)
        array[...] = 0
        return array

    def empty(self, shape, dtype=float):
        array = guarded(shape, dtype, at_end=self.at_end)
        array[...] = {"f": np.nan, "i": -1, "u": 255}[array.dtype.kind]
        return array


class Copying(np.ndarray):
    """A tensor whose copy lies between guard pages."""

    def copy(self, order="C"):
        array = guarded(self.shape, self.dtype, at_end=self.at_end)
        array[...] = self
        return array

    def __array_finalize__(self, parent):
        self.at_end = getattr(parent, "at_end", True)


def conv(channels, filters, size, kernel, *, dtype="float32", **parameters):
    operation = Conv(in_channels=channels, out_channels=filters, kernel_size=kernel, **parameters)
    name = f"conv {channels}-{filters} {size}"
    return Case(name=name, operation=operation, input_shape=(channels, *size), dtype=dtype)


def pool(kind, channels, size, kernel, **parameters):
    operation = Pool(kind=kind, kernel_size=kernel, **parameters)
    return Case(name=f"{kind} {channels} {size}", operation=operation, input_shape=(channels, *size))


def stepping(width, stride, dilation):
    steps = {"stride": (2, stride), "dilation": (1, dilation), "padding": ((1, 2), (3, 0))}
    return conv(6, 10, (11, width), (3, 4), groups=2, **steps)


def winograd(channels, filters, *size):
    return conv(channels, filters, size, (3, 3), padding=((1, 0), (2, 1)))


def depthwise_of(channels, size, kernel, padding="same", **parameters):
    return conv(channels, channels, size, kernel, padding=padding, groups=channels, **parameters)


def overlapping(kind, size, stride):
    return pool(kind, 3, size, (2, 3), stride=(2, stride), padding=((1, 0), (1, 1)), ceil_mode=True)


def dilated(size, stride):
    return pool("max", 3, size, (2, 3), stride=(2, stride), dilation=(3, 2), padding=((1, 0), (1, 1)))


def by(algorithm, *cases):
    """Cases with the formulation that computes them."""
    return [(algorithm, case) for case in cases]


PAIRS = list(product([1, 3, 17, 33], repeat=2))
WIDTHS = [1, 2, 15, 16, 17, 33, 50]
KINDS = ("max", "average")
CASES = {
    "gemm": by(
        "implicit_gemm",
        *(conv(c, k, (5, w), (3, 2), padding="same") for (c, k), w in zip(PAIRS, cycle(WIDTHS))),
    ),
    "columns": by(
        "columns",
        conv(3, 33, (70, 50), (5, 5)),
        conv(1, 8, (4, 7), (3, 3), padding="same"),
        conv(6, 34, (70, 50), (5, 5), groups=2, dilation=(2, 1), padding=((1, 4), (3, 0))),
        conv(1, 17, (40,), (9,), padding=((7, 2),), dilation=(3,)),
    ),
    "rows in place": by(
        "implicit_gemm",
        *(conv(c, k, (5, w), (3, 3), padding="same") for (c, k), w in product(((1, 17), (3, 8)), (48, 50, 95))),
        conv(2, 9, (9, 131), (5, 3), stride=(2, 2), padding=((1, 0), (2, 1))),
    ),
    "widths": by("implicit_gemm", *(conv(17, 3, (4, w), (3, 3), padding="same") for w in range(1, 51))),
    "column widths": by("columns", *(conv(3, 33, (4, w), (3, 3), padding="same") for w in range(4, 51))),
    "panel widths": by("panels", *(conv(3, 9, (4, w), (3, 3), padding="same") for w in range(1, 51))),
    "winograd widths": by(
        "winograd", *(conv(17, 33, (4 if w > 11 else 20, w), (3, 3), padding="same") for w in range(3, 51))
    ),
    "in place": by(
        "implicit_gemm",
        *(conv(c, k, (3, w), (1, 1), bias=c > 1) for (c, k), w in zip(PAIRS, cycle(WIDTHS[1:]))),
    ),
    "strides": by("implicit_gemm", *(stepping(w, s, d) for w, s, d in product((9, 20, 37), (1, 2, 3), (1, 2)))),
    "one axis": by(
        "implicit_gemm",
        *(conv(3, 5, (w,), (4,), stride=(s,), padding="same") for w, s in product((4, 31, 50), (1, 2))),
    ),
    "winograd": by("winograd", winograd(16, 17, 8, 8), winograd(33, 24, 5, 33), winograd(17, 40, 12, 19)),
    "few places": by(
        "few_places",
        *(conv(c, 60, (4, 5), (3, 3), padding="same", dtype=d) for c, d in [(8, "float32"), (15, "float64")]),
        *(conv(c, k, (3, 2), (1, 1), bias=c > 65) for c, k in product((64, 65, 100), (18, 33))),
        conv(9, 27, (9, 7), (3, 4), stride=(3, 2), dilation=(1, 2), padding=((1, 0), (2, 3))),
        conv(33, 40, (9,), (4,), stride=(2,), padding="same"),
        conv(50, 440, (12, 12), (3, 3), padding="same"),
    ),
    "panels": by(
        "panels",
        *(conv(17, 19, (7, w), (1, 1), stride=(s, s)) for w, s in product((1, 9, 50), (1, 2, 3))),
        *(conv(c, k, (3, 5), (1, 1), bias=c > 1) for c, k in ((1, 1), (1, 9), (17, 1), (33, 24))),  # images in a panel
        conv(20, 24, (7, 7), (1, 1)),
        conv(20, 24, (7, 7), (3, 3), padding="same", bias=False),
        conv(3, 5, (7, 10), (3, 3), stride=(2, 2), dilation=(1, 2), padding=((4, 5), (6, 4))),
        conv(4, 11, (11, 37), (3, 4), stride=(3, 2), dilation=(2, 3), padding=((7, 1), (0, 13))),
        conv(17, 9, (40,), (1,)),
        conv(5, 9, (31,), (4,), stride=(2,), padding="same"),
        conv(1, 8, (20, 23), (3, 2)),  # dw in chunks of places
        conv(100, 9, (12, 19), (3, 3)),  # bands of panels
    ),
    "panels in chunks": by(  # of taps, on the shortest vectors too
        "panels",
        conv(1220, 5, (3, 17), (3, 3), padding="same"),
        conv(11000, 9, (3, 4), (1, 1)),
        conv(11000, 3, (3, 4), (1, 1), stride=(2, 2)),
        conv(3, 9, (90, 5), (90, 41), padding="same"),
    ),
    "depthwise": by(
        "depthwise",
        *(conv(c, c, (4, w), (3, 3), padding="same", groups=c) for c, w in product((2, 17), (1, 16, 50))),
    ),
    "depthwise strides": by(
        "depthwise",
        *(
            conv(3, 3, (h, w), (3, 3), stride=(2, 2), padding=padding, groups=3)
            for h, w, padding in product((2, 5), (2, 31, 32, 33, 66), ("same", ((1, 1), (1, 1)), ((1, 2), (3, 0))))
        ),
    ),
    "depthwise kernels": by(
        "depthwise",
        *(depthwise_of(3, (7, w), (5, 5)) for w in (1, 4, 7, 8, 14, 17, 33)),
        *(depthwise_of(c, (h, 5), (7, 7)) for c, h in ((1, 1), (2, 9), (17, 14))),
        *(
            depthwise_of(3, (9, w), kernel, padding, stride=stride)
            for (w, kernel), (stride, padding) in product(
                ((7, (5, 5)), (31, (4, 7)), (34, (7, 2))),
                (((2, 2), "same"), ((2, 1), ((6, 0), (1, 8))), ((1, 2), ((0, 7), (9, 0)))),
            )
        ),
        depthwise_of(2, (13, 9), (11, 3)),
        depthwise_of(5, (70,), (31,)),
        depthwise_of(5, (70,), (4,), ((7, 0),), stride=(2,), bias=False),
        *(depthwise_of(2, (6, 40), kernel) for kernel in ((1, 5), (5, 1), (1, 1), (2, 9))),
        depthwise_of(2, (2, 3), (7, 5), ((5, 4), (4, 5)), stride=(2, 2)),  # windows that hold nothing but padding
    ),
    "edge": by("auto", conv(3, 5, (6, 7), (3, 3), padding="same", padding_mode="edge")),
    "pools": by(
        "auto",
        *(dilated(size, s) for size, s in product([(7, 9), (9, 50)], (1, 2, 3))),
        *(pool(kind, 3, (9, 40), (3, 3), stride=(2, 2), padding=((1, 1), (1, 1))) for kind in KINDS),
        *(overlapping(kind, size, s) for kind, size, s in product(KINDS, [(4, 5), (9, 50)], (1, 2, 3))),
        *(pool("max", 5, size, (2, 2)) for size in [(4, 2), (7, 35)]),
        *(pool("average", 5, size, (2, 2)) for size in [(4, 2), (7, 35), (3, 66)]),
        *(pool("max", 3, size, (3, 3), stride=(2, 2), ceil_mode=True) for size in [(13, 13), (4, 32), (6, 34)]),
        *(pool("max", 3, (5, w), (3, 3), stride=(1, 1), padding=((1, 1), (1, 1))) for w in WIDTHS),
        *(pool(kind, 2, (3, 17), "global") for kind in KINDS),
        *(pool("average", c, size, "global") for c, size in product((33, 150), [(1, 1), (7, 7), (5, 50)])),
    ),
    "float64": [
        *by("winograd", conv(17, 18, (6, 9), (3, 3), padding="same", dtype="float64")),
        *by("columns", conv(3, 9, (7, 9), (5, 5), dtype="float64")),
        *by(
            "depthwise",
            depthwise_of(3, (6, 9), (3, 3), dtype="float64"),
            *(depthwise_of(3, (9, w), (5, 5), stride=(s, s), dtype="float64") for w, s in product((3, 9), (1, 2))),
        ),
        *by(
            "panels",
            conv(5, 9, (7, 9), (1, 1), stride=(2, 2), dtype="float64"),
            conv(6, 10, (7, 9), (3, 2), stride=(1, 2), padding=((1, 0), (2, 1)), dtype="float64"),
            conv(6000, 9, (3, 4), (1, 1), dtype="float64"),
        ),
    ],
}


@cache
def backend(algorithm):
    """The backend whose option names a formulation."""
    started = NumbaCpu()
    started.start(Settings(threads=2, options={"algorithm": algorithm}))
    return started


def run(algorithm, case, batch_size, *, at_end):
    """Compare every pass with the oracle, bit by bit; returns the algorithm as people read it."""
    for module in ALLOCATING:
        module.np = GuardedNumpy(at_end=at_end)
    flat_plan.STREAMED_BYTES = 1 << 62 if at_end else 1  # at its start an array is aligned, and may go past the caches
    aligned.empty = GuardedNumpy(at_end=at_end).empty  # kernels need not start at a line, and all arrays are made of it
    right = make_tensors(case, batch_size, seed=1, fill="integers")
    tensors = Tensors(**{name: _copying(getattr(right, name), at_end=at_end) for name in ("x", "dy", "w", "b")})
    prepared = backend(algorithm).prepare(case, tensors)
    assert isinstance(prepared, Prepared), (algorithm, case, batch_size, prepared)
    reference = oracle(case, right)
    for _ in range(2):
        results = [result for result in prepared.call_of("both")() if result is not None]
        for name, result in zip(tensors_of(case, "both"), results, strict=True):
            expected = reference.values(name)
            if isinstance(case.operation, Pool) and case.operation.kind == "average":
                assert np.allclose(result, expected, rtol=1e-6, atol=1e-6), (case, batch_size, name)
            else:
                assert np.array_equal(result, expected), (case, batch_size, name)
    return prepared.algorithm


def _copying(array, *, at_end):
    if array is None:
        return None
    array = array.view(Copying)
    array.at_end = at_end
    return array


def digest(algorithm, case):
    """The bits of all results of a batch of random numbers."""
    tensors = make_tensors(case, 3, seed=1)
    prepared = backend(algorithm).prepare(case, tensors)
    bits = sha256()
    for result in prepared.call_of("both")():
        bits.update(b"" if result is None else np.ascontiguousarray(result).tobytes())
    return bits.hexdigest()[:16]


if __name__ == "__main__":
    chosen = [each for group in sys.argv[1:] or CASES for each in CASES[group]]
    for number, ((algorithm, case), batch_size) in enumerate(product(chosen, (1, 3))):
        title = run(algorithm, case, batch_size, at_end=number % 4 in {1, 2})
        print(f"{title}\t{digest(algorithm, case)}", flush=True)
        _kept.clear()
